"""What the card says of a trial set, from the trial set itself and from `seedbench.trialset.schema`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dataset_card.held_out import test_set
from dataset_card.licences import LICENCES
from dataset_card.markdown import markdown_table
from dataset_card.reproduced import reproduced
from dataset_card.scores import in_points, score_table, two_way, worth
from dataset_card.strategies import strategies
from dataset_card.tasks import TASKS as OF_TASKS
from dataset_card.whose import number_elsewhere, on_hub, owner, piloted
from seedbench.tasks import TASKS
from seedbench.trialset import (
    Manifest,
    TrialSet,
    TrialTable,
    ended_words,
    read_split,
)
from seedbench.trialset.files import picture_of
from seedbench.trialset.schema import CONFIGS, RECIPE_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

#: Licences of the pretrained models, as their cards on the Hub state them.
MODEL_LICENCES = {
    "google-bert/bert-base-uncased": "Apache-2.0",
    "google-bert/bert-large-uncased": "Apache-2.0",
    "sentence-transformers/all-MiniLM-L6-v2": "Apache-2.0",
}


def values(folder: Path, manifest: Manifest, trials: TrialSet, licence: str | None = None) -> dict[str, str]:
    """What stands in the template's places; the licence is of `LICENCES`, or None where nobody has said it."""
    tasks, elsewhere = sorted({table.task for table in trials.tables}), number_elsewhere(folder, manifest)
    ours, all_ = elsewhere == 0, sum(table.num_trials for table in trials.tables)
    task = trials.tables[0].task
    number = f"{all_:,}"
    return {
        "name": trials.name,
        "owner": owner(manifest),
        "licence": LICENCES[licence].title if licence else "",
        "spdx": LICENCES[licence].spdx if licence else "",
        "version": trials.version,
        "sha256": trials.sha256,
        "trials": number,
        "summary": f"{number} fine-tuning trials {_of_what(tasks)}, which differ only in their random seeds, recorded "
        "at every validation point",
        "of_what": _of_what(tasks),
        "tested": "yes" if any(table.test_score is not None for table in trials.tables) else "",
        "of_models": ", ".join(sorted({table.model for table in trials.tables})),
        "scores": _scores(trials),
        "predictions": "yes" if manifest.shards("predictions") else "",
        **_whereabouts(manifest),
        "our_runs": "yes" if ours else "",
        "elsewhere": f"{elsewhere:,} of them " if elsewhere < all_ else "",
        "of_all": " of all of them" if elsewhere < all_ else "",
        "piloted": _and([f"`{name}`" for name in piloted(manifest, trials)]),
        "of_glue": "yes" if TASKS.keys() & set(tasks) else "",
        "labels": _labels(trials),
        "task": task,
        "tasks": ", ".join(tasks),
        "pictures": "\n\n".join(f"![Scores of the trials on {task}]({picture_of(task)})" for task in tasks),
        "first_file": manifest.shards("trials")[task][0],
        "tables": score_table(trials),
        "worth": worth(trials),
        "in_points": ", in points (hundredths of a score)" if any(map(in_points, trials.tables)) else "",
        "two_way": "\n\n".join(two_way(table) for table in trials.tables if not table.sparse),
        "strategies": strategies(folder, trials),
        "reproduced": reproduced(folder, trials),
        "recipes": _recipes(trials),
        "origin": _origin(folder, manifest),
        "sizes": _sizes(folder, manifest),
        "fields": _fields(manifest),
        "dev_sets": _dev_sets(trials),
        "test_set": test_set(folder, manifest, trials, ours=ours),
        "grids": _grids(trials),
        "status": _status(trials, ours=ours),
        "sources": markdown_table(
            ["task", "source"],
            ([f"`{task}`", OF_TASKS[task].source if task in TASKS else "not known here"] for task in tasks),
        ),
        "models": ", ".join(
            f"{model} ({MODEL_LICENCES.get(model, 'licence not known here')})"
            for model in sorted({table.model for table in trials.tables})
        ),
    }


def _whereabouts(manifest: Manifest) -> dict[str, str]:
    """How a trial set is loaded: one called `owner/name` from the Hub, any other from its folder."""
    if not on_hub(manifest):
        return {"on_hub": "", "source": '"."', "revision": "", "files_at": ""}
    return {
        "on_hub": "yes",
        "source": f'"{manifest.name}"',
        "revision": f', revision="v{manifest.version}"',
        "files_at": f"hf://datasets/{manifest.name}@v{manifest.version}/",
    }


def _of_what(tasks: Sequence[str]) -> str:
    """What was fine-tuned on what, after "trials"."""
    if TASKS.keys() >= set(tasks):
        return "of pretrained models on GLUE tasks"
    return f"on {_and(tasks)}"


def _scores(trials: TrialSet) -> str:
    """What the scores are."""
    known = sorted({table.task for table in trials.tables if table.task in TASKS and not table.score_name})
    by_metric: dict[str, list[str]] = {}
    for task in known:
        by_metric.setdefault(_IN_WORDS[TASKS[task].metric], []).append(OF_TASKS[task].title)
    measured = {
        table.task: f"`{table.metric or 'score'}` for {table.task}, {'higher' if table.sign > 0 else 'lower'} is better"
        for table in trials.tables
        if table.score_name or table.task not in TASKS
    }
    sentences = []
    if by_metric:
        sentences.append(f"Scores are GLUE's: {', '.join(f'{name} for {_and(of)}' for name, of in by_metric.items())}.")
    if measured:
        sentences.append(f"Scores are what those who recorded them call {'; '.join(measured.values())}.")
    return " ".join(sentences)


_IN_WORDS = {
    "accuracy": "accuracy",
    "matthews_correlation": "Matthews correlation",
    "mean_of_accuracy_and_f1": "the mean of accuracy and F1",
}


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _labels(trials: TrialSet) -> str:
    """The largest number of labels of a task, in words of what they are recorded as."""
    largest = max((table.labels or 2 for table in trials.tables), default=2)
    return "0 or 1" if largest == 2 else f"from 0 to {largest - 1}"


def _dev_sets(trials: TrialSet) -> str:
    """The first of the limits: how far one example moves a score."""
    sizes = [len(table.label) for table in trials.tables if table.label is not None]
    if not sizes:
        return "How far one example moves a score is not known: the sizes of the dev sets are not recorded here."
    return (
        f"The dev sets are small: the smallest has {min(sizes)} examples, and one of them moves an accuracy by "
        f"{100 / min(sizes):.2f} points."
    )


def _grids(trials: TrialSet) -> str:
    """Which pairs of seeds were run."""
    missing = sum(table.missing for table in trials.tables)
    if all(table.diagonal for table in trials.tables):
        return "for a list of seeds, one a trial"
    if not missing:
        return "for every pair of seeds on a grid"
    return f"for the pairs of seeds on a grid, of which {missing} {'is' if missing == 1 else 'are'} missing"


def _recipes(trials: TrialSet) -> str:
    columns = [f"{table.task}, {table.recipe}" for table in trials.tables]
    rows = []
    for column in RECIPE_COLUMNS:
        fields = [table.fields.get(column.name) for table in trials.tables]
        values = [
            _null(column.name, table) if v is None else f"{v}" for v, table in zip(fields, trials.tables, strict=True)
        ]
        rows.append([f"`{column.name}`", *values])
    rows.append(["steps", *(str(table.num_steps) for table in trials.tables)])
    return markdown_table(["recipe", *columns], rows)


def _null(column: str, table: TrialTable) -> str:
    """What null says in a recipe: all training examples, where the rest of the recipe is recorded."""
    recorded = any(value is not None for value in table.fields.values())
    return "all" if column == "train_examples" and recorded else "not recorded"


def _origin(folder: Path, manifest: Manifest) -> str:
    """Devices, engines, versions and hours, from the trials' own provenance."""
    lines = []
    for task, paths in sorted(manifest.shards("trials").items()):
        frame = read_split(folder, manifest, "trials", paths).to_pandas()
        for (model, recipe), part in frame.groupby(["model", "recipe"], sort=True):
            facts = [
                _together(part, "{} engine on {}", ["engine", "device"]),
                _together(part, "torch {}, transformers {}", ["torch_version", "transformers_version"]),
            ]
            facts.append(_hours(part))
            recorded = "; ".join(filter(None, facts)) or "how they were run is not recorded"
            lines.append(f"- {model}, {task}, {recipe}: {recorded}.")
    return "\n".join(lines)


def _hours(part: pd.DataFrame) -> str:
    """How long the trials of a table took; "" where nothing of it is recorded."""
    seconds = part[["train_seconds", "evaluation_seconds"]].astype(float)
    if not seconds.notna().any(axis=None):
        return ""
    hours = f"{seconds.sum().sum() / 3600:.1f} hours"
    if seconds.notna().all(axis=None):
        return f"{hours}, validation included"
    return f"{hours}, as far as they are recorded"


def _together(part: pd.DataFrame, text: str, columns: list[str]) -> str:
    """The text for every combination of the columns' values that is recorded."""
    combinations = part[columns].dropna().drop_duplicates().sort_values(columns)
    return " and ".join(text.format(*values) for values in combinations.itertuples(index=False))


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
            f"### `{config.name}`: one row is {config.row}\n\n"
            + markdown_table(["field", "type", "unit", "meaning"], rows)
        )
    return "\n\n".join(parts)


def _sizes(folder: Path, manifest: Manifest) -> str:
    """Rows, files and bytes of every config."""
    rows = []
    for name in CONFIGS:
        shards = manifest.shards(name)
        if not shards:
            continue
        paths = [path for paths in shards.values() for path in paths]
        size = sum((folder / path).stat().st_size for path in paths)
        number = sum(read_split(folder, manifest, name, shard).num_rows for shard in shards.values())
        rows.append([f"`{name}`", f"{number:,}", str(len(paths)), f"{size:,}", f"{size / number:,.0f}"])
    return markdown_table(["config", "rows", "files", "bytes", "bytes per row"], rows)


def _status(trials: TrialSet, *, ours: bool) -> str:
    """How many diverged, failed or ended early, and what is not recorded."""
    diverged = sum(int(table.diverged.sum()) for table in trials.tables)
    text = "No trial diverged" if not diverged else f"{diverged:,} {'trials' if diverged > 1 else 'trial'} diverged"
    ended = ended_words(trials.tables)
    ended = f" {ended} Their lists hold what was measured (`ended_at`)." if ended else ""
    if not ours:
        return (
            f"{text}, as far as is recorded (by the file's own word, a NaN among the losses, or a last score no better "
            f"than a constant answer's where that is known); such trials are kept, marked by `status`.{ended}"
        )
    return (
        f"{text} (met a NaN, or ended no better than a constant answer); such trials are kept, marked by "
        f"`status`.{ended}"
    )
