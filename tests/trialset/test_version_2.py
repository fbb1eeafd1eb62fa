"""What schema 2 promises a reader: early ends, unknown things, other columns, long diagonals, one name for one."""

from __future__ import annotations

import copy
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seedbench.analyses import findings
from seedbench.errors import TrialSetError
from seedbench.trialset import add_trials, load_trials, read_folder, read_manifest, validate_folder, write_trials
from seedbench.trialset.write import write_manifest
from tests.synthetic import Split, configs_of, split_like_training, write

TRIALS = "trials/sst2-00000-of-00001.parquet"
CURVES = ("train_loss", "validation_loss", "accuracy", "f1", "matthews_correlation", "score", "test_score", "test_loss")


def ended(split: Split, trial: int, at: int, status: str | None) -> Split:
    """The same, but a trial ended after `at` checkpoints, which is all that is recorded of it."""
    split = copy.deepcopy(split)
    row, predictions = split.trials[trial], split.predictions[trial]
    row |= {"ended_at": at, "status": status} | {name: row[name][:at] for name in CURVES if name in row}
    predictions |= {name: values[:at] for name, values in predictions.items() if name != "trial_id"}
    return split


def curves(step: list[int], *scores: list[float], **columns: object) -> list[dict[str, object]]:
    """Rows of curves of the task "lm", one column of the grid."""
    return [
        {
            "trial_id": str(number),
            "model": "m",
            "task": "lm",
            "recipe": "r",
            "weight_init_seed": number,
            "data_order_seed": 0,
            "num_steps": step[-1],
            "step": np.array(step),
            "score": np.array(score, dtype=float),
            **columns,
        }
        for number, score in enumerate(scores)
    ]


def test_after_an_early_end_the_last_measurement_is_repeated(write_set):
    split = ended(split_like_training(2, 3, test_examples=40), 1, 2, None)
    folder = write_set(split)
    (table,) = load_trials(folder, predictions=True).tables
    assert table.ended_at.tolist() == [5, 2, 5, 5, 5, 5]
    for curve in (table.score, table.test_score, table.validation_loss, table.test_loss, table.predicted_label):
        assert curve is not None and (curve[1, 2:] == curve[1, 1]).all()
    assert table.score[1, :2].tolist() == split.trials[1]["score"].tolist()
    assert table.num_steps == 15 and validate_folder(folder) == []


def test_after_a_failure_stands_the_lowest_of_the_table(write_set):
    split = ended(ended(split_like_training(2, 3, test_examples=40), 1, 2, "failed"), 4, 0, "failed")
    folder = write_set(split)
    (table,) = load_trials(folder, predictions=True).tables
    own = np.arange(5) < table.ended_at[:, None]
    assert table.test_score is not None
    for scores in (table.score, table.test_score):
        lowest = scores[own].min()
        assert (scores[1, 2:] == lowest).all() and (scores[4] == lowest).all()
    assert np.isnan(table.validation_loss[1, 2:]).all() and np.isfinite(table.validation_loss[1, :2]).all()
    assert np.isnan(table.train_loss[4]).all()
    assert table.status[4] == "failed" and not table.diverged[4]
    assert validate_folder(folder) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ended_at": 0}, "column 'ended_at': must be from 1 to the table's 5 checkpoints, or from 0 where the trial"),
        ({"ended_at": 6}, "column 'ended_at': must be from 1 to the table's 5 checkpoints"),
        ({"ended_at": 3}, "column 'score': must have the table's 5 checkpoints, or those up to ended_at; not so in"),
        ({"score_name": "a b"}, "column 'score_name': must be letters, digits and _.+/:@=-, at most 80, found 'a b'"),
        ({"majority_score": np.inf}, "column 'majority_score': must be finite, found inf"),
        ({"majority_score": 0.7}, "column 'majority_score': must be the same in all trials of mini/sst2/few, found"),
        ({"model_sha256": "b" * 64}, "column 'model_sha256': must be the same in all trials of mini/sst2/few"),
        ({"data_sha256": "b" * 64}, "column 'data_sha256': must be the same in all trials of mini/sst2/few"),
    ],
)
def test_one_bad_trial_is_one_line(tmp_path, changes, message):
    split = split_like_training(2, 2, test_examples=0)
    for row in split.trials:
        row |= {"model_sha256": "a" * 64, "data_sha256": "a" * 64, "majority_score": 0.6}
    split.trials[1] |= changes
    if changes.keys() <= {"score_name", "majority_score"} and changes != {"majority_score": 0.7}:
        for row in split.trials:
            row |= changes
    with pytest.raises(TrialSetError) as refused:
        write(tmp_path / "set", split)
    assert message in str(refused.value) and "\n" not in str(refused.value) and list(tmp_path.iterdir()) == []


def test_a_test_set_is_of_all_trials_of_a_table_or_of_none(tmp_path):
    split = split_like_training(2, 2, test_examples=40)
    split.trials[1].pop("test_score")
    with pytest.raises(TrialSetError, match="column 'test_score': must have the table's 5 checkpoints"):
        write(tmp_path / "a", split)
    split = split_like_training(2, 2, test_examples=40)
    dev = [row for row in split.examples if row["split"] == "validation"]
    with pytest.raises(TrialSetError, match="column 'split': has no test, but mini/sst2/few has a test_score"):
        write(tmp_path / "b", Split(split.task, split.trials, split.predictions, dev))


def test_the_validator_compares_test_scores_and_the_majority_with_what_they_follow_from(write_set):
    split = split_like_training(2, 2, test_examples=40)
    split.trials[2]["test_score"] = split.trials[2]["test_score"] + 0.1
    first = split.trials[2]["test_score"][0]
    for row in split.trials:
        row["majority_score"] = 0.7
    assert [problem.split(": ", 1)[1] for problem in validate_folder(write_set(split))][:2] == [
        f"test_score of trial 'few-1-0' at checkpoint 0 is {first:.6f}, its predictions give {first - 0.1:.6f}",
        "majority_score is 0.700000, the labels of the dev set give 0.600000",
    ]


def test_scores_of_any_size_and_sign(tmp_path):
    rows = curves([1, 2], [-33.5, -12.25], [-40.0, -11.0], score_name="-perplexity", majority_score=-1e6)
    write_trials(tmp_path / "set", {"trials": {"lm": rows}}, name="x", version="1.0.0")
    (table,) = load_trials(tmp_path / "set").tables
    assert (table.metric, table.sign, table.majority_score) == ("perplexity", -1, -1e6)
    assert table.score.tolist() == [[-33.5, -12.25], [-40.0, -11.0]]
    assert table.dev_examples is None and table.labels is None and table.test_score is None
    assert table.status.tolist() == [None, None] and not table.diverged.any()
    assert validate_folder(tmp_path / "set") == []


def test_a_nullable_column_may_be_absent_and_an_unknown_one_is_kept(write_set, tmp_path):
    folder = write_set(split_like_training(2, 2, test_examples=0))
    path = folder / TRIALS
    table = pq.read_table(path).drop_columns(["device", "f1", "ended_at", "test_score", "majority_score"])
    colour = pa.array(["red", "green", "blue", "white"])
    pq.write_table(table.append_column("colour", colour), path)
    write_manifest(folder, name="x", version="1.0.0")
    (loaded,) = load_trials(folder).tables
    assert loaded.ended_at.tolist() == [5] * 4 and loaded.majority_score == pytest.approx(0.6)
    assert validate_folder(folder) == []

    add_trials(folder, [write(tmp_path / "more", split_like_training(2, 2, recipe="more", test_examples=0))])
    split = read_folder(folder, read_manifest(folder))["trials"]["sst2"]
    kept = dict(zip(split["trial_id"].to_pylist(), split["colour"].to_pylist(), strict=True))
    assert [kept[f"few-{row}-{column}"] for row in range(2) for column in range(2)] == colour.to_pylist()
    assert kept["more-0-0"] is None


def test_a_test_set_may_come_with_new_tables_and_is_then_the_one_of_the_task(tmp_path):
    held = write(tmp_path / "set", split_like_training(2, 2, test_examples=0))
    add_trials(held, [write(tmp_path / "new", split_like_training(2, 2, recipe="new", test_examples=40))])
    few, new = load_trials(held).tables
    assert few.test_score is None and few.test_label is None
    assert new.test_label is not None and len(new.test_label) == 40
    other = write(tmp_path / "other", split_like_training(2, 2, recipe="other", test_examples=45))
    with pytest.raises(TrialSetError, match="other test examples of sst2 than in"):
        add_trials(held, [other])


def test_a_recipe_s_name_is_one_recipe_in_all_tasks(tmp_path):
    mrpc = split_like_training(2, 2, task="mrpc", test_examples=0)
    for row in mrpc.trials:
        row["learning_rate"] = 3e-5
    message = (
        "recipe 'few' has learning_rate 3e-05 in mini/mrpc and 2e-05 in mini/sst2: a recipe's name stands for the same "
        "fields in every table; give one of them another name"
    )
    with pytest.raises(TrialSetError) as refused:
        write(tmp_path / "set", split_like_training(2, 2, test_examples=0), mrpc)
    assert str(refused.value) == message
    held = write(tmp_path / "held", split_like_training(2, 2, test_examples=0))
    with pytest.raises(TrialSetError, match="recipe 'few' has learning_rate 3e-05 in mini/mrpc and 2e-05 in mini/"):
        add_trials(held, [write(tmp_path / "mrpc", mrpc)])
    for row in mrpc.trials:  # what is unknown contradicts nothing
        row["learning_rate"] = None
    add_trials(held, [write(tmp_path / "unknown", mrpc)])


def diagonal(folder: Path, runs: int) -> Path:
    """Runs of one seed each, in `folder`."""
    rng = np.random.default_rng(0)
    seed, step = pa.array(np.arange(runs)), np.array([10, 20], np.int32)
    text = {"model": "m", "task": "lm", "recipe": "r"}
    lists = {"step": np.tile(step, runs), "score": rng.normal(size=2 * runs)}
    offsets = pa.array(np.arange(0, 2 * runs + 1, 2, dtype=np.int32))
    table = pa.table(
        {
            "trial_id": pa.array([str(run) for run in range(runs)]),
            **{name: pa.array([value] * runs) for name, value in text.items()},
            "weight_init_seed": seed,
            "data_order_seed": seed,
            "num_steps": pa.array(np.full(runs, 20, np.int32)),
            **{
                name: pa.ListArray.from_arrays(offsets, pa.array(values)).cast(
                    pa.list_(pa.field("element", pa.array(values).type))
                )
                for name, values in lists.items()
            },
        }
    )
    write_trials(folder, {"trials": {"lm": table}}, name="x", version="1.0.0")
    return folder


def test_a_long_diagonal_takes_no_room(tmp_path):
    """50,000 runs of two checkpoints are a few megabytes; a grid of their seeds would be ten thousand."""
    folder = diagonal(tmp_path / "set", 50_000)
    tracemalloc.start()
    (table,) = load_trials(folder).tables
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert table.grid == (50_000, 50_000) and table.one_seed and table.missing == 0 and table.sparse
    assert peak < 200e6
    assert table.trial_at(np.array([3, 3, 49_999]), np.array([3, 4, 49_999])).tolist() == [3, -1, 49_999]


def test_findings_of_a_diagonal_that_is_not_laid_out(tmp_path):
    (found,) = findings(diagonal(tmp_path / "set", 400), permutations=9).tables
    assert found.factors.heatmap is None and not found.factors.components
    assert found.factors.notes[0].startswith("No two trials share a seed")


def test_trials_are_found_by_their_cell():
    from tests.synthetic import table_by_hand

    cell = [[1, 1]]
    table = table_by_hand([[cell, None, cell], [None, cell, cell]], [1, 0])
    rows, columns = np.indices((2, 3))
    assert table.trial_at(rows, columns).tolist() == table.cell.tolist() == [[0, -1, 1], [-1, 2, 3]]
    part = table.part(np.array([0, 1]))
    assert part.weight_init_seeds.tolist() == [100] and part.data_order_seeds.tolist() == [200, 202]
    assert part.trial_id.tolist() == ["0-0", "0-2"] and part.one_seed and not table.one_seed


@pytest.mark.parametrize("test_examples", [0, 40])
def test_what_is_written_is_what_is_read(tmp_path, test_examples):
    split = split_like_training(2, 2, test_examples=test_examples)
    write_trials(tmp_path / "a", configs_of(split), name="x", version="1.0.0")
    read = read_folder(tmp_path / "a", read_manifest(tmp_path / "a"))
    write_trials(tmp_path / "b", read, name="x", version="1.0.0")
    assert (tmp_path / "a" / "manifest.json").read_bytes() == (tmp_path / "b" / "manifest.json").read_bytes()
