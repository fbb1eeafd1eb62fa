"""A new version of a trial set costs its new tables: campaigns on the others are those of the board before."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from leaderboard.build import main as build
from leaderboard.measure import Order, earlier_campaigns
from leaderboard.pull_requests import comment_of
from leaderboard.results import read_result, write_result
from leaderboard.verification import prepare
from leaderboard.verify import entries_of, verify_all
from seedbench import SeedbenchError, load_trials
from seedbench.replay import table_sha256
from tests.entries import HONEST, REPLICATES, claim, enter, same_campaigns
from tests.synthetic import split_like_training, write

OLD, NEW = "held-out-2-cold-1.0", "held-out-2-cold-1.1"
KIND = {"checkpoints": 3, "examples": 20, "test_examples": 200}
FIRST = "mini/sst2/few"
ORDER = Order("", None, None, "", None, hidden=False, processes=1, out="", parent=0)  # type: ignore[arg-type]

# Keeps the first trial, trained to the checkpoint that it is told.
PARAMETER = """
from dataclasses import dataclass

from seedbench import Campaign, Trial


@dataclass(frozen=True)
class Upto:
    checkpoints: int = 1

    def __call__(self, campaign: Campaign) -> Trial:
        trial = campaign.start()
        campaign.advance([trial], self.checkpoints)
        return trial


strategy = Upto()
"""


pytestmark = pytest.mark.usefixtures("sealing")


@pytest.fixture(scope="module")
def sets(tmp_path_factory) -> dict[str, Path]:
    """By version: one table, and the same with another beside it."""
    place, one = tmp_path_factory.mktemp("sets"), split_like_training(5, 5, seed=2, **KIND)
    other = split_like_training(5, 5, seed=4, recipe="other", **KIND)
    return {"1.0.0": write(place / "old", one), "1.1.0": write(place / "new", one, other, version="1.1.0")}


@pytest.fixture(scope="module")
def before(sets, tmp_path_factory) -> Path:
    """A folder with two entries, verified on the first version. Do not change it."""
    place, claimed = tmp_path_factory.mktemp("before"), claim(load_trials(sets["1.0.0"]))
    enter(place / "submissions", "honest", HONEST, claimed)
    enter(place / "submissions", "upto", PARAMETER, claimed, checkpoints=2)
    (honest, upto), said = verify(place, sets["1.0.0"])
    assert honest.verified and upto.verified and not honest.taken_over and "not changed" not in said
    assert honest.tables == {FIRST: table_sha256(load_trials(sets["1.0.0"]).tables[0])}
    return place


@pytest.fixture
def place(before, tmp_path):
    return Path(shutil.copytree(before, tmp_path / "place"))


def verify(place, trials, *wanted, again=False):
    console = Console(record=True, width=300, file=io.StringIO())
    verification = prepared(place, trials)
    return verify_all(entries_of(place / "submissions", wanted), verification, console, again=again), (
        console.export_text()
    )


def prepared(place, trials):
    return prepare(None, str(trials), None, "cold", place / "results", replicates=REPLICATES, processes=1, hours=1.0)


def test_only_the_new_table_is_measured_and_it_is_said(place, sets, tmp_path):
    anew, said = verify(place, sets["1.1.0"], again=True)
    assert not any(result.taken_over for result in anew) and "not changed" not in said
    shutil.rmtree(place / "results" / NEW)
    results, said = verify(place, sets["1.1.0"])
    for result, whole in zip(results, anew, strict=True):
        comment = comment_of(result.slug, result, prepared(place, sets["1.1.0"]))
        assert "Not all of it was run for this board: campaigns on 1 of 2 tables" in comment
        assert result.taken_over == {FIRST: OLD} and len(result.tables) == 2
        assert result.measured == whole.measured and same_campaigns(result, whole)
    assert f"campaigns on 1 of 2 tables, which have not changed, are those of {OLD}; in either run a batch" in said
    build(tmp_path / "site", place / "submissions", place / "results", tmp_path / "no-pool.json")
    pages = [page.read_text(encoding="utf-8") for page in (tmp_path / "site").rglob("*.html")]
    assert sum(f"are those of {OLD}" in page for page in pages) == 2


def test_only_boards_of_earlier_versions_are_asked(place, sets):
    assert prepared(place, sets["1.1.0"]).earlier == (place / "results" / OLD / "public",)
    verify(place, sets["1.1.0"], "upto")
    assert prepared(place, sets["1.0.0"]).earlier == ()


def test_a_batch_that_comes_out_differently_is_not_taken_over(place, sets):
    file = place / "results" / OLD / "public" / "upto.parquet"
    table = pq.read_table(file)
    pq.write_table(table.set_column(table.column_names.index("steps_spent"), "steps_spent", table["replicate"]), file)
    (result,), said = verify(place, sets["1.1.0"], "upto")
    assert result.verified and not result.taken_over and "not changed" not in said


# Of the campaigns that an earlier board has, what is put in the place of a column; None: it is left out.
DAMAGED = {
    "no column of seeds": {"weight_init_seed": None},
    "seeds that are no numbers": {"weight_init_seed": lambda values: values.astype(str)},
    "seeds that the table has not": {"weight_init_seed": lambda values: values + 10**6},
    "a checkpoint that no trial has": {"checkpoint": lambda values: values + 3},
    "seen seeds of no grid": {"rows_seen": lambda values: np.array([b"", *values[1:]], dtype=object)},
    "seen seeds that are no bytes": {"rows_seen": lambda values: np.array(["a"] * len(values), dtype=object)},
    "replicates in another order": {"replicate": lambda values: values[::-1]},
    "of a campaign that trained on": {"validations": lambda values: values + 1},
}


@pytest.mark.parametrize("changed", DAMAGED.values(), ids=DAMAGED)
def test_campaigns_that_are_damaged_are_not_taken_over(place, sets, changed):
    file = place / "results" / OLD / "public" / "upto.parquet"
    table = pq.read_table(file)
    columns = {name: table[name].to_numpy() for name in table.column_names}
    found, trials = read_result(file.parent, "upto"), load_trials(sets["1.1.0"])
    order = replace(ORDER, key=found.key, board=prepared(place, sets["1.1.0"]).board, earlier=(str(file.parent),))
    assert earlier_campaigns(order, found, {"checkpoints": 2}, trials).keys() == {FIRST}
    for name, change in changed.items():
        values = columns.pop(name)
        columns |= {} if change is None else {name: change(values)}
    pq.write_table(pa.table(columns), file)
    assert earlier_campaigns(order, found, {"checkpoints": 2}, trials) == {}


def test_campaigns_of_another_result_are_told(place):
    """As a writing leaves them that was ended before the numbers: of what the entry was changed to."""
    folder = place / "results" / OLD / "public"
    shutil.copy(folder / "honest.parquet", folder / "upto.parquet")
    with pytest.raises(SeedbenchError, match=r"upto\.parquet: cannot be read beside upto\.json: the means .* --again"):
        read_result(folder, "upto")


def test_a_call_that_was_ended_while_it_wrote_goes_on(place, sets):
    """Both runs are there, the campaigns are theirs, and the numbers are still those of before."""
    folder = place / "results" / OLD / "public"
    upto = read_result(folder, "upto")
    for run in ("1", "2"):
        write_result(folder / ".work" / "upto" / run, upto)
    shutil.copy(folder / "honest.parquet", folder / "upto.parquet")
    (result,), _ = verify(place, sets["1.0.0"], "upto")
    assert result == upto and same_campaigns(result, upto)
    assert same_campaigns(read_result(folder, "upto"), upto) and not (folder / ".work").exists()


def test_where_runs_differ_that_took_campaigns_over_both_are_done_without(place, sets, monkeypatch):
    """Each draws a batch: one may meet the replicate that is not what it was, the other not."""
    (whole,), _ = verify(place, sets["1.1.0"], "upto", again=True)
    stale = {name: values.copy() for name, values in whole.campaigns.items()}
    stale["steps_spent"][0] += 1
    runs = [replace(whole, taken_over={FIRST: OLD}, campaigns=stale), whole, whole, whole]
    earlier = []

    def measure(entry, key, verification, out, first):
        earlier.append(verification.earlier)
        return runs[len(earlier) - 1]

    monkeypatch.setattr("leaderboard.runs._measure", measure)
    shutil.rmtree(place / "results" / NEW)
    (result,), _ = verify(place, sets["1.1.0"], "upto")
    assert result == whole and [bool(folders) for folders in earlier] == [True, True, False, False]


@pytest.mark.parametrize("damaged", [False, True])
def test_measured_again_is_nothing_that_an_ended_call_took_over(place, sets, damaged):
    (result,), _ = verify(place, sets["1.1.0"], "upto")
    public = place / "results" / NEW / "public"
    left = public / ".work" / "upto" / "1"
    write_result(left, result)
    if damaged:
        (left / "upto.json").write_text("{")
    (again,), said = verify(place, sets["1.1.0"], "upto", again=True)
    assert result.taken_over and again.verified and not again.taken_over and "not changed" not in said


@pytest.mark.parametrize(
    "of_entry",
    [
        {"source_sha256": "0" * 64},
        {"key": {"seed": 1}},
        {"key": {"replicates": REPLICATES + 1}},
        {"packages": ["numpy 1.0, not 2.0"]},
        {"pins": "0" * 64},
        {"attribute": "another"},
        {"parameters": {"checkpoints": 3}},
        {"of_before": {"tables": {}}},
        {"of_before": {"tables": {FIRST: "0" * 64}}},
        {"of_before": {"verdict": "raised"}},
        {"of_before": {"slug": "another"}},
        {},
        {"of_before": {"taken_over": {FIRST: "held-out-2-cold-0.9"}}},
    ],
    ids=repr,
)
def test_what_may_be_otherwise_is_measured(place, sets, of_entry):
    """The last two are taken over: from the board for which they were run."""
    changed = dict(of_entry)
    trials, folder = load_trials(sets["1.1.0"]), place / "results" / OLD / "public"
    found = read_result(folder, "upto")
    file = folder / "upto.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changed.pop("of_before", {})))
    key, parameters = replace(found.key, **changed.pop("key", {})), changed.pop("parameters", {"checkpoints": 2})
    order = replace(ORDER, key=key, board=prepared(place, sets["1.1.0"]).board, earlier=(str(folder),))
    taken = earlier_campaigns(order, replace(found, key=key, **changed), parameters, trials)
    expected = {"": {FIRST: OLD}, "taken_over": {FIRST: "held-out-2-cold-0.9"}}
    of = "".join(of_entry.get("of_before", of_entry))
    assert {name: board for name, (board, _) in taken.items()} == expected.get(of, {})
