"""What a person sees of an advice: the answer in plain sentences, then what it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from seedbench.advice.words import advice_words, live_words, needed_words, notes, score_words
from seedbench.display.terminal import (
    UNDEFINED,
    difference,
    fitted,
    half,
    interval_plot,
    legend,
    multiplier,
    multiplier_range,
    percent,
)
from seedbench.strategy import load_strategy
from seedbench.text import counted

if TYPE_CHECKING:
    from seedbench.advice.result import Advice, Candidate

LEAVE_OUT = ("gap", "finds", "compute")  # columns in this order, where there is no room
LEGEND = {
    "best-of-n": "train as many full trials as the budget holds, keep the best checkpoint",
    "with": "the parameters that are not the strategy's own defaults; or: they ran the same campaigns",
    "difference": "in mean score, to what best-of-n is expected to score: + is better",
    "±": "half of a 95% interval over replicates and seeds, of this line alone",
    "▲ ▼": "better, worse: holds at 95% for all lines together (Holm)",
    "finds": "the true difference that would be marked, by itself, four times in five",
    "gap": "closed: 0% is one full trial, 100% the best that best-of-n scores with up to 64",
    "compute": "full trials best-of-n needs for this score, per trial of budget",
    "its 95%": "interval of compute, of that number alone",
    "oracle": "the best that any trial of a pool scores",
}


def print_advice(advice: Advice, console: Console) -> None:
    """Prints the whole report to a console, fitted to its width."""
    console.print(advice_report(advice, console.width), crop=False)  # what is to be copied is never cut


def advice_report(advice: Advice, width: int) -> Group:
    """Everything about an advice for a terminal `width` columns wide: the answer comes first."""
    parts: list[RenderableType] = []
    for block in advice_words(advice):
        parts += [*([Text()] if parts else []), *(Text(sentence) for sentence in block)]
    parts += [
        *_use(advice.advised),
        *_worth_table(advice, width),
        *_tables(advice),
        Text(),
        _candidate_table(advice, width),
    ]
    if known := notes(advice):
        parts += [Text(), *(Text(note) for note in known)]
    return Group(
        *parts,
        Text(),
        legend(LEGEND, parts, ("with", "its 95%", *LEAVE_OUT)),
        Text(),
        *(_to_copy(line) if line.startswith(" ") else Text(line) for line in live_words(advice)),
    )


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
        line = f"one full trial {floor:.4f}, best of {advice.budget} {score_words(table)}, best of many {ceiling:.4f}, "
        line += f"oracle {oracle:.4f}" + ("" if table.sign > 0 else " (lower is better)")
        line += ": no signal" if table.no_signal else ""
        yield Text(line, style="dim")
        if table.needed is not None and len(advice.tables) > 1:
            yield Text(f"best-of-n {needed_words(table.needed, table)}", style="dim")


def _worth_table(advice: Advice, width: int) -> Iterator[RenderableType]:
    """What best-of-n is expected to score with more and more full trials, where the budget was chosen by it."""
    if advice.budget_choice is None:
        return
    low = all(table.sign < 0 for table in advice.tables)  # is better, and is shown as it was measured
    grid = Table(box=None, header_style="dim", padding=(0, 1))
    for title in ("full trials", "best-of-n scores", "one more wins"):
        grid.add_column(title, justify="right", no_wrap=True)
    for one in advice.budget_choice.worths:
        grid.add_row(
            str(one.full_trials),
            f"{-one.score if low else one.score:.4f}{half(one.score, one.score_high, 1, '.4f')}",
            f"{one.one_more:+z.5f}{half(one.one_more, one.one_more_high, 1, '.5f')}",  # below a limit, maybe by little
            style="bold" if one.full_trials == advice.budget else "",
        )
    yield Text()
    yield fitted(grid, width, ("one more wins",))


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
    lines: list[tuple[str, list[RenderableType]]] = []
    in_order = sorted(advice.distinct, key=lambda candidate: -candidate.difference)
    for one in in_order:
        low, high = _ends(one)
        same = one.verdict == "same"
        lines.append(
            (
                "dim" if one.verdict == "not followed" else "",
                [
                    *_named(one, advice, narrow),
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
    lines.insert(sum(one.difference > 0 for one in in_order), ("bold", baseline))
    for style, row in lines:
        grid.add_row(*row, style=style)
    return fitted(grid, width, LEAVE_OUT)


def _named(one: Candidate, advice: Advice, together: bool) -> list[RenderableType]:
    """The name and the parameters of a setting, and those of what repeats it, in one cell or in two."""
    alike = [one, *(other for other in advice.candidates if other.repeats == one.label)]
    if together:
        return [" or ".join(each.label for each in alike)]
    said = [", ".join(f"{key}={value}" for key, value in each.parameters.items()) or "the defaults" for each in alike]
    if len({each.name for each in alike}) > 1:
        return [one.name, " or ".join([said[0], *(each.label for each in alike[1:])])]
    return [one.name, " or ".join(said) if len(alike) > 1 or one.parameters else ""]


def _ends(candidate: Candidate) -> tuple[float | None, float | None]:
    return candidate.difference_low, candidate.difference_high


def _gap(advice: Advice) -> float | None:
    """What best-of-n closes of the gap, all tables with signal together."""
    tables = [table for table in advice.tables if table.no_signal is False]
    room = sum(table.ceiling - table.floor for table in tables)
    return sum(table.score - table.floor for table in tables) / room if room > 0 else None
