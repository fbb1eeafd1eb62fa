"""A look-up table of public trials is told from a rule: its gain is not there where trials go on otherwise."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leaderboard import suspect
from leaderboard.perturbed import perturbed
from leaderboard.suspect import Fall, examine, gain_of, journal_of, said
from leaderboard.unfinished import Journal
from seedbench import CannotSeal, SeedbenchError, evaluate, load_trials
from seedbench.campaign import shown_loss
from seedbench.randomness import stream
from seedbench.replay import ReplayOptions
from seedbench.strategy import load_strategy, shipped
from seedbench.trialset import TrialSet, TrialTable
from tests.entries import claim, enter
from tests.processes import ROOT, until

SLOW = os.environ.get("SEEDBENCH_SLOW") == "1"
RULES = [name for name in shipped() if name != "oracle"]
FEW = ["start_many", "successive_halving", "hyperband", "good_seeds"]

EXACT = '''"""Knows the future of each public trial by the first losses that it shows."""

KNOWN = {known!r}


def strategy(campaign):
    looked, last = [], 0
    while campaign.unstarted and campaign.remaining > 1.01:
        trial = campaign.start()
        first = trial.advance()
        there = KNOWN.get((str(first.validation_loss), str(first.train_loss)), (first.score, last))
        looked.append((*there, len(looked), trial))
    _, checkpoint, _, trial = max(looked)
    while len(trial.checkpoints) <= checkpoint:
        trial.advance()
    return trial.checkpoints[checkpoint]
'''

CAUTIOUS = '''"""The same by the nearest first measurements; what it does not know it leaves to an honest rule."""

import math

from seedbench.strategies.successive_halving import strategy as honest

KNOWN = {known!r}


def future(first):
    def apart(key):
        losses = first.validation_loss, first.train_loss
        return max(abs(math.log(float(known) / shown)) for known, shown in zip(key, losses))

    key = min(KNOWN, key=apart)
    return KNOWN[key] if apart(key) < 0.04 else None


def strategy(campaign):
    looked = []
    while campaign.unstarted and campaign.remaining > 1.01 and len(looked) < 3 * campaign.budget:
        trial = campaign.start()
        there = future(trial.advance())
        if there is not None:
            looked.append((*there, len(looked), trial))
    if len(looked) < campaign.budget:
        return honest(campaign)
    _, checkpoint, _, trial = max(looked)
    while len(trial.checkpoints) <= checkpoint and campaign.remaining >= 1 / campaign.checkpoints_per_trial:
        trial.advance()
    return trial.checkpoints[min(checkpoint, len(trial.checkpoints) - 1)]
'''


def recorded_futures(table: TrialTable) -> dict[tuple[str, str], tuple[float, int]]:
    """First losses as they are shown -> the best test score, and the checkpoint where it is."""
    losses = [shown_loss(loss[:, 0]).tolist() for loss in (table.validation_loss, table.train_loss)]
    best = np.argmax(table.test_score, axis=1)
    return {
        (str(validation), str(train)): (float(table.test_score[trial, best[trial]]), int(best[trial]))
        for trial, (validation, train) in enumerate(zip(*losses, strict=True))
    }


#: The recipe of the table that the rules of the leaderboard have their example from.
RECIPE = "few128-5-epochs-no-bias-correction-lr3e-4"


@pytest.fixture(scope="module")
def board() -> TrialSet:
    """The table of the board, without those that are not scored."""
    trials = load_trials()
    return replace(trials, tables=tuple(table for table in trials.tables if table.recipe == RECIPE))


def examined(strategy: str | Path, trials: TrialSet, seed: int = 7, worlds: int = 5, **options) -> tuple[float, dict]:
    how = ReplayOptions(replicates=200 if SLOW else 40)
    found = list(examine(load_strategy(strategy), trials, how, seed=seed, worlds=20 if SLOW else worlds, **options))
    return found[0][0], {fall.where: fall for _, fall in found}


@pytest.mark.parametrize("source", [EXACT, CAUTIOUS], ids=["exact", "cautious"])
def test_a_table_of_first_losses_is_told(board, source, tmp_path):
    file = tmp_path / "attack.py"
    file.write_text(source.format(known=recorded_futures(board.tables[0])))
    gain, falls = examined(file, board)
    assert gain > 0.15 and falls["perturbed"].suspicious, falls
    assert falls["perturbed"].gone > falls["perturbed"].error > 0
    assert not falls["pools"].suspicious  # it knows trials, not pools
    assert said(gain, list(falls.values())).startswith("suspicious: what it gains is not there on trials put together")


@pytest.mark.parametrize("name", RULES if SLOW else FEW)
def test_no_shipped_rule_is_told(board, name):
    gain, falls = examined(name, board)
    assert not any(fall.suspicious for fall in falls.values()), falls
    assert gain == pytest.approx(falls["perturbed"].gain + falls["perturbed"].gone)


def test_a_rule_that_knows_the_public_pools_is_told(board, tmp_path):
    """`campaign.rng` is known beforehand from the public seed: what it first gives names the replicate."""
    from seedbench.randomness import strategy_stream
    from seedbench.replay import prepare

    table, replicates = board.tables[0], range(200 if SLOW else 40)
    batch, known = prepare(table, seed=0, replicates=replicates), {}
    for budget in (2, 4, 8, 16):
        for replicate in replicates:
            inside = [
                (batch.test_score[table.cell[row, column]].max(), i, j)
                for i, row in enumerate(batch.rows[replicate])
                for j, column in enumerate(batch.columns[replicate])
                if table.cell[row, column] in batch.order[replicate]
            ]
            _, i, j = max(inside)
            known[int(strategy_stream(0, table.name, budget, replicate).integers(2**40))] = (int(i), int(j))
    file = tmp_path / "pools.py"
    file.write_text(
        f"KNOWN = {known!r}\n\n\ndef strategy(campaign):\n"
        "    trial = campaign.start(*KNOWN.get(int(campaign.rng.integers(2**40)), ()))\n"
        "    while not trial.complete:\n        trial.advance()\n    return trial\n"
    )
    gain, falls = examined(file, board)
    assert gain > 0 and falls["pools"].suspicious and falls["perturbed"].suspicious, falls


def test_a_hidden_pool_tells_as_well(board, tmp_path):
    """Rows that the look-up table was not made of stand for the pool."""
    table = board.tables[0]
    halves = [table.part(np.flatnonzero(table.row % 2 == half)) for half in (0, 1)]
    public, hidden = (replace(board, tables=(half,)) for half in halves)
    file = tmp_path / "attack.py"
    file.write_text(EXACT.format(known=recorded_futures(halves[0])))
    _, falls = examined(file, public, hidden=hidden)
    assert falls["hidden"].gone > 0 and falls["hidden"].error > 0
    assert falls["hidden"].gain < falls["pools"].gain


def test_what_fails_elsewhere_is_suspicious():
    fall = Fall("perturbed", None, None, None, True, "raised")
    assert said(0.1, [fall]) == "suspicious: it fails on trials that it cannot know"


def test_the_gain_is_points_won_over_points_to_win(board):
    recorded = evaluate("start_many", board, replicates=20)
    over = [row.score - row.best_of_n for row in recorded.rows]
    to_win = recorded.rows[0].ceiling - recorded.rows[0].floor
    assert gain_of(recorded, recorded) == pytest.approx(np.mean(over) / to_win)


def test_a_table_of_which_no_signal_is_known_has_no_part_in_a_gain(board):
    """As it has none in the summary: with two to four seeds of an axis there are no intervals."""
    recorded = evaluate("start_many", board, replicates=20)
    unknown = [replace(row, recipe="unknown", no_signal=None, difference=row.difference - 1) for row in recorded.rows]
    both = replace(recorded, rows=(*recorded.rows, *unknown))
    assert gain_of(both, both) == gain_of(recorded, recorded)


def test_too_few_worlds(board):
    with pytest.raises(SeedbenchError, match="--worlds 4: at least 5"):
        examine(load_strategy("asha"), board, ReplayOptions(replicates=10), seed=0, worlds=4)


def test_what_can_be_is_refused_before_a_word_is_said(board, trials_folder, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["suspect", "asha", "--public", str(trials_folder), "--worlds", "4"])
    with pytest.raises(SystemExit) as ended:
        suspect.run(suspect.main, "python -m leaderboard.suspect")
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "") and "error: --worlds 4: at least 5" in err
    curves = replace(board, tables=tuple(replace(table, test_score=None) for table in board.tables))
    few = replace(board, tables=tuple(table.part(np.arange(4)) for table in board.tables))
    for given, rule in ((curves, "has no test scores"), (few, "budget 2 needs pools of 8 trials")):
        for public, hidden in ((given, None), (board, given)):
            with pytest.raises(SeedbenchError, match=rule):
                examine(load_strategy("asha"), public, ReplayOptions(replicates=10), seed=0, hidden=hidden)


@pytest.mark.parametrize(("error", "kept"), [(CannotSeal, True), (SeedbenchError, False)])
def test_what_is_done_is_kept_where_only_the_machine_failed(sealing, trials_folder, tmp_path, monkeypatch, error, kept):
    """It goes on when processes can be sealed again; what fails for good is not begun from its middle."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def fails(*_, **__):
        raise error("not now")

    monkeypatch.setattr("leaderboard.suspect.evaluate_selected", fails)
    given = ["asha", "--public", str(trials_folder), "--replicates", "4", "--processes", "1"]
    monkeypatch.setattr("sys.argv", ["suspect", *given])
    with pytest.raises(SystemExit) as ended:
        suspect.run(suspect.main, "python -m leaderboard.suspect")
    assert ended.value.code == 2 and any(tmp_path.rglob("found.jsonl")) == kept


def test_a_perturbed_table(board):
    """Every measurement is some trial's at that checkpoint, and none goes on as it was recorded."""
    (table,) = board.tables
    world = perturbed(table, stream(0, "test"))
    again = perturbed(table, stream(0, "test"))
    assert np.array_equal(world.score, again.score) and not np.array_equal(world.score, table.score)
    for checkpoint in range(table.num_checkpoints):
        assert set(world.score[:, checkpoint]) <= set(table.score[:, checkpoint])
        assert set(world.test_score[:, checkpoint]) <= set(table.test_score[:, checkpoint])
    trained = ~table.diverged  # the others all score as the majority does
    same = (world.score == table.score).all(axis=1) & (world.test_score == table.test_score).all(axis=1)
    assert trained.sum() > 40 and not same[trained].any()
    for name in ("validation_loss", "train_loss"):
        before, after = getattr(table, name), getattr(world, name)
        assert np.array_equal(np.isnan(before).any(), np.isnan(after).any())
    # What early scores say of late ones is there still.
    early, late = 1, table.num_checkpoints - 1
    here, there = (np.corrcoef(of.score[:, early], of.score[:, late])[0, 1] for of in (table, world))
    assert abs(here - there) < 0.2


def test_trials_that_ended_early_go_on_among_themselves(trials):
    """After its end a trial repeats its last measurement, as a table has it, or the lowest score where it failed."""
    whole = trials.tables[0]
    end, status = whole.ended_at.copy(), whole.status.copy()
    end[:4], end[4] = 2, 1
    status[3] = "failed"
    own = np.minimum(np.arange(whole.num_checkpoints), end[:, None] - 1)
    names = ("score", "test_score", "validation_loss", "train_loss")
    ended = {name: np.take_along_axis(getattr(whole, name), own, axis=1) for name in names}
    for name in names:
        ended[name][3, 2:] = whole.score.min() if "score" in name else np.nan
    table = replace(whole, ended_at=end, status=status, **ended)
    world = perturbed(table, stream(0, "test"))
    assert set(map(float, world.score[:4, 1])) <= set(map(float, table.score[:4, 1]))
    assert np.array_equal(world.score[4], table.score[4])
    for name in names:
        found = getattr(world, name)
        assert np.array_equal(found[3, 2:], ended[name][3, 2:], equal_nan=True) and np.isfinite(found[:5, :2]).all()
        for trial in (0, 1, 2, 4):
            assert set(found[trial, end[trial] :]) == {found[trial, end[trial] - 1]}
    assert (world.score[5:] != table.score[5:]).any()


def test_the_command_line(sealing, run, monkeypatch, trials_folder, tmp_path):
    folder = tmp_path / "submissions"
    source = "def strategy(campaign):\n    trial = campaign.start()\n    trial.advance()\n    return trial\n"
    enter(folder, "one-look", source, claim(load_trials(trials_folder)))
    given = ["one-look", "--submissions", folder, "--public", trials_folder, "--replicates", 4, "--worlds", 5]
    monkeypatch.setattr("sys.argv", ["suspect", *map(str, given), "--processes", "1", "--seed", "3"])
    with pytest.raises(SystemExit) as ended:
        suspect.run(suspect.main, "python -m leaderboard.suspect")
    assert ended.value.code in (0, None)


WAITS = """
import os


def strategy(campaign):
    trial = campaign.start()
    while not trial.complete:
        trial.advance()
    if campaign.budget == 4:
        sum(range(1_000_000))
    return trial
"""


def test_what_is_interrupted_goes_on_and_says_the_same(sealing, trials_folder, tmp_path):
    """By Ctrl-C, and then by SIGKILL; without a seed, which is drawn once. No world is played twice."""
    (tmp_path / "mine.py").write_text(WAITS)
    words = ["mine.py", "--public", str(trials_folder), "--replicates", "4", "--worlds", "5", "--processes", "1"]
    cache = tmp_path / "cache"

    def start(*more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "leaderboard.suspect", *words, *more],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(cache)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def found() -> list[str]:
        return [line for file in cache.rglob("found.jsonl") for line in file.read_text().splitlines()]

    for number, worlds in ((signal.SIGINT, 3), (signal.SIGKILL, 7)):
        ended = start()
        until(lambda worlds=worlds: len(found()) > worlds, f"{worlds} worlds are done")
        ended.send_signal(number)
        _, said = ended.communicate()
        kept = found()
        assert ended.returncode == (130 if number == signal.SIGINT else -number)
        if number == signal.SIGINT:
            assert said == (
                "leaderboard.suspect: interrupted; what is done is kept, and the same command goes on from there\n"
            )
    again = start()
    out, said = again.communicate()
    assert (again.returncode, said) == (0, "")
    assert not list(cache.rglob("*.json*"))
    seed = out.splitlines()[0].rpartition(" ")[2]
    assert seed == str(json.loads(kept[0])["seed"])
    whole = start("--seed", seed)
    assert whole.communicate() == (out, "")
    assert len(set(kept)) == len(kept) > 7


def test_interrupted_where_nothing_can_be_kept(sealing, board, tmp_path):
    """It does not say that what is done is kept."""
    (tmp_path / "mine.py").write_text(WAITS)
    (tmp_path / "cache").write_text("")
    running = subprocess.Popen(
        [sys.executable, "-m", "leaderboard.suspect", "mine.py", "--replicates", "4", "--processes", "1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "--seed" in running.stdout.readline()
    running.send_signal(signal.SIGINT)
    _, said = running.communicate()
    assert running.returncode == 130
    assert said == (
        "leaderboard.suspect: interrupted; not all that is done could be kept (Not a directory); the same command "
        "does again what was not\n"
    )


def test_what_cannot_be_read_is_found_anew(tmp_path):
    (tmp_path / "found.jsonl").write_bytes(b'{"pools 0": 0.25}\n{"pools 1": 0.\n[1]\n\xff\n{"pools 2": 0.5}\n')
    (tmp_path / "recorded.json").write_text("{}")
    journal = Journal(tmp_path)
    assert [journal.gain("pools", number, lambda: 1.5) for number in range(3)] == [0.25, 1.5, 0.5]
    assert [Journal(tmp_path).gain("pools", number, lambda: 2.5) for number in range(4)] == [0.25, 1.5, 0.5, 2.5]
    recorded = evaluate("full_trials", replicates=4, budgets=2)
    assert journal.recorded(lambda: recorded) == replace(recorded, campaigns=None)
    assert Journal(tmp_path).recorded(lambda: 1 / 0) == replace(recorded, campaigns=None)


def test_two_functions_of_one_entry_have_nothing_in_common(board, tmp_path, monkeypatch):
    """Its name is the folder's and its source the same: what was found of one says nothing of the other."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    one = load_strategy("full_trials")
    other = replace(one, attribute="another")

    def journal(strategy):
        return journal_of(strategy, board, None, ReplayOptions(), worlds=5, seed=None)

    assert journal(one).gain("pools", 0, lambda: 0.25) == 0.25
    assert journal(other).gain("pools", 0, lambda: 0.5) == 0.5
    assert journal(one).gain("pools", 0, lambda: 1 / 0) == 0.25


def test_where_nothing_can_be_kept_that_is_said(tmp_path):
    """A file is where the cache should be; of a folder that has gone bad meanwhile, the rest is lost."""
    (tmp_path / "file").write_text("")
    journal = Journal(tmp_path / "file" / "work")
    assert journal.lost == "" and journal.gain("pools", 0, lambda: 0.25) == 0.25
    assert journal.lost == "Not a directory"
    journal = Journal(tmp_path / "work")
    assert journal.gain("pools", 0, lambda: 0.25) == 0.25 and journal.lost == ""
    (tmp_path / "work" / "recorded.json").mkdir()
    recorded = evaluate("full_trials", replicates=4, budgets=2)
    assert journal.recorded(lambda: recorded) == replace(recorded, campaigns=None) and journal.lost
    assert Journal(None).lost == "no home folder"
