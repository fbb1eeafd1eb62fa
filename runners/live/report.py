"""The report of a live campaign: what was started, stopped, spent and kept."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from rich.table import Table

from runners.block import BlockRunner
from runners.live.trials import Row
from runners.trial_log import Cell
from seedbench.commands import open_console
from seedbench.documents import plain, to_json
from seedbench.live import LiveTrial, Session, fresh_seeds, stopping_words
from seedbench.tasks import TASKS
from seedbench.text import counted


@dataclass(frozen=True)
class TrialReport:
    """One trial that was paid for.

    Attributes:
        trial: its number, from 1, in the order in which they were first paid for.
        weight_init_seed, data_order_seed: the real seeds.
        weight_init_label, data_order_label: what the strategy knows them as.
        checkpoints: validation points paid for.
        steps: training steps paid for.
        best_score, last_score: over the paid validation points, and at the last of them.
        status: "stopped" before its end, "finished" or "diverged" as in a trial set.
    """

    trial: int
    weight_init_seed: int
    data_order_seed: int
    weight_init_label: int
    data_order_label: int
    checkpoints: int
    steps: int
    best_score: float
    last_score: float
    status: str


@dataclass(frozen=True)
class CheckpointReport:
    """One validation point that was paid for; ``checkpoint`` counts from 0, as `Checkpoint.index` does."""

    trial: int
    checkpoint: int
    step: int
    score: float
    validation_loss: float
    train_loss: float


@dataclass(frozen=True)
class FolderCheck:
    """The written model against what was measured in the campaign.

    Attributes:
        retrained: None, or the largest difference in a logit after the trial was trained again to this checkpoint,
            because its weights were neither those of its trial's best checkpoint nor of its last.
        predictions_changed: dev examples for which the model as loaded from the folder predicts another label.
        logits_changed_by: the largest difference in a logit between the two.
    """

    retrained: float | None
    predictions_changed: int
    logits_changed_by: float


@dataclass(frozen=True)
class KeptReport:
    """The kept checkpoint.

    Attributes:
        trial, checkpoint, step, score, validation_loss, train_loss: as in `CheckpointReport`.
        accuracy, f1, matthews_correlation: on the whole dev set; None where they are metrics of two labels and the
            task has more.
        retrained, predictions_changed, logits_changed_by: as in `FolderCheck`.
    """

    trial: int
    checkpoint: int
    step: int
    score: float
    validation_loss: float
    train_loss: float
    accuracy: float
    f1: float | None
    matthews_correlation: float | None
    retrained: float | None
    predictions_changed: int
    logits_changed_by: float


@dataclass(frozen=True)
class Report:
    """A live campaign from its start to its end.

    Attributes:
        format: of its JSON; without one it is 1.
        strategy, strategy_sha256: its name, and the SHA-256 of its source.
        model, task, recipe, recipe_fields: what was trained.
        grid, seed: with them, the same command gives the same campaign.
        weight_init_seeds, data_order_seeds: the real seeds of the grid, to choose from.
        budget: in full trials.
        dev_examples: examples of the dev set, all of them seen by the strategy.
        majority_score: score of always predicting the most frequent label.
        steps_per_trial, checkpoints_per_trial: of a full trial.
        steps_spent: charged to the campaign.
        steps_of_all_started: what training every trial of ``trials`` to its end would have cost.
        steps_trained: really trained, for this campaign or an earlier one in the same folder of trials.
        train_seconds, evaluation_seconds: of ``trials``.
        provenance: device, versions and checksums, as in a trial log.
        trials: in the order in which they were first paid for.
        checkpoints: in the order in which they were paid for: what the strategy decided, and what it saw.
        kept: what it kept.
    """

    format: Literal[1] = field(default=1, kw_only=True)
    strategy: str
    strategy_sha256: str | None
    model: str
    task: str
    recipe: str
    recipe_fields: dict[str, bool | int | float | str | None]
    grid: tuple[int, int]
    seed: int
    weight_init_seeds: tuple[int, ...]
    data_order_seeds: tuple[int, ...]
    budget: int
    dev_examples: int
    majority_score: float
    steps_per_trial: int
    checkpoints_per_trial: int
    steps_spent: int
    steps_of_all_started: int
    steps_trained: int
    train_seconds: float
    evaluation_seconds: float
    provenance: dict[str, str]
    trials: tuple[TrialReport, ...]
    checkpoints: tuple[CheckpointReport, ...]
    kept: KeptReport

    def to_json(self) -> str:
        """As JSON; a number that is not finite is null."""
        return to_json(_finite(plain(self)))

    def kept_trial(self) -> TrialReport:
        """The trial whose checkpoint is kept."""
        return self.trials[self.kept.trial - 1]


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def make_report(
    runner: BlockRunner, session: Session, rows: dict[Cell, Row], steps_trained: int, check: FolderCheck
) -> Report:
    """The report of a campaign that has ended.

    Args:
        runner: model, data and recipe.
        session: the campaign.
        rows: of its trials, by cell.
        steps_trained: of all trials in the folder of trials.
        check: of the folder that the checkpoint was written to.
    """
    plan, kept = session.plan, session.kept
    steps = plan.steps
    weight_init_seeds, data_order_seeds = (
        tuple(fresh_seeds(plan.seed, axis, size).tolist())
        for axis, size in zip(("weight_init_seed", "data_order_seed"), plan.grid, strict=True)
    )

    def row_of(trial: LiveTrial) -> Row:
        return rows[Cell(trial.weight_init_seed, trial.data_order_seed)]

    def measured(number: int, index: int) -> dict[str, Any]:
        row, lists = row_of(session.trials[number - 1]), ("step", "score", "validation_loss", "train_loss")
        return {"trial": number, "checkpoint": index, **{name: row[name][index].item() for name in lists}}

    def reported(trial: LiveTrial) -> TrialReport:
        scores = [one.score for one in trial.seen]
        return TrialReport(
            trial=trial.number,
            weight_init_seed=trial.weight_init_seed,
            data_order_seed=trial.data_order_seed,
            weight_init_label=trial.labels[0],
            data_order_label=trial.labels[1],
            checkpoints=trial.paid,
            steps=steps[trial.paid - 1],
            best_score=max(scores),
            last_score=scores[-1],
            status=row_of(trial)["status"] if trial.paid == len(steps) else "stopped",
        )

    of_kept = row_of(kept.trial)
    return Report(
        strategy=plan.strategy,
        strategy_sha256=plan.strategy_sha256,
        model=runner.spec.model_name,
        task=runner.spec.task,
        recipe=runner.spec.recipe.name,
        recipe_fields=runner.spec.recipe.fields(),
        grid=plan.grid,
        seed=plan.seed,
        weight_init_seeds=weight_init_seeds,
        data_order_seeds=data_order_seeds,
        budget=plan.budget,
        dev_examples=len(runner.data.validation),
        majority_score=float(plan.majority_score or 0.0),
        steps_per_trial=steps[-1],
        checkpoints_per_trial=len(steps),
        steps_spent=session.steps_spent,
        steps_of_all_started=len(session.trials) * steps[-1],
        steps_trained=steps_trained,
        train_seconds=sum(row["train_seconds"] for row in rows.values()),
        evaluation_seconds=sum(row["evaluation_seconds"] for row in rows.values()),
        provenance=runner.provenance,
        trials=tuple(map(reported, session.trials)),
        checkpoints=tuple(CheckpointReport(**measured(number, index)) for number, index in session.payments),
        kept=KeptReport(
            **measured(kept.trial.number, kept.checkpoint),
            accuracy=float(of_kept["accuracy"][kept.checkpoint]),
            f1=_of_two_labels(of_kept, "f1", kept.checkpoint),
            matthews_correlation=_of_two_labels(of_kept, "matthews_correlation", kept.checkpoint),
            **asdict(check),
        ),
    )


def _of_two_labels(row: Mapping[str, Any], metric: str, checkpoint: int) -> float | None:
    return float(row[metric][checkpoint]) if metric in row else None


def summary(report: Report) -> list[str]:
    """What was kept and spent, in sentences."""
    kept, trial, length = report.kept, report.kept_trial(), report.steps_per_trial
    trials = counted(len(report.trials), "trial")
    lines = [
        f"Kept: trial {kept.trial} (weight_init_seed {trial.weight_init_seed}, data_order_seed "
        f"{trial.data_order_seed}) at step {kept.step:,} of {length:,}, score {kept.score:.4f} "
        f"({TASKS[report.task].metric}) on the {report.dev_examples:,} dev examples; always predicting the most "
        f"frequent label scores {report.majority_score:.4f}. The same examples chose it, so the score flatters it.",
        f"Spent: {report.steps_spent:,} training steps, {report.steps_spent / length:.2f} of the budget's "
        f"{report.budget} full trials, on {trials}, {sum(t.status == 'stopped' for t in report.trials)} of them "
        f"stopped. {stopping_words(report.steps_spent / length, report.steps_of_all_started / length)}",
        f"Time: {report.train_seconds:,.1f} s of training and {report.evaluation_seconds:,.1f} s of validation on "
        f"{report.provenance['device']}.",
    ]
    if report.steps_trained > report.steps_spent:
        more = report.steps_trained - report.steps_spent
        lines.append(f"Trained in the same folder, but not charged to this campaign: {more:,} steps.")
    if kept.retrained is not None:
        lines.append(
            "The kept checkpoint is neither its trial's best nor its last, so the trial was trained again up to it; "
            f"the logits there differ from those measured first by at most {kept.retrained:.2g}."
        )
    lines.append(
        "The model as loaded from this folder predicts what was measured in the campaign for "
        f"{report.dev_examples - kept.predictions_changed:,} of {report.dev_examples:,} dev examples; its logits "
        f"differ by at most {kept.logits_changed_by:.2g}."
    )
    return lines


def text(report: Report) -> str:
    """The report, readable."""
    stream = io.StringIO()
    console = open_console(file=stream, width=110, highlight=False)
    console.print(
        f"{report.strategy} on {report.model}, {report.task}, recipe {report.recipe}: live, budget {report.budget}, "
        f"grid {report.grid[0]}x{report.grid[1]}, seed {report.seed}\n"
    )
    for line in summary(report):
        console.print(line)
    console.print()
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("trial", "weight init", "data order", "checkpoints", "steps", "best", "last"):
        table.add_column(name, justify="right")
    table.add_column("")
    for trial in report.trials:
        table.add_row(
            f"{trial.trial}",
            f"{trial.weight_init_seed}",
            f"{trial.data_order_seed}",
            f"{trial.checkpoints}/{report.checkpoints_per_trial}",
            f"{trial.steps:,}",
            f"{trial.best_score:.4f}",
            f"{trial.last_score:.4f}",
            f"{trial.status}, kept at step {report.kept.step:,}" if trial.trial == report.kept.trial else trial.status,
        )
    console.print(table)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"
