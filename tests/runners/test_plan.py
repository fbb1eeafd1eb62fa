"""Plan files: what they hold, what they cost, and what is wrong with one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from rich.console import Console

from runners import plan
from runners.data.glue import train_size
from runners.data.recipe import RECIPES
from runners.errors import RunnerError
from runners.on_paper import CARDS, size_of
from runners.plan import card_estimate, columns_by, estimate, measured_trials_per_hour, parse_rates, with_rates
from runners.plan_file import PlanError, load_plan, table_named
from runners.trial_log import Cell, Record, read_record, write_log
from tests.runners.test_trial_log import make_log

DODGE2020 = Path(__file__).parents[2] / "runners" / "plans" / "dodge2020.toml"
GLUE2 = DODGE2020.with_name("glue-2.toml")
GLUE_TRAIN = {"mrpc": 3668, "rte": 2490, "cola": 8551, "sst2": 67349}

TABLE = """
[[tables]]
task = "rte"
recipe = "stable"
weight_init_seeds = "0:2"
data_order_seeds = "5"
"""


@pytest.fixture(scope="module")
def sized_glue(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Training files with as many rows as GLUE's, SST-2's of sentences; an estimate reads nothing else."""
    folder = tmp_path_factory.mktemp("glue")
    for task, rows in GLUE_TRAIN.items():
        (folder / task).mkdir()
        sentences = [f"{number} of ten words or more it takes to be one" for number in range(rows)]
        columns = {"sentence": sentences} if task == "sst2" else {"label": pa.nulls(rows)}
        pq.write_table(pa.table(columns), folder / task / "train-00000-of-00001.parquet")
    return str(folder)


def printed(table: object) -> list[list[str]]:
    """The cells of each line of a printed table."""
    console = Console(width=200)
    with console.capture() as capture:
        console.print(table)
    return [line.split() for line in capture.get().splitlines()]


def test_the_papers_design_is_2100_trials(sized_glue: str, tmp_path: Path) -> None:
    tables = load_plan(DODGE2020, tmp_path, glue=sized_glue)
    assert {table.spec.task: len(table.cells) for table in tables} == {
        "mrpc": 625,
        "rte": 625,
        "cola": 625,
        "sst2": 225,
    }
    assert sum(len(set(table.cells)) for table in tables) == 2100
    assert all(table.spec.recipe == RECIPES["dodge2020"] for table in tables)
    assert all(table.spec.model == "google-bert/bert-large-uncased" for table in tables)


def test_its_steps_and_hours(sized_glue: str, tmp_path: Path) -> None:
    tables = load_plan(DODGE2020, tmp_path, glue=sized_glue)
    rates = parse_rates(["mrpc=250", "rte=625", "cola=125", "sst2=10"], tables)
    *_, mrpc, rte, cola, sst2, total = printed(estimate(with_rates(tables, rates)))
    # ceil(examples / 16) steps an epoch, three epochs; 1,000, 600, 1,500 and 1,000 examples are held out
    assert mrpc[5:] == ["625", "501", "313,125", "250", "2.50"]
    assert rte[5:] == ["625", "357", "223,125", "625", "1.00"]
    assert cola[5:] == ["625", "1,323", "826,875", "125", "5.00"]
    assert sst2[5:] == ["225", "12,441", "2,799,225", "10", "22.50"]
    assert total == ["all", "2,100", "4,162,350", "31.00"]
    del rates["cola"]  # one table's hours are not known, so the sum is not either
    *_, total = printed(estimate(with_rates(tables, rates)))
    assert total == ["all", "2,100", "4,162,350", "?"]


@pytest.mark.glue
def test_glue_has_these_sizes(glue_folder: Path) -> None:
    found = {task: train_size(task, str(glue_folder), RECIPES["dodge2020"]) for task in GLUE_TRAIN}
    assert found == {"mrpc": 2668, "rte": 1890, "cola": 7051, "sst2": 54973}


def test_a_plan_says_what_to_change_and_the_command_line_wins(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(
        'model = "a/b"\nstack = 5\n' + TABLE + 'set = { name = "hot", learning_rate = 1e-3, bias_correction = false }\n'
        "trials_per_hour = 12\n"
    )
    (table,) = load_plan(path, tmp_path, model="c/d", stack=None)
    assert (table.spec.model, table.spec.model_name, table.spec.stack, table.trials_per_hour) == ("c/d", "c/d", 5, 12)
    recipe = table.spec.recipe
    assert (recipe.name, recipe.learning_rate, recipe.bias_correction) == ("hot", 1e-3, False)
    assert table.cells == (Cell(0, 5), Cell(1, 5))
    assert with_rates([table], {})[0].trials_per_hour == 12
    assert with_rates([table], parse_rates(["30"], [table]))[0].trials_per_hour == 30


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model = ", "plan.toml: not TOML"),
        ('model = "a/b"', "missing required field `tables`"),
        (TABLE, "missing required field `model`"),
        ('modle = "a/b"' + TABLE, "missing required field `model`"),
        ("model = 5" + TABLE, "Expected `str`, got `int` - at `\\$.model`, found 5"),
        ('model = "a/b"\nstack = true' + TABLE, "Expected `int . null`, got `bool` - at `\\$.stack`, found True"),
        ('model = "a/b"' + TABLE + 'tsk = ""', r"unknown field `tsk` - at `\$.tables\[0\]`"),
        (
            'model = "a/b"' + TABLE.replace('recipe = "stable"\n', ""),
            r"missing required field `recipe` - at `\$.tables\[0\]`",
        ),
        ('model = "a/b"' + TABLE.replace("rte", "stsb"), "table 1: .*'stsb': no such task"),
        ('model = "a/b"' + TABLE.replace('"5"', '"5:5"'), "table 1: seeds '5:5'"),
        ('model = "a/b"' + TABLE + "trials_per_hour = 0", r"> 0.0 - at `\$.tables\[0\].trials_per_hour`, found 0"),
        ('model = "a/b"' + TABLE + TABLE, "table 2: the same model, task and recipe as table 1"),
    ],
)
def test_what_is_wrong_with_a_plan_is_said(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(text)
    with pytest.raises(PlanError, match=message):
        load_plan(path, tmp_path)


@pytest.mark.parametrize("text", ["rte", "rte=", "rte=-1", "rte=inf", "cola=5", "=5=5"])
def test_a_rate_that_cannot_be_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text('model = "a/b"' + TABLE)
    with pytest.raises(PlanError, match="--trials-per-hour"):
        parse_rates([text], load_plan(path, tmp_path))
    with pytest.raises(PlanError, match="--trials-per-hour 'rte=6': rte is given twice"):
        parse_rates(["rte=5", "rte=6"], load_plan(path, tmp_path))


def test_a_table_of_a_plan_is_found_by_its_task_and_recipe(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text('model = "a/b"' + TABLE + TABLE.replace('"rte"', '"mrpc"'))
    tables = load_plan(path, tmp_path)
    assert table_named("mrpc/stable", tables, path).spec.task == "mrpc"
    with pytest.raises(PlanError, match="--table 'cola/stable': .* no such table; there are rte/stable, mrpc/stable"):
        table_named("cola/stable", tables, path)


def test_every_table_of_the_trial_set_is_planned() -> None:
    """None of them looks at the seeds that the pilots used."""
    tables = load_plan(GLUE2, Path("logs"))
    assert len({table.name for table in tables}) == len(tables)
    for table in tables:
        assert all(max(cell.weight_init_seed, cell.data_order_seed) < 100000 for cell in table.cells)
        assert len(table.cells) >= 144


def test_what_a_time_limit_leaves_of_two_tables_by_hand(tmp_path: Path) -> None:
    """Columns of two trials take 72 s of rte and 36 s of mrpc: 216 s are two columns of both, and 30 s are none."""
    path = tmp_path / "plan.toml"
    table = TABLE.replace('"5"', '"0:3"')
    path.write_text('model = "a/b"' + table + "trials_per_hour = 100" + table.replace("rte", "mrpc"))
    tables = load_plan(path, tmp_path)
    with pytest.raises(PlanError, match="--until: nobody knows how long mrpc/stable takes"):
        columns_by(tables, 216)
    tables = with_rates(tables, parse_rates(["mrpc=200"], tables))
    assert columns_by(tables, 216) == [(2, 3), (2, 3)]
    assert columns_by(tables, 40) == [(0, 3), (1, 3)]  # the shorter one fits
    assert columns_by(tables, 30) == [(0, 3), (0, 3)]


def test_a_models_size_is_that_of_transformers() -> None:
    """Without a classifier, as BertModel counts them."""
    assert size_of("google-bert/bert-base-uncased").parameters == 109_482_240
    assert size_of("google-bert/bert-large-uncased").parameters == 335_141_888


def test_the_papers_design_on_a_card_on_paper(tmp_path: Path) -> None:
    """BERT-large: weights, moments, copy and gradients are 20 bytes of each of 335 million parameters, 6.7 GB; the
    activations of 2,048 tokens 4 bytes of 24 layers of 40 · 1024 + 4 · 16 · 128 values, 9.7 GB. Of 141 GB four fifths
    hold 6."""
    lines = printed(card_estimate(load_plan(DODGE2020, tmp_path), "h200"))
    rows = {line[0]: line for line in lines if line and line[0] in GLUE_TRAIN}
    assert rows["mrpc"][2:5] == ["625", "15.2", "6"] and rows["sst2"][2:5] == ["225", "15.2", "6"]
    hours = {task: float(row[5]) for task, row in rows.items()}
    # Of one RTE trial's 357 steps the optimizer alone moves 30 bytes a parameter: at 4.8 TB/s 0.75 s, 0.13 h of 625.
    assert 0.13 < hours["rte"] < hours["mrpc"] < hours["sst2"]
    base = load_plan(DODGE2020, tmp_path, model="google-bert/bert-base-uncased")
    smaller = {line[0]: line for line in printed(card_estimate(base, "h200")) if line}
    assert smaller["rte"][4] == "19" and float(smaller["rte"][5]) < hours["rte"] / 2
    assert CARDS["h100"].card.bandwidth < CARDS["h200"].card.bandwidth
    for name, model, message in (
        ("a100", None, "--card 'a100': known are h100, h200"),
        ("h100", "a/b", "--card: the size of a/b is not known here"),
    ):
        with pytest.raises(RunnerError, match=message):
            card_estimate(load_plan(DODGE2020, tmp_path, model=model), name)


@pytest.mark.parametrize(
    ("option", "given"), [("--until", {"until": 60.0}), ("--trials-per-hour", {"trials_per_hour": ["rte=900"]})]
)
def test_a_card_and_what_goes_by_measured_rates_are_refused_together(
    option: str, given: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended:
        plan.main(DODGE2020, card="h200", **given)
    said = f"error: {option}: goes by measured rates, and --card computes the hours; give one of them\n"
    assert ended.value.exit_code == 2 and capsys.readouterr().err == said


def test_the_speed_that_logs_say_is_read_once_of_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial takes 1.5 seconds: 2,400 an hour; one that is trained anew takes 4.5, the other still 1.5."""
    read: list[str] = []

    def reading(path: Path) -> Record:
        read.append(path.name)
        return read_record(path)

    path = tmp_path / "plan.toml"
    path.write_text('model = "a/b"\n' + TABLE)
    (table,) = load_plan(path, tmp_path)
    monkeypatch.setattr(plan, "read_record", reading)
    assert measured_trials_per_hour(table.spec) is None
    for cell in table.cells:
        write_log(table.spec.log_path(cell), make_log(cell))
    for _ in range(3):
        assert measured_trials_per_hour(table.spec) == 2400
    assert sorted(read) == ["wi0-do5.npz", "wi1-do5.npz"]
    slower = make_log(Cell(0, 5))
    slower = replace(slower, record=replace(slower.record, train_seconds=4.0))
    write_log(table.spec.log_path(Cell(0, 5)), slower)
    for _ in range(3):
        assert measured_trials_per_hour(table.spec) == 1200  # the median of 4.5 and 1.5 is 3 seconds
    assert sorted(read) == ["wi0-do5.npz", "wi0-do5.npz", "wi1-do5.npz"]
