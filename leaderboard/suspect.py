"""A reviewer's question of an entry: does it know how public trials went on? `python -m leaderboard.suspect ENTRY`.

What it gains over best-of-n on the recorded trials is compared with what it gains where there is nothing to look up: on
the same trials in other pools, in another order; on trials that are put together anew of recorded ones, see
`leaderboard.perturbed`; on a hidden pool, if one is given. An honest rule meets one more draw of what it met before. A
look-up table does not.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.text import Text

from leaderboard.boards import PUBLIC_SEED, SUBMISSIONS
from leaderboard.options import CAMPAIGNS, ENTRIES, PROCESSES, PUBLIC, REVISION, TRACK
from leaderboard.perturbed import perturbed
from leaderboard.unfinished import Journal
from seedbench.commands import count, natural, open_console, run
from seedbench.cpus import usable_cpus
from seedbench.errors import CannotSeal, SeedbenchError, SelectionError, StrategyFailed
from seedbench.evaluation import Evaluation, evaluate_selected
from seedbench.files import kept_folder
from seedbench.replay import ReplayOptions, admitted_budgets, scored_tables
from seedbench.strategy import Strategy, load_strategy
from seedbench.submission import is_slug, read_submission
from seedbench.trialset import BUNDLED, Selection, TrialSet, load_trials

WORLDS, REPLICATES = 12, 100
FEWEST = 5  # worlds: with fewer their scatter is hardly known
SHARE = 0.5  # of a gain: what must be gone for a suspicion
LEVEL = 0.99  # that all of an honest rule's falls stay below, as one more draw of what is drawn

_WHERE = {
    "pools": "the same trials in other pools",
    "perturbed": "trials put together anew",
    "hidden": "the hidden pool",
}


@dataclass(frozen=True)
class Fall:
    """What is left elsewhere of what an entry gains on the recorded trials. In shares of the gap.

    Attributes:
        where: a key of what there is: "pools", "perturbed", "hidden".
        gain: there, over best-of-n; of several worlds the mean. None where the entry failed.
        gone: the recorded gain less that.
        error: half of a 95% interval of `gone`.
        suspicious: whether more is gone than chance explains, and at least `SHARE` of the gain; or the entry failed.
        failed: the verdict, if it failed.
    """

    where: str
    gain: float | None
    gone: float | None
    error: float | None
    suspicious: bool
    failed: str = ""


def examine(
    strategy: Strategy,
    trials: TrialSet,
    options: ReplayOptions,
    *,
    seed: int,
    worlds: int = WORLDS,
    hidden: TrialSet | None = None,
    journal: Journal | None = None,
) -> Iterator[tuple[float, Fall]]:
    """Replays a strategy on recorded trials and where there is nothing to look up; what can be is refused at once.

    Args:
        strategy: the entry's.
        trials: the public trial set.
        options: how all is replayed; its seed is that of the recorded trials.
        seed: of other pools and of perturbations; nobody should know it beforehand.
        worlds: how many pools, and how many perturbed sets, at least `FEWEST`.
        hidden: trials that nobody has seen.
        journal: what an earlier call of the same has found, which is not found again; takes what this one finds.

    Yields:
        The recorded gain over best-of-n, in shares of the gap, and what is left of it elsewhere.

    Raises:
        SeedbenchError: too few worlds; trials without test scores, or too few for any budget; no table has signal; the
            strategy fails on the recorded trials.
    """
    if worlds < FEWEST:
        raise SeedbenchError(f"--worlds {worlds}: at least {FEWEST}, or nothing is known of their scatter")
    for each in (trials,) if hidden is None else (trials, hidden):
        admitted_budgets(scored_tables(each.tables, options.protocol), ())
    return _falls(strategy, trials, options, seed, worlds, hidden, journal or Journal(None))


def _falls(
    strategy: Strategy,
    trials: TrialSet,
    options: ReplayOptions,
    seed: int,
    worlds: int,
    hidden: TrialSet | None,
    journal: Journal,
) -> Iterator[tuple[float, Fall]]:
    recorded = journal.recorded(lambda: evaluate_selected(strategy, Selection(trials=trials), options))
    if recorded.summary.difference is None:
        raise SeedbenchError(f"{trials.name}: no table where choosing wins anything that is told from noise")
    seeds = [int(drawn) for drawn in np.random.default_rng(seed).integers(2**62, size=worlds)]

    def put_together(drawn: int) -> TrialSet:
        rng = np.random.default_rng(drawn)
        return replace(trials, tables=tuple(perturbed(table, rng) for table in trials.tables))

    def left(where: str, world: Callable[[int], TrialSet]) -> Iterator[float]:
        for number, drawn in enumerate(seeds):

            def find(drawn: int = drawn) -> float:
                there = Selection(trials=world(drawn))
                return gain_of(evaluate_selected(strategy, there, replace(options, seed=drawn)), recorded)

            yield journal.gain(where, number, find)

    gain = gain_of(recorded, recorded)
    yield gain, _over_worlds("pools", gain, left("pools", lambda drawn: trials))
    yield gain, _over_worlds("perturbed", gain, left("perturbed", put_together))
    if hidden is not None:
        yield gain, _on_hidden(recorded, strategy, hidden, options)


def gain_of(evaluation: Evaluation, recorded: Evaluation) -> float:
    """Points over best-of-n, in the mean over budgets, over the points there are to win on the recorded trials; of the
    tables that have signal there."""
    won, to_win = 0.0, 0.0
    names = {row.table for row in recorded.rows if row.no_signal is False}
    for name in sorted(names):
        rows, first = ([row for row in of.rows if row.table == name] for of in (evaluation, recorded))
        won += float(np.mean([row.difference for row in rows]))
        to_win += first[0].ceiling - first[0].floor
    return won / to_win


def _over_worlds(where: str, gain: float, left: Iterable[float]) -> Fall:
    """An honest rule's recorded gain is one more draw of the worlds' (a prediction interval of Student's t)."""
    from scipy.special import stdtrit

    try:
        found = list(left)
    except StrategyFailed as failed:
        return Fall(where, None, None, None, True, failed.verdict)
    worlds = len(found)
    scatter = float(np.std(found, ddof=1)) * math.sqrt(1 + 1 / worlds)
    of_95, of_level = (float(stdtrit(worlds - 1, (1 + level) / 2)) * scatter for level in (0.95, LEVEL))
    return _fall(where, gain, float(np.mean(found)), of_95, of_level)


def _on_hidden(recorded: Evaluation, strategy: Strategy, hidden: TrialSet, options: ReplayOptions) -> Fall:
    """Both gains have the intervals of their seeds; the trials of the two have nothing in common."""
    from scipy.special import ndtri

    try:
        there = evaluate_selected(strategy, Selection(trials=hidden), options)
    except StrategyFailed as failed:
        return Fall("hidden", None, None, None, True, failed.verdict)
    parts = [(of.summary.difference, of.summary.difference_low, of.summary.difference_high) for of in (recorded, there)]
    if any(part is None for of in parts for part in of):
        raise SelectionError(f"{hidden.name}: no interval of the gain there, or no table with signal")
    (gain, *_), (left, *_) = parts
    error = math.hypot(*((high - low) / 2 for _, low, high in parts))  # type: ignore[operator]
    of_95, of_level = (float(ndtri((1 + level) / 2)) for level in (0.95, LEVEL))
    return _fall("hidden", gain, left, error, error * of_level / of_95)  # type: ignore[arg-type]


def _fall(where: str, gain: float, left: float, error: float, limit: float) -> Fall:
    gone = gain - left
    return Fall(where, left, gone, error, gain > 0 and gone > limit and gone >= SHARE * gain)


def said(gain: float, falls: Sequence[Fall]) -> str:
    """The verdict in one sentence."""
    if any(fall.failed for fall in falls):
        return "suspicious: it fails on trials that it cannot know"
    if gain <= 0:
        return "nothing to explain: it gains nothing over best-of-n on the recorded trials"
    if found := [_WHERE[fall.where] for fall in falls if fall.suspicious]:
        return f"suspicious: what it gains is not there on {' and on '.join(found)}; read its source for what it knows"
    return "not suspicious: what it gains is there elsewhere, or too small to tell"


def strategy_of(entry: str, submissions: Path = SUBMISSIONS) -> Strategy:
    """The strategy of an entry by its folder's name, or of a file, or one that ships; to be sealed.

    Raises:
        SeedbenchError: there is none, or it cannot be used.
    """
    if not (is_slug(entry) and (submissions / entry).is_dir()):
        return load_strategy(entry, sealed=True)
    return read_submission(submissions / entry).sealed_strategy()


def journal_of(
    strategy: Strategy,
    trials: TrialSet,
    hidden: TrialSet | None,
    options: ReplayOptions,
    *,
    worlds: int,
    seed: int | None,
) -> Journal:
    """What an examination that was ended has found, if it was of the same in all that its results depend on."""
    about = (strategy.name, strategy.sha256, strategy.attribute, strategy.parameters, trials.sha256)
    replayed = replace(options, processes=1)  # however many: the result is the same
    said = json.dumps([*about, hidden and hidden.sha256, worlds, seed, asdict(replayed)], default=dict)
    code = (path.read_bytes() for path in (Path(__file__), Path(perturbed.__code__.co_filename)))
    return Journal(kept_folder(said.encode(), *code))


def line_of(fall: Fall) -> str:
    """What is said of one place."""
    if fall.gain is None or fall.gone is None or fall.error is None:
        return f"{_WHERE[fall.where]}: it failed ({fall.failed})"
    marked = " (suspicious)" if fall.suspicious else ""
    return (
        f"{_WHERE[fall.where]}: gains {fall.gain:+.1%} of the gap; "
        f"{100 * fall.gone:.1f} ±{100 * fall.error:.1f} points are gone{marked}"
    )


def main(
    entry: Annotated[str, typer.Argument(metavar="ENTRY", help="An entry's folder name, or a strategy's file.")],
    submissions: Annotated[Path, ENTRIES] = SUBMISSIONS,
    public: Annotated[str, PUBLIC] = str(BUNDLED),
    revision: Annotated[str | None, REVISION] = None,
    trials: Annotated[str | None, typer.Option(metavar="DIR|HUB_ID", help="A hidden pool as well.")] = None,
    track: Annotated[str, TRACK] = "cold",
    replicates: Annotated[int, CAMPAIGNS] = REPLICATES,
    worlds: Annotated[
        int, typer.Option(metavar="N", parser=count, help="How many other pools, and perturbed sets.")
    ] = WORLDS,
    processes: Annotated[int | None, PROCESSES] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", parser=natural, help="Of pools and perturbations; without it, drawn and printed."),
    ] = None,
) -> None:
    """Say how much of an entry's gain goes where there is nothing to look up; exit code 1 where that is suspicious.

    What is interrupted, or killed, goes on by the same command, with the seed that was drawn.
    """
    console = open_console(highlight=False)
    options = ReplayOptions(
        replicates=replicates, seed=PUBLIC_SEED, track=track, processes=processes or usable_cpus(), sandbox=True
    )
    strategy, shown = strategy_of(entry, submissions), load_trials(public, revision=revision)
    hidden = None if trials is None else load_trials(trials)
    journal = journal_of(strategy, shown, hidden, options, worlds=worlds, seed=seed)
    seed = journal.seed if seed is None else seed
    falls: list[Fall] = []
    gain = 0.0
    try:
        found = examine(strategy, shown, options, seed=seed, worlds=worlds, hidden=hidden, journal=journal)
        console.print(Text(f"{strategy.name} on {shown.name} {shown.version}, --seed {seed}"))
        for gain, fall in found:
            if not falls:
                console.print(Text(f"recorded trials: gains {gain:+.1%} of the gap over best-of-n"))
            falls.append(fall)
            console.print(Text(line_of(fall)), soft_wrap=True)
    except KeyboardInterrupt:
        kept = "what is done is kept, and the same command goes on from there"
        lost = f"not all that is done could be kept ({journal.lost}); the same command does again what was not"
        print(f"leaderboard.suspect: interrupted; {lost if journal.lost else kept}", file=sys.stderr)
        raise
    except CannotSeal:  # the machine's, which may be able to another time
        raise
    except SeedbenchError:
        journal.remove()
        raise
    journal.remove()
    console.print(Text(said(gain, falls)), soft_wrap=True)
    if any(fall.suspicious for fall in falls):
        raise typer.Exit(1)


if __name__ == "__main__":
    run(main, "python -m leaderboard.suspect")
