"""Simulates tables, campaigns and intervals: `python -m tests.simulations.coverage FOLDER --rows 12 --columns 12`.

Families of worlds, one of each kind on the same seeds, are simulated in blocks; a block is a file in the folder, and
one that is there is not simulated again. `python -m tests.simulations.report FOLDER` makes tables of them.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from seedbench.influences import (
    SeedNames,
    TableSample,
    Total,
    baseline,
    difference,
    draw_subgrids,
    gap_closed,
    has_signal,
    over_best_of_n,
    pool_size,
    score,
    table_sample,
    to_win,
    total,
    unit,
)
from tests.simulations.max_t import joint_covariance
from tests.simulations.rules import RULES, Replayed
from tests.simulations.worlds import KINDS, World, family, hidden

BLOCK = 10  # families
#: Differences of two rules: their places in `RULES`.
PAIRS = ((9, 12), (9, 10), (9, 4), (12, 13), (4, 5))


def sample_of(world: World, options: argparse.Namespace, rng: np.random.Generator) -> TableSample:
    """Campaigns of a board on one world, reduced; rules 0 ... 14 are `RULES`, 15 ... 29, if any, are equal."""
    grid = world.grid()
    subgrids = draw_subgrids(grid, rng=rng, number=options.subgrids)
    pool = min(grid.row.size, pool_size(grid, subgrids))
    budgets = options.budgets
    if 4 * max(budgets) > pool:
        raise SystemExit(f"a budget of {max(budgets)} needs pools of {4 * max(budgets)} trials; found one of {pool}")
    replayed = Replayed(world, hidden(world, options.replicates, pool, rng=rng))
    boards = [replayed.board(budget) + (replayed.equals(budget) if options.equals else []) for budget in budgets]
    control = [board[0] for board in boards]
    rules = [list(rule) for rule in zip(*boards, strict=True)]
    return table_sample(baseline(grid, budgets, subgrids), budgets, control, rules)


def numbers(one: Total) -> tuple[float, float, float]:
    """Estimate, standard error, degrees of freedom."""
    return one.estimate, one.standard_error, one.degrees_of_freedom


def of_table(sample: TableSample) -> dict[str, np.ndarray]:
    """All quantities of one table: `numbers` [..., 3], covariances [budgets, rules, rules]."""
    rules, every = range(len(RULES)), (*sample.budgets, None)
    over = [[total([over_best_of_n(sample, rule, b)]) for rule in rules] for b in every]
    gaps = [[gap_closed([sample], [unit(sample, rule, b)]) for rule in rules] for b in every]
    found = {
        "T": np.array([[numbers(total([score(sample, rule, b)])) for rule in rules] for b in every]),
        "over": np.array([[numbers(one) for one in row] for row in over]),
        "gap": np.array([[numbers(one) if one else (np.nan,) * 3 for one in row] for row in gaps]),
        "pairs": np.array([[numbers(total([difference(sample, *pair, b)])) for pair in PAIRS] for b in every]),
        "over covariance": np.array([joint_covariance(row) for row in over]),
        "to win": np.array(numbers(total([to_win(sample)]))),
        "signal": np.array(has_signal(sample)),
    }
    if len(sample.rules) > len(RULES):
        equal = [[total([over_best_of_n(sample, len(RULES) + rule, b)]) for rule in rules] for b in every]
        found["equal"] = np.array([[numbers(one) for one in row] for row in equal])
        found["equal covariance"] = np.array([joint_covariance(row) for row in equal])
    return found


def of_summary(samples: list[TableSample], shared: bool) -> dict[str, np.ndarray]:
    """Quantities of several tables together, in the mean over budgets; `shared`: on the same seeds."""
    names = None
    if shared:
        axes = [(base.grid.rows, base.grid.columns) for base in (sample.baseline for sample in samples)]
        # With one data order a run, all of the seed is in the row.
        names = [SeedNames(range(rows), range(columns) if columns > 1 else [None]) for rows, columns in axes]
    weight, rules = 1 / len(samples), range(len(RULES))
    over = [total([over_best_of_n(sample, rule) for sample in samples], weight, names) for rule in rules]
    signal = [number for number, sample in enumerate(samples) if has_signal(sample)]
    some = [samples[number] for number in signal]
    some_names = [names[number] for number in signal] if names else None
    gaps = [gap_closed(some, [unit(sample, rule) for sample in some], some_names) for rule in rules]
    return {
        "T": np.array([numbers(total([score(s, rule) for s in samples], weight, names)) for rule in rules]),
        "over": np.array([numbers(one) for one in over]),
        "over covariance": joint_covariance(over),
        "gap": np.array([numbers(one) if one else (np.nan,) * 3 for one in gaps]),
        "pairs": np.array([numbers(total([difference(s, *pair) for s in samples], weight, names)) for pair in PAIRS]),
        "signal": np.isin(np.arange(len(samples)), signal),
    }


def block(number: int, options: argparse.Namespace) -> dict[str, np.ndarray]:
    """Simulates a block of families; the stream is keyed by the seed, the design and the block."""
    key = [options.seed, options.rows, options.columns, number]
    rng = np.random.default_rng(key)
    families = []
    for _ in range(BLOCK):
        worlds = family(
            options.rows,
            options.columns,
            shared=options.shared,
            missing=options.missing,
            grain=options.grain,
            rng=rng,
        )
        families.append([sample_of(world, options, rng) for world in worlds])
    tables = [[of_table(sample) for sample in samples] for samples in families]
    found = {key: np.array([[one[key] for one in row] for row in tables]) for key in tables[0][0]}
    together = [of_summary(samples, shared=True) for samples in families]
    # One world of each kind again, every one of another family: on seeds of their own.
    apart = [
        of_summary([families[(first + kind) % BLOCK][kind] for kind in range(len(KINDS))], shared=False)
        for first in range(BLOCK)
    ]
    for label, rows in (("shared", together), ("apart", apart)):
        found |= {f"{label} {key}": np.array([row[key] for row in rows]) for key in rows[0]}
    return found


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of the results; one folder a design")
    parser.add_argument("--worlds", type=int, default=400, help="of each kind; in blocks of ten")
    parser.add_argument("--rows", type=int, default=12)
    parser.add_argument("--columns", type=int, default=12)
    parser.add_argument("--budgets", type=int, nargs="+", default=[4, 8, 16])
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--subgrids", type=int, default=5000, help="of the baseline; the protocol has 20,000")
    parser.add_argument("--shared", type=float, default=0.5, help="of a seed's effect that all tables of a family have")
    parser.add_argument("--missing", type=float, default=0.0, help="share of the cells")
    parser.add_argument("--grain", type=float, default=0.0, help="of validation scores, in points: makes ties")
    parser.add_argument("--equals", action="store_true", help="fifteen rules besides that are all best-of-n")
    parser.add_argument("--seed", type=int, default=17)
    return parser.parse_args()


def main() -> None:
    options = parse()
    options.folder.mkdir(parents=True, exist_ok=True)
    settings = {key: value for key, value in vars(options).items() if key not in ("folder", "worlds")}
    for number in range(options.worlds // BLOCK):
        path = options.folder / f"{number:04d}.npz"
        if path.exists():
            with np.load(path) as simulated:
                there = str(simulated["settings"])
            if there != repr(settings):
                raise SystemExit(f"{path} was simulated with {there}, not with {settings}: take another folder")
            continue
        start = time.monotonic()
        found = block(number, options)
        partial = path.with_suffix(".partial.npz")
        np.savez_compressed(partial, settings=np.array(repr(settings)), **found)
        partial.rename(path)
        print(f"{path}: {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
