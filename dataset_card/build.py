"""Writes the dataset card of a trial set: ``python -m dataset_card.build FOLDER``.

Facts come from the trial set and from `seedbench.schema`, sentences from ``template.md``. The card carries the
manifest's SHA-256 in every config's description: ``datasets`` caches a local folder by its name and card, not by its
content.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from huggingface_hub import DatasetCard, DatasetCardData
from rich.console import Console

from seedbench import metrics
from seedbench.errors import SeedbenchError
from seedbench.schema import CONFIGS, RECIPE_COLUMNS
from seedbench.trialset import Manifest, TrialSet, TrialTable, load_trials, read_manifest, read_split

TEMPLATE = Path(__file__).with_name("template.md")
MODEL_LICENSES = {"sentence-transformers/all-MiniLM-L6-v2": "Apache-2.0"}


def build_card(folder: Path) -> str:
    """The card of the trial set in ``folder``, as Markdown with YAML front matter.

    Raises:
        TrialSetError: the folder is no valid trial set.
    """
    manifest, trials = read_manifest(folder), load_trials(folder)
    values = {
        "name": trials.name,
        "version": trials.version,
        "sha256": trials.sha256,
        "trials": f"{sum(table.num_trials for table in trials.tables):,}",
        "task": trials.tables[0].task,
        "tables": _tables(trials),
        "worth": _worth(trials),
        "recipes": _recipes(trials),
        "origin": _origin(folder, manifest),
        "fields": _fields(manifest),
        "dev_sets": _dev_sets(trials),
        "grids": _grids(trials),
        "models": ", ".join(
            f"{model} ({MODEL_LICENSES.get(model, 'see its card')})"
            for model in sorted({table.model for table in trials.tables})
        ),
    }
    text = TEMPLATE.read_text()
    for name, value in values.items():
        text = text.replace("{{ " + name + " }}", value)
    return f"---\n{_metadata(trials, manifest).to_yaml()}\n---\n\n{text}"


def _metadata(trials: TrialSet, manifest: Manifest) -> DatasetCardData:
    configs = []
    for config in CONFIGS.values():
        shards = manifest.shards(config.name)
        if not shards:
            continue
        entry: dict[str, object] = {"config_name": config.name}
        if config.name == "trials":
            entry["default"] = True
        entry["description"] = f"One row is {config.row}. Manifest sha256 {trials.sha256}."
        entry["data_files"] = [{"split": task, "path": paths} for task, paths in sorted(shards.items())]
        configs.append(entry)
    number = sum(table.num_trials for table in trials.tables)
    return DatasetCardData(
        pretty_name="seedbench fine-tuning trials",
        license="cc-by-4.0",
        language="en",
        tags=["tabular", "fine-tuning", "random-seeds", "early-stopping", "hyperparameter-optimization"],
        task_categories=["text-classification"],
        size_categories=["n<1K" if number < 1000 else "1K<n<10K"],
        source_datasets=["nyu-mll/glue"],
        configs=configs,
    )


def _markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _majority(table: TrialTable) -> float | None:
    if table.label is None:
        return None
    return metrics.majority_score(table.task, *np.bincount(table.label, minlength=2)[::-1])


def _tables(trials: TrialSet) -> str:
    header = ["model", "task", "recipe", "grid", "trials", "diverged", "checkpoints", "best: mean", "range", "majority"]
    rows = []
    for table in trials.tables:
        best, majority = table.score.max(axis=1), _majority(table)
        rows.append(
            [
                table.model,
                table.task,
                table.recipe,
                f"{table.grid[0]} × {table.grid[1]}",
                str(table.num_trials),
                str(int(table.diverged.sum())),
                str(table.num_checkpoints),
                f"{best.mean():.3f}",
                f"{best.min():.3f}–{best.max():.3f}",
                "not known" if majority is None else f"{majority:.3f}",
            ]
        )
    return _markdown(header, rows)


def _worth(trials: TrialSet) -> str:
    """One line a table: what there is to be learned, and from which checkpoint on."""
    lines = []
    for table in trials.tables:
        best, majority = table.score.max(axis=1) * 100, _majority(table)
        said = []
        if majority is not None:
            above = best.mean() - majority * 100
            side = "above" if above >= 0 else "below"
            said.append(f"the mean best score lies {abs(above):.1f} points {side} the majority class")
        if table.num_trials > 1:
            said.append(
                f"best scores have a standard deviation of {best.std(ddof=1):.1f} points over the seeds and a range of "
                f"{np.ptp(best):.1f}"
            )
            said.append(_first_difference(table))
        else:
            said.append("there is one trial, and nothing to choose")
        lines.append(f"- {table.model}, {table.task}, {table.recipe}: {'; '.join(said)}.")
    return "\n".join(lines)


def _first_difference(table: TrialTable) -> str:
    differ = (table.score != table.score[0]).any(axis=0)
    if table.predicted_label is not None:  # other predictions may have the same score on the whole dev set
        differ |= (table.predicted_label != table.predicted_label[0]).any(axis=(0, 2))
    what = "scores" if table.predicted_label is None else "predictions"
    number = table.num_checkpoints
    if not differ.any():
        return f"the {what} of all trials are the same at every checkpoint: nothing can be decided by them"
    first = int(np.argmax(differ))
    if first == 0:
        return f"trials differ in their {what} from the first of {number} checkpoints on"
    which = f"checkpoint, of {number}, is" if first == 1 else f"{first} of {number} checkpoints are"
    return f"the first {which} the same for all trials, in {what}: nothing can be decided there"


def _dev_sets(trials: TrialSet) -> str:
    """The first of the limits: how far one example moves a score."""
    sizes = [len(table.label) for table in trials.tables if table.label is not None]
    if not sizes:
        return "The dev sets are small, and their sizes are not recorded here."
    return (
        f"The dev sets are small: the smallest has {min(sizes)} examples, and one of them moves an accuracy by "
        f"{100 / min(sizes):.2f} points."
    )


def _grids(trials: TrialSet) -> str:
    """Which pairs of seeds were run."""
    missing = sum(int((table.cell < 0).sum()) for table in trials.tables)
    if not missing:
        return "for every pair of seeds on a grid"
    return f"for the pairs of seeds on a grid, of which {missing} {'is' if missing == 1 else 'are'} missing"


def _recipes(trials: TrialSet) -> str:
    columns = [f"{table.task}, {table.recipe}" for table in trials.tables]
    rows = []
    for column in RECIPE_COLUMNS:
        values = [table.fields.get(column.name) for table in trials.tables]
        null = "all" if column.name == "train_examples" else "not recorded"
        rows.append([f"`{column.name}`", *(null if v is None else f"{v}" for v in values)])
    rows.append(["steps", *(str(table.num_steps) for table in trials.tables)])
    return _markdown(["recipe", *columns], rows)


def _origin(folder: Path, manifest: Manifest) -> str:
    """Devices, engines, versions and hours, from the trials' own provenance."""
    lines = []
    for task, paths in sorted(manifest.shards("trials").items()):
        frame = read_split(folder, manifest, "trials", paths).to_pandas()
        for (model, recipe), part in frame.groupby(["model", "recipe"], sort=True):
            made = " and ".join(sorted({f"{row.engine} engine on {row.device}" for row in part.itertuples()}))
            with_versions = {
                f"torch {row.torch_version}, transformers {row.transformers_version}" for row in part.itertuples()
            }
            evaluation, train = part.evaluation_seconds.sum(), part.train_seconds.sum()
            hours = f"{(evaluation + train) / 3600:.1f} hours, validation included" if train else "time not recorded"
            lines.append(f"- {model}, {task}, {recipe}: {made}; {'; '.join(sorted(with_versions))}; {hours}.")
    return "\n".join(lines)


def _fields(manifest: Manifest) -> str:
    parts = []
    for config in CONFIGS.values():
        if not manifest.shards(config.name):
            continue
        rows = [
            [f"`{column.name}`", f"`{column.type}`", column.unit, column.meaning + (" May be null." * column.nullable)]
            for column in config.columns
        ]
        parts.append(
            f"### `{config.name}`: one row is {config.row}\n\n" + _markdown(["field", "type", "unit", "meaning"], rows)
        )
    return "\n\n".join(parts)


def main(folder: Annotated[Path, typer.Argument(help="Folder of a trial set; its README.md is written.")]) -> None:
    """Write the dataset card of a trial set."""
    console = Console(stderr=True)
    try:
        card = build_card(folder)
        DatasetCard(card)  # refuses front matter that is not a card's
        (folder / "README.md").write_text(card)
    except (SeedbenchError, OSError, ValueError) as error:
        console.print(f"error: {error}", style="red", soft_wrap=True, highlight=False)
        raise typer.Exit(2) from None
    console.print(f"wrote {folder / 'README.md'}", soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
