"""A sweep fills a grid: whatever is killed, known, changed or wrong. SEEDBENCH_SLOW=1: killed more often."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from transformers import BertConfig, BertModel

from runners import block
from runners.cluster.rounds import register
from runners.cluster.state import Options
from runners.export import main as export_main
from runners.plan_file import PlannedTable
from runners.sweep import main as sweep_main
from runners.table import TableError, table_spec
from runners.trial_log import Cell, read_log, write_log
from seedbench.trialset import load_trials
from tests.runners.sweeps import CHANGES, SLOW, command, contents, here, run, stacked_spec


def sweep_command(model: str, glue: str, out: Path, *more: str, seeds: str = "0:3") -> list[str]:
    changes = [part for change in CHANGES for part in ("--set", change)]
    table = ["--model", model, "--model-name", "someone/tiny", "--glue", glue, "--task", "sst2", "--recipe", "stable"]
    grid = ["--weight-init-seeds", seeds, "--data-order-seeds", "0:2", "--out", str(out)]
    return command("sweep", *table, *grid, "--device", "cpu", "--threads", "1", *changes, *more)


@pytest.fixture(scope="module")
def timed(tiny_model: str, tiny_glue: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """The logs of a sweep that nobody interrupted, and how many seconds it took."""
    out, began = tmp_path_factory.mktemp("sweep") / "logs", time.monotonic()
    result = run(sweep_command(tiny_model, tiny_glue, out, "--engine", "stacked", "--stack", "2"))
    assert result.returncode == 0, result.stderr
    assert "6 trials run" in result.stderr
    assert "Traceback" not in result.stderr
    return out, time.monotonic() - began


@pytest.fixture(scope="module")
def complete(timed: tuple[Path, float]) -> Path:
    """The logs alone."""
    return timed[0]


def test_a_sweep_fills_the_grid_and_becomes_a_trial_set(complete: Path, tmp_path: Path) -> None:
    assert len(contents(complete)) == 6
    out = tmp_path / "set"
    result = here(
        export_main, command("export", str(complete), str(out), "--name", "someone/set", "--version", "1.0.0")
    )
    assert result.exit_code == 0, result.stderr
    table = load_trials(out).tables[0]
    assert table.name == "someone/tiny/sst2/stable"
    assert table.grid == (3, 2)
    assert table.fields["learning_rate"] == 1e-3


def test_both_engines_fill_the_grid_with_the_same_trials(
    complete: Path, tiny_model: str, tiny_glue: str, tmp_path: Path, quick_workers: None
) -> None:
    arguments = sweep_command(tiny_model, tiny_glue, tmp_path, "--engine", "reference", "--workers", "2", seeds="1")
    result = here(sweep_main, arguments)
    assert result.exit_code == 0, result.stderr
    for path in tmp_path.rglob("*.npz"):
        other = next(complete.rglob(path.name))
        np.testing.assert_allclose(read_log(path).outcome.logits, read_log(other).outcome.logits, atol=1e-5)


def test_killed_at_random_moments_a_sweep_ends_with_the_same_logs(
    timed: tuple[Path, float], tiny_model: str, tiny_glue: str, tmp_path: Path
) -> None:
    """SIGKILL to the whole process group, again and again; SEEDBENCH_KILLS sets how often."""
    kills = int(os.environ.get("SEEDBENCH_KILLS", "10" if SLOW else "4"))
    arguments = sweep_command(tiny_model, tiny_glue, tmp_path, "--engine", "stacked", "--stack", "2")
    rng = np.random.default_rng(int(os.environ.get("SEEDBENCH_KILL_SEED", "0")))
    root = Path(__file__).parents[2]
    complete, longest = timed
    for _ in range(kills):
        began = time.monotonic()
        process = subprocess.Popen(
            arguments, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            process.wait(rng.uniform(0.3, longest))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        else:  # done: begin again, so that every kill hits a sweep at work
            longest = time.monotonic() - began
            for path in tmp_path.rglob("*.npz"):
                path.unlink()
        for path in tmp_path.rglob("*.npz"):
            read_log(path)  # whole, or not there
    assert run(arguments).returncode == 0
    assert contents(tmp_path) == contents(complete)


def test_cells_of_a_known_trial_set_are_not_run_again(
    complete: Path, tiny_model: str, tiny_glue: str, tmp_path: Path, quick_workers: None
) -> None:
    known, out = tmp_path / "set", tmp_path / "out"
    exported = here(export_main, command("export", str(complete), str(known), "--name", "a/b", "--version", "1.0.0"))
    assert exported.exit_code == 0, exported.stderr
    arguments = sweep_command(tiny_model, tiny_glue, out, "--known", str(known), "--stack", "2", seeds="2:4")
    result = here(sweep_main, arguments)
    assert result.exit_code == 0, result.stderr
    assert "2 of 4 trials are in" in result.stderr
    assert sorted(path.name for path in out.rglob("*.npz")) == ["wi3-do0.npz", "wi3-do1.npz"]
    arguments = sweep_command(tiny_model, tiny_glue, out, "--known", str(known), "--set", "epochs=5")
    changed = here(sweep_main, arguments)
    assert changed.exit_code == 2
    assert "has epochs 2 there and 5 in this sweep" in changed.stderr


def test_a_finished_sweep_has_nothing_to_do(complete: Path, tiny_model: str, tiny_glue: str) -> None:
    result = here(sweep_main, sweep_command(tiny_model, tiny_glue, complete))
    assert result.exit_code == 0
    assert "6 of 6 trials are there already" in result.stderr


@pytest.mark.parametrize(
    "other", [["--task", "mrpc"], ["--model-name", "someone/else"], ["--weight-init-seeds", "7:9"]]
)
def test_a_recipes_name_means_the_same_in_every_table_of_a_folder(
    complete: Path, tiny_model: str, tiny_glue: str, other: list[str]
) -> None:
    """Of another task, of another model, on other seeds of the same table: a trial set would take none of them."""
    refused = here(sweep_main, sweep_command(tiny_model, tiny_glue, complete, *other, "--set", "epochs=3"))
    assert refused.exit_code == 2
    assert "recipe 'stable' has epochs 2 there and 3 in this sweep" in refused.stderr
    spec = table_spec(
        model=tiny_model,
        model_name=other[1] if "name" in other[0] else "someone/tiny",
        glue=tiny_glue,
        task=other[1] if "task" in other[0] else "sst2",
        recipe="stable",
        changes=[*CHANGES, "epochs=3"],
        engine="stacked",
        out=complete,
    )
    options = Options("local", 30.0, 1, ("cpu",))
    with pytest.raises(TableError, match="recipe 'stable' has epochs 2 there and 3 in this sweep"):
        register(complete, [PlannedTable(spec, (Cell(8, 0),))], options)
    assert not (complete / "cluster").exists()


def test_models_whose_names_are_one_folder_do_not_enter_one_table(
    complete: Path, tiny_model: str, tiny_glue: str, quick_workers: None
) -> None:
    arguments = sweep_command(tiny_model, tiny_glue, complete, "--model-name", "someone--tiny", seeds="7:8")
    refused = here(sweep_main, arguments)
    assert refused.exit_code == 2
    assert "of model someone/tiny, and here it is someone--tiny; give another --out" in refused.stderr


@pytest.mark.parametrize("other", ["model", "data"])
def test_other_weights_or_data_do_not_enter_a_table(
    complete: Path, tiny_model: str, tiny_glue: str, tmp_path: Path, other: str, quick_workers: None
) -> None:
    if other == "model":
        shutil.copytree(tiny_model, tmp_path / "model")
        BertModel(BertConfig.from_pretrained(tiny_model)).save_pretrained(tmp_path / "model")
        tiny_model = str(tmp_path / "model")
    else:
        shutil.copytree(tiny_glue, tmp_path / "glue")
        dev = tmp_path / "glue" / "sst2" / "validation-00000-of-00001.parquet"
        pd.read_parquet(dev)[::-1].to_parquet(dev)
        tiny_glue = str(tmp_path / "glue")
    shutil.copytree(complete, tmp_path / "logs")
    refused = here(sweep_main, sweep_command(tiny_model, tiny_glue, tmp_path / "logs", seeds="0:4"))
    assert refused.exit_code == 2
    assert f"made with other {'pretrained weights' if other == 'model' else 'data'} than here" in refused.stderr
    assert len(contents(tmp_path / "logs")) == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_sha256": "0" * 64}, "made with other pretrained weights than here"),
        ({"recipe_fields": {"epochs": 9}}, "recipe 'stable' has epochs 9 there and 2 in this sweep"),
    ],
)
def test_what_another_sweep_brings_meanwhile_does_not_enter_a_table(
    complete: Path, tiny_model: str, tiny_glue: str, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    """Two sweeps that both began on an empty folder: whoever comes to its next block sees the other's trials."""
    spec = stacked_spec(tiny_model, tiny_glue, tmp_path)
    tables = block.Tables("cpu")
    tables.runner(spec)
    log = read_log(replace(spec, out=complete).log_path(Cell(0, 0)))
    write_log(spec.log_path(Cell(0, 0)), log)
    tables.runner(spec)  # of the same model, data and recipe
    fields = log.record.recipe_fields | change.get("recipe_fields", {})
    record = replace(log.record, **change | {"recipe_fields": fields})
    write_log(spec.log_path(Cell(1, 0)), replace(log, record=record))
    with pytest.raises(TableError, match=message):
        tables.runner(spec)


def test_a_table_of_a_plan_file_is_filled(complete: Path, tiny_model: str, tiny_glue: str, tmp_path: Path) -> None:
    changes = ", ".join(change.replace("=fp32", "='fp32'").replace("=", " = ") for change in CHANGES)
    table = f"task = 'sst2'\nrecipe = 'stable'\nset = {{ {changes} }}\n"
    seeds = "weight_init_seeds = '0:3'\ndata_order_seeds = '0:2'\n"
    plan = tmp_path / "plan.toml"
    plan.write_text(f"model = '{tiny_model}'\nmodel_name = 'someone/tiny'\n[[tables]]\n{table}{seeds}")
    arguments = command("sweep", "--plan", str(plan), "--glue", tiny_glue, "--out", str(complete))
    done = here(sweep_main, [*arguments, "--table", "sst2/stable"])
    assert done.exit_code == 0, done.stderr
    assert "6 of 6 trials are there already" in done.stderr
    for more, message in (
        (["--table", "rte/stable"], "has no such table; there are sst2/stable"),
        (["--table", "sst2/stable", "--set", "epochs=1"], "a file which says what --set would"),
        (["--label", "verdict"], "a file which says what --label would"),
    ):
        refused = here(sweep_main, [*arguments, *more])
        assert refused.exit_code == 2 and message in refused.stderr
    refused = here(sweep_main, [*sweep_command(tiny_model, tiny_glue, complete), "--table", "sst2/stable"])
    assert refused.exit_code == 2 and "--table: is of a plan" in refused.stderr
    assert "--model: not given" in here(sweep_main, command("sweep", "--out", str(tmp_path))).stderr


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--set", "epochs=3"], "recipe 'stable' has epochs 2 there and 3 in this sweep"),
        (["--set", "name=my recipe"], "--set name 'my recipe': must be letters, digits and ._+=-/"),
        (["--set", "name=../elsewhere"], "--set name '../elsewhere': must be letters"),
        (["--set", "name=/tmp/elsewhere"], "--set name '/tmp/elsewhere': must be letters"),
        (["--set", "name="], "--set name '': must be letters"),
        (["--model-name", "My model"], "--model-name 'My model': must be letters"),
        (["--weight-init-seeds", "0,9223372036854775808"], "at most 63 bits (9223372036854775807), got"),
        (["--weight-init-seeds", "0:99999999999999"], "expected at most 999,999 of them, got '0:99999999999999'"),
        (["--task", "stsb"], "no such task; there are cola, mnli, mrpc, qnli, qqp, rte, sst2, wnli, or any other with"),
        (["--recipe", "best"], "no recipe 'best'"),
        (["--dataset", "a/b", "--text", "x"], "is of GLUE's tasks, and --dataset says where others are; give one"),
        (["--engine", "fast"], "expected reference or stacked"),
        (["--engine", "reference", "--stack", "2"], "trains one trial at a time: leave --stack and --compile out"),
        (["--model", "{short}", "--out", "{fresh}"], "inputs of 14 tokens, and {short} has 6 positions"),
        (["--task", "rte", "--out", "{fresh}"], "no such file"),
        (["--model", "{broken}", "--out", "{fresh}"], "no model that transformers can load"),
        (["--model", "{none}", "--out", "{fresh}"], "no model that transformers can load"),
        (["--device", "gpu", "--out", "{fresh}"], "--device 'gpu': expected cpu, cuda, cuda:0, …"),
        (["--out", "{file}"], "Not a directory"),
        (["--out", "/proc/logs"], "no log can be written there"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_2(
    complete: Path,
    tiny_model: str,
    tiny_glue: str,
    tmp_path: Path,
    more: list[str],
    message: str,
    quick_workers: None,
) -> None:
    shutil.copytree(tiny_model, tmp_path / "model")
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "config.json").write_text("{")
    (tmp_path / "file").write_text("")
    shutil.copytree(tiny_model, tmp_path / "short")
    config = BertConfig.from_pretrained(tiny_model, max_position_embeddings=6)
    BertModel(config).save_pretrained(tmp_path / "short")
    places = {
        "broken": str(tmp_path / "model"),
        "none": str(tmp_path / "none"),
        "short": str(tmp_path / "short"),
        "fresh": str(tmp_path / "out"),
        "file": str(tmp_path / "file"),
    }
    result = here(sweep_main, sweep_command(tiny_model, tiny_glue, complete, *[part.format(**places) for part in more]))
    assert result.exit_code == 2 and isinstance(result.exception, SystemExit), result.output
    errors = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1 and message.format(**places) in errors[0]
