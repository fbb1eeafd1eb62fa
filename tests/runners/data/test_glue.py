from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from runners.block import load_tokenizer
from runners.data.frames import DataError
from runners.data.glue import load_task
from runners.data.recipe import get_recipe

RECIPE = get_recipe("stable", max_length=10)


@pytest.fixture(scope="module")
def tokenizer(tiny_model: str):
    return load_tokenizer(tiny_model)


def change(glue: str, tmp_path: Path, edit) -> str:
    """A copy of the GLUE folder whose sst2 training file went through ``edit``."""
    folder = tmp_path / "glue"
    shutil.copytree(glue, folder)
    path = folder / "sst2" / "train-00000-of-00001.parquet"
    edit(pd.read_parquet(path)).to_parquet(path)
    return str(folder)


def test_a_pair_of_sentences_is_packed_with_types_and_cut(tiny_glue: str, tokenizer) -> None:
    data = load_task("mrpc", tiny_glue, tokenizer, RECIPE)
    train, frame = data.train, pd.read_parquet(Path(tiny_glue, "mrpc", "train-00000-of-00001.parquet"))
    frame = frame.drop(index=data.test_rows).reset_index()
    assert len(train) == 60
    assert train.length.max() == 10
    first = train.token_ids[: train.start[1]]
    words = (frame.sentence1[0] + " " + frame.sentence2[0]).split()
    assert first[0] == tokenizer.cls_token_id
    assert len(first) == min(10, len(words) + 3)
    types = train.token_types[: train.start[1]]
    assert types[0] == 0 and types[-1] == 1
    assert train.label.tolist() == frame.label.tolist()


def test_a_few_sample_recipe_takes_the_same_subset_every_time(tiny_glue: str, tokenizer) -> None:
    recipe = get_recipe("stable", train_examples=16)
    one, two = (load_task("sst2", tiny_glue, tokenizer, recipe).train for _ in range(2))
    assert len(one) == 16
    assert np.array_equal(one.token_ids, two.token_ids)
    assert one.sha256 == two.sha256
    other = load_task("sst2", tiny_glue, tokenizer, get_recipe("stable", train_examples=16, train_subset_seed=1))
    assert one.sha256 != other.train.sha256


def set_value(column: str, row: int, value: object):
    def edit(frame: pd.DataFrame) -> pd.DataFrame:
        frame[column] = frame[column].astype(object)
        frame.loc[row, column] = value
        return frame

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda frame: frame[:0], "train-00000-of-00001.parquet: no rows"),
        (lambda frame: frame.drop(columns="sentence"), "no column 'sentence'; there are label, idx"),
        (set_value("label", 3, 7), "row 3, column 'label' must be 0 or 1, got 7"),
        (set_value("label", 4, -1), "row 4, column 'label' must be 0 or 1, got -1"),
        (set_value("sentence", 5, None), "row 5, column 'sentence' must be text, got"),
        (lambda frame: frame.assign(label=1), "every label is 1; a task needs two or more"),
    ],
)
def test_data_that_cannot_be_is_named(tiny_glue: str, tmp_path: Path, tokenizer, edit, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_task("sst2", change(tiny_glue, tmp_path, edit), tokenizer, RECIPE)


def test_a_truncated_file_is_named(tiny_glue: str, tmp_path: Path, tokenizer) -> None:
    folder = tmp_path / "glue"
    shutil.copytree(tiny_glue, folder)
    path = folder / "sst2" / "train-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match="train-00000-of-00001.parquet: not a readable parquet file"):
        load_task("sst2", str(folder), tokenizer, RECIPE)


@pytest.mark.parametrize(
    ("task", "source", "message"),
    [
        (
            "stsb",
            "{glue}",
            "'stsb': no such task; there are cola, mnli, mrpc, qnli, qqp, rte, sst2, wnli, or any other",
        ),
        ("mnli", "{glue}", "mnli/train-00000-of-00001.parquet: no such file"),
        ("rte", "{glue}", "rte/train-00000-of-00001.parquet: no such file"),
        ("sst2", "not-a-folder", "neither a folder nor a Hub dataset"),
        ("sst2", "[/x]", r"^\[/x\]: sst2/train-00000-of-00001.parquet cannot be had: Repo id must use"),
        ("sst2", "nobody/nothing", "cannot be had: it is not in the local cache, and HF_HUB_OFFLINE is set$"),
    ],
)
def test_a_source_that_is_not_there(
    tiny_glue: str, tokenizer, task: str, source: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match=message):
        load_task(task, source.format(glue=tiny_glue), tokenizer, RECIPE)


def test_a_subset_larger_than_the_data_is_refused(tiny_glue: str, tokenizer) -> None:
    with pytest.raises(DataError, match="trains on 100 examples, sst2 has 54 beside its test set"):
        load_task("sst2", tiny_glue, tokenizer, get_recipe("stable", train_examples=100))


@pytest.mark.glue
@pytest.mark.parametrize(
    ("task", "train", "validation"),
    [("cola", 7051, 1043), ("mrpc", 2668, 408), ("rte", 1890, 277), ("sst2", 54973, 872)],
)
def test_the_real_tasks(glue_folder: Path, tokenizer, task: str, train: int, validation: int) -> None:
    data = load_task(task, str(glue_folder), tokenizer, get_recipe("dodge2020", max_length=64))
    assert (len(data.train), len(data.validation)) == (train, validation)
