"""Whose the trials of a set are, and what of them is known by that."""

from __future__ import annotations

import re
from pathlib import Path

from seedbench.trialset import Manifest, TrialSet, read_split

#: Who publishes the trials of seedbench itself.
OURS = "seedbench"
#: The recipes of `runners/plans` whose learning rates pilots chose.
PILOTED = re.compile(r"few\d+-\d-epochs-no-bias-correction-lr[\w.+-]+|few1024-3-epochs-lr[\w.+-]+", re.ASCII)
#: What the runners call their engines, and what they record of every trial.
ENGINES = {"reference", "stacked"}
_BY_RUNNERS = [
    *("engine", "device", "seedbench_version", "torch_version", "transformers_version"),
    *("model_sha256", "data_sha256", "dropout_seed"),
]


def on_hub(manifest: Manifest) -> bool:
    """Whether a trial set has the name of a dataset on the Hub, `owner/name`."""
    return "/" in manifest.name


def owner(manifest: Manifest) -> str:
    """Whose trial set it is."""
    return manifest.name.split("/")[0] if on_hub(manifest) else "those who recorded them"


def our_runs(folder: Path, manifest: Manifest) -> bool:
    """Whether all are trials of the runners, of which more is known than their curves."""
    return number_elsewhere(folder, manifest) == 0


def number_elsewhere(folder: Path, manifest: Manifest) -> int:
    """How many trials are not the runners'.

    A trial of theirs says so: by one of their engines, and by all that they record of what it was made with.
    Predictions, or an engine of another name, anybody may have recorded.
    """
    number = 0
    for paths in manifest.shards("trials").values():
        frame = read_split(folder, manifest, "trials", paths).select(_BY_RUNNERS).to_pandas()
        number += int((~frame["engine"].isin(ENGINES) | frame.isna().any(axis=1)).sum())
    return number


def piloted(manifest: Manifest, trials: TrialSet) -> list[str]:
    """Recipes of our own set whose learning rates pilots chose."""
    if owner(manifest) != OURS:
        return []
    return sorted({table.recipe for table in trials.tables if PILOTED.fullmatch(table.recipe)})
