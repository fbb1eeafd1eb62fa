"""Exports of pages, files of one's own and what others published, as people have them: all make the same trials."""

from __future__ import annotations

import gzip
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from seedbench.errors import TrialSetError
from seedbench.trialset import load_trials, validate_folder
from seedbench.trialset.importing import ImportOptions, import_curves, import_public
from tests.trialset.known_runs import LAYOUTS, POINTS, SCORES, read, text

# --- exports of pages -------------------------------------------------------------------------------------------------

WANDB = ["seed{} - eval/accuracy", "seed{} - eval/accuracy__MIN", "seed{} - eval/accuracy__MAX"]


def wandb_chart(off: float = 0.0) -> str:
    """As the page exports it: a line a step, three columns a run, the second and third what was averaged."""
    header = ["train/global_step", *(name.format(seed) for seed in (1, 2, 3) for name in WANDB)]
    rows: list[list[object]] = []
    for step in (10, 20, 30):
        known = {seed: score for seed, _, at, score in POINTS if at == step}
        cells = [[known[seed], known[seed] - off, known[seed]] if seed in known else [""] * 3 for seed in (1, 2, 3)]
        rows.append([step, *(cell for some in cells for cell in some)])
    return text([[f'"{name}"' for name in header], *rows])


def test_a_chart_of_weights_and_biases(tmp_path):
    (tmp_path / "chart.csv").write_text(wandb_chart())
    table, done = read(tmp_path / "chart.csv", tmp_path / "set")
    assert table.metric == "eval/accuracy" and table.step.tolist() == [10, 20, 30]
    assert not any("averages" in note for note in done.notes)


def test_a_chart_of_averages_says_so(tmp_path):
    (tmp_path / "chart.csv").write_text(wandb_chart(off=0.1))
    _, done = read(tmp_path / "chart.csv", tmp_path / "set")
    assert "8 values are averages: MIN and MAX differ, so single measurements are lost" in done.notes


def test_a_chart_over_time_knows_the_steps_beside(tmp_path):
    header = ["Relative Time (Process)", "a - acc", "a - _step", "b - acc", "b - _step"]
    rows = [[0.5, 0.6, 10, "", ""], [0.7, "", "", 0.7, 10]]
    (tmp_path / "chart.csv").write_text(text([header, *rows]))
    import_curves(tmp_path / "chart.csv", tmp_path / "set", ImportOptions(model="m", task="rte", recipe="r"))
    (table,) = load_trials(tmp_path / "set").tables
    assert (table.step.tolist(), table.score.tolist()) == ([10], [[0.6], [0.7]])


def test_the_history_of_weights_and_biases(tmp_path):
    rows = [[step, 1.7e9, value, 0.3, f"seed{seed}"] for seed, _, step, value in POINTS]
    (tmp_path / "h.csv").write_text(text([["_step", "_timestamp", "eval/accuracy", "eval/loss", "Name"], *rows]))
    table, _ = read(tmp_path / "h.csv", tmp_path / "set", score="eval/accuracy", run="Name")
    assert table.weight_init_seeds.tolist() == [1, 2, 3]


def test_a_column_a_run(tmp_path):
    known = {(seed, step): value for seed, _, step, value in POINTS}
    rows = [[step, *(known.get((seed, step), "") for seed in (1, 2, 3))] for step in (10, 20, 30)]
    (tmp_path / "wide.csv").write_text(text([["step", "seed1", "seed2", "seed3"], *rows]))
    read(tmp_path / "wide.csv", tmp_path / "set", layout="wide")


@pytest.mark.parametrize("name", ["run-seed_{}-tag-eval_accuracy.csv", "seed{}.csv"])
def test_scalars_that_tensorboard_saves(tmp_path, name):
    (tmp_path / "runs").mkdir()
    for seed in (1, 2, 3):
        rows = [[1.7e9, step, value] for its, _, step, value in POINTS if its == seed]
        (tmp_path / "runs" / name.format(seed)).write_text(text([["Wall time", "Step", "Value"], *rows]))
    table, _ = read(tmp_path / "runs", tmp_path / "set")
    assert table.metric == ("eval_accuracy" if "tag" in name else "Value")


def test_scalars_of_the_same_name_are_told_apart_by_their_folders(tmp_path):
    for seed in (1, 2, 3):
        (tmp_path / f"runs/seed{seed}").mkdir(parents=True)
        rows = [[1.7e9, step, value] for its, _, step, value in POINTS if its == seed]
        (tmp_path / f"runs/seed{seed}/acc.csv").write_text(text([["Wall time", "Step", "Value"], *rows]))
    (tmp_path / "runs/.hidden").mkdir()
    shutil.copy(tmp_path / "runs/seed1/acc.csv", tmp_path / "runs/.hidden/acc.csv")
    read(tmp_path / "runs", tmp_path / "set")


def test_scalars_in_one_table(tmp_path):
    """As tbparse and pandas' melt leave them."""
    rows = [[f"seed{seed}", step, tag, value] for seed, _, step, value in POINTS for tag in ("acc", "other")]
    (tmp_path / "long.csv").write_text(text([["run", "step", "tag", "value"], *rows]))
    read(tmp_path / "long.csv", tmp_path / "set", score="acc")


# --- files of one's own -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lines", [True, False])
def test_json(tmp_path, lines):
    records = [{"seed": seed, "step": step, "dev": {"x": 1}, "acc": value} for seed, _, step, value in POINTS]
    content = "\n".join(map(json.dumps, records)) if lines else json.dumps(records)
    (tmp_path / "curves.json").write_text(content)
    read(tmp_path / "curves.json", tmp_path / "set", score="acc")


def test_json_lines_of_one_run_each(tmp_path):
    (tmp_path / "runs").mkdir()
    for seed in (1, 2, 3):
        records = [{"step": step, "acc": value} for its, _, step, value in POINTS if its == seed]
        (tmp_path / f"runs/seed_{seed}.jsonl").write_text("\n".join(map(json.dumps, records)))
    read(tmp_path / "runs", tmp_path / "set", score="acc")


@pytest.mark.parametrize("lines", [True, False])
def test_the_log_history_of_one_run(tmp_path, lines):
    log = json.loads((LAYOUTS / "trainer/run-seed1/trainer_state.json").read_text())["log_history"]
    (tmp_path / "seed-7").mkdir()
    file = tmp_path / "seed-7/log.json"
    file.write_text("\n".join(map(json.dumps, log)) if lines else json.dumps(log))
    options = ImportOptions(model="m", task="rte", recipe="r", score="eval_accuracy")
    import_curves(file, tmp_path / "set", options)
    (table,) = load_trials(tmp_path / "set").tables
    assert table.score.tolist() == SCORES[:1] and table.weight_init_seeds.tolist() == [7]


HEADER = ["seed", "step", "acc"]
LINES = [[seed, step, value] for seed, _, step, value in POINTS]
COMMAS = [[seed, step, str(value).replace(".", ",")] for seed, _, step, value in POINTS]


DIALECTS = {
    "semicolons.csv": text([HEADER, *LINES], ";").encode(),
    "decimal-commas.csv": text([HEADER, *COMMAS], ";").encode(),
    "tabs.tsv": text([HEADER, *LINES], "\t").encode(),
    "tabs-and-commas.txt": text([HEADER, *COMMAS], "\t").encode(),
    "packed.csv.gz": gzip.compress(text([HEADER, *LINES]).encode()),
    "windows.csv": b"\xef\xbb\xbf" + text([HEADER, *LINES]).replace("\n", "\r\n").encode(),
    "comma-at-the-end.csv": text([[*row, ""] for row in [HEADER, *LINES]]).encode(),
    "quoted.csv": text([[f'"{cell}"' for cell in row] for row in [HEADER, *LINES]]).encode(),
    "spaces.csv": text([HEADER, *LINES], " , ").encode(),
    "floats.csv": text([HEADER, *([f"{seed}.0", f"{step}.0", value] for seed, step, value in LINES)]).encode(),
    "empty-lines.csv": text([HEADER, *LINES]).replace("\n", "\n\n").encode(),
    "shuffled.csv": text([HEADER, *LINES[::-1]]).encode(),
    "twice.csv": text([HEADER, *LINES, *LINES]).encode(),
    "exponents.csv": text([HEADER, *([seed, step, f"{value:e}"] for seed, step, value in LINES)]).encode(),
    "losses-between.csv": text([HEADER, *LINES, *([seed, 5, ""] for seed in (1, 2, 3))]).encode(),
    "na.csv": text([HEADER, *LINES, *([seed, 5, "NA"] for seed in (1, 2, 3))]).encode(),
    "a-script-named.log": text([HEADER, *LINES]).encode(),
    "excel-unicode-text.txt": text([HEADER, *COMMAS], "\t").replace("\n", "\r\n").encode("utf-16"),
    "big-endian.csv": b"\xfe\xff" + text([HEADER, *LINES]).encode("utf-16-be"),
    "excel-names-it.csv": b"sep=;\r\n" + text([HEADER, *COMMAS], ";").replace("\n", "\r\n").encode(),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_the_same_table_in_every_dialect(tmp_path, name):
    (tmp_path / name).write_bytes(DIALECTS[name])
    _, done = read(tmp_path / name, tmp_path / "set", score="acc")
    assert done.rows == len(LINES) * (1 + (name == "twice.csv")) + 3 * (name in ("losses-between.csv", "na.csv"))


def test_a_study_of_what_is_no_storage_is_refused(tmp_path):
    (tmp_path / "curves.csv").write_text(text([HEADER, *LINES]))
    options = ImportOptions(model="m", task="rte", recipe="r", score="acc", study="s")
    with pytest.raises(TrialSetError, match="--study s: .*curves.csv is no storage of an Optuna study; leave"):
        import_curves(tmp_path / "curves.csv", tmp_path / "set", options)


def test_lines_are_counted_from_excel_s_own(tmp_path):
    (tmp_path / "curves.csv").write_text("sep=;\n" + text([HEADER, [1, 10, "0.5"], [1, 20, "much"]], ";"))
    options = ImportOptions(model="m", task="rte", recipe="r", score="acc")
    with pytest.raises(TrialSetError, match="column 'acc', line 4: must be a number, found 'much'"):
        import_curves(tmp_path / "curves.csv", tmp_path / "set", options)
    (tmp_path / "curves.csv").write_bytes("seed,step,acc\n1,10,0.5\n".encode("utf-16")[:-1])
    with pytest.raises(TrialSetError, match="line 2: is not UTF-16 text"):
        import_curves(tmp_path / "curves.csv", tmp_path / "set", options)


def test_parquet_of_pandas(tmp_path):
    frame = pd.DataFrame(LINES, columns=HEADER).set_index(["seed", "step"])
    frame.to_parquet(tmp_path / "curves.parquet")
    read(tmp_path / "curves.parquet", tmp_path / "set", score="acc")


def test_thousands_with_points_are_refused_where_commas_are_decimal(tmp_path):
    """1.000 is one, or a thousand: nobody knows."""
    rows = [[1, "500", "0,5"], [1, "1.000", "0,6"]]
    (tmp_path / "curves.csv").write_text(text([HEADER, *rows], ";"))
    with pytest.raises(
        TrialSetError, match="column 'step', line 3: must be a number with a decimal comma and no points"
    ):
        import_curves(
            tmp_path / "curves.csv", tmp_path / "set", ImportOptions(model="m", task="rte", recipe="r", score="acc")
        )


def test_files_of_two_layouts_are_refused(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/a.csv").write_text(text([HEADER, *LINES]))
    (tmp_path / "runs/b.csv").write_text("Wall time,Step,Value\n1,1,1\n")
    with pytest.raises(TrialSetError, match="b.csv: is of layout scalars, but .*a.csv of long: import them apart"):
        import_curves(tmp_path / "runs", tmp_path / "set", ImportOptions())


def test_which_of_several_measures_is_asked(tmp_path):
    rule = "read as layout names; say with --score, --recipe what is what: there are eval_accuracy, eval_loss$"
    with pytest.raises(TrialSetError, match=rule):
        import_curves(LAYOUTS / "mlflow/metrics.csv", tmp_path / "set", ImportOptions(model="m", task="rte"))


# --- what others published --------------------------------------------------------------------------------------------


def test_revisit_bert_finetuning(tmp_path):
    """Two tasks, two remedies, two seeds, two points; a comma ends each line; best_ says what is meant."""
    for recipe in ("ORIGINAL", "REINIT5"):
        for task, metric in (("RTE", "acc"), ("STS-B", "spearmanr")):
            for seed in (0, 1):
                folder = tmp_path / "bert_output" / recipe / task / f"SEED{seed}"
                folder.mkdir(parents=True)
                rows = [[0.5 + seed / 10, 0.6, 0.5, 0.00002, 0.7, 40], [0.6 + seed / 10, 0.5, 0.6, 0.0, 0.4, 80]]
                header = [f"val_{metric}", "val_loss", f"best_val_{metric}", "learning_rate", "loss", "step", ""]
                lines = [",".join(header), *(",".join(f"{cell:.6f}" for cell in row) + "," for row in rows)]
                (folder / "raw_log.txt").write_text("\n".join(lines) + "\n")
                (folder / "test_last_log.txt").write_text(f"test_{metric},test_loss,test_step\n0.6,0.5,80.0")
    done = import_public("revisit-bert-finetuning", tmp_path / "bert_output", tmp_path / "set", ImportOptions())
    assert (done.trials, done.tables, done.rows) == (8, 4, 16) and validate_folder(tmp_path / "set") == []
    tables = load_trials(tmp_path / "set").tables
    assert [table.name for table in tables] == [
        f"bert-large-uncased/{task}/{recipe}" for task in ("rte", "stsb") for recipe in ("ORIGINAL", "REINIT5")
    ]
    assert [table.metric for table in tables] == ["val_acc"] * 2 + ["val_spearmanr"] * 2
    assert tables[0].score.tolist() == [[0.5, 0.6], [0.6, 0.7]] and tables[0].step.tolist() == [40, 80]
    assert np.allclose(tables[0].train_loss, [[0.7, 0.4]] * 2)


def test_logs_of_a_published_set_that_would_become_one_are_refused(tmp_path):
    """Two tasks of one name, or two logs of one trial: to keep the first of two scores would mix them."""
    lines = ["val_acc,val_loss,best_val_acc,loss,step,", "0.5,0.6,0.5,0.7,40,", "0.6,0.5,0.6,0.4,80,"]
    logs = ["a/ORIGINAL/STS-B/SEED0", "a/ORIGINAL/STSB/SEED1", "b/ORIGINAL/STS-B/SEED0"]
    for log in logs:
        (tmp_path / log).mkdir(parents=True)
        (tmp_path / log / "raw_log.txt").write_text("\n".join(lines))
    for folder, rule in (
        ("a", "STSB/SEED1/raw_log.txt: tasks 'STS-B' and 'STSB' are both 'stsb' in a trial set, .*; rename one of the"),
        (".", "b/ORIGINAL/STS-B/SEED0/raw_log.txt: a second log of the trial of .*a/ORIGINAL/STS-B/SEED0/raw_log.txt;"),
    ):
        if folder == ".":
            (tmp_path / logs[1] / "raw_log.txt").unlink()
        for keep in (None, "last"):
            with pytest.raises(TrialSetError, match=rule) as refused:
                import_public("revisit-bert-finetuning", tmp_path / folder, tmp_path / "set", ImportOptions(keep=keep))
            assert "--keep" not in str(refused.value) and not (tmp_path / "set").exists()


def test_options_that_a_published_set_has_no_use_for_are_refused(tmp_path):
    options = ImportOptions(score="val_acc", leave_out=("SEED1",), keep="last")
    with pytest.raises(TrialSetError, match="it is known how that is read; leave --score, --leave-out out$"):
        import_public("revisit-bert-finetuning", tmp_path, tmp_path / "set", options)


def test_public_sets_are_named(run):
    code, out, _ = run("trials", "import", "--from", "list")
    assert code == 0 and "arXiv 2006.05987" in out and "https://github.com/asappresearch/revisit-bert-finetuning" in out
