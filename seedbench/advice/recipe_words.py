"""What an advice says of recipes: which fault to mend first, what that won where it was measured, and what was not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from seedbench.advice.recipes import FAILS, FAULTS
from seedbench.display.terminal import half, joined, percent
from seedbench.text import counted

if TYPE_CHECKING:
    from seedbench.advice.recipes import RecipePair, RecipeValue
    from seedbench.advice.result import Advice, BestOfN

_LITERATURE = "Mosbach et al. 2021 (arXiv 2006.04884) and Zhang et al. 2021 (arXiv 2006.05987)"
_WORDS = {"bias_correction": "bias correction", "epochs": "epochs"}


def recipe_words(advice: Advice) -> list[str]:
    """Which fault to mend first, in a few sentences."""
    off = [table for table in advice.tables if table.bias_correction is False]
    unknown = [table for table in advice.tables if table.bias_correction is None]
    failing = [table for table in advice.tables if table.bias_correction and _fails(table)]
    sentences = [f"Recipe first: {_which(off, advice)} without Adam's bias correction{_failed(off)}."] if off else []
    nearest = _nearest(advice.pairs)
    sentences += [_measured(pair) for pair in nearest]
    if more := len(advice.pairs) - len(nearest):
        sentences.append(
            f"{counted(more, 'pair')} of recipes that {'differ' if more > 1 else 'differs'} in more: --json."
        )
    if unknown:
        sentences.append(
            f"Recipe first: it is not recorded whether {_which(unknown, advice)} with Adam's bias correction"
            f"{_failed(unknown)}."
        )
    if failing:
        sentences.append(
            f"Recipe first: {_which(failing, advice)} with Adam's bias correction{_failed(failing)} all the same."
        )
    if not sentences:
        sentences.append(
            f"Recipe: {_which(advice.tables, advice)} with Adam's bias correction{_failed(advice.tables)}."
        )
    return [*sentences, *_not_measured(advice)]


def _nearest(pairs: Sequence[RecipePair]) -> list[RecipePair]:
    """Of each recipe with a fault, the pairs that differ in the fewest fields: they say most of the fault."""
    least: dict[tuple[str, str, str], int] = {}
    for pair in pairs:  # that differ least come first
        least.setdefault((pair.model, pair.task, pair.faulty), len(pair.fields))
    return [pair for pair in pairs if len(pair.fields) == least[pair.model, pair.task, pair.faulty]]


def _measured(pair: RecipePair) -> str:
    """What one pair of tables says."""
    differs = joined([_change(name, *pair.fields[name]) for name in sorted(pair.fields, key=_faults_first)])
    shares = [percent(share) for share in pair.diverged if share is not None]
    fail = ""
    if len(shares) == 2:
        fail = f"; {shares[1]} of trials fail" + (f", not {shares[0]}" if shares[0] != shares[1] else " in either")
    return (
        f"Measured on the {pair.scored_on} set: {pair.task} {pair.mended} in place of {pair.faulty} ({differs}; "
        f"{pair.steps:.1f} times the steps) gives {_with_half(pair.one, pair.one_high)} with one full trial, "
        f"{_with_half(pair.best, pair.best_high)} with the best of {pair.budget}{fail}. One full trial of "
        f"it less the other's best of {pair.budget}: {_with_half(pair.one_to_best, pair.one_to_best_high)}."
    )


def _with_half(value: float, high: float | None) -> str:
    return f"{value:+z.4f}{half(value, high, 1, '.4f')}"


def _faults_first(name: str) -> int:
    return FAULTS.index(name) if name in FAULTS else len(FAULTS)


def _change(name: str, faulty: RecipeValue, mended: RecipeValue) -> str:
    said = _WORDS.get(name, name.replace("_", " "))
    if isinstance(faulty, bool) and isinstance(mended, bool):
        return f"{said} {'on' if mended else 'off'}"
    return f"{said} {_value(mended)} for {_value(faulty)}"


def _value(value: RecipeValue) -> str:
    if value is None:
        return "what is not recorded"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _not_measured(advice: Advice) -> Iterator[str]:
    """Which faults no pair of tables measures by itself, and who has."""
    alone = {name for pair in advice.pairs if len(pair.fields) == 1 for name in pair.fields}
    mended = {"bias_correction"} if all(table.bias_correction for table in advice.tables) else set()
    left = [_WORDS[name] for name in FAULTS if name not in alone | mended]
    if left:
        yield (
            f"No two tables here differ in {' or in '.join(left)} alone, so what {'either' if left[1:] else 'that'} "
            f"wins by itself is not measured; {_LITERATURE} report that trials fail less with bias correction and with "
            "more training steps."
        )


def _which(tables: Sequence[BestOfN], advice: Advice) -> str:
    if len(tables) == len(advice.tables):
        whose = {1: "these trials", 2: "the trials of both tables"}
        return f"{whose.get(len(tables), f'the trials of all {len(tables)} tables')} are trained"
    if len(tables) == 1:
        return f"the trials of {tables[0].task} {tables[0].recipe} are trained"
    return f"the trials of {len(tables)} of {len(advice.tables)} tables are trained"


def _failed(tables: Sequence[BestOfN]) -> str:
    known = [table for table in tables if table.diverged is not None]
    if not known:
        return ", and it is not known how many fail"
    failed, trials = sum(table.diverged or 0 for table in known), sum(table.trials for table in known)
    where = "" if len(known) == len(tables) else f" in the {counted(len(known), 'table')} where that is known"
    return f", and {failed:,} of {counted(trials, 'trial')} {'fails' if failed == 1 else 'fail'}{where}"


def _fails(table: BestOfN) -> bool:
    return table.diverged is not None and table.diverged / table.trials >= FAILS
