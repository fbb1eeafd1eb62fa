"""What a person sees of a comparison: differences, where the decisions part, and what it won or cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from seedbench.display.terminal import UNDEFINED, difference, fitted, interval_plot, joined, legend, place, sparkline
from seedbench.evaluation.words import (
    caveats,
    few_replicates_words,
    itself_words,
    left_out_words,
    no_signal_words,
    not_tried_words,
    points_of_gap,
)
from seedbench.text import counted

if TYPE_CHECKING:
    from seedbench.comparison.compare import Comparison, Example, Fates, Parted
    from seedbench.evaluation import Difference
    from seedbench.replay import Decision, Decisions

BINS = 13  # of the histogram of differences; odd, so that one of them is about zero
LEAVE_OUT = ("each replicate", "after", "parted", "won tied lost")  # in this order, where there is no room
LEGEND = {
    "difference": "mean score the first keeps less that of the second, ± half of its own 95% interval: + is better",
    "▲ ▼": "the first is better, worse: holds at 95% for all budgets of a table together (Holm)",
    "finds": "the true difference that would be marked, by itself, four times in five",
    "won tied lost": "replicates in which what the first kept scores better, the same, worse",
    "each replicate": "histogram of their differences, zero in the middle",
    "parted": "replicates in which they pay for, or keep, different checkpoints",
    "after": "full trials that both had spent alike by then (median)",
    "trial 3/7": "of weight-init seed 3 and data-order seed 7, or of what these are called",
    "▁▂▄█★": "the trials in the order started, as high as trained; ★ follows the one kept",
}


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Prints the whole report to a console, fitted to its width."""
    console.print(comparison_report(comparison, console.width), soft_wrap=False)


def comparison_report(comparison: Comparison, width: int) -> Group:
    """Everything about a comparison for a terminal `width` columns wide."""
    parts: list[RenderableType] = [_heading(comparison), *_difference_tables(comparison, width), Text()]
    parts += [Text(sentence) for sentence in comparison_words(comparison)]
    parts += _examples(comparison)
    return Group(*parts, Text(), legend(LEGEND, parts, ("finds", *LEAVE_OUT)))


# --- words ------------------------------------------------------------------------------------------------------------


def comparison_words(comparison: Comparison) -> list[str]:
    """The comparison as sentences."""
    evaluation, (one, other) = comparison.evaluation, comparison.names
    over_all = evaluation.against[0].summary_difference
    if evaluation.is_itself(evaluation.against[0]):
        sentences = [itself_words(one, other)]
    elif over_all.gap_closed is None:
        sentences = [no_signal_words(evaluation.rows)]
    else:
        sentences = [f"All tables with signal together, {one} closes {points_of_gap(over_all, other)}."]
        if over_all.gap_closed_detectable is not None:
            sentences.append(
                f"A true difference of {over_all.gap_closed_detectable * 100:.0f} points would be told from 0 four "
                "times in five."
            )
    parted, kept, won, lost = (
        sum(getattr(part, name) for part in comparison.parted) for name in ("parted", "other_kept", "won", "lost")
    )
    campaigns = counted(len(comparison.parted) * evaluation.replicates, "campaign")
    if parted:
        sentences.append(
            f"Their decisions part in {parted:,} of {campaigns}. In {kept:,} they keep different checkpoints: "
            f"{one}'s scores better in {won:,}, worse in {lost:,}."
        )
        sentences.append(_first_words(comparison, parted))
        sentences += _fates_words(one, other, [part.won_by for part in comparison.parted])
        sentences += _fates_words(other, one, [part.lost_by for part in comparison.parted])
    else:
        sentences.append(f"They decide the same in all {campaigns}.")
    return [
        *sentences,
        *caveats(evaluation.rows),
        *few_replicates_words(evaluation.replicates),
        *left_out_words(evaluation.left_out),
        *not_tried_words(evaluation.not_tried),
    ]


_DID = {
    "starts": "starts another trial",
    "trains": "trains the same trial on",
    "back": "goes back to an earlier trial",
    "ends": "ends the campaign",
}
_DID_ALIKE = {
    "starts": "they start different trials",
    "back": "they go back to different trials",
    "ends": "they end the campaign and keep different checkpoints",
}


def _first_words(comparison: Comparison, parted: int) -> str:
    first: Counter[tuple[str, str]] = Counter()
    for part in comparison.parted:
        for did in part.first:
            first[did.one, did.other] += did.replicates
    ((one, other), frequency), *_ = first.most_common(1)
    often = "always" if frequency == parted else f"most often ({frequency} times)"
    if one == other:
        return f"They part {often} where {_DID_ALIKE[one]}."
    return f"They part {often} where {comparison.names[0]} {_DID[one]} and {comparison.names[1]} {_DID[other]}."


def _fates_words(better: str, worse: str, fates: Sequence[Fates]) -> list[str]:
    counts = {
        "had not started that trial": sum(fate.not_started for fate in fates),
        "had left that trial before": sum(fate.left for fate in fates),
        "had passed that checkpoint over": sum(fate.passed_over for fate in fates),
    }
    became = [f"{what} ({times})" for what, times in counts.items() if times]
    return [f"Where what {better} kept scores better, {worse} {joined(became)}."] if became else []


def decision_words(decision: Decision, decisions: Decisions) -> str:
    """One of a campaign's decisions as the end of a sentence."""
    trial, length = decisions.name_of(decision.seeds), len(decisions.steps)
    at = f"checkpoint {decision.checkpoint + 1} of {length}"
    done = {
        "starts": f"starts {trial}",
        "trains": f"trains {trial} on to {at}",
        "back": f"goes back to {trial}, to train it to {at}",
        "ends": f"ends the campaign and keeps {trial} at {at}",
    }[decision.kind]
    if decision.left is None or decision.left_at is None:
        return done
    return f"leaves {decisions.name_of(decision.left)} at checkpoint {decision.left_at + 1} of {length} and {done}"


def example_words(example: Example, names: tuple[str, str]) -> str:
    """Where the decisions of two strategies part in one replicate, and what became of the better choice."""
    alike = f"Alike for {counted(example.parted_after, 'checkpoint')}"
    both = (example.decision, example.one), (example.other_decision, example.other)
    did = (
        f"{name} {decision_words(decision, decisions)}" for name, (decision, decisions) in zip(names, both, strict=True)
    )
    return f"{alike} ({example.spent_before:.1f} full trials), then {'; '.join(did)}. {_fate_words(example, names)}"


def _fate_words(example: Example, names: tuple[str, str]) -> str:
    """What became of the better choice with the strategy that did not make it."""
    better, worse = (example.one, example.other) if example.difference > 0 else (example.other, example.one)
    name, other = names if example.difference > 0 else reversed(names)
    seeds, checkpoint = better.kept
    choice, trained = better.name_of(seeds), worse.trained(seeds)
    if not trained:
        return f"{name}'s choice, {choice}, {other} did not start."
    if trained <= checkpoint:
        return f"{name}'s choice, {choice}, {other} left at checkpoint {trained}."
    return f"{name}'s choice, {choice} at checkpoint {checkpoint + 1}, {other} passed over."


def kept_words(decisions: Decisions) -> str:
    """What was kept, why, and what it is worth."""
    seeds, checkpoint = decisions.kept
    chosen_for, scores = map(decisions.measured, (decisions.validation_score, decisions.score))
    return (
        f"keeps {decisions.name_of(seeds)} at checkpoint {checkpoint + 1}: chosen for {chosen_for:.4f}, "
        f"scores {scores:.4f}"
    )


# --- tables -----------------------------------------------------------------------------------------------------------


def _heading(comparison: Comparison) -> Text:
    evaluation, (one, other) = comparison.evaluation, comparison.names
    trials = evaluation.trials
    facts = [f"{trials.name} {trials.version}", f"protocol {evaluation.protocol}", f"{evaluation.track} track"]
    facts += [counted(evaluation.replicates, "replicate"), f"seed {evaluation.seed}"]
    return Text.assemble((one, "bold"), " against ", (other, "bold"), f" on {', '.join(facts)}")


def _difference_tables(comparison: Comparison, width: int) -> Iterator[RenderableType]:
    """One block a trial table; the interval is drawn, too, where there is room."""
    plot_width, wide = min(31, width - 90), width >= 90
    digits = max(4, len(str(comparison.evaluation.replicates)) + 1)
    pairs = list(zip(comparison.evaluation.against[0].differences, comparison.parted, strict=True))
    for number, (table, group) in enumerate(groupby(pairs, key=lambda pair: _table(pair[1]))):
        members = list(group)
        rows = comparison.evaluation.rows
        sign = next(row.sign for row in rows if (row.model, row.task, row.recipe) == table)
        lower = " (lower is better)" if sign < 0 else ""
        yield Text.assemble((f"\n{' · '.join(table)}", "bold"), (lower, "dim"))
        grid = Table(box=None, show_header=number == 0, header_style="dim", padding=(0, 1))
        grid.add_column("budget", justify="right", width=6)
        grid.add_column("difference", width=18, no_wrap=True)
        if wide:
            grid.add_column("finds", width=6, no_wrap=True)
        if plot_width >= 15:
            grid.add_column("-      0      +".center(plot_width), width=plot_width, no_wrap=True, style="cyan")
        grid.add_column("won tied lost", justify="right", width=3 * digits + 1, no_wrap=True)
        grid.add_column("each replicate", width=14, no_wrap=True, style="cyan")
        grid.add_column("parted", justify="right", width=6)
        grid.add_column("after", justify="right", width=5)
        widest = max(abs(value) for part in comparison.parted for value in part.differences) or 1.0
        reach = max((abs(end) for d, _ in members for end in (d.score_low, d.score_high) if end), default=1.0)
        for paired, part in members:
            plot = _plot(paired, reach, plot_width) if plot_width >= 15 else ()
            grid.add_row(
                str(part.budget),
                difference(paired.score, paired.score_high, paired.score_p, 1, "+.4f"),
                *(
                    (UNDEFINED if paired.score_detectable is None else f"{paired.score_detectable:.4f}",)
                    if wide
                    else ()
                ),
                *plot,
                f"{part.won:{digits - 1}} {part.tied:{digits}} {part.lost:{digits}}",
                histogram(part.differences, widest),
                str(part.parted),
                "–" if part.spent_before is None else f"{part.spent_before:.1f}",
            )
        yield fitted(grid, width, LEAVE_OUT)


def _plot(paired: Difference, reach: float, width: int) -> tuple[str]:
    ends = (paired.score_low, paired.score_high)
    return (interval_plot(paired.score, *ends, (-reach, reach), width, marks=(0,)),)


def histogram(values: Sequence[float], widest: float) -> str:
    """Values within ±widest as a row of bars, those about zero in the middle; a bin without a value is blank."""
    bins = Counter(place(value, (-widest, widest), BINS) for value in values)
    most = max(bins.values())
    return sparkline([bins[at] / most if at in bins else None for at in range(BINS)])


# --- examples ---------------------------------------------------------------------------------------------------------


def _examples(comparison: Comparison) -> Iterator[RenderableType]:
    """Of each table the largest wins and losses at one budget: at 8 full trials, or at the one next to it."""
    each = 1 if len({_table(part) for part in comparison.parted}) > 1 else 2
    for table, group in groupby(comparison.parted, key=_table):
        part = min(group, key=lambda part: (abs(part.budget - 8), part.budget))
        wins = [example for example in part.examples if example.difference > 0]
        losses = [example for example in part.examples if example.difference < 0]
        for kind, examples in (("wins", wins), ("losses", losses)):
            if examples:
                head = f"\n{' · '.join(table[1:])}, budget {part.budget}: the largest {kind} of {comparison.names[0]}"
                yield Text(head, style="bold")
            yield from (_example(example, comparison.names) for example in examples[:each])


def _example(example: Example, names: tuple[str, str]) -> Group:
    sign, style = ("▲", "green") if example.difference > 0 else ("▼", "red")
    head = Text.assemble(
        f"replicate {example.replicate}  ",
        (f"{example.difference:+z.4f} {sign}", style),
        f"  spent {example.one.full_trials_spent:.1f} against {example.other.full_trials_spent:.1f} full trials",
    )
    words = Text(example_words(example, names))
    grid = Table.grid(padding=(0, 2))
    for name, decisions in zip(names, (example.one, example.other), strict=True):
        grid.add_row(Text(name, overflow="fold"), _bars(decisions))
        grid.add_row("", Text(kept_words(decisions), style="dim"))
    return Group(head, Padding(words, (0, 0, 0, 2)), Padding(grid, (0, 0, 0, 2)))


def _bars(decisions: Decisions) -> Text:
    """The trials in the order started, as high as they were trained, with a star after the one that was kept."""
    length = len(decisions.steps)
    bars = sparkline([len(trial.validation_score) / length for trial in decisions.trials])
    after = decisions.kept_trial + 1
    return Text.assemble((bars[:after], "cyan"), ("★", "bold"), (bars[after:], "cyan"), overflow="fold")


def _table(part: Parted) -> tuple[str, str, str]:
    return part.model, part.task, part.recipe
