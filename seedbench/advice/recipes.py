"""Recipes: pairs of tables of which one mends a fault of the other, and what they were trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from seedbench.documents import Positive
from seedbench.evaluation.rows import ends
from seedbench.evaluation.scores import TableScores, best_of_n_scores, seed_names
from seedbench.influences import Total, best_of_n, total
from seedbench.replay import pool_size_of, unscored
from seedbench.trialset import TrialTable

#: A field of a recipe, as `seedbench.trialset.schema` has it.
RecipeValue = bool | int | float | str | None

#: Faults of a recipe that make trials fail (Mosbach et al. 2021, arXiv 2006.04884; Zhang et al. 2021, arXiv
#: 2006.05987): Adam without bias correction, and too few training steps. More of either field is mended.
FAULTS = ("bias_correction", "epochs")
#: A recipe of which this share of the trials diverges, or more, is said to fail.
FAILS = 0.1
#: Trials on different examples differ in more than their recipes.
_EXAMPLES = ("train_examples", "train_subset_seed")


@dataclass(frozen=True)
class RecipePair:
    """Two tables of one model and task whose recipes differ, a fault of one of them mended in the other.

    Differences are of the mended recipe's score less the other's, with 95% intervals, None where there are none.

    Attributes:
        model: of both tables.
        task: of both.
        faulty: name of the recipe with the fault.
        mended: name of the other.
        fields: what differs -> in the faulty recipe, in the mended one.
        steps: training steps of one full trial of the mended recipe, per step of one of the other.
        diverged: share of trials that diverged, in the faulty recipe and in the mended one; None where unknown.
        budget: in full trials, of each recipe's own.
        scored_on: the dev set, where one of the tables has no test scores or the protocol takes none.
        one: of one full trial.
        one_low: lower end.
        one_high: upper end.
        best: of the best of as many full trials as the budget holds.
        best_low: lower end.
        best_high: upper end.
        one_to_best: of one full trial of the mended recipe to the best of the budget of the faulty one.
        one_to_best_low: lower end.
        one_to_best_high: upper end.
    """

    model: str
    task: str
    faulty: str
    mended: str
    fields: dict[str, tuple[RecipeValue, RecipeValue]]
    steps: float
    diverged: tuple[float | None, float | None]
    budget: Positive
    scored_on: Literal["dev", "test"]
    one: float
    one_low: float | None
    one_high: float | None
    best: float
    best_low: float | None
    best_high: float | None
    one_to_best: float
    one_to_best_low: float | None
    one_to_best_high: float | None


def train_examples_of(table: TrialTable) -> int | None:
    """How many examples the trials of a table were trained on; where the recipe takes all, to within one batch.

    None where that is not known: also where steps are no training steps, so that an epoch has none.
    """
    fields = table.fields
    if fields.get("train_examples") is not None:
        return int(fields["train_examples"]) or None
    epochs, batch = fields.get("epochs"), fields.get("batch_size")
    return round(table.num_steps / epochs) * batch or None if epochs and batch else None


def diverged_share(table: TrialTable) -> float | None:
    """The share of a table's trials that diverged; None where it is not known of some."""
    return None if table.unknown.any() else float(table.diverged.mean())


def recipe_pairs(
    used: Sequence[TrialTable],
    every: Sequence[TrialTable],
    protocol: str,
    budget: int,
    known: Sequence[TableScores] = (),
) -> tuple[RecipePair, ...]:
    """Measures each pair of a table that is used and one that mends it; those that differ least come first.

    Args:
        used: tables that an advice is for.
        every: tables of the trial set; those too sparse for a trial in every sub-grid are in no pair.
        protocol: by which pairs are scored where both tables have what it takes; else by the dev set.
        budget: in full trials; of a pair whose pools are smaller, as many as these have.
        known: tables whose scores under this protocol and budget are there already.
    """
    found = {(one.table, protocol, budget): one for one in known}

    def scores_of(table: TrialTable, by: str, n: int) -> TableScores:
        if (table, by, n) not in found:  # and a table may be in several pairs
            found[table, by, n] = best_of_n_scores(table, by, [n])
        return found[table, by, n]

    mended = [
        (one, other)
        for one in used
        for other in every
        if _mends(one, other) and pool_size_of(other).trials  # of a sparse table a sub-grid may have no trial
    ]
    pairs = [_measured(one, other, protocol, budget, scores_of) for one, other in mended]
    return tuple(sorted(pairs, key=lambda pair: len(pair.fields)))


def _mends(faulty: TrialTable, mended: TrialTable) -> bool:
    """Whether two tables differ in nothing but their recipes, and these in a fault of which one has less."""
    if (faulty.model, faulty.task, faulty.score_name) != (mended.model, mended.task, mended.score_name):
        return False
    if any(faulty.fields.get(name) != mended.fields.get(name) for name in _EXAMPLES):
        return False
    known = [(faulty.fields.get(name), mended.fields.get(name)) for name in FAULTS]
    steps = [after - before for before, after in known if before is not None and after is not None]
    return any(step > 0 for step in steps) and all(step >= 0 for step in steps)


def _differing(one: TrialTable, other: TrialTable) -> dict[str, tuple[RecipeValue, RecipeValue]]:
    names = [name for name in one.fields | other.fields if one.fields.get(name) != other.fields.get(name)]
    return {name: (one.fields.get(name), other.fields.get(name)) for name in names}


def _measured(
    faulty: TrialTable,
    mended: TrialTable,
    protocol: str,
    budget: int,
    scores_of: Callable[[TrialTable, str, int], TableScores],
) -> RecipePair:
    on_dev = any(unscored(table, protocol) for table in (faulty, mended))
    by = "dodge2020" if on_dev else protocol
    n = min(budget, *(pool_size_of(table).trials for table in (faulty, mended)))
    before, after = (scores_of(table, by, n) for table in (faulty, mended))
    return RecipePair(
        model=faulty.model,
        task=faulty.task,
        faulty=faulty.recipe,
        mended=mended.recipe,
        fields=_differing(faulty, mended),
        steps=mended.num_steps / faulty.num_steps,
        diverged=(diverged_share(faulty), diverged_share(mended)),
        budget=n,
        scored_on="dev" if by == "dodge2020" else "test",
        **ends("one", _less(after, 1, before, 1)),
        **ends("best", _less(after, n, before, n)),
        **ends("one_to_best", _less(after, 1, before, n)),
    )


def _less(one: TableScores, n: int, other: TableScores, m: int) -> Total:
    """R(n) of one table less R(m) of another, which may share seeds."""
    return total([best_of_n(one.sample, n), best_of_n(other.sample, m)], [1, -1], seed_names([one, other]))
