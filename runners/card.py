"""What only a card can show: whether the stacked engine is right there, and how near its floor it runs.

    python -m runners.card --out card.json

Needs no weights and no data: the model has random weights, examples are random words, as many and as long as those of
the GLUE tasks. First 4 trials in float32 are compared with the reference engine on the CPU; then the card's bandwidth
and rate are measured, and of each task some steps and a validation, dev and test set together. Last, where the package
accelerate is there, a step of a plain `transformers.Trainer`. About three minutes on an H100.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from transformers import BertConfig, BertForSequenceClassification, PreTrainedModel

from runners.data import seeds
from runners.data.glue import Examples, TaskData
from runners.data.recipe import Recipe, get_recipe, steps_per_epoch, validation_steps
from runners.engines import floor
from runners.engines.packing import Layout, batch_layout
from runners.engines.reference import finetune
from runners.engines.stacked import StackedEngine
from runners.errors import RunnerError
from runners.options import check_device, reporting
from runners.provenance import device_name
from runners.trial_log import Cell
from seedbench.commands import count, open_console, run
from seedbench.files import try_writing, work_folder, write_file

#: The shortest example's tokens, then at most so many in a tenth of the task's examples, in two tenths, … (MiniLM-L6).
LENGTHS = {
    "cola": (4, 7, 8, 9, 10, 10, 11, 12, 14, 17, 47),
    "mrpc": (19, 36, 41, 45, 49, 53, 57, 60, 64, 70, 103),
    "rte": (13, 33, 40, 46, 50, 56, 62, 74, 106, 128, 128),
    "sst2": (3, 5, 6, 7, 9, 10, 13, 16, 20, 27, 66),
}
TRAINED = {"cola": 7051, "mrpc": 2668, "rte": 1890, "sst2": 54_973}
EVALUATED = {"cola": 2543, "mrpc": 1408, "rte": 877, "sst2": 1872}
WORDS = 30_522
#: Losses and logits of 8 steps in float32, at most so far from the reference's; 3e-6 was seen on an H200.
TOLERANCE = 1e-4


def made_up_model(hidden: int, layers: int) -> PreTrainedModel:
    """A BERT classifier with random weights, heads 32 wide: 384 and 6 are MiniLM-L6's size, 768 and 12 BERT-base's."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=WORDS,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 32,
        intermediate_size=4 * hidden,
        max_position_embeddings=128,
    )
    model: PreTrainedModel = BertForSequenceClassification(config)
    model.train(False)
    return model


def made_up_data(task: str, train: int, evaluated: int) -> TaskData:
    """Random words, in examples as long as the task's."""

    def examples(part: str, count: int) -> Examples:
        rng = seeds.stream(f"card {task} {part}", 0)
        length = np.interp(rng.random(count), np.linspace(0, 1, 11), LENGTHS[task]).astype(int)
        start = np.concatenate([[0], np.cumsum(length)])
        words = (1 + (WORDS - 1) * rng.random(start[-1]) ** 3).astype(np.int32)  # few are frequent; 0 is padding
        return Examples(words, np.zeros_like(words), start, rng.integers(0, 2, count), "")

    return TaskData(task, examples("train", train), examples("evaluated", evaluated))


def largest_difference(model: PreTrainedModel, device: str) -> float:
    """Of losses and logits, between 4 trials on the device and the reference on the CPU; infinite if bits change."""
    recipe = get_recipe("dodge2020", precision="fp32", epochs=2, validations_per_epoch=2, learning_rate=1e-4)
    data, cells = made_up_data("mrpc", 64, 64), [Cell(weight, 0) for weight in range(4)]
    engine = StackedEngine(model, data, recipe, 4, device)
    runs = [engine.run(cells) for _ in range(3)]  # as it is; captured; replayed
    worst = 0.0
    for trial, cell in enumerate(cells):
        expected, _ = finetune(model, data, recipe, cell)
        for name in ("step_train_loss", "logits"):
            actual = [getattr(run[trial], name) for run in runs]
            if not all(np.array_equal(actual[0], again) for again in actual[1:]):
                return float("inf")
            worst = max(worst, float(np.abs(actual[0] - getattr(expected, name)).max()))
    return worst


def seconds_of(function: Callable[[], object], device: str, times: int = 20) -> float:
    """Of one call, without the first three."""
    for _ in range(3):
        function()
    _wait(device)
    start = time.perf_counter()
    for _ in range(times):
        function()
    _wait(device)
    return (time.perf_counter() - start) / times


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def measured_card(device: str, width: int = 8192) -> floor.Card:
    """The bandwidth of a copy of 8 · width² bytes, and the rate of a bfloat16 product of matrices ``width`` wide."""
    there, copy = torch.zeros(2, 2 * width * width, device=device)
    matrix = torch.randn(width, width, device=device, dtype=torch.bfloat16)
    bandwidth = 2 * there.nbytes / seconds_of(lambda: copy.copy_(there), device)
    return floor.Card(bandwidth, 2 * width**3 / seconds_of(lambda: matrix @ matrix, device))


def timed_task(
    model: PreTrainedModel, task: str, trials: int, steps: int, device: str, card: floor.Card
) -> dict[str, Any]:
    """Milliseconds a step and a validation, trials an hour of ``stable``, and the floor's share of that time."""
    whole = get_recipe("stable")
    data = made_up_data(task, steps * whole.batch_size, EVALUATED[task])
    recipe = get_recipe("stable", epochs=1, validations_per_epoch=1)
    cells = [Cell(weight, 0) for weight in range(trials)]
    engine = StackedEngine(model, data, recipe, trials, device)
    for _ in range(3):  # compiled; captured; measured
        outcomes = engine.run(cells)
    step = sum(outcome.train_seconds for outcome in outcomes) / steps
    validation = sum(outcome.evaluation_seconds for outcome in outcomes)
    size = _size(engine)
    steps_at_least = [card.seconds(floor.training_step(size, layout)) for layout in _layouts(engine, recipe)]
    step_at_least = trials * sum(steps_at_least) / steps
    validation_at_least = trials * sum(card.seconds(floor.validation(size, layout)) for layout in _chunks(engine))
    points, all_steps = whole.epochs * whole.validations_per_epoch, validation_steps(whole, TRAINED[task])[-1]
    column, at_least = all_steps * step + points * validation, all_steps * step_at_least + points * validation_at_least
    return {
        "task": task,
        "trials": trials,
        "step_milliseconds": 1000 * step,
        "step_floor_milliseconds": 1000 * step_at_least,
        "validation_milliseconds": 1000 * validation,
        "validation_floor_milliseconds": 1000 * validation_at_least,
        "trials_per_hour": 3600 * trials / column,
        "share_of_floor": at_least / column,
        "memory_gib": torch.cuda.max_memory_allocated(device) / 2**30 if device.startswith("cuda") else None,
    }


def _size(engine: StackedEngine) -> floor.Size:
    config = engine.model.config
    own = sum(value[0].numel() for value in engine.master.values())
    b = torch.finfo(engine.dtype).bits // 8
    layers, heads = config.num_hidden_layers, config.num_attention_heads
    return floor.Size(layers, config.hidden_size, heads, config.intermediate_size, own, b)


def _layouts(engine: StackedEngine, recipe: Recipe) -> Iterator[Layout]:
    order = seeds.data_order(0, 0, len(engine.train))
    for step in range(steps_per_epoch(recipe, len(engine.train))):
        index = order[step * recipe.batch_size : (step + 1) * recipe.batch_size]
        yield batch_layout(engine.train, index, recipe.batch_size, engine.trials, 0, coarse=engine.on_cuda)


def _chunks(engine: StackedEngine) -> Iterator[Layout]:
    for _, batch in engine.validation:
        examples, length = batch.live.shape
        yield Layout(len(batch.row), examples, length, trials=0, sites=0)


def trainer_step(model: PreTrainedModel, task: str, device: str) -> float | None:
    """Seconds of a step of ``transformers.Trainer``, between its 20th and its 120th; None without accelerate."""
    try:
        import accelerate  # noqa: F401
    except ImportError:
        return None
    from transformers import Trainer, TrainingArguments

    data = made_up_data(task, 1920, 1).train
    bounds = zip(data.start, data.start[1:], data.label, strict=False)
    rows = [{"input_ids": data.token_ids[start:end].tolist(), "labels": int(label)} for start, end, label in bounds]

    def collate(batch: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        words = [torch.tensor(row["input_ids"]) for row in batch]
        padded = torch.nn.utils.rnn.pad_sequence(words, batch_first=True, padding_value=-1)
        labels = torch.tensor([row["labels"] for row in batch])
        return {"input_ids": padded.clamp(min=0), "attention_mask": (padded >= 0).long(), "labels": labels}

    def trained(folder: Path, steps: int) -> float:
        arguments = TrainingArguments(
            str(folder),
            per_device_train_batch_size=16,
            max_steps=steps,
            bf16=True,
            use_cpu=not device.startswith("cuda"),
            report_to=[],
            logging_strategy="no",
            save_strategy="no",
            disable_tqdm=True,
        )
        trainer = Trainer(model, arguments, train_dataset=rows, data_collator=collate)
        _wait(device)
        start = time.perf_counter()
        trainer.train()
        _wait(device)
        return time.perf_counter() - start

    with work_folder() as folder:
        return (-trained(folder, 20) + trained(folder, 120)) / 100


def main(
    out: Annotated[Path, typer.Option(metavar="FILE", help="What was found, as JSON.")],
    device: Annotated[str, typer.Option(metavar="DEVICE", help="The card.")] = "cuda",
    hidden: Annotated[
        int,
        typer.Option(metavar="N", parser=count, help="Of the model: 384 MiniLM-L6, 768 BERT-base, 1024 BERT-large."),
    ] = 384,
    layers: Annotated[int, typer.Option(metavar="N", parser=count, help="Likewise: 6, 12, 24.")] = 6,
    trials: Annotated[int, typer.Option(metavar="N", parser=count, help="Trained together.")] = 25,
    steps: Annotated[int, typer.Option(metavar="N", parser=count, help="Measured of each task.")] = 60,
    tasks: Annotated[
        str, typer.Option(metavar="T,T,…", help="Which, with commas; sst2 is known too.")
    ] = "cola,mrpc,rte",
    trainer: Annotated[bool, typer.Option(help="Whether a plain Trainer is timed too.")] = True,
) -> None:
    """Compare the stacked engine with the CPU's reference on a card, then time it against its floor and a Trainer."""
    console, names = open_console(stderr=True), tasks.split(",")
    with reporting():
        for task in names:
            if task not in LENGTHS:
                raise RunnerError(f"--tasks {tasks!r}: expected some of {', '.join(LENGTHS)}, found {task!r}")
        check_device(device)
        if hidden % 32:
            raise RunnerError(f"--hidden {hidden}: heads are 32 wide; give a multiple of 32, as 384")
        try_writing(out)
    model = made_up_model(hidden, layers)
    found: dict[str, Any] = {
        "device": device_name(device),
        "torch": torch.__version__,
        "hidden": hidden,
        "layers": layers,
    }
    found["largest_difference"] = largest_difference(model, device)
    console.print(f"{found['device']}: largest difference to the reference {found['largest_difference']:.1e}")
    card = measured_card(device, 8192 if device.startswith("cuda") else 256)
    found |= {"bytes_per_second": card.bandwidth, "operations_per_second": card.rate, "tasks": []}
    console.print(f"{card.bandwidth / 1e12:.2f} TB/s, {card.rate / 1e12:.0f} TFLOP/s")
    for task in names:
        row = timed_task(model, task, trials, steps, device, card)
        if trainer and (seconds := trainer_step(model, task, device)) is not None:
            row["trainer_step_milliseconds"] = 1000 * seconds
        found["tasks"].append(row)
        console.print(row)
        write_file(out, json.dumps(found, indent=1).encode() + b"\n")  # what is there stays if the time is up
    if not found["largest_difference"] <= TOLERANCE:
        raise typer.Exit(1)


if __name__ == "__main__":
    run(main, "python -m runners.card")
