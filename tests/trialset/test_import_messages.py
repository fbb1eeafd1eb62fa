"""What a newcomer's files meet: each odd value is read where there is no doubt, else one line says what to do, and what
that line says works."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seedbench.errors import TrialSetError
from seedbench.trialset import TrialTable, load_trials, validate_folder
from seedbench.trialset.importing import Imported, ImportOptions, import_curves


def imported(folder: Path, text: str, **options) -> tuple[TrialTable, Imported]:
    """The one table that lines of CSV make."""
    folder.mkdir(exist_ok=True)
    (folder / "curves.csv").write_text(text)
    options = {"model": "m", "task": "mine", "recipe": "r", "score": "acc"} | options
    done = import_curves(folder / "curves.csv", folder / "set", ImportOptions(**options))
    assert validate_folder(folder / "set") == []
    (table,) = load_trials(folder / "set").tables
    return table, done


def refused(folder: Path, text: str, **options) -> str:
    with pytest.raises(TrialSetError) as error:
        imported(folder, text, **options)
    assert "\n" not in str(error.value) and not (folder / "set").exists()
    return str(error.value)


def noted(done: Imported, start: str) -> str:
    (note,) = [note for note in done.notes if note.removeprefix("m/mine/r: ").startswith(start)]
    return note


# --- empty scores -----------------------------------------------------------------------------------------------------


def nan_of_pandas() -> str:
    """Seed 1 diverges after its first checkpoint, and pandas writes its NaN as nothing; seed 2 stops there."""
    rows = [(1, 10, 0.5), (1, 20, np.nan), (1, 30, np.nan), (2, 10, 0.4), *((3, step, 0.6) for step in (10, 20, 30))]
    return pd.DataFrame(rows, columns=["seed", "step", "acc"]).to_csv(index=False)


def test_an_empty_score_may_be_an_early_stop_or_nan_and_an_option_says_which(tmp_path):
    table, done = imported(tmp_path / "stopped", nan_of_pandas())
    assert table.status.tolist() == [None] * 3 and table.ended_at.tolist() == [1, 1, 3]
    assert "2 of 3 trials ended before the last of 3 checkpoints, and are kept" in noted(done, "2 of 3")
    assert noted(done, "1 of these (seed 1) have empty scores").endswith("--empty-is-nan makes them failed trials")
    table, done = imported(tmp_path / "failed", nan_of_pandas(), empty_is_nan=True)
    assert table.status.tolist() == ["failed", None, None] and table.ended_at.tolist() == [1, 1, 3]
    assert table.score.tolist() == [[0.5, 0.4, 0.4], [0.4, 0.4, 0.4], [0.6, 0.6, 0.6]]
    assert not any("--empty-is-nan" in note for note in done.notes)


def test_rows_of_losses_between_checkpoints_are_no_empty_scores(tmp_path):
    lines = "seed,step,acc,loss\n1,5,,0.1\n1,10,0.5,\n1,15,,0.1\n2,10,0.5,\n2,20,0.6,\n"
    _, done = imported(tmp_path, lines)
    assert not any("empty" in note for note in done.notes)
    table, _ = imported(tmp_path / "nan", lines, empty_is_nan=True)
    assert table.status.tolist() == [None, None]


@pytest.mark.parametrize("layout", ["wide", "charts"])
def test_a_column_a_run_has_empty_cells_for_either(tmp_path, layout):
    names = "step,seed1,seed2" if layout == "wide" else '"Step","seed1 - acc","seed2 - acc"'
    lines = f"{names}\n10,0.5,0.4\n20,,0.6\n"
    options = {"layout": layout, "score": "value" if layout == "wide" else "acc"}
    _, done = imported(tmp_path / "one", lines, **options)
    assert "--empty-is-nan" in noted(done, "1 of these (seed 1)")
    table, _ = imported(tmp_path / "other", lines, **options, empty_is_nan=True)
    assert table.status.tolist() == ["failed", None]


def test_an_empty_score_in_between_is_refused_with_what_to_do(tmp_path):
    lines = "seed,step,acc\n1,10,0.5\n1,20,\n1,30,0.7\n2,10,0.4\n2,20,0.5\n2,30,0.6\n"
    assert refused(tmp_path, lines).endswith("; --empty-is-nan takes its empty score for NaN")
    table, _ = imported(tmp_path / "nan", lines, empty_is_nan=True)
    assert table.score.tolist() == [[0.5, 0.4, 0.7], [0.4, 0.5, 0.6]]


# --- units ------------------------------------------------------------------------------------------------------------


def test_percent_signs_take_a_scale(tmp_path):
    lines = "seed,step,acc,test\n1,10,75.46%,70 %\n1,20,80%,71%\n"
    assert refused(tmp_path, lines).endswith(
        "must be a number, not percent, found '75.46%': --scale 0.01 reads percent"
    )
    table, _ = imported(tmp_path / "scaled", lines, scale=0.01, test_score="test", majority_score=60.0)
    assert table.score.tolist() == [[0.7546, 0.8]] and table.test_score.tolist() == [[0.7, 0.71]]
    mixed = lines.replace("80%", "0.8")
    assert "line 3: must be percent, as line 2 is (75.46%), found '0.8'" in refused(tmp_path, mixed, scale=0.01)


@pytest.mark.parametrize("nothing", ["n/a", "N/A", "#N/A", "NULL", "null", "NA", "None", "<NA>"])
def test_words_for_nothing_are_nothing(tmp_path, nothing):
    table, _ = imported(tmp_path, f"seed,step,acc\n1,10,0.5\n1,20,{nothing}\n2,10,0.5\n2,20,0.6\n")
    assert table.ended_at.tolist() == [1, 2]


def test_a_word_among_numbers_can_be_left_out_as_the_message_says(tmp_path):
    lines = "seed,step,acc\n1,10,0.5\n1,20,OOM\n2,10,0.5\n2,20,0.6\n"
    said = refused(tmp_path, lines)
    assert said.endswith("found 'OOM': empty it, or leave such rows out with --where 'acc!=OOM'")
    table, _ = imported(tmp_path / "left", lines, where=("acc!=OOM",))
    assert table.ended_at.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("epochs", "steps"),
    [
        (["0.5", "1.0", "1.5"], [1, 2, 3]),
        (["0.33", "0.67", "1"], [33, 67, 100]),
        (["0.333333", "0.666667", "1.0"], [1, 2, 3]),
        (["0.25", "0.5", "2"], [1, 2, 8]),
    ],
)
def test_fractional_epochs_are_counted_in_their_parts(tmp_path, epochs, steps):
    lines = "".join(f"1,{epoch},0.{5 + at}\n" for at, epoch in enumerate(epochs))
    table, done = imported(tmp_path, f"seed,epoch,acc\n{lines}", step="epoch")
    assert table.step.tolist() == steps and noted(done, "epoch has fractions: counted in parts of 1/")


def test_epoch_zero_of_fractions_is_before_training(tmp_path):
    table, done = imported(tmp_path, "seed,epoch,acc\n1,0,0.3\n1,0.5,0.5\n1,1,0.6\n", step="epoch")
    assert table.step.tolist() == [1, 2] and noted(done, "1 row left out (the first: line 2): step 0 is before any")


def test_odd_fractions_ask_for_the_column_of_steps(tmp_path):
    lines = "seed,epoch,acc\n1,0.08149959250203748,0.3\n1,0.16299918500407497,0.4\n"
    assert refused(tmp_path, lines, step="epoch").endswith(": name the column of training steps with --step")
    said = refused(tmp_path, "seed,time,acc\n1,0.5,0.3\n", step="time")
    assert said.endswith("found '0.5': name the column of training steps with --step")


@pytest.mark.parametrize(
    ("scores", "majority", "minimize"),
    [
        (["0.5", "0.7"], 75.0, False),
        (["50", "70"], 0.6, False),
        (["3.5", "2.5"], -3.0, True),
    ],
)
def test_a_majority_score_in_other_units_is_refused(tmp_path, scores, majority, minimize):
    lines = "seed,step,acc\n" + "".join(f"1,{at},{score}\n" for at, score in enumerate(scores, 1))
    said = refused(tmp_path, lines, majority_score=majority, minimize=minimize)
    low, high = sorted(map(float, scores))
    assert said == (
        f"--majority-score: must be in the units of the file's scores, which in m/mine/r are {low:g} to {high:g}, "
        f"found {majority:g}"
    )


@pytest.mark.parametrize(("majority", "minimize"), [(52.7, False), (0.0, False), (99.0, True)])
def test_a_majority_score_that_may_be_one_is_taken(tmp_path, majority, minimize):
    table, _ = imported(tmp_path, "seed,step,acc\n1,1,50\n1,2,70\n", majority_score=majority, minimize=minimize)
    assert table.as_measured(np.array(table.majority_score)) == majority


@pytest.mark.parametrize(
    ("column", "minimize", "asked"),
    [
        ("ppl", False, True),
        ("eval/perplexity", False, True),
        ("val_loss", False, True),
        ("WER", False, True),
        ("error_rate", False, True),
        ("eval_rmse", False, True),
        ("ppl", True, False),
        ("accuracy", False, False),
        ("terror", False, False),
        ("merge", False, False),
        ("accuracy", True, True),
        ("f1", True, True),
    ],
)
def test_a_name_that_sounds_of_the_other_direction_is_asked_about(tmp_path, column, minimize, asked):
    lines = f"seed,step,{column}\n1,1,0.5\n1,2,0.4\n"
    _, done = imported(tmp_path, lines, score=column, minimize=minimize)
    assert done.notes[0].startswith(f"{column} is taken for better") == asked
    assert not asked or "--minimize" in done.notes[0]


# --- what leaves ------------------------------------------------------------------------------------------------------


def test_one_missing_test_score_says_what_it_costs_and_what_to_do(tmp_path):
    lines = "seed,step,acc,test\n1,10,0.5,0.5\n1,20,0.6,\n2,10,0.5,0.4\n2,20,0.6,0.7\n"
    table, done = imported(tmp_path, lines, test_score="test")
    assert table.test_score is None
    assert noted(done, "test_score (test) left out of the whole table: 1 of 4 checkpoints has none").endswith(
        "(the first: line 3); fill it in, or leave such rows out with --where 'test!='"
    )
    table, _ = imported(tmp_path / "left", lines, test_score="test", where=("test!=",))
    assert table.test_score.tolist() == [[0.5, 0.5], [0.4, 0.7]] and table.ended_at.tolist() == [1, 2]


def test_a_curve_that_failed_after_the_last_common_step_is_whole(tmp_path):
    lines = "seed,step,acc\n1,10,0.5\n1,20,0.6\n1,30,nan\n2,10,0.5\n2,20,0.6\n3,10,0.5\n3,20,0.6\n3,30,0.7\n"
    table, done = imported(tmp_path, lines, common_steps=True)
    assert table.status.tolist() == [None] * 3 and table.ended_at.tolist() == [2] * 3
    assert noted(done, "1 trial (seed 1) failed only after the last of the 2 steps that are left")
    assert not any("kept as failed" in note for note in done.notes)
    assert noted(done, "2 rows left out").endswith("step 30 is not shared by all trials that did not fail; score 0.7")


def test_a_curve_that_failed_before_it_has_failed(tmp_path):
    lines = "seed,step,acc\n1,10,0.5\n1,20,nan\n2,10,0.5\n2,20,0.6\n3,10,0.5\n3,20,0.6\n3,30,0.7\n"
    table, done = imported(tmp_path, lines, common_steps=True)
    assert table.status.tolist() == ["failed", None, None] and table.ended_at.tolist() == [1, 2, 2]
    assert noted(done, "1 of 3 trials end without a score that is a number (seed 1): kept as failed")


def test_labels_are_said_as_the_file_has_them(tmp_path):
    lines = "wi,do,step,acc\na b,x,10,nan\na b,y,10,0.5\nc,x,10,0.5\n"
    seeds = {"weight_init_seed": "wi", "data_order_seed": "do"}
    table, done = imported(tmp_path, lines, **seeds)
    assert noted(done, "1 of 3 trials end without").count("weight-init seed a b, data-order seed x") == 1
    assert table.seed_labels == ({0: "a_b", 1: "c"}, {0: "x", 1: "y"})
    assert table.trial_name(0) == "a_b/x"


# --- a folder with a broken file --------------------------------------------------------------------------------------


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three runs, of which the third's state was cut off in writing."""
    for seed in (1, 2, 3):
        folder = tmp_path / f"runs/seed-{seed}"
        folder.mkdir(parents=True)
        log = [{"epoch": at, "step": 10 * at, "eval_accuracy": 0.5 + seed / 10 + at / 100} for at in (1, 2)]
        text = json.dumps({"log_history": log})
        (folder / "trainer_state.json").write_text(text if seed < 3 else text[:60])
    return tmp_path / "runs"


def folder_options(**options) -> ImportOptions:
    return ImportOptions(model="m", task="mine", recipe="r", score="eval_accuracy", **options)


def test_a_broken_file_is_named_with_how_to_go_on_without_it(runs, tmp_path):
    with pytest.raises(TrialSetError) as error:
        import_curves(runs, tmp_path / "set", folder_options())
    advice = ": mend that file, or go on without it by --leave-out 'seed-3/trainer_state.json'"
    assert str(error.value).startswith(f"{runs}/seed-3/trainer_state.json: line 1: not JSON")
    assert str(error.value).endswith(advice) and "\n" not in str(error.value)


@pytest.mark.parametrize("pattern", ["seed-3/trainer_state.json", "seed-3", "seed-3/", "*3/*", "{runs}/seed-3"])
def test_files_are_left_out_by_name_and_said(runs, tmp_path, pattern):
    options = folder_options(leave_out=(pattern.format(runs=runs),))
    done = import_curves(runs, tmp_path / "set", options)
    assert done.trials == 2 and "1 file left out by --leave-out: seed-3/trainer_state.json" in done.notes


def test_a_name_that_leaves_nothing_out_is_refused(runs, tmp_path):
    with pytest.raises(TrialSetError, match="--leave-out seed-4: there is no such file of curves in .*runs$"):
        import_curves(runs, tmp_path / "set", folder_options(leave_out=("seed-4",)))
    with pytest.raises(TrialSetError, match="--leave-out seed-4: .*curves.csv is no folder; --where leaves out rows"):
        imported(tmp_path, "seed,step,acc\n1,1,0.5\n", leave_out=("seed-4",))


def test_a_run_without_an_entry_is_named(runs, tmp_path):
    (runs / "seed-3/trainer_state.json").write_text('{"log_history": []}')
    done = import_curves(runs, tmp_path / "set", folder_options())
    assert done.trials == 2 and "1 file without a row, and so no trial: seed-3/trainer_state.json" in done.notes
