"""`evaluate`: replays a strategy on a trial set, and scores what it kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias, Unpack

from threadpoolctl import threadpool_limits

from seedbench import __version__
from seedbench.errors import SelectionError
from seedbench.evaluation.columns import columns_of
from seedbench.evaluation.replayed import Replayed, replay_selected
from seedbench.evaluation.result import Against, Evaluation, StrategyIdentity
from seedbench.evaluation.rows import differences_of, rows_of, summaries_of, summary_differences_of
from seedbench.replay import NOTHING_KNOWN, EvaluationKeywords, Outcomes, ReplayOptions, from_keywords
from seedbench.strategy import Strategy, load_strategy
from seedbench.trialset import Selection, TrialSet

#: What a strategy may be given as.
Given: TypeAlias = str | Path | Callable[..., Any] | Strategy


def evaluate(
    strategy: Given,
    trials: str | Path | TrialSet | None = None,
    *,
    against: Given | Sequence[Given] = (),
    progress: Callable[[int, int], None] | None = None,
    **options: Unpack[EvaluationKeywords],
) -> Evaluation:
    """Replays a strategy on recorded trials under each budget and scores it.

    Args:
        strategy: a file (`my.py`, `my.py:name`) or the name of a shipped strategy, each with parameters or without
            (`start_many(fraction=0.5)`), or a callable.
        trials: a folder, a Hub dataset, or what `load_trials` returned; None for the bundled trial set.
        against: strategies, or one, to compare with on the same replicates.
        progress: called with the campaigns done so far and their total.
        **options: `revision`, `models`, `tasks`, `recipes`, `budgets`: which of the trials; `replicates`, `seed`,
            `protocol`, `track`, `processes`, `sandbox`, `time_limit`: how they are replayed. See
            `seedbench.replay.EvaluationKeywords`, and the classes that it extends.

    Raises:
        SelectionError: an unknown model, task, recipe, protocol or track; a budget that a table does not admit; no
            table with test scores, under the protocol that takes them; the transfer track with trials of one task.
        StrategyFileError: a strategy that cannot be loaded.
        StrategyFailed: a campaign without a result.
        CannotSeal: a sandbox was asked for, and this machine cannot seal a process.
        TrialSetError: a trial set that cannot be read or trusted.
        TypeError: an unknown option.
    """
    selection, how = from_keywords(trials, options, EvaluationKeywords)
    return evaluate_selected(strategy, selection, how, against=against, progress=progress)


def evaluate_selected(
    strategy: Given,
    selection: Selection,
    options: ReplayOptions,
    *,
    against: Given | Sequence[Given] = (),
    known: Mapping[str, Outcomes] = NOTHING_KNOWN,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """`evaluate`, with its options as they are passed on; `known` as `seedbench.replay.replay` takes it."""
    alone = callable(against) or not isinstance(against, Iterable) or isinstance(against, str)
    others = (against,) if alone else tuple(against)  # type: ignore[arg-type]
    strategies = [load_strategy(one, sealed=options.sandbox) for one in (strategy, *others)]
    _refuse_twice(strategies[1:])
    replayed = replay_selected(named_apart(strategies), selection, options, known=known, progress=progress)
    return scored(replayed)


def _refuse_twice(others: Sequence[Strategy]) -> None:
    """One comparison that is made twice would count twice among those that hold together."""
    seen = set[tuple[str, str | None]]()
    for each in others:
        if each.sha256 is not None and (each.name, each.sha256) in seen:
            raise SelectionError(f"against: {each.name} is there twice; name it once")
        seen.add((each.name, each.sha256))


def named_apart(strategies: Sequence[Strategy]) -> list[Strategy]:
    """The same under names of which no two are alike, as are those of files in different folders, or of lambdas."""
    times = Counter[str]()
    named = []
    for each in strategies:
        times[each.name] += 1
        number = {1: "", 2: " (second)", 3: " (third)"}.get(times[each.name], f" ({times[each.name]}th)")
        named.append(replace(each, name=each.name + number) if number else each)
    return named


def scored(replayed: Replayed) -> Evaluation:
    """The evaluation of the first of the strategies that were replayed, against the others."""
    strategies, options, every = [one.strategy for one in replayed.replays], replayed.options, replayed.scores
    others = range(1, len(strategies))
    with threadpool_limits(limits=1):  # a sum split among threads may differ in its last bit
        rows = rows_of(every, options.protocol, replayed.trials)
        summaries = summaries_of(every, len(strategies))
        differences, summary_differences = differences_of(every, others), summary_differences_of(every, others)
    return Evaluation(
        protocol=options.protocol,
        track=options.track,
        trials=replayed.trials.identity,
        strategy=_identity(strategies[0]),
        seed=options.seed,
        replicates=options.replicates,
        seedbench=__version__,
        rows=rows[0],
        summary=summaries[0],
        against=tuple(
            Against(
                name=strategies[number].name,
                sha256=strategies[number].sha256,
                rows=rows[number],
                summary=summaries[number],
                differences=differences[number - 1],
                summary_difference=summary_differences[number - 1],
                oracle=strategies[number].oracle,
                parameters=dict(strategies[number].parameters),
            )
            for number in others
        ),
        left_out=replayed.left_out,
        not_tried=replayed.not_tried,
        campaigns=columns_of(every),
    )


def _identity(strategy: Strategy) -> StrategyIdentity:
    return StrategyIdentity(strategy.name, strategy.sha256, strategy.oracle, dict(strategy.parameters))
