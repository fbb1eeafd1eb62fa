"""What a person sees of an advice: the answer in plain sentences, then what it rests on."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from seedbench.display.terminal import (
    UNDEFINED,
    difference,
    fitted,
    full_trials,
    half,
    interval_plot,
    joined,
    multiplier,
    multiplier_range,
    percent,
)
from seedbench.evaluation.words import left_out_words
from seedbench.strategy import load_strategy, with_parameters_said
from seedbench.text import counted

if TYPE_CHECKING:
    from seedbench.advice.result import Advice, BestOfN, Candidate, Needed

LEGEND = {
    "best-of-n": "train as many full trials as the budget holds, keep the best checkpoint",
    "difference": "in mean score, to what best-of-n is expected to score: + is better",
    "±": "half of a 95% interval over replicates and seeds, of this line alone",
    "▲ ▼": "better, worse: holds at 95% for all lines together (Holm)",
    "finds": "the true difference that would be marked, by itself, four times in five",
    "gap": "closed: 0% is one full trial, 100% the best that best-of-n scores with up to 64",
    "compute": "full trials best-of-n needs for this score, per trial of budget",
}


def print_advice(advice: Advice, console: Console) -> None:
    """Prints the whole report to a console, fitted to its width."""
    console.print(advice_report(advice, console.width), crop=False)  # what is to be copied is never cut


def advice_report(advice: Advice, width: int) -> Group:
    """Everything about an advice for a terminal `width` columns wide: the answer comes first."""
    parts: list[RenderableType] = [Text(sentence) for sentence in advice_words(advice)]
    parts += [*_use(advice.advised), *_tables(advice), Text(), _candidate_table(advice, width)]
    if notes := _notes(advice):
        parts += [Text(), *(Text(note) for note in notes)]
    legend = Table.grid(padding=(0, 2))
    for term, meaning in LEGEND.items():
        legend.add_row(Text(term, style="dim", no_wrap=True), Text(meaning, style="dim"))
    return Group(
        *parts,
        Text(),
        legend,
        Text(),
        *(_to_copy(line) if line.startswith(" ") else Text(line) for line in live_words(advice)),
    )


# --- words ------------------------------------------------------------------------------------------------------------


def advice_words(advice: Advice) -> list[str]:
    """The answer in two or three sentences."""
    tables = "one trial table" if len(advice.tables) == 1 else f"{len(advice.tables)} trial tables"
    trials = "one full trial" if advice.budget == 1 else f"{advice.budget} full trials"
    if advice.advised is None:
        sentences = [_best_of_n_words(advice, tables, trials), _promising_words(advice)]
    else:
        sentences = [_advised_words(advice, advice.advised, tables, trials), _compute_words(advice, advice.advised)]
    if len(advice.tables) == 1:
        (table,) = advice.tables
        sentences.append(
            f"Plain best-of-n scores {_score(table)} with {trials}, one full trial {table.measured(table.floor):.4f}."
        )
        if table.needed is not None:
            sentences.append(f"It {_needed_words(table.needed, table)}.")
    return [sentence for sentence in sentences if sentence]


def live_words(advice: Advice) -> list[str]:
    """The command that runs what is advised on trials that are trained meanwhile, in lines to copy."""
    name = advice.advised.label if advice.advised else "full_trials"
    return [
        "Live, on a training that prints a JSON line at each of its K validation points:",
        f"  seedbench live {shlex.quote(name)} --budget {advice.budget} \\",
        "    --checkpoints K --out DIR --train \\",
        "    'COMMAND {weight_init_seed} {data_order_seed} {folder}'",
    ]


def _advised_words(advice: Advice, best: Candidate, tables: str, trials: str) -> str:
    return (
        f"With a budget of {trials}, use {best.label}: on {tables} it is {best.difference:.4f} better than "
        f"plain best-of-n (95% interval {best.difference_low:+.4f} to {best.difference_high:+.4f}), told from it at "
        f"95% also for {len(advice.candidates)} settings together."
    )


def _compute_words(advice: Advice, best: Candidate) -> str:
    sentences = []
    if best.compute_multiplier is not None:
        needed = f"{_needed_by(best, advice.budget)} full trials for that ({_span_of(best, advice.budget)})"
        sentences.append(f"Plain best-of-n needs {needed}.")
    first = advice.candidates[0]
    if first != best:
        more = first.difference - best.difference
        sentences.append(f"{first.label} was {more:.4f} better still, but cannot be told from best-of-n.")
    others = sum(candidate.verdict == "better" for candidate in advice.candidates) - 1
    if others:
        sentences.append(f"{others} other setting{'s are' if others > 1 else ' is'} better than best-of-n, too.")
    return " ".join(sentences)


def _best_of_n_words(advice: Advice, tables: str, trials: str) -> str:
    return (
        f"With a budget of {trials}, train {'it' if advice.budget == 1 else 'them all'} to the end and keep the best "
        f"checkpoint, which is plain best-of-n: on {tables} none of {len(advice.candidates)} other settings can be "
        "told to do better."
    )


def _promising_words(advice: Advice) -> str:
    """What is left open, where no setting can be told to be better."""
    best = advice.candidates[0]
    if best.difference_low is None or best.difference_high is None:
        return "Too few seeds in one of these tables say nothing about others, so there are no intervals."
    if best.difference <= 0:
        return "None of them scored better."
    return (
        f"{best.label} scored best: {best.difference:+.4f}{_for_which(best, advice.budget)}. But the best of "
        f"{len(advice.candidates)} may be that by luck; a true difference of {best.difference_detectable:.4f} would "
        "have been told from 0 four times in five, had it been the only one."
    )


def _for_which(best: Candidate, budget: int) -> str:
    if best.compute_multiplier is None:
        return ""
    return f", for which best-of-n needs {_needed_by(best, budget)} full trials ({_span_of(best, budget)})"


def _needed_by(candidate: Candidate, budget: int) -> str:
    """The full trials that best-of-n needs for a candidate's score, in words."""
    needed = full_trials((candidate.compute_multiplier or 0) * budget, None)
    return {"<": f"no more than {needed}", ">": f"at least {needed}"}.get(
        candidate.compute_multiplier_bound or "", needed
    )


def _span_of(candidate: Candidate, budget: int) -> str:
    """The interval of those full trials."""
    low, high = candidate.compute_multiplier_low, candidate.compute_multiplier_high
    return _span(None if low is None else low * budget, None if high is None else high * budget)


def _span(low: float | None, high: float | None) -> str:
    """An interval of full trials, in words; an end that the recorded trials do not reach is open."""
    if low is None and high is None:
        return "the 95% interval is open at both ends"
    ends = [f"from {full_trials(low, None)}"] if low is not None else []
    ends += [f"up to {full_trials(high, None)}"] if high is not None else []
    return f"95% interval {' '.join(ends)}"


def _needed_words(needed: Needed, table: BestOfN) -> str:
    """How many full trials best-of-n needs for a score, as the end of a sentence."""
    score = f"{table.measured(needed.score):.4f}"
    if needed.bound == "<":
        return f"needs no more than one full trial for {score}"
    if needed.bound == ">":
        return f"is not expected to reach {score} with as many trials as a pool of the {table.trials} recorded has"
    return f"needs {full_trials(needed.full_trials, None)} full trials for {score} ({_span(needed.low, needed.high)})"


def _score(table: BestOfN) -> str:
    return f"{table.measured(table.score):.4f}{half(table.score, table.score_high, 1, '.4f')}"


def _notes(advice: Advice) -> list[str]:
    """What must be known to judge the answer."""
    worse = [candidate.label for candidate in advice.candidates if candidate.verdict == "worse"]
    notes = [f"Worse than best-of-n: {joined(worse)}."] if worse else []
    silent = sorted({f"{table.task} {table.recipe}" for table in advice.tables if table.no_signal})
    if silent:
        notes.append(f"In {joined(silent)} full trials differ too little for any choice among them to matter.")
    few = sorted({f"{table.task} {table.recipe}" for table in advice.tables if table.no_interval})
    if few:
        notes.append(f"In {joined(few)} there are too few seeds to say anything about others: no intervals.")
    return [*notes, *left_out_words(advice.left_out)]


# --- tables -----------------------------------------------------------------------------------------------------------


def _use(best: Candidate | None) -> Iterator[Text]:
    """The advised setting as a strategy file."""
    if best is None:
        return
    kind = type(load_strategy(best.name).build()).__name__
    given = ", ".join(f"{key}={value!r}" for key, value in best.parameters.items())
    yield Text("\nAs a strategy file:", style="dim")
    lines = f"    from seedbench.strategies.{best.name} import {kind}\n    strategy = {kind}({given})"
    yield _to_copy(lines)


def _to_copy(lines: str) -> Text:
    """Code or a command, which no terminal is too narrow for."""
    return Text(lines, no_wrap=True, overflow="ignore")


def _tables(advice: Advice) -> Iterator[Text]:
    """What best-of-n does, table by table."""
    facts = [f"{advice.trials.name} {advice.trials.version}", f"protocol {advice.protocol}"]
    facts += [counted(advice.replicates, "replicate"), f"seed {advice.seed}"]
    yield Text(f"\n{', '.join(facts)}", style="dim")
    for table in advice.tables:
        yield Text(f"\n{table.model} · {table.task} · {table.recipe}", style="bold")
        floor, ceiling, oracle = map(table.measured, (table.floor, table.ceiling, table.oracle))
        line = f"one full trial {floor:.4f}, best of {advice.budget} {_score(table)}, best of many {ceiling:.4f}, "
        line += f"oracle {oracle:.4f}" + ("" if table.sign > 0 else " (lower is better)")
        line += ": no signal" if table.no_signal else ""
        yield Text(line, style="dim")
        if table.needed is not None and len(advice.tables) > 1:
            yield Text(f"best-of-n {_needed_words(table.needed, table)}", style="dim")


def _candidate_table(advice: Advice, width: int) -> Table:
    """A line per setting, best first, and plain best-of-n where it stands among them; drawn where there is room."""
    wide = width >= 118  # room for a plot, and for the multiplier's interval
    plot_width = min(33, width - 103)
    grid = Table(box=None, header_style="dim", padding=(0, 1))
    narrow = width < 58  # no room for the parameters beside the name
    grid.add_column("strategy", no_wrap=not narrow, overflow="fold" if narrow else "ellipsis")
    if not narrow:
        grid.add_column("with")
    grid.add_column("difference", width=18, no_wrap=True)
    grid.add_column("finds", width=6, no_wrap=True)
    if wide:
        grid.add_column("-      0      +".center(plot_width), width=plot_width, no_wrap=True, style="cyan")
    grid.add_column("gap", justify="right", no_wrap=True)
    grid.add_column("compute", justify="right", no_wrap=True)
    if wide:
        grid.add_column("its 95%", justify="right", no_wrap=True)
    reach = max((abs(end) for one in advice.candidates for end in _ends(one) if end), default=1.0)
    lines: list[tuple[float, list[RenderableType]]] = []
    for one in advice.candidates:
        low, high = _ends(one)
        same = one.verdict == "same"
        lines.append(
            (
                one.difference,
                [
                    *_named(one, narrow),
                    Text("the same", style="dim")
                    if same
                    else difference(one.difference, high, one.difference_p, 1, "+.4f"),
                    UNDEFINED if one.difference_detectable is None else f"{one.difference_detectable:.4f}",
                    *([interval_plot(one.difference, low, high, (-reach, reach), plot_width, (0,))] if wide else []),
                    percent(one.gap_closed),
                    multiplier(one.compute_multiplier, one.compute_multiplier_bound),
                    *([multiplier_range(one.compute_multiplier_low, one.compute_multiplier_high)] if wide else []),
                ],
            )
        )
    plot = [interval_plot(0.0, None, None, (-reach, reach), plot_width, ())] if wide else []
    baseline: list[RenderableType] = [
        *(["plain best-of-n"] if narrow else ["plain best-of-n", ""]),
        "",
        "",
        *plot,
        percent(_gap(advice)),
        multiplier(1.0, None),
    ]
    at = sum(value > 0 for value, _ in lines)
    for row in [*(line for _, line in lines[:at]), baseline, *(line for _, line in lines[at:])]:
        grid.add_row(*row, style="bold" if row is baseline else "")
    return fitted(grid, width, ("gap", "finds", "compute"))


def _named(one: Candidate, together: bool) -> list[RenderableType]:
    """The name and the parameters of a setting, in one cell or in two."""
    if together:
        return [with_parameters_said(one.name, one.parameters)]
    return [one.name, ", ".join(f"{key}={value}" for key, value in one.parameters.items())]


def _ends(candidate: Candidate) -> tuple[float | None, float | None]:
    return candidate.difference_low, candidate.difference_high


def _gap(advice: Advice) -> float | None:
    """What best-of-n closes of the gap, all tables with signal together."""
    tables = [table for table in advice.tables if table.no_signal is False]
    room = sum(table.ceiling - table.floor for table in tables)
    return sum(table.score - table.floor for table in tables) / room if room > 0 else None
