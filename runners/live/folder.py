"""The kept checkpoint as a transformers folder: weights, tokenizer, model card and report."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
from huggingface_hub import EvalResult, ModelCard, ModelCardData
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from runners.block import BlockRunner
from runners.data.glue import load_task
from runners.engines.reference import predict
from runners.live.report import FolderCheck, Report, summary, text
from runners.live.trials import KeptWeights, Weights
from seedbench.files import write_file
from seedbench.tasks import TASKS

# The Hub's own `ModelCard.from_template` leaves out a name without a value and says nothing; here it is an error.
TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    undefined=StrictUndefined,
    autoescape=False,  # Markdown, not HTML
    trim_blocks=True,
    keep_trailing_newline=True,
)


def write_model(runner: BlockRunner, weights: Weights, folder: Path) -> None:
    """Writes weights in a stock model of the pretrained one's kind, with its tokenizer and the task's labels."""
    model = copy.deepcopy(runner.model)
    model.load_state_dict(weights)
    labels = TASKS[runner.spec.task].labels
    model.config.id2label = dict(enumerate(labels))
    model.config.label2id = {label: number for number, label in enumerate(labels)}
    model.config.problem_type = "single_label_classification"
    model.save_pretrained(folder)
    runner.tokenizer.save_pretrained(folder)


def check_model(runner: BlockRunner, kept: KeptWeights, folder: Path) -> FolderCheck:
    """Loads model and tokenizer from the folder alone and compares what they predict with what was measured.

    The stock model has an attention of its own, so its logits may differ by rounding.
    """
    spec = runner.spec
    model = AutoModelForSequenceClassification.from_pretrained(folder).to(runner.device)
    data = load_task(spec.task, spec.glue, AutoTokenizer.from_pretrained(folder), spec.recipe)
    logits = predict(model, data.validation, spec.recipe, runner.device)
    return FolderCheck(
        kept.retrained,
        int(np.count_nonzero(logits.argmax(-1) != kept.logits.argmax(-1))),
        float(np.abs(logits - kept.logits).max()),
    )


def write_report(report: Report, folder: Path) -> None:
    """Writes ``report.json``, ``report.txt`` and the model card ``README.md``."""
    write_file(folder / "report.json", report.to_json())
    write_file(folder / "report.txt", text(report))
    write_file(folder / "README.md", model_card(report).content)


def model_card(report: Report) -> ModelCard:
    """The kept checkpoint's card, with the Hub's metadata."""
    kept = report.kept
    task, name = TASKS[report.task], f"{report.model.split('/')[-1]}-{report.task}"
    metrics = {
        "matthews_correlation": ("matthews_correlation",),
        "mean_of_accuracy_and_f1": ("accuracy", "f1"),
        "accuracy": ("accuracy",),
    }[task.metric]
    results = [
        EvalResult(
            task_type="text-classification",
            dataset_type="nyu-mll/glue",
            dataset_name=f"GLUE {report.task}",
            dataset_config=report.task,
            dataset_split="validation",
            metric_type=metric,
            metric_value=getattr(kept, metric),
        )
        for metric in metrics
    ]
    data = ModelCardData(
        base_model=report.model,
        datasets=["nyu-mll/glue"],
        library_name="transformers",
        pipeline_tag="text-classification",
        tags=["seedbench"],
        model_name=name,
        eval_results=results,
    )
    return ModelCard(
        TEMPLATES.get_template("model_card.md").render(
            card_data=data.to_yaml(),
            name=name,
            report=report,
            trial=report.kept_trial(),
            labels=", ".join(f"{number} `{label}`" for number, label in enumerate(task.labels)),
            facts=summary(report),
        )
    )
