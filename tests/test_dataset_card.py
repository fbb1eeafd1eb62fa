"""The card, and the trial set as the `datasets` library sees it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from huggingface_hub import DatasetCard

from dataset_card.build import build_card
from seedbench.schema import CONFIGS
from seedbench.trialset import load_trials, read_manifest
from seedbench.trialset.files import read_split
from tests.synthetic import split_like_training, split_of, write


def write_card(folder: Path) -> str:
    card = build_card(folder)
    (folder / "README.md").write_text(card)
    return card


def load_with_datasets(folder: Path, config: str, cache: Path) -> dict:
    """What load_dataset finds: features by name and the rows of sst2, in a process of its own."""
    pytest.importorskip("datasets")
    code = (
        "import json, sys, datasets\n"
        "d = datasets.load_dataset(sys.argv[1], sys.argv[2], split='sst2')\n"
        "print(json.dumps({'features': {k: repr(v) for k, v in d.features.items()}, 'rows': d.to_list()}, default=str))"
    )
    environment = {**os.environ, "HF_DATASETS_CACHE": str(cache), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), config], capture_output=True, text=True, env=environment, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_card_is_a_card_and_names_every_config_and_split(trials_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(trials_folder, tmp_path / "set"))
    card = DatasetCard(write_card(folder))
    configs = {entry["config_name"]: entry for entry in yaml.safe_load(card.data.to_yaml())["configs"]}
    assert list(configs) == list(read_manifest_configs(folder))
    assert [name for name, entry in configs.items() if entry.get("default")] == ["trials"]
    for name, entry in configs.items():
        paths = [path for data in entry["data_files"] for path in data["path"]]
        assert sorted(paths) == sorted(path for path in read_manifest(folder).files if path.startswith(f"{name}/"))
        assert read_manifest(folder).sha256 in entry["description"]


def read_manifest_configs(folder: Path) -> list[str]:
    manifest = read_manifest(folder)
    return [name for name in CONFIGS if manifest.shards(name)]


def test_the_card_states_what_the_set_holds(trials_folder: Path) -> None:
    card = build_card(trials_folder)
    assert "{{" not in card
    for table in load_trials(trials_folder).tables:
        row = next(line for line in card.splitlines() if f"| {table.task} | {table.recipe} |" in line)
        rows, columns = table.grid
        assert f"| {rows} × {columns} | {table.num_trials} |" in row
        assert f"{table.score.max(axis=1).mean():.3f}" in row
    for column in CONFIGS["trials"].columns:
        assert f"| `{column.name}` | `{column.type}` |" in card


def test_the_card_says_what_the_seeds_are_worth_and_where_trials_begin_to_differ(tmp_path: Path) -> None:
    """Ten examples, six of them positive. Both trials answer 1 at the first checkpoint; then 7 and 9 of 10 are right.

    Their mean best score, 0.8, lies 20 points above the majority's 0.6; they spread by sqrt(2) × 10 = 14.1 points.
    """
    label = np.array([1, 1, 1, 1, 1, 1, 0, 0, 0, 0], dtype=np.int8)
    constant = np.ones(10, dtype=np.int8)
    seven, nine = label.copy(), label.copy()
    seven[:3], nine[:1] = 0, 0
    predicted = [[[constant, seven], [constant, nine]], [[constant, nine]] * 2]
    split = split_of(predicted, label=label, missing=[(1, 0), (1, 1)])
    card = build_card(write(tmp_path / "set", split))
    assert "the mean best score lies 20.0 points above the majority class" in card
    assert "a standard deviation of 14.1 points over the seeds and a range of 20.0" in card
    assert (
        "the first checkpoint, of 2, is the same for all trials, in predictions: nothing can be decided there" in card
    )
    assert "the smallest has 10 examples, and one of them moves an accuracy by 10.00 points" in card
    assert "`train_examples` | all |" in card and "`dropout` | not recorded |" in card
    assert "run for every pair of seeds on a grid" in card  # a row without any trial is no row of the grid
    missing = build_card(write(tmp_path / "missing", split_of(predicted, label=label, missing=[(1, 0)])))
    assert "run for the pairs of seeds on a grid, of which 1 is missing" in missing


def test_trials_that_never_differ_are_said_to(tmp_path: Path) -> None:
    label = np.array([1, 1, 1, 0], dtype=np.int8)
    card = build_card(write(tmp_path / "set", split_of([[[label, label], [label, label]]], label=label)))
    assert "the predictions of all trials are the same at every checkpoint" in card
    card = build_card(write(tmp_path / "curves", split_of([[[label, label]]], label=label), predictions=False))
    assert "the majority class" not in card and "their sizes are not recorded here" in card
    assert "standard deviation" not in card and "there is one trial, and nothing to choose" in card


def test_datasets_finds_the_documented_columns_and_values(trials_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(trials_folder, tmp_path / "set"))
    write_card(folder)
    manifest = read_manifest(folder)
    for config in ("trials", "predictions", "examples"):
        found = load_with_datasets(folder, config, tmp_path / "cache")
        assert list(found["features"]) == [column.name for column in CONFIGS[config].columns]
        table = read_split(folder, manifest, config, manifest.shards(config)["sst2"])
        assert len(found["rows"]) == table.num_rows
    assert found["rows"] == table.to_pylist()


def test_a_changed_folder_of_the_same_name_is_not_answered_from_the_cache(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", split_like_training(4, 4, seed=1))
    write_card(folder)
    first = load_with_datasets(folder, "trials", tmp_path / "cache")
    shutil.rmtree(folder)
    write(folder, split_like_training(4, 4, seed=2))
    write_card(folder)
    second = load_with_datasets(folder, "trials", tmp_path / "cache")
    scores = [[row["score"] for row in found["rows"]] for found in (first, second)]
    assert scores[0] != scores[1]
    assert scores[1] == load_trials(folder).tables[0].score.tolist()


def test_a_folder_that_is_no_trial_set_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dataset_card.build", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "manifest.json" in done.stderr
    assert not (tmp_path / "README.md").exists()
