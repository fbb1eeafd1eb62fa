"""What a live campaign came to: what was started, stopped and spent, and what was kept."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Literal

from rich.table import Table

from seedbench.commands import open_console
from seedbench.documents import plain, to_json
from seedbench.live.contract import Failed
from seedbench.live.log import Plan
from seedbench.live.session import Session
from seedbench.live.trial import LiveTrial
from seedbench.text import counted


@dataclass(frozen=True)
class TrialReport:
    """One trial that was asked for.

    Attributes:
        trial: its number, from 1, in the order in which they were first asked for.
        weight_init_seed, data_order_seed: the real seeds.
        status: "finished"; "stopped" by the strategy; "ended" by itself before its last validation point; "failed".
        reason: why it failed; null where it did not.
        checkpoints: validation points paid for.
        measured: those that were measured and told.
        best_score, last_score: of what was measured and paid for; null where nothing was.
        seconds: from asking to telling. Where seedbench was ended and went on, without what was under way then.
    """

    trial: int
    weight_init_seed: int
    data_order_seed: int
    status: str
    reason: str | None
    checkpoints: int
    measured: int
    best_score: float | None
    last_score: float | None
    seconds: float


@dataclass(frozen=True)
class KeptReport:
    """The kept checkpoint.

    Attributes:
        trial: its number.
        checkpoint: index of the validation point, from 0.
        step: training steps, as the training counts them.
        score: the one that it was chosen by.
        validation_loss: nats; null where unknown.
        saved: where its weights are; null where the training did not say, or where they are gone or written over.
        train_again: a command that trains this trial again; null where there is none.
        test_score: measured once, at the end, by the command for it; null where there was none.
        test_failed: why that command gave no score; null where it did, or where there was none.
    """

    trial: int
    checkpoint: int
    step: int
    score: float
    validation_loss: float | None
    saved: str | None
    train_again: str | None
    test_score: float | None = None
    test_failed: str | None = None


@dataclass(frozen=True)
class LiveReport:
    """A live campaign from its start to its end.

    Attributes:
        format: of its JSON.
        plan: what the campaign is.
        spent: in full trials.
        all_to_the_end: what training all that were started to the end would have cost, in full trials.
        measured_beyond: validation points that trainings measured and nobody asked for or paid.
        trials: in the order in which they were first asked for.
        kept: what the strategy kept; null where the trial that it kept has measured nothing.
        steps_differ: whether trials were measured at different steps; the curves in `trials/` have the plan's then.
    """

    format: Literal[1] = field(default=1, kw_only=True)
    plan: Plan
    spent: float
    all_to_the_end: float
    measured_beyond: int
    trials: tuple[TrialReport, ...]
    kept: KeptReport | None
    steps_differ: bool = False

    def to_json(self) -> str:
        """As JSON."""
        return to_json(_finite(plain(self)))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def status_of(trial: LiveTrial, checkpoints: int) -> str:
    """See `TrialReport`."""
    if trial.end is not None:
        return "failed" if isinstance(trial.end, Failed) else "ended"
    return "finished" if trial.paid == checkpoints else "stopped"


def make_report(
    session: Session, *, saved: str | None = None, train_again: str | None = None, measured_beyond: int = 0
) -> LiveReport:
    """The report of a session that has ended.

    Args:
        session: the session.
        saved: where the kept weights are; None: nowhere.
        train_again: the command that trains the kept trial again.
        measured_beyond: see `LiveReport`.
    """
    plan, kept = session.plan, session.kept
    paid = [trial for trial in session.trials if trial.paid]
    one, measured = kept.measurement, [trial.measured for trial in session.trials]
    return LiveReport(
        plan=plan,
        spent=session.steps_spent / plan.steps[-1],
        all_to_the_end=float(len(paid)),
        measured_beyond=measured_beyond,
        trials=tuple(
            TrialReport(
                trial=trial.number,
                weight_init_seed=trial.weight_init_seed,
                data_order_seed=trial.data_order_seed,
                status=status_of(trial, len(plan.steps)),
                reason=trial.end.reason if isinstance(trial.end, Failed) else None,
                checkpoints=trial.paid,
                measured=len(trial.measured),
                best_score=max((seen.score for seen in trial.seen), default=None),
                last_score=trial.seen[-1].score if trial.seen else None,
                seconds=round(trial.seconds, 3),
            )
            for trial in session.trials
        ),
        kept=None
        if one is None
        else KeptReport(
            trial=kept.trial.number,
            checkpoint=kept.checkpoint,
            step=one.step,
            score=one.score,
            validation_loss=one.validation_loss if math.isfinite(one.validation_loss) else None,
            saved=saved,
            train_again=train_again,
        ),
        steps_differ=any(len({one.step for one in point if one}) > 1 for point in zip_longest(*measured)),
    )


def summary(report: LiveReport) -> list[str]:
    """What was kept and spent, in sentences."""
    kept, plan = report.kept, report.plan
    looks = sum(min(trial.checkpoints, trial.measured) for trial in report.trials)
    if kept is None:
        lines = ["Kept: a trial that failed before it measured anything; there are no weights."]
    else:
        trial = report.trials[kept.trial - 1]
        lines = [
            f"Kept: trial {kept.trial} (weight_init_seed {trial.weight_init_seed}, data_order_seed "
            f"{trial.data_order_seed}) at step {kept.step:,}, {plan.metric_name or 'score'} "
            f"{plan.as_measured(kept.score):.4f}. It was chosen by this score among {looks:,} that were measured, so "
            "the score flatters it.",
            f"Its weights: {kept.saved}"
            if kept.saved
            else "Its weights: not saved, no longer there, or written over by a later step's.",
        ]
        if kept.train_again and not kept.saved:
            lines.append(f"To train it again: {kept.train_again}")
        if kept.test_score is not None:
            lines.append(f"Test: {plan.as_measured(kept.test_score):.4f}, measured once, after the choice.")
        if kept.test_failed is not None:
            lines.append(f"Test: no score: {kept.test_failed}")
    counts = {name: sum(trial.status == name for trial in report.trials) for name in ("stopped", "ended", "failed")}
    ways = {"stopped": "stopped", "ended": "ended early by themselves", "failed": "failed"}
    said = ", ".join(f"{number} {ways[name]}" for name, number in counts.items() if number) or "none stopped"
    lines.append(
        f"Spent: {report.spent:.2f} of the budget's {counted(plan.budget, 'full trial')} on "
        f"{counted(len(report.trials), 'trial')}, {said}. " + stopping_words(report.spent, report.all_to_the_end)
    )
    if report.steps_differ:
        lines.append("Trials were measured at different steps: as curves they stand at the plan's validation points.")
    if report.measured_beyond:
        lines.append(f"Measured by trainings before they could be stopped, and not charged: {report.measured_beyond}.")
    return lines


def stopping_words(spent: float, all_to_the_end: float) -> str:
    """What stopping left out, in full trials; it is no part of the budget, which was spent on more of them instead."""
    whole = f"Trained to the end, all that were started would have cost {all_to_the_end:.2f} full trials"
    if spent >= all_to_the_end:
        return f"{whole}, which is what was spent."
    return f"{whole}: stopping left out {1 - spent / all_to_the_end:.0%} of that, not of the budget."


def text(report: LiveReport) -> str:
    """The report, readable."""
    stream, plan = io.StringIO(), report.plan
    console = open_console(file=stream, width=110, highlight=False, soft_wrap=True)
    grid = f"{plan.grid[0]}x{plan.grid[1]}"
    print(f"{plan.title}: live, budget {plan.budget}, grid {grid}, seed {plan.seed}\n", file=stream)
    for line in summary(report):
        print(line, file=stream)
    print(file=stream)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("trial", "weight init", "data order", "checkpoints", "best", "last", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for trial in report.trials:
        kept = f", kept at step {report.kept.step:,}" if report.kept and report.kept.trial == trial.trial else ""
        scores = (trial.best_score, trial.last_score)
        table.add_row(
            f"{trial.trial}",
            f"{trial.weight_init_seed}",
            f"{trial.data_order_seed}",
            f"{trial.checkpoints}/{len(plan.steps)}",
            *("-" if score is None else f"{plan.as_measured(score):.4f}" for score in scores),
            f"{trial.seconds:,.1f}",
            trial.status + (f" ({trial.reason})" if trial.reason else "") + kept,
            style=None,
        )
    console.print(table)
    print(
        "\nseconds: from asking for a checkpoint to its score; not counted where seedbench was ended in between",
        file=stream,
    )
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"
