"""The trial set's schema, version 2: every config, every column, its type, unit and meaning.

The one source for the writer, the loader, the validator and the dataset card. Types are Arrow's names, as they stand in
the parquet files. A change of meaning is a new `SCHEMA_VERSION`. A reader takes every trial set of its own version: a
nullable column may be absent, one that it does not know is kept and left alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, Literal, TypeVar

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

SCHEMA_VERSION: Final = 2


@dataclass(frozen=True)
class Column:
    """One column of a config.

    Attributes:
        name: as in the parquet file.
        type: Arrow type; `list<…>` runs over checkpoints unless the meaning says otherwise.
        meaning: one sentence for the card.
        unit: empty for names, labels and plain counts.
        nullable: whether the column may be absent, and a whole entry null, meaning not recorded or not known. Elements
            of lists are never null.
    """

    name: str
    type: str
    meaning: str
    unit: str = ""
    nullable: bool = False


@dataclass(frozen=True)
class Config:
    """One config of the trial set: a folder of parquet files, one split per task.

    Attributes:
        name: of the folder and of the config.
        row: what one row is.
        columns: those that are known, in order; others may follow them.
        optional: whether a trial set may leave the config out.
    """

    name: str
    row: str
    columns: tuple[Column, ...]
    optional: bool = False

    def column(self, name: str) -> Column:
        """The column called `name`."""
        return next(column for column in self.columns if column.name == name)


#: What a model, a recipe and a trial may be called.
NAME = re.compile(r"[\w.+/=-]+", re.ASCII)
NAME_RULE = "letters, digits and ._+=-/"

#: What a task may be called.
TASK_NAME = re.compile(r"[a-z0-9]+", re.ASCII)

#: The splits that `examples` are of: the dev set, and the test set, which of a GLUE task is held out of its training
#: file.
EXAMPLE_SPLITS = ("validation", "test")

#: What `status` may be; null is unknown. A diverged trial met a NaN or ended no better than a constant
#: prediction; a failed one was ended by an error, and what it would have scored is not known.
STATUSES = ("finished", "diverged", "failed")

#: In front of a `score_name`: the score is the negative of what the name says, which is better the lower it is.
NEGATED = "-"


def sign_of(score_name: str | None) -> Literal[-1, 1]:
    """-1 where a score is the negative of what it is named after."""
    return -1 if score_name and score_name.startswith(NEGATED) else 1


Score = TypeVar("Score", float, "np.ndarray")


def as_measured(score: Score, sign: int) -> Score:
    """A score, or scores of any shape -> what was measured: the same, or its negative, never minus zero."""
    return score if sign > 0 else 0.0 - score


_TRIAL_ID = Column("trial_id", "string", "Name of the trial, unique within a split.")

#: The fields of a recipe as `trials` records them: the same in every trial of a table.
RECIPE_COLUMNS = (
    Column("epochs", "int32", "Passes over the training examples.", "epochs", nullable=True),
    Column("batch_size", "int32", "Examples per training step.", "examples", nullable=True),
    Column("learning_rate", "float64", "Peak learning rate.", nullable=True),
    Column("warmup_fraction", "float64", "Share of the steps with a linearly rising learning rate.", nullable=True),
    Column("bias_correction", "bool", "Whether Adam corrects the bias of its moments.", nullable=True),
    Column("adam_beta1", "float64", "Decay of Adam's first moment.", nullable=True),
    Column("adam_beta2", "float64", "Decay of Adam's second moment.", nullable=True),
    Column("adam_epsilon", "float64", "Added to the root of Adam's second moment.", nullable=True),
    Column("weight_decay", "float64", "Decoupled weight decay, on all but biases and LayerNorm.", nullable=True),
    Column("max_gradient_norm", "float64", "Gradients are scaled down to this norm; 0: never.", nullable=True),
    Column("dropout", "float64", "Dropout probability in the encoder and before the classifier.", nullable=True),
    Column("max_length", "int32", "Longest input; longer ones are truncated.", "tokens", nullable=True),
    Column("validations_per_epoch", "int32", "Validation points in an epoch.", nullable=True),
    Column("train_examples", "int32", "Training examples used; null: all there are.", "examples", nullable=True),
    Column("train_subset_seed", "int64", "Which training examples, where not all are used.", nullable=True),
    Column("precision", "string", "Number format of the matrix products: bf16 or fp32.", nullable=True),
)

_PROVENANCE_COLUMNS = (
    Column("train_seconds", "float64", "Wall time of the training steps.", "seconds", nullable=True),
    Column("evaluation_seconds", "float64", "Wall time of all validation points.", "seconds", nullable=True),
    Column("device", "string", "What the trial ran on.", nullable=True),
    Column("engine", "string", "The runner's engine: reference or stacked.", nullable=True),
    Column("seedbench_version", "string", "Version of seedbench that ran the trial.", nullable=True),
    Column("torch_version", "string", "Version of torch.", nullable=True),
    Column("transformers_version", "string", "Version of transformers.", nullable=True),
    Column("model_sha256", "string", "SHA-256 of the pretrained weights.", nullable=True),
    Column("data_sha256", "string", "SHA-256 of the task's training, dev and test data.", nullable=True),
)

CONFIGS: dict[str, Config] = {
    config.name: config
    for config in (
        Config(
            "trials",
            "a trial",
            (
                _TRIAL_ID,
                Column("model", "string", "The pretrained model."),
                Column("task", "string", "Name of the task, the same as the split."),
                Column("recipe", "string", "Name of the recipe: everything of a trial that is not a seed."),
                *RECIPE_COLUMNS,
                Column("weight_init_seed", "int64", "Seed of the classifier's initial weights."),
                Column("data_order_seed", "int64", "Seed of the order of the training examples."),
                Column("dropout_seed", "int64", "Seed of the dropout masks.", nullable=True),
                Column(
                    "status",
                    "string",
                    "finished; diverged: met a NaN, or ended no better than a constant prediction; failed: ended by an "
                    "error; "
                    "null: unknown.",
                    nullable=True,
                ),
                Column(
                    "ended_at",
                    "int32",
                    "Checkpoints of a trial that ended early, all that its lists have; null: it ran to its end.",
                    "checkpoints",
                    nullable=True,
                ),
                Column(
                    "score_name",
                    "string",
                    "What score measures; with - in front its negative, so that higher is better. Null: the metric of "
                    "the GLUE task.",
                    nullable=True,
                ),
                Column(
                    "majority_score",
                    "float64",
                    "Score of always predicting the commoner label of the dev set; null: unknown.",
                    nullable=True,
                ),
                Column(
                    "num_labels",
                    "int32",
                    "Labels of the task, which are 0 and up; null: those of the GLUE task, or not known.",
                    "labels",
                    nullable=True,
                ),
                Column("num_steps", "int32", "Training steps of the whole trial.", "steps"),
                Column(
                    "step",
                    "list<int32>",
                    "Training steps done at each checkpoint of the table, those after an early end included.",
                    "steps",
                ),
                Column(
                    "train_loss",
                    "list<float32>",
                    "Mean training loss since the checkpoint before.",
                    "nats",
                    nullable=True,
                ),
                Column("validation_loss", "list<float32>", "Mean loss over the dev set.", "nats", nullable=True),
                Column("accuracy", "list<float64>", "Share of the dev set predicted right.", nullable=True),
                Column(
                    "f1",
                    "list<float64>",
                    "F1 of label 1 on the dev set; 0 without positives; null where there are more than two labels.",
                    nullable=True,
                ),
                Column(
                    "matthews_correlation",
                    "list<float64>",
                    "Correlation of prediction and label on the dev set; 0 where constant; null likewise.",
                    nullable=True,
                ),
                Column("score", "list<float64>", "What score_name says, on the dev set; always finite."),
                Column(
                    "test_score", "list<float64>", "The same on the test set; null where there is none.", nullable=True
                ),
                Column("test_loss", "list<float32>", "Mean loss over the test set.", "nats", nullable=True),
                *_PROVENANCE_COLUMNS,
            ),
        ),
        Config(
            "predictions",
            "a trial",
            (
                _TRIAL_ID,
                Column(
                    "predicted_label",
                    "list<list<int8>>",
                    "Checkpoints × dev examples, in the order of `examples`; -1 where the logits are not finite.",
                ),
                Column(
                    "test_predicted_label",
                    "list<list<int8>>",
                    "Checkpoints × test examples, likewise.",
                    nullable=True,
                ),
            ),
            optional=True,
        ),
        Config(
            "examples",
            "a dev or test example",
            (
                Column("task", "string", "Name of the task, the same as the split."),
                Column("split", "string", "validation: of the dev set; test: of the test set."),
                Column(
                    "example",
                    "int32",
                    "Its row, from 0, in the validation file, or for test in the file that it was taken from: of a "
                    "GLUE task its training file.",
                ),
                Column("label", "int8", "What the predictions are compared with, from 0."),
            ),
            optional=True,
        ),
        Config(
            "steps",
            "a trial",
            (
                _TRIAL_ID,
                Column("step_train_loss", "list<float32>", "Over training steps: the loss of the batch.", "nats"),
                Column("gradient_norm", "list<float32>", "Over training steps: norm before clipping.", nullable=True),
            ),
            optional=True,
        ),
        Config(
            "logits",
            "a trial",
            (_TRIAL_ID, Column("logits", "list<list<list<float32>>>", "Checkpoints × dev examples × labels.")),
            optional=True,
        ),
    )
}


@cache
def arrow_type(name: str) -> pa.DataType:
    """The Arrow type that a column's `type` names."""
    import pyarrow as pa

    if name.startswith("list<"):
        return pa.list_(pa.field("element", arrow_type(name[5:-1]), nullable=True))
    return {"bool": pa.bool_(), "string": pa.string()}.get(name) or pa.type_for_alias(name)


def arrow_schema(config: str) -> pa.Schema:
    """The Arrow schema of a config's parquet files."""
    import pyarrow as pa

    return pa.schema([pa.field(column.name, arrow_type(column.type)) for column in CONFIGS[config].columns])
