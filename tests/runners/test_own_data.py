"""A data set that is not GLUE's, from its files to a board: three labels with names, and pairs with numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from dataset_card.build import build_card
from runners.block import BlockRunner, load_tokenizer
from runners.data import seeds
from runners.data.dataset import Dataset, dataset_of
from runners.data.frames import DataError, Frames
from runners.data.glue import load_task, train_size
from runners.data.reading import read_frames
from runners.data.recipe import get_recipe
from runners.export import main as export_main
from runners.export import rows_of, trial_row
from runners.sweep import main as sweep_main
from runners.table import TableSpec
from runners.trial_log import Cell, read_log
from seedbench import evaluate
from seedbench.trialset import load_trials, validate_folder, write_trials
from tests.runners.conftest import WORDS
from tests.runners.sweeps import CHANGES, command, here

NAMES = ["high", "low", "middle"]  # as sorted: label 0, 1, 2


def three_labels(rows: int, seed: int) -> pd.DataFrame:
    """Texts of words by whose mean number they are low, middle or high; a text "NA" and an empty one among them."""
    rng = np.random.default_rng(seed)
    numbers = [rng.integers(0, len(WORDS), rng.integers(3, 9)) for _ in range(rows)]
    frame = pd.DataFrame({"body": [" ".join(WORDS[n] for n in row) for row in numbers]})
    frame["kind"] = [NAMES[1 if row.mean() < 85 else 2 if row.mean() < 115 else 0] for row in numbers]
    frame.loc[0, "body"], frame.loc[1, "body"] = "NA", ""
    return frame


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """80 training examples, of which 8 are held out, and 30 to validate on."""
    folder = tmp_path_factory.mktemp("three")
    three_labels(80, 0).to_csv(folder / "train.csv", index=False)
    three_labels(30, 1).to_csv(folder / "dev.csv", index=False)
    return Dataset(str(folder / "train.csv"), ("body",), "kind", str(folder / "dev.csv"))


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """60 training pairs, 20 to validate on and 10 to test on, of labels 1 and 5."""
    folder, rng = tmp_path_factory.mktemp("pairs"), np.random.default_rng(2)
    for name, rows in (("train.parquet", 60), ("dev.jsonl", 20), ("test.json", 10)):
        frame = pd.DataFrame({part: rng.choice(WORDS, rows) for part in ("first", "second")})
        frame["label"] = np.where(np.arange(rows) % 3 == 0, 5, 1)
        if name == "train.parquet":
            frame.to_parquet(folder / name)
        else:
            frame.to_json(folder / name, orient="records", lines=name.endswith("l"))
    return Dataset(
        *(str(folder / "train.parquet"), ("first", "second"), "label"),
        *map(str, (folder / "dev.jsonl", folder / "test.json")),
    )


def spec(dataset: Dataset, tiny_model: str, out: Path, engine: str) -> TableSpec:
    recipe = get_recipe(
        "stable", max_length=24, epochs=1, validations_per_epoch=2, learning_rate=1e-3, precision="fp32"
    )
    return TableSpec(
        model=tiny_model,
        model_name="someone/tiny",
        glue="",
        task="mine",
        recipe=recipe,
        engine=engine,
        out=out,
        dataset=dataset,
    )


def test_labels_are_numbered_as_sorted_and_texts_are_as_written(three: Dataset, tiny_model: str) -> None:
    data = load_task("mine", three, load_tokenizer(tiny_model), get_recipe("stable"))
    frame = pd.read_csv(three.name, keep_default_na=False)
    assert data.labels == tuple(NAMES)
    assert len(data.train) == train_size("mine", three, get_recipe("stable")) == 72
    assert data.test_rows.tolist() == np.sort(seeds.stream("test", 0).choice(80, 8, replace=False)).tolist()
    assert [NAMES[label] for label in data.test.label] == frame.kind[data.test_rows].tolist()
    assert data.train.length.min() == 2  # the empty text: nothing between [CLS] and [SEP]


def test_a_test_set_that_is_given_is_taken_as_it_is(pairs: Dataset, tiny_model: str) -> None:
    data = load_task("mine", pairs, load_tokenizer(tiny_model), get_recipe("stable"))
    assert (len(data.train), len(data.validation), data.labels) == (60, 20, ("1", "5"))
    assert data.test_rows.tolist() == list(range(10)) and data.test.label.tolist() == [1, 0, 0, 1, 0, 0, 1, 0, 0, 1]
    assert data.train.token_types.max() == 1


@pytest.mark.parametrize("name", ["three", "pairs"])
def test_both_engines_give_the_same_trial(
    name: str, tiny_model: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    logs = []
    for engine in ("reference", "stacked"):
        its = spec(request.getfixturevalue(name), tiny_model, tmp_path / engine, engine)
        cells = [Cell(0, 7), Cell(1, 7)]
        assert list(BlockRunner(its, "cpu").run(cells)) == cells
        logs.append(read_log(its.log_path(cells[1])))
    labels = 3 if name == "three" else 2
    assert logs[0].outcome.logits.shape == (2, len(logs[0].label), labels)
    np.testing.assert_allclose(logs[0].outcome.logits, logs[1].outcome.logits, atol=1e-4)
    row = trial_row(logs[0])
    assert (row["score_name"], row["num_labels"]) == ("accuracy", labels)
    assert ("f1" in row) == (labels == 2)


def test_from_the_command_line_to_a_board(three: Dataset, tiny_model: str, tmp_path: Path, quick_workers: None) -> None:
    logs, folder = tmp_path / "logs", tmp_path / "set"
    options = ["--dataset", three.name, "--text", "body", "--label", "kind", "--validation", three.validation]
    table = ["--model", tiny_model, "--model-name", "someone/tiny", "--task", "mine", "--recipe", "stable", *options]
    grid = ["--weight-init-seeds", "0:4", "--data-order-seeds", "0:4", "--out", str(logs), "--threads", "1"]
    changes = (part for change in CHANGES for part in ("--set", change))
    done = here(sweep_main, command("sweep", *table, *grid, *changes))
    assert done.exit_code == 0, done.stderr
    named = ("--name", "me/mine", "--version", "1.0.0", "--logits", "--steps")
    done = here(export_main, command("export", str(logs), str(folder), *named))
    assert done.exit_code == 0, done.stderr
    assert validate_folder(folder) == []
    (its,) = load_trials(folder, predictions=True).tables
    assert (its.task, its.labels, its.metric, its.grid) == ("mine", 3, "accuracy", (4, 4))
    assert its.score[5].tolist() == [float((at == its.label).mean()) for at in its.predicted_label[5]]
    assert its.test_score[5].tolist() == [float((at == its.test_label).mean()) for at in its.test_predicted_label[5]]
    assert its.majority_score == np.bincount(its.label).max() / len(its.label)
    error = json.loads((folder / "manifest.json").read_text())["examples_error"][its.name]
    assert 0 < error["floor"] < 0.2
    columns = pq.read_table(folder / "trials" / "mine-00000-of-00001.parquet")
    assert columns["f1"].null_count == columns["matthews_correlation"].null_count == 16
    card = build_card(folder)
    assert "The test set of mine is the same for all tables" in card and "labels (from 0 to 2)" in card
    assert "GLUE's training file" not in card and "nyu-mll" not in card
    assert evaluate("full_trials", trials=folder, budgets=[2], replicates=20).summary is not None


def test_a_folder_is_loaded_by_datasets(
    three: Dataset, tiny_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As from the Hub: splits by name, another dev set than `validation`."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "mine").mkdir()
    for split, at in (("train", three.name), ("test", three.validation)):
        (tmp_path / "mine" / f"{split}.csv").write_bytes(Path(at).read_bytes())
    whole = Dataset(str(tmp_path / "mine"), ("body",), "kind", "test")
    with pytest.raises(DataError, match="row 0, column 'body' must be text, got"):  # it reads NA as missing
        load_task("mine", whole, load_tokenizer(tiny_model), get_recipe("stable"))
    for split in ("train", "test"):
        path = tmp_path / "mine" / f"{split}.csv"
        pd.read_csv(path).dropna().to_csv(path, index=False)
    data = load_task("mine", whole, load_tokenizer(tiny_model), get_recipe("stable"))
    assert (len(data.validation), data.labels) == (28, tuple(NAMES))
    with pytest.raises(DataError, match="no split 'validation'; there are train, test; name one with --validation"):
        load_task("mine", Dataset(whole.name, ("body",), "kind"), load_tokenizer(tiny_model), get_recipe("stable"))


def test_texts_may_be_in_a_column_named_label_and_have_line_ends_of_unicode(tmp_path: Path) -> None:
    """Raw in JSON Lines, as JSON allows."""
    rows = [{"label": text, "cat": cat} for text, cat in (("word1\u2028word2", "b"), ("word3\u0085", "a"), ("é", "b"))]
    for name in ("train.jsonl", "dev.jsonl"):
        (tmp_path / name).write_text("\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
    its = Dataset(str(tmp_path / "train.jsonl"), ("label",), "cat", str(tmp_path / "dev.jsonl"))
    frames = read_frames("mine", its)
    assert frames.train[list(frames.text)].to_numpy().tolist() == [[row["label"]] for row in rows]
    assert frames.train["label"].tolist() == [1, 0, 1] and frames.labels == ("a", "b")


def test_an_example_that_is_marked_as_without_a_label_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """-1 of declared names is not the last of them."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    features = datasets.Features(text=datasets.Value("string"), label=datasets.ClassLabel(names=["no", "yes"]))
    (tmp_path / "mine").mkdir()

    def frames(train: list[int]) -> Frames:
        for split, labels in (("train", train), ("validation", [0, 1])):
            columns = {"text": ["word1"] * len(labels), "label": labels}
            of_split = datasets.Dataset.from_dict(columns, features)
            of_split.to_parquet(tmp_path / "mine" / f"{split}-00000-of-00001.parquet")
        return read_frames("mine", Dataset(str(tmp_path / "mine"), ("text",)))

    assert frames([0, 1, 1]).labels == ("no", "yes")
    rule = "split train: row 2, column 'label' must be 0 to 1, as its 2 names are numbered, got -1; leave out examples"
    with pytest.raises(DataError, match=rule):
        frames([0, 1, -1])


def edited(frame: pd.DataFrame, row: int, column: str, value: object) -> pd.DataFrame:
    frame = frame.astype(object)
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda frame: frame.drop(columns="kind"), r"dev.csv: no column 'kind'; there are body"),
        (lambda frame: frame[:0], "dev.csv: no rows"),
        (
            lambda frame: edited(frame, 4, "kind", "new"),
            "dev.csv: row 4, column 'kind' has label 'new', which no training",
        ),
        (
            lambda frame: edited(frame, 4, "kind", ""),
            "dev.csv: row 4, column 'kind' must be a whole number or a name, got ''",
        ),
        (lambda frame: frame.assign(kind="low"), "dev.csv: every label is 'low'; a set needs two or more"),
        (
            lambda frame: frame.assign(kind=0.5),
            "dev.csv: row 0, column 'kind' must be a whole number or a name, got 0.5",
        ),
    ],
)
def test_examples_that_cannot_be_are_named(three: Dataset, tiny_model: str, tmp_path: Path, edit, message: str) -> None:
    edit(pd.read_csv(three.validation, keep_default_na=False)).to_csv(tmp_path / "dev.csv", index=False)
    wrong = Dataset(three.name, three.text, three.label, str(tmp_path / "dev.csv"))
    with pytest.raises(DataError, match=message):
        load_task("mine", wrong, load_tokenizer(tiny_model), get_recipe("stable"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((None, ["a"], None, None, None), "--text: says how a --dataset is read, and none is given"),
        (("a/b", [], None, None, None), "--dataset a/b: name its column of texts with --text"),
        (("a/b", ["a", "b", "c"], None, None, None), "--text a b c: give one or two different columns"),
        (("a/b", ["x"], "x", None, None), "--text x: 'x' is the column of labels; name another: --label"),
        (("a/b", ["x", "label"], None, None, None), "--text x label: 'label' is the column of labels; name another"),
        (("train.csv", ["a"], None, None, None), "give the file of its dev set with --validation"),
    ],
)
def test_options_that_do_not_go_together(given, message: str) -> None:
    with pytest.raises(DataError, match=message):
        dataset_of(*given)


@pytest.mark.parametrize(
    ("task", "message"), [("sst2", "is GLUE's"), ("My task", "is not of small letters and digits")]
)
def test_a_data_set_has_a_name_of_its_own(
    three: Dataset, tiny_model: str, tmp_path: Path, task: str, message: str
) -> None:
    good = spec(three, tiny_model, tmp_path, "reference")
    with pytest.raises(DataError, match=message):
        TableSpec(**{**vars(good), "task": task})


def test_mnli_has_three_labels_and_its_dev_set_is_the_matched_one(tiny_model: str, tmp_path: Path) -> None:
    """GLUE's layout, made up: 60 training examples, of which 6 are held out."""
    rng, glue = np.random.default_rng(0), tmp_path / "glue"
    (glue / "mnli").mkdir(parents=True)
    for split, rows in (("train", 60), ("validation_matched", 12)):
        frame = pd.DataFrame({part: rng.choice(WORDS, rows) for part in ("premise", "hypothesis")})
        frame.assign(label=np.arange(rows) % 3).to_parquet(glue / "mnli" / f"{split}-00000-of-00001.parquet")
    recipe = get_recipe("stable", max_length=24, epochs=1, validations_per_epoch=2, precision="fp32")
    its = TableSpec(
        model=tiny_model,
        model_name="someone/tiny",
        glue=str(glue),
        task="mnli",
        recipe=recipe,
        engine="stacked",
        out=tmp_path / "logs",
    )
    list(BlockRunner(its, "cpu").run([Cell(0, 0), Cell(1, 0)]))
    logs = [read_log(path) for path in sorted((tmp_path / "logs").rglob("*.npz"))]
    assert logs[0].outcome.logits.shape == (2, 12, 3) and logs[0].outcome.test_logits.shape == (2, 6, 3)
    row = trial_row(logs[0])
    assert row["score_name"] is None and row["num_labels"] is None and "f1" not in row
    assert row["majority_score"] == 1 / 3 and row["score"].tolist() == row["accuracy"].tolist()
    write_trials(tmp_path / "set", rows_of(logs), name="me/mnli", version="1.0.0")
    assert validate_folder(tmp_path / "set") == []
    assert load_trials(tmp_path / "set").tables[0].labels == 3
    assert "accuracy for MNLI" in build_card(tmp_path / "set")
