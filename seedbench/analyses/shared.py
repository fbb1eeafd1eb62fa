"""Seeds that do well on every task: does a seed that is good for one task help with the others?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from seedbench.analyses.common import Floats, Indices, complete_part, number, plain, values
from seedbench.analyses.factors import NAMES
from seedbench.analyses.result import SharedFactor, SharedSeeds, TaskCorrelation
from seedbench.text import counted
from seedbench.trialset import TrialTable

SeedKey = int | str

_FEWEST = 5  # seeds whose rank correlation has an interval
_DECIMALS = 12  # means that are equal in truth must tie
_CHUNK = 2**20  # permuted ranks at a time


def shared_seeds(tables: Sequence[TrialTable], *, rng: np.random.Generator, permutations: int) -> SharedSeeds:
    """The tables of one model and one recipe, each of another task."""
    first, tasks = tables[0], tuple(table.task for table in tables)
    if len(tables) < 2:
        note = "It takes two tasks with the same recipe and seeds to tell, and here is one."
        return SharedSeeds(first.model, first.recipe, tasks, (), (note,))
    if all(map(_one_seed, tables)):
        return _by_seed(tables, rng=rng, permutations=permutations)
    if sparse := [table.task for table in tables if table.sparse]:
        note = f"Of {', '.join(sparse)} too few of the grid's cells are there to compare seeds."
        return SharedSeeds(first.model, first.recipe, tasks, (), (note,))
    factors, notes = [], []
    for axis, factor in enumerate(NAMES):
        seeds, mean = _means(tables, axis)
        holed = len(_common([table.seed_keys[axis] for table in tables])) - seeds.size
        if holed:
            notes.append(f"{counted(holed, NAMES[factor])} left out: in some task trials of theirs are missing.")
        if seeds.size < 2:
            notes.append(
                f"{NAMES[factor].capitalize()}s: fewer than two are in the hole-free part of every task's grid: there "
                "is nothing to compare."
            )
        else:
            one = _shared_factor(factor, tasks, seeds, mean, rng=rng, permutations=permutations)
            factors.append(replace(one, names=first.seed_labels[axis]))
    return SharedSeeds(first.model, first.recipe, tasks, tuple(factors), tuple(notes))


def _one_seed(table: TrialTable) -> bool:
    """Whether one seed stands for both in every trial."""
    seeds = table.weight_init_seeds[table.row]
    return np.array_equal(seeds, table.data_order_seeds[table.column]) and len(np.unique(seeds)) == table.num_trials


def _by_seed(tables: Sequence[TrialTable], *, rng: np.random.Generator, permutations: int) -> SharedSeeds:
    """Tables with one seed a trial: the trials of the same seed are compared."""
    first, tasks = tables[0], tuple(table.task for table in tables)
    of_seed = [
        {table.seed_keys[0][row]: value for row, value in zip(table.row, values(table).tolist(), strict=True)}
        for table in tables
    ]
    common = _common(of_seed)
    if len(common) < 2:
        note = f"The tasks share {counted(len(common), 'seed')}: there is nothing to compare."
        return SharedSeeds(first.model, first.recipe, tasks, (), (note,))
    mean = np.array([[value[seed] for seed in common] for value in of_seed])
    seeds = _numbers(first, 0, common)
    factor = _shared_factor("seed", tasks, seeds, mean, rng=rng, permutations=permutations)
    return SharedSeeds(first.model, first.recipe, tasks, (replace(factor, names=first.seed_labels[0]),))


def _common(every: Sequence[Iterable[SeedKey]]) -> list[SeedKey]:
    """What all tables have of their seeds, in the order of the first."""
    others = list(map(set, every[1:]))
    return [seed for seed in every[0] if all(seed in other for other in others)]


def _numbers(table: TrialTable, axis: int, keys: Sequence[SeedKey]) -> Indices:
    """The numbers of a table's seeds."""
    number = dict(zip(table.seed_keys[axis], (table.weight_init_seeds, table.data_order_seeds)[axis], strict=True))
    return np.array([number[key] for key in keys], dtype=np.intp)


def _means(tables: Sequence[TrialTable], axis: int) -> tuple[Indices, Floats]:
    """Seeds of one axis that all tables have [S], numbered as in the first, and each one's mean in each task [T, S].

    Means are over the part of a table's grid without holes, so that all seeds of a table met the same other seeds.
    """
    held = []
    for table in tables:
        rows, columns = complete_part(table.cell)
        part = values(table)[table.cell[np.ix_(rows, columns)]]
        seeds = [table.seed_keys[axis][place] for place in (rows, columns)[axis]]
        held.append(dict(zip(seeds, part.mean(axis=1 - axis).tolist(), strict=True)))
    common = _common(held)
    return _numbers(tables[0], axis, common), np.array([[means[seed] for seed in common] for means in held])


def _shared_factor(
    factor: str, tasks: tuple[str, ...], seeds: Indices, mean: Floats, *, rng: np.random.Generator, permutations: int
) -> SharedFactor:
    from scipy.stats import kendalltau, rankdata

    mean = np.round(mean, _DECIMALS)
    rank = rankdata(-mean, axis=1)
    constant = [task for task, line in zip(tasks, mean, strict=True) if np.ptp(line) == 0]
    correlations = []
    for one, other in combinations(range(len(tasks)), 2):
        if tasks[one] in constant or tasks[other] in constant:
            correlations.append(TaskCorrelation(tasks[one], tasks[other], None, None, None, None))
            continue
        rho = float(np.corrcoef(rank[one], rank[other])[0, 1])
        low, high = spearman_interval(rho, len(seeds))
        tau = number(kendalltau(mean[one], mean[other]).statistic)
        correlations.append(TaskCorrelation(tasks[one], tasks[other], rho, number(low), number(high), tau))
    expected, p_value = None, None
    notes = []
    if constant:
        notes.append(
            f"In {' and '.join(constant)} all seeds have the same mean: nothing to rank them by, so no correlation and "
            "no test."
        )
    else:
        expected, p_value = best_rank_test(rank, rng=rng, permutations=permutations)
        if len(seeds) < _FEWEST:
            notes.append(f"Correlations of {len(seeds)} seeds say little: no intervals.")
    order = np.argsort(rank.mean(axis=0), kind="stable")
    return SharedFactor(
        factor=factor,
        seeds=tuple(seeds[order].tolist()),
        mean=tuple(plain(line[order]) for line in mean),
        rank=tuple(plain(line[order]) for line in rank),
        mean_rank=plain(rank.mean(axis=0)[order]),
        correlations=tuple(correlations),
        expected_best_mean_rank=expected,
        p_value=p_value,
        notes=tuple(notes),
    )


def best_rank_test(rank: Floats, *, rng: np.random.Generator, permutations: int) -> tuple[float, float]:
    """Ranks [tasks, seeds] -> the best mean rank that luck gives, on average, and the p-value of the one there is.

    Under the null hypothesis a seed's ranks in different tasks have nothing to do with each other: the ranks of every
    task are permuted by themselves. The best of all seeds is compared with the best of all seeds, so that having looked
    for it is accounted for. p = (1 + number of permutations at least as good) / (1 + permutations).
    """
    observed = rank.mean(axis=0).min() + 1e-9
    at_least, total, done = 0, 0.0, 0
    while done < permutations:
        count = min(permutations - done, max(1, _CHUNK // rank.size))
        best = rng.permuted(np.broadcast_to(rank, (count, *rank.shape)), axis=2).mean(axis=1).min(axis=1)
        at_least += int((best <= observed).sum())
        total += float(best.sum())
        done += count
    return total / permutations, (1 + at_least) / (1 + permutations)


def spearman_interval(rho: float, count: int) -> tuple[float, float]:
    """The 95% interval of Spearman's correlation over `count` independent pairs; NaN below five, or where it is ±1.

    tanh(atanh(rho) ± 1.96 √((1 + rho²/2) / (count - 3))).

    Source:
        Bonett and Wright 2000 (Psychometrika 65, 23-28).
    """
    if count < _FEWEST or abs(rho) > 1 - 1e-12:
        return math.nan, math.nan
    half = 1.959964 * math.sqrt((1 + rho**2 / 2) / (count - 3))
    return math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half)
