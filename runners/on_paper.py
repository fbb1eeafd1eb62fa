"""What a plan's tables take on a card, on paper: memory, trials together, and hours at least.

Computed from the model's size, the lengths of the tasks' examples, and the card's data sheet: the passes over memory
and the multiplications of `runners.engines.floor`, as if nothing else cost time. What a run takes beyond that was
measured once: steps of MiniLM-L6, 25 together on an H200, ran at `SHARE` of this floor or more. For other models, for
validations and for few trials together nothing has been measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from runners.card import EVALUATED, LENGTHS, TRAINED, made_up_data
from runners.data.glue import Examples
from runners.data.recipe import validation_steps
from runners.engines.floor import MEMORY_SHARE, Card, Size, memory_of_trial, training_step, validation
from runners.engines.packing import Layout, batch_layout, chunk_limits, evaluation_chunks
from runners.errors import RunnerError
from runners.plan_file import PlannedTable

GIB = 2**30
#: Steps of CoLA, MRPC and RTE took 6.6, 17.0 and 20.2 ms there, their floors (4.8 TB/s, 989 TFLOP/s) are 3.9, 7.3, 8.8.
SHARE = 0.43
#: Steps that an estimate looks at.
STEPS = 60
WORDS = 30_522
#: Layers, hidden size, attention heads, intermediate size; all with the words of bert-base-uncased.
SIZES = {
    "sentence-transformers/all-MiniLM-L6-v2": (6, 384, 12, 1536),
    "google-bert/bert-base-uncased": (12, 768, 12, 3072),
    "google-bert/bert-large-uncased": (24, 1024, 16, 4096),
}


@dataclass(frozen=True)
class KnownCard:
    """A card by its data sheet (NVIDIA, SXM, dense bfloat16)."""

    name: str
    card: Card
    memory: float


CARDS = {
    "h100": KnownCard("H100", Card(3.35e12, 989e12), 80e9),
    "h200": KnownCard("H200", Card(4.8e12, 989e12), 141e9),
}


@dataclass(frozen=True)
class OnPaper:
    """A table on a card.

    Attributes:
        memory: bytes of one trial, an upper bound.
        together: trials that fit into four fifths of the card's memory, a grid column at most.
        seconds: of a trial at least, dev and test set validated.
    """

    memory: float
    together: int
    seconds: float


def size_of(model: str) -> Size:
    """A model's size.

    Raises:
        RunnerError: it is not among `SIZES`.
    """
    if model not in SIZES:
        raise RunnerError(f"--card: the size of {model} is not known here; known: {', '.join(SIZES)}")
    layers, hidden, heads, intermediate = SIZES[model]
    of_layer = 4 * hidden**2 + 2 * hidden * intermediate + 9 * hidden + intermediate
    parameters = (WORDS + 512 + 2 + 2) * hidden + layers * of_layer + hidden**2 + hidden
    return Size(layers, hidden, heads, intermediate, parameters)


def on_paper(table: PlannedTable, card: KnownCard) -> OnPaper:
    """What a table takes on a card; the examples are made up, as many and as long as the task's.

    Raises:
        RunnerError: nothing is known of the model's size or of the task's lengths.
    """
    size, recipe, task = size_of(table.spec.model_name), table.spec.recipe, table.spec.task
    if task not in LENGTHS:
        raise RunnerError(f"--card: the lengths of {task} are not known here; known: {', '.join(LENGTHS)}")
    memory = memory_of_trial(size, recipe.batch_size * recipe.max_length, recipe.max_length)
    columns = len({cell.data_order_seed for cell in table.cells})
    together = max(2, min(int(MEMORY_SHARE * card.memory / memory), len(table.cells) // columns))
    data = made_up_data(task, STEPS * recipe.batch_size, EVALUATED[task])
    step = np.mean(
        [card.card.seconds(training_step(size, layout)) for layout in _batches(data.train, recipe.batch_size)]
    )
    evaluation = sum(card.card.seconds(validation(size, layout)) for layout in _chunks(data.validation, size, together))
    steps = validation_steps(recipe, recipe.train_examples or TRAINED[task])
    return OnPaper(memory, together, float(steps[-1] * step + len(steps) * evaluation))


def _batches(train: Examples, batch_size: int) -> list[Layout]:
    index = np.arange(len(train)).reshape(-1, batch_size)
    return [batch_layout(train, batch, batch_size, 0, 0, coarse=True) for batch in index]


def _chunks(evaluated: Examples, size: Size, together: int) -> list[Layout]:
    chunks = evaluation_chunks(evaluated, *chunk_limits(together, size.heads))
    return [batch_layout(evaluated, index, len(index), 0, 0, coarse=True) for index in chunks]
