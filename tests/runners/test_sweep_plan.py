"""All tables of a plan in one go: in turn, in time, killed and continued; and its pilots."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from runners.block import Tables
from runners.compact import read_compact
from runners.data.recipe import get_recipe
from runners.engines.stacked import StackedEngine
from runners.pilot_runs import not_run
from runners.pilots import (
    Choice,
    PilotError,
    PilotResult,
    PilotsOfPlan,
    choose,
    chosen_rate,
    results_file,
    write_results,
)
from runners.plan_file import PlanError, load_pilots, load_plan
from runners.sweep import main as sweep_main
from runners.table import TableSpec
from runners.trial_log import Cell, read_log
from runners.workers import Block, Pace
from seedbench.trialset import BUNDLED, load_trials
from tests.runners.sweeps import SLOW, command, contents, here, run

PLAN = """
model = "{model}"
model_name = "someone/tiny"
glue = "{glue}"
stack = 3

[[tables]]
task = "sst2"
recipe = "stable"
weight_init_seeds = "0:3"
data_order_seeds = "0:3"
set = {{ {changes} }}

[[tables]]
task = "mrpc"
recipe = "stable"
weight_init_seeds = "0:3"
data_order_seeds = "0:2"
set = {{ {changes} }}
"""
CHANGES = 'max_length = 24, epochs = 2, validations_per_epoch = 2, learning_rate = 1e-3, precision = "fp32"'


@pytest.fixture(scope="module")
def plan(tiny_model: str, tiny_glue: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plan") / "plan.toml"
    path.write_text(PLAN.format(model=tiny_model, glue=tiny_glue, changes=CHANGES))
    return path


@pytest.fixture(scope="module")
def whole(plan: Path) -> tuple[Path, str, float]:
    """The logs of the plan in one go, what was said, and how many seconds it took."""
    out, began = plan.parent / "logs", time.monotonic()
    done = run(sweep_plan(plan, out))
    assert done.returncode == 0 and "15 trials run" in done.stderr, done.stderr
    return out, done.stderr, time.monotonic() - began


def sweep_plan(plan: Path, out: Path, *more: str) -> list[str]:
    return command("sweep", "--plan", str(plan), "--out", str(out), "--threads", "1", "--device", "cpu", *more)


def blocks_said(stderr: str) -> list[tuple[str, str]]:
    """Table and column of every trial that was run, those of one block once."""
    found = re.findall(r"\d+/\d+ (\S+) weight_init_seed=\d+ data_order_seed=(\d+)", stderr)
    return list(dict.fromkeys(found))


def test_tables_take_turns_by_columns(whole: tuple[Path, str, float]) -> None:
    turns = [
        ("sst2/stable", "0"),
        ("mrpc/stable", "0"),
        ("sst2/stable", "1"),
        ("mrpc/stable", "1"),
        ("sst2/stable", "2"),
    ]
    assert blocks_said(whole[1]) == turns


def test_a_time_limit_is_kept_and_the_same_command_goes_on(
    plan: Path, whole: tuple[Path, str, float], tmp_path: Path, quick_workers: None
) -> None:
    """A second is not enough to load anything; what is in flight then is given up."""
    began = time.monotonic()
    first = run(sweep_plan(plan, tmp_path, "--until", "1"))
    assert first.returncode == 0 and "15 of 15 are left: run the same command again" in first.stderr, first.stderr
    assert time.monotonic() - began < max(2 * whole[2], 60)
    assert here(sweep_main, sweep_plan(plan, tmp_path, "--until", "900")).exit_code == 0
    assert contents(tmp_path) == contents(whole[0])


def test_killed_at_random_seconds_every_finished_trial_loads(
    plan: Path, whole: tuple[Path, str, float], tmp_path: Path, quick_workers: None
) -> None:
    """SIGKILL to the whole process group, each time at work or before."""
    rng, root = np.random.default_rng(int(os.environ.get("SEEDBENCH_KILL_SEED", "0"))), Path(__file__).parents[2]
    for _ in range(min(3, int(os.environ.get("SEEDBENCH_KILLS", "3" if SLOW else "2")))):
        process = subprocess.Popen(
            sweep_plan(plan, tmp_path, "--until", "900"),
            cwd=root,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(rng.uniform(0.5, 1.0) * whole[2])
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for path in tmp_path.rglob("*.npz"):
            read_log(path)
    assert here(sweep_main, sweep_plan(plan, tmp_path)).exit_code == 0
    assert contents(tmp_path) == contents(whole[0])


def test_a_block_that_would_not_end_in_time_is_not_started(tmp_path: Path) -> None:
    def block(task: str, trials: int) -> Block:
        spec = TableSpec(
            model="m", model_name="m", glue="g", task=task, recipe=get_recipe("stable"), engine="stacked", out=tmp_path
        )
        return Block(spec, tuple(Cell(row, 0) for row in range(trials)))

    pace = Pace(time.monotonic() + 100, {block("rte", 1).spec: 30.0})
    assert pace.seconds(block("sst2", 10)) == 0  # nothing is known: it is tried
    pace.add(block("sst2", 10), 60.0)
    assert [pace.seconds(block("sst2", trials)) for trials in (5, 10, 20)] == [60, 60, 120]
    assert pace.seconds(block("cola", 10)) == 60  # as long as the longest so far
    assert pace.seconds(block("rte", 3)) == 90  # as its plan says
    assert [
        pace.fits(block(task, trials)) for task, trials in (("sst2", 10), ("sst2", 20), ("rte", 3), ("rte", 4))
    ] == [
        True,
        False,
        True,
        False,
    ]
    assert Pace().fits(block("rte", 4)) and not Pace().over and Pace(time.monotonic()).over


def test_a_process_loads_once_and_gives_up_the_engine_used_longest_ago(
    plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room for one engine at a time: the error is the one that torch raises on CUDA."""
    tables, held = load_plan(plan, tmp_path / "logs"), []
    process, train = Tables("cpu"), StackedEngine.run

    def with_room_for_one(engine: StackedEngine, cells: list[Cell], progress) -> list:
        held[:] = [runner for runner in process._runners.values() if runner._engine is not None]
        if len(held) > 1:
            raise torch.cuda.OutOfMemoryError
        return train(engine, cells, progress)

    monkeypatch.setattr(StackedEngine, "run", with_room_for_one)
    for column in (0, 1):
        for table in tables:
            cells = [cell for cell in table.cells if cell.data_order_seed == column]
            assert list(process.runner(table.spec).run(cells)) == cells
    first, second = (process.runner(table.spec) for table in tables)
    assert first.model is second.model and first.tokenizer is second.tokenizer
    assert (first.stack, second.stack) == (3, 3)  # as planned: no stack was halved
    other = TableSpec(**{**vars(tables[0].spec), "recipe": get_recipe("dodge2020", max_length=24)})
    assert process.runner(other).data is first.data


PILOTS = """
[[pilots]]
name = "sst2"
task = "sst2"
recipe = "stable"
weight_init_seeds = "100:104"
data_order_seeds = "100:102"
learning_rates = [1e-9, 1e-3]
set = {{ max_length = 24, epochs = 2, validations_per_epoch = 1, precision = "fp32" }}

[[tables]]
task = "sst2"
recipe = "stable"
weight_init_seeds = "0:2"
data_order_seeds = "0"
pilots = "sst2"
takes = "{takes}"
set = {{ max_length = 24, name = "lr{{learning_rate}}" }}
"""


def test_pilots_run_first_and_their_rate_is_the_tables(
    tiny_model: str, tiny_glue: str, tmp_path: Path, quick_workers: None
) -> None:
    path, logs = tmp_path / "plan.toml", tmp_path / "logs"
    path.write_text(
        f'model = "{tiny_model}"\nmodel_name = "t"\nglue = "{tiny_glue}"\n' + PILOTS.format(takes="finishing")
    )
    with pytest.raises(PlanError, match=r"its learning rate is that of pilots 'sst2': run them first \(--pilots\)"):
        load_plan(path, logs)
    done = here(sweep_main, sweep_plan(path, logs, "--pilots"))
    assert done.exit_code == 0, done.stderr
    assert not logs.exists() and len(list((tmp_path / "logs-pilots").rglob("*.npz"))) == 8
    found = json.loads(results_file(path).read_text())
    assert found["results"][0]["weight_init_seed"] == [100, 101, 102, 103]
    assert found["results"][0]["data_order_seed"] == [100, 100, 101, 101]
    for result in found["results"]:
        assert result["failed"] == sum(score <= result["majority_score"] for score in result["score"])
    expected = {rate: one["failed"] for rate, one in zip((1e-9, 1e-3), found["results"], strict=True)}
    finishing = [rate for rate, failed in expected.items() if failed == 0]
    assert found["chosen"]["sst2"]["finishing"] == max(finishing, default=None)

    # Without their logs, pilots that have a result stay as they are, and what the plan has beside them is run.
    before = results_file(path).read_bytes()
    shutil.rmtree(tmp_path / "logs-pilots")
    again = here(sweep_main, sweep_plan(path, logs, "--pilots"))
    assert again.exit_code == 0 and "have been run" in again.stderr and results_file(path).read_bytes() == before
    path.write_text(path.read_text().replace("[1e-9, 1e-3]", "[1e-9, 1e-4, 1e-3]"))
    more = here(sweep_main, sweep_plan(path, logs, "--pilots"))
    assert more.exit_code == 0, more.stderr
    assert len(list((tmp_path / "logs-pilots").rglob("*.npz"))) == 4
    first, added, last = json.loads(results_file(path).read_text())["results"]
    assert [first, last] == found["results"] and added["learning_rate"] == 1e-4
    path.write_text(path.read_text().replace('"100:104"', '"200:204"'))
    (tables, ran) = (load_pilots(path, logs), not_run(path, load_pilots(path, logs)))
    assert len(ran) == len(tables) == 3  # on other seeds none has been


def result(rate: float, failed: int, name: str = "few") -> PilotResult:
    score = [0.5] * failed + [0.7] * (8 - failed)
    return PilotResult(name, "sst2", "few64", {}, rate, 0.5, list(range(8)), [0] * 8, score, failed)


def of_plan(*rates: float, name: str = "few") -> PilotsOfPlan:
    return PilotsOfPlan(name, "sst2", "few64", "0:8", "0", list(rates))


def test_the_rule_by_hand(tmp_path: Path) -> None:
    """Rates 1 to 5 with 0, 0, 4, 7 and 8 failures: 3 is the lowest at which half fail, at 2 none does."""
    results = [result(rate, failed) for rate, failed in ((1, 0), (2, 0), (3, 4), (4, 7), (5, 8))]
    assert choose(results) == {"few": Choice(failing=3, finishing=2)}
    assert choose([result(1, 3), result(5, 8)]) == {"few": Choice(None, None)}
    plan = tmp_path / "plan.toml"
    few, cells = of_plan(1, 2, 3, 4, 5), [Cell(row, 0) for row in range(8)]
    assert chosen_rate(plan, few, "failing", cells) is None
    write_results(plan, results)
    assert (chosen_rate(plan, few, "failing", cells), chosen_rate(plan, few, "finishing", cells)) == (3, 2)
    for other in (of_plan(1, 2, 3, 4), replace(few, set={"epochs": 3})):
        with pytest.raises(PilotError, match=r"run at rates 1, 2, 3, 4, 5, with other rates or fields than plan.toml"):
            chosen_rate(plan, other, "failing", cells)
    with pytest.raises(PilotError, match="no results of pilots 'other'"):
        chosen_rate(plan, of_plan(1, name="other"), "failing", cells)
    text = results_file(plan).read_text()
    results_file(plan).write_text(text.replace('"finishing": 2', '"finishing": 1'))
    with pytest.raises(PilotError, match="'chosen' does not follow from 'results'"):
        chosen_rate(plan, few, "failing", cells)
    for odd, message in (
        ({"failed": 4}, "at rate 1: 'failed' is 4, and 3 scores are no better than 0.5: remove it"),
        ({"data_order_seed": [0]}, "must have as many seeds as scores, found 8 weight_init_seed, 1 data_order_seed, 8"),
    ):
        write_results(plan, [replace(result(1, 3), **odd)])
        with pytest.raises(PilotError, match=message):
            chosen_rate(plan, of_plan(1), "failing", cells)
    write_results(plan, [result(1, 3)])
    with pytest.raises(PilotError, match=r"of the rates tried by pilots 'few' \(1\) none is failing: try others"):
        chosen_rate(plan, of_plan(1), "failing", cells)


def test_pilots_that_ran_on_other_seeds_than_the_plans_choose_nothing(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    write_results(plan, [result(1, 4)])
    cells = [Cell(row, 0) for row in range(8)]
    assert chosen_rate(plan, of_plan(1), "failing", cells) == 1
    for other, text in (({"weight_init_seeds": "8:16"}, "8:16"), ({"data_order_seeds": "1"}, "1")):
        pilots = replace(of_plan(1), **other)
        now = [Cell(8 + row, 0) if text == "8:16" else Cell(row, 1) for row in range(8)]
        with pytest.raises(
            PilotError, match=rf"were run with \w+ 0.* at rate 1, .* has now \({text}\): run them again"
        ):
            chosen_rate(plan, pilots, "failing", now)
    drawn = replace(of_plan(1), weight_init_seeds="random:8")  # nobody here knows which
    assert chosen_rate(plan, drawn, "failing", [Cell(row, 0) for row in range(100, 108)]) == 1
    with pytest.raises(PilotError, match=r"were run with weight_init_seed 0, 1, 2, 3, … \(8\) at rate 1"):
        chosen_rate(plan, replace(drawn, weight_init_seeds="random:4"), "failing", cells[:4])


@pytest.mark.parametrize(("axis", "outside"), [("weight_init_seed", "100:104"), ("data_order_seed", "100:102")])
def test_pilots_on_seeds_of_a_grid_are_refused_before_they_run_and_after(
    tmp_path: Path, axis: str, outside: str
) -> None:
    path = tmp_path / "plan.toml"
    inside = "0,100:103" if axis == "weight_init_seed" else "0,100"
    path.write_text('model = "a/b"\n' + PILOTS.format(takes="failing").replace(f'"{outside}"', f'"{inside}"'))
    for load in (load_plan, load_pilots):
        with pytest.raises(PlanError, match=rf"pilots 'sst2': {axis} 0 is in the grid of table 1, too; .*: give them"):
            load(path, tmp_path / "logs")
    assert not list(tmp_path.glob("logs*"))


def test_a_rate_that_pilots_gave_enters_the_name_and_another_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text('model = "a/b"\n' + PILOTS.format(takes="failing"))
    plan = tomllib.loads(path.read_text())["pilots"][0]
    of_it = {"recipe": plan["recipe"], "changes": plan["set"], "weight_init_seed": [*range(100, 108)]}
    of_it |= {"data_order_seed": [100] * 4 + [101] * 4}
    write_results(path, [replace(result(rate, failed, "sst2"), **of_it) for rate, failed in ((1e-9, 0), (1e-3, 5))])
    with pytest.raises(PilotError, match=r"were run with weight_init_seed 100, .* has now \(100:104\)"):
        load_plan(path, tmp_path)
    path.write_text(path.read_text().replace("100:104", "100:108"))
    (table,) = load_plan(path, tmp_path)
    assert (table.spec.recipe.name, table.spec.recipe.learning_rate) == ("lr0.001", 1e-3)
    path.write_text(path.read_text().replace("set = { max_length = 24, name", "set = { learning_rate = 1e-4, name"))
    with pytest.raises(PlanError, match="learning_rate is 0.0001, and its pilots say 0.001"):
        load_plan(path, tmp_path)
    path.write_text(path.read_text().replace('takes = "failing"\n', ""))
    with pytest.raises(PlanError, match="'pilots' and 'takes' say together"):
        load_plan(path, tmp_path)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "max_length = 24, name",
            'learning_rate = "1e-4", max_length = 24, name',
            "table 1: .* found '1e-4'; write it",
        ),
        ("max_length = 24, name", "learning_rate = true, max_length = 24, name", "table 1: .* a number, found True"),
        ("[1e-9, 1e-3]", "[1e-3, 1e-9, 0.001]", "pilots 'sst2': 'learning_rates' has 0.001 twice, to the six digits"),
        ("[1e-9, 1e-3]", "[1.0000001e-9, 1e-9]", "pilots 'sst2': 'learning_rates' has 1e-09 twice"),
    ],
)
def test_a_rate_that_is_no_number_or_there_twice_is_one_line(
    before: str, after: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "plan.toml"
    text = 'model = "a/b"\n' + PILOTS.format(takes="failing")
    assert before in text
    path.write_text(text.replace(before, after))
    with pytest.raises(PlanError, match=f"plan.toml, {message}"):
        load_plan(path, tmp_path)


def test_the_shipped_plan_takes_what_its_pilots_say_on_seeds_outside_the_grid() -> None:
    path = Path(__file__).parents[2] / "runners" / "plans" / "glue-2.toml"
    pilots = load_pilots(path, Path("logs"))
    recorded = json.loads(results_file(path).read_text())["results"]
    assert [(one["pilots"], one["learning_rate"]) for one in recorded] == [
        (its.name, table.spec.recipe.learning_rate) for its, table in pilots
    ]
    for one, (_, table) in zip(recorded, pilots, strict=True):
        assert one["weight_init_seed"] == [cell.weight_init_seed for cell in table.cells]
        assert one["data_order_seed"] == [cell.data_order_seed for cell in table.cells]
    assert {table.spec.out.name for _, table in load_pilots(path, Path())} == {f"{Path.cwd().name}-pilots"}
    grid = {cell for table in load_plan(path, Path("logs")) for cell in table.cells}
    assert not grid & {cell for _, table in pilots for cell in table.cells}


def test_the_shipped_plan_says_what_came_of_each_table() -> None:
    """Size, device and how many failed, as the bundled set has them; of a table that has not run nothing is said."""
    path = Path(__file__).parents[2] / "runners" / "plans" / "glue-2.toml"
    pattern = re.compile(r'^# Ran: (.+)\n\[\[tables\]\]\n(?:.+\n)*?name = "(.+)"$', re.MULTILINE)
    said = {(name, ran) for ran, name in pattern.findall(path.read_text(encoding="utf-8"))}
    planned = {(table.spec.task, table.spec.recipe.name) for table in load_plan(path, Path("logs"))}
    columns = ["task", "recipe", "device", "status"]
    trials = pd.concat(pd.read_parquet(file, columns=columns) for file in (BUNDLED / "trials").glob("*.parquet"))
    ran = set()
    for (task, recipe, device), rows in trials.groupby(["task", "recipe", "device"]):
        failed = int((rows["status"] == "diverged").sum())
        if (task, recipe) in planned:
            ran.add((recipe, f"{len(rows)} trials on {device}, {failed} of them failed ({failed / len(rows):.0%})."))
    assert said == ran and len(ran) >= 6


def test_unfinished_trials_are_of_tables_of_the_plan_that_are_not_in_the_wheel() -> None:
    """Where some wait to be added: see CONTRIBUTING."""
    plans = Path(__file__).parents[2] / "runners" / "plans"
    planned = {table.spec.recipe.name: table for table in load_plan(plans / "glue-2.toml", Path("logs"))}
    bundled = {table.recipe for table in load_trials().tables}
    for path in (plans / "unfinished").glob("*.parquet"):
        for trial in read_compact(path)["trials"].to_pylist():
            table = planned[trial["recipe"]]
            assert Cell(trial["weight_init_seed"], trial["data_order_seed"]) in table.cells
            assert (trial["task"], trial["num_steps"]) == (table.spec.task, trial["step"][-1])
            assert trial["recipe"] not in bundled, f"{path}: {trial['recipe']} is in the wheel; remove it here"
