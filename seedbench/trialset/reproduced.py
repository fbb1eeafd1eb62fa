"""`reproduced.json` beside a trial set: trials drawn at random from it and trained again, compared with the record.

`runners.reproduce` writes it, and the dataset card shows it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from seedbench.documents import Count, read_json
from seedbench.errors import SeedbenchError


@dataclass(frozen=True)
class TrainedAgain:
    """A recorded trial and the same one trained again. Lists run over checkpoints.

    Attributes:
        model, task, recipe, trial_id, weight_init_seed, data_order_seed: which trial.
        equal: whether everything that is compared is equal as recorded.
        recorded_status, status: finished or diverged; recorded also failed, or None: unknown.
        recorded_score, score: the task's metric on the whole dev set.
        predictions_changed: dev examples with another predicted label; None without recorded predictions.
        validation_loss: difference in the mean loss over the dev set, nats.
        train_loss: difference in the mean training loss since the checkpoint before, nats.
        step_train_loss: largest difference in the loss of a training step, nats; None without the config ``steps``.
        recorded_by, by: engine, device and versions of the two runs.
        recorded_test_score, test_score, test_predictions_changed: likewise of the test set; None where not recorded.
    """

    model: str
    task: str
    recipe: str
    trial_id: str
    weight_init_seed: int
    data_order_seed: int
    equal: bool
    recorded_status: str | None
    status: str
    recorded_score: list[float]
    score: list[float]
    predictions_changed: list[Count] | None
    validation_loss: list[float | None] | None
    train_loss: list[float | None] | None
    step_train_loss: float | None
    recorded_by: dict[str, str | None]
    by: dict[str, str]
    recorded_test_score: list[float] | None = None
    test_score: list[float] | None = None
    test_predictions_changed: list[Count] | None = None


@dataclass(frozen=True)
class TableDrawnFrom:
    """A trial table that trials were drawn from; ``best_score_sd``, of the best scores of its trials, is for scale."""

    model: str
    task: str
    recipe: str
    trials: Count
    best_score_sd: float | None


@dataclass(frozen=True)
class Reproduction:
    """Trials drawn at random from a trial set and trained again.

    Attributes:
        format: of its JSON; without one it is 1.
        name, version: of the trial set.
        tables: what was drawn from, all trials alike.
        seed: of the draw.
        engine: which one trained again.
        trials: each of them, recorded and again.
    """

    format: Literal[1] = field(default=1, kw_only=True)
    name: str
    version: str
    tables: list[TableDrawnFrom]
    seed: int
    engine: str
    trials: list[TrainedAgain]


def read_reproductions(path: Path, advice: str, error: type[Exception] = SeedbenchError) -> list[Reproduction]:
    """All draws in a file; none where there is no file.

    Raises:
        SeedbenchError: or `error`: it is something else, with `advice` on what to do.
    """
    return read_json(path, list[Reproduction], advice=advice, error=error) if path.exists() else []
