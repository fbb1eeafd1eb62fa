"""The settings that are tried against plain best-of-n: all on few replicates, those that do best there on all.

Whichever are followed, marks hold for all that were tried: one that is not followed counts as a comparison that told
nothing (Holm 1979), so that choosing among them by the same seeds costs no more than is paid for already.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from seedbench.advice.gains import mean_over, rule_gain
from seedbench.advice.result import Candidate, Verdict
from seedbench.display.terminal import MARKED
from seedbench.evaluation import Replayed, replay_selected, replayed_again
from seedbench.evaluation.rows import ends, multiplier_fields, together
from seedbench.evaluation.scores import compared, gap, mean_over_best_of_n, multiplier_over, with_signal
from seedbench.influences import Baseline, Total, interval, never_differs
from seedbench.replay import BATCH, Replay, ReplayOptions, TableReplay, same_workers
from seedbench.strategy import Setting, load_strategy, with_parameters_said
from seedbench.trialset import Selection

#: Settings that are run on all replicates, those with the same campaigns counted once.
FOLLOWED = 3
#: All are run on few replicates first: so many campaigns of each on all tables together, and no more than 50 a table;
FIRST = 120
#: or on one of so many replicates, where that is more; and on no fewer than these.
ONE_OF = 20
FEWEST = 10


@dataclass(frozen=True, eq=False)
class Tried:
    """What came out.

    Attributes:
        settings: all of them.
        first: of all, on few replicates; where all are followed, on all.
        numbers: of the settings that were followed.
        followed: of those, on all replicates.
    """

    settings: tuple[Setting, ...]
    first: Replayed
    numbers: tuple[int, ...]
    followed: Replayed


def try_settings(
    settings: Sequence[Setting],
    selection: Selection,
    options: ReplayOptions,
    *,
    base_of: Callable[[TableReplay], Baseline],
    progress: Callable[[int, int], None] | None = None,
) -> Tried:
    """Replays settings on the selected tables under one budget; arguments as of `replay_selected`."""
    strategies = [load_strategy(name, parameters=parameters) for name, parameters in settings]
    few = max(FEWEST, options.replicates // ONE_OF, min(BATCH, -(-FIRST // len(selection.tables))))
    if len(settings) <= FOLLOWED or few >= options.replicates:
        whole = replay_selected(strategies, selection, options, base_of=base_of, progress=progress)
        return Tried(tuple(settings), whole, tuple(range(len(settings))), whole)
    done = 0

    def advance(campaigns: int, total: int) -> None:
        nonlocal done
        done = campaigns
        if progress is not None:
            progress(campaigns, total + total * FOLLOWED * options.replicates // (few * len(settings)))

    def advance_followed(campaigns: int, total: int) -> None:
        if progress is not None:
            progress(done + campaigns, done + total)

    on_few = replace(options, replicates=few)
    with same_workers(options.processes):
        first = replay_selected(strategies, selection, on_few, base_of=base_of, progress=advance)
        numbers = _best(first, selection.budgets[0])
        best = [strategies[number] for number in numbers]
        followed = replayed_again(first, best, options, progress=advance_followed)
    return Tried(tuple(settings), first, numbers, followed)


def _best(first: Replayed, budget: int) -> tuple[int, ...]:
    """The numbers of the settings to follow, ascending: the best, with all that ran the same campaigns as one."""
    alike = _first_alike(first.replays)
    some = compared(first.scores)
    better = {rule: mean_over_best_of_n(some, rule, budget).estimate for rule in set(alike)}
    best = sorted(better, key=lambda rule: (-better[rule], rule))[:FOLLOWED]
    return tuple(number for number, rule in enumerate(alike) if rule in best)


def judged(tried: Tried, budget: int) -> tuple[Candidate, ...]:
    """Each setting against best-of-n, in the mean over tables: those that were followed first, the best first."""
    alike = _first_alike(tried.first.replays)
    left = [number for number in range(len(tried.settings)) if number not in tried.numbers]
    own = _first_alike(tried.followed.replays)
    distinct = sorted(set(own))
    some = compared(tried.followed.scores)
    differences = [mean_over_best_of_n(some, rule, budget) for rule in distinct]
    # Each of those left is one, since what is alike on few replicates may differ on all.
    p_of = dict(zip(distinct, together(differences, untold=len(left)), strict=True))
    followed = []
    for rule, number in enumerate(tried.numbers):
        repeats = None if own[rule] == rule else tried.settings[tried.numbers[own[rule]]]
        followed.append(_candidate(tried.settings[number], tried.followed, rule, budget, p_of[own[rule]], repeats))
    others = []
    for number in left:
        repeats = None if alike[number] == number else tried.settings[alike[number]]
        others.append(_not_followed(_candidate(tried.settings[number], tried.first, number, budget, None, repeats)))
    return (*_best_first(followed), *_best_first(others))


def _best_first(candidates: Sequence[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda candidate: -candidate.difference)


def _candidate(
    setting: Setting, replayed: Replayed, rule: int, budget: int, p: float | None, repeats: Setting | None
) -> Candidate:
    some, signal = compared(replayed.scores), with_signal(replayed.scores)
    found = mean_over_best_of_n(some, rule, budget)
    at = interval(found)
    name, parameters = setting
    return Candidate(
        name=name,
        parameters=parameters,
        replicates=replayed.options.replicates,
        **ends("difference", at),
        difference_p=p,
        difference_detectable=at.detectable,
        **ends("gain", mean_over(some, partial(rule_gain, rule=rule, budget=budget))),
        gap_closed=None if (closed := gap(signal, rule, budget)) is None else closed.estimate,
        **multiplier_fields(multiplier_over(signal, rule, budget) if signal else None),
        verdict=_verdict(found, p),
        repeats=None if repeats is None else with_parameters_said(*repeats),
    )


def _not_followed(candidate: Candidate) -> Candidate:
    """Without what few replicates do not say well: on so few, an interval is wider than it need be."""
    return replace(
        candidate,
        difference_low=None,
        difference_high=None,
        difference_detectable=None,
        gain_low=None,
        gain_high=None,
        compute_multiplier_low=None,
        compute_multiplier_high=None,
        verdict="not followed",
    )


def _first_alike(replays: Sequence[Replay]) -> list[int]:
    """Of each setting the first one whose campaigns were all the same: on all replicates, they are one comparison.

    Fractions that fall on the same checkpoint of every table make such settings.
    """
    first: dict[bytes, int] = {}
    return [first.setdefault(_campaigns(one), number) for number, one in enumerate(replays)]


def _campaigns(replay: Replay) -> bytes:
    """What one setting did and kept, in all its campaigns."""
    arrays = [(one.trial, one.checkpoint, one.steps_spent, one.rows_seen, one.columns_seen) for one in replay.tables]
    return b"".join(array.tobytes() for of_table in arrays for array in of_table)


def _verdict(found: Total, p: float | None) -> Verdict:
    if p is None:
        return "unknown"
    if never_differs(found):
        return "same"
    if p >= MARKED:
        return "unknown"
    return "better" if found.estimate > 0 else "worse"
