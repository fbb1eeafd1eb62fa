"""The command line: what it prints and writes."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from seedbench import __version__
from seedbench.evaluation import Evaluation
from seedbench.strategy import load_strategy
from seedbench.trialset import load_trials
from tests.cli.quick import QUICK, write
from tests.processes import ROOT
from tests.synthetic import split_like_training


def test_evaluate_prints_every_row_and_the_words(run, trials_folder):
    code, out, err = run("evaluate", "full_trials", "--trials", trials_folder, *QUICK)
    assert (code, err) == (0, "")
    for title in ("mini · mrpc · few", "mini · sst2 · few", "mini · sst2 · other"):
        assert title in out
    rows = [line.split() for line in out.splitlines() if "+0.0000" in line and line.split()[0] in ("2", "4")]
    assert [(int(row[0]), int(row[-1])) for row in rows] == [(2, 10), (2, 10), (4, 20), (2, 10)]  # looks: five a trial
    assert "That is what best-of-n closes: it is best-of-n." in out
    assert "In mrpc few and sst2 other it is unknown whether there is signal" in out


def test_json_holds_what_is_promised(run, trials_folder):
    options = ("--trials", trials_folder, "--replicates", 4, "--against", "asha", "--seed", 3, "--budget", 2)
    code, _, _ = run("evaluate", "start_many", *options, "--json", "out.json", "--processes", 1)
    assert code == 0
    text = Path("out.json").read_text()
    content = json.loads(text)
    assert {key: content[key] for key in ("protocol", "track", "seed", "replicates", "seedbench")} == {
        "protocol": "held-out-2",
        "track": "cold",
        "seed": 3,
        "replicates": 4,
        "seedbench": __version__,
    }
    assert content["trials"].keys() == {"name", "version", "sha256", "revision"}
    assert content["trials"]["name"] == "synthetic" and str(trials_folder) not in text
    assert content["strategy"].keys() == {"name", "sha256", "oracle"}
    wanted = """model task recipe budget score score_low score_high best_of_n difference difference_p floor ceiling
        oracle gap_closed gap_closed_low gap_closed_high compute_multiplier compute_multiplier_bound optimism
        trials_started budget_spent validations validation_seconds no_signal no_interval"""
    assert len(content["rows"]) == 3
    assert all(set(wanted.split()) <= row.keys() for row in content["rows"])
    assert [row["score_low"] is None for row in content["rows"]] == [
        row["no_interval"] is not None for row in content["rows"]
    ]
    summary = {"gap_closed", "gap_closed_low", "gap_closed_high", "compute_multiplier"}
    assert summary <= content["summary"].keys()
    (other,) = content["against"]
    assert other["name"] == "asha" and len(other["rows"]) == len(other["differences"]) == 3
    assert Evaluation.from_json(text).to_json() == text


def test_the_transfer_track(run, refused, trials_folder, write_set):
    file = write(
        "def strategy(campaign):\n"
        "    past = max(campaign.history[0].trials, key=lambda trial: trial.best.score).weight_init_seed\n"
        "    trial = campaign.start(weight_init_seed=past if past < campaign.grid[0] else None)\n"
        "    while not trial.complete:\n"
        "        trial.advance()\n"
        "    return trial.checkpoints[-1]\n"
    )
    options = ("--trials", trials_folder, "--track", "transfer")
    code, out, _ = run("evaluate", file, *options, *QUICK, "--json", "a.json", "--replicates-out", "a.parquet")
    assert code == 0 and "transfer track" in out
    assert json.loads(Path("a.json").read_text())["track"] == "transfer"
    every = pq.read_table("a.parquet").to_pylist()
    (campaign,) = (row for row in every if [row[name] for name in ("task", "budget", "replicate")] == ["mrpc", 2, 3])
    code, out, _ = run("evaluate", file, *options, "--only", "mini/mrpc/few:2:3")
    assert code == 0 and f"{campaign['score']:.4f}" in out
    assert f"weight_init_seed {campaign['weight_init_seed']}, data_order_seed {campaign['data_order_seed']}" in out
    code, out, _ = run("check", file, *options)
    assert code == 0 and out.count("ok") == 4
    refused("evaluate", file, "--trials", trials_folder, "--only", "mini/mrpc/few:2:3", rule="IndexError", frames=True)
    alone = ("--trials", write_set(split_like_training(4, 4)), "--track", "transfer")
    refused("evaluate", file, *alone, rule="needs a second task of the same model")
    refused("evaluate", file, "--track", "warm", rule="unknown track 'warm': there are cold, transfer")


def test_the_same_call_gives_the_same_bytes_for_any_number_of_processes(run, trials_folder):
    options = ("evaluate", "median_stopping", "--trials", trials_folder, "--replicates", 6)
    for name, processes in (("a", 1), ("b", 1), ("c", 2)):
        assert (
            run(*options, "--processes", processes, "--json", f"{name}.json", "--replicates-out", f"{name}.parquet")[0]
            == 0
        )
    for kind in ("json", "parquet"):
        assert Path(f"a.{kind}").read_bytes() == Path(f"b.{kind}").read_bytes() == Path(f"c.{kind}").read_bytes()


@pytest.mark.parametrize("processes", ["1", "2"])
def test_what_a_strategy_prints_is_not_in_the_json(trials_folder, tmp_path, processes):
    file = tmp_path / "loud.py"
    file.write_text("def strategy(campaign):\n    print('loud')\n    campaign.start().advance()\n")
    command = [sys.executable, "-m", "seedbench", "evaluate", str(file), "--trials", str(trials_folder), *QUICK]
    command += ["--processes", processes, "--json", "-"]
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert Evaluation.from_json(done.stdout).strategy.name == "loud.py"
    assert "loud\n" in done.stderr


def test_a_link_stays_a_link(run, trials_folder):
    Path("target.json").write_text("old")
    Path("link.json").symlink_to("target.json")
    assert run("evaluate", "patience", "--trials", trials_folder, *QUICK, "--json", "link.json")[0] == 0
    assert Path("link.json").is_symlink()
    assert Evaluation.from_json(Path("target.json").read_text()).strategy.name == "patience"


def test_json_to_stdout_is_all_that_is_on_it(run, trials_folder):
    code, out, err = run("evaluate", "patience", "--trials", trials_folder, *QUICK, "--json", "-")
    assert code == 0 and Evaluation.from_json(out).strategy.name == "patience"
    assert "patience closes" in err


def test_every_campaign_is_written(run, trials_folder):
    run("evaluate", "full_trials", "--trials", trials_folder, *QUICK, "--replicates-out", "all.parquet")
    table = pq.read_table("all.parquet")
    assert table.num_rows == 4 * 4
    wanted = "model task recipe budget replicate score weight_init_seed data_order_seed checkpoint steps_spent"
    assert set(wanted.split()) <= set(table.column_names)
    spent = table.column("steps_spent").to_numpy() / (table.column("budget").to_numpy() * 15)
    assert (spent == 1).all()  # full trials of 5 checkpoints, 3 steps each


def test_selection_and_the_paper_s_protocol(run, refused, trials_folder, write_set):
    choice = ("--task", "sst2", "--recipe", "few", "--model", "mini", "--budget", 2, "--budget", 6)
    code, out, _ = run("evaluate", "full_trials", "--trials", trials_folder, *QUICK, *choice, "--protocol", "dodge2020")
    assert code == 0 and "mrpc" not in out and "other" not in out
    rows = [line.split() for line in out.splitlines() if "+0.0000" in line]
    assert [row[0] for row in rows] == ["2", "6"]
    assert "optimism" not in out  # chosen and reported on the dev set
    unscored = write_set(split_like_training(5, 5, test_examples=0))
    refused(
        "evaluate", "full_trials", "--trials", unscored, *QUICK, rule="no test scores, by which protocol held-out-2"
    )
    assert run("evaluate", "full_trials", "--trials", unscored, *QUICK, "--protocol", "dodge2020")[0] == 0
    assert run("check", "full_trials", "--trials", unscored, "--protocol", "dodge2020")[0] == 0
    note = "No test scores: protocol dodge2020 works on such tables, held-out-2 does not."
    assert note in " ".join(run("trials", "--trials", unscored)[1].split())


def test_the_tables_with_test_scores_are_named(run):
    """As the bundled set has them: by name, which counts; the others are told by the protocol that takes them."""
    said = " ".join(run("trials")[1].split())
    scored = [f"{one.task} {one.recipe}" for one in load_trials().tables if one.test_score is not None]
    assert len(scored) > 1
    listed = said.split("Test scores: ")[1].split("; held-out-2 leaves the others out, dodge2020 takes all.")[0]
    assert listed.replace(" and ", ", ").split(", ") == scored


def test_only_runs_the_one_campaign_again(run, trials_folder):
    run("evaluate", "asha", "--trials", trials_folder, *QUICK, "--replicates-out", "all.parquet")
    campaigns = pq.read_table("all.parquet").to_pylist()
    wanted = next(
        c for c in campaigns if (c["task"], c["recipe"], c["budget"], c["replicate"]) == ("sst2", "few", 4, 3)
    )
    only = ("--trials", trials_folder, "--only", "mini/sst2/few:4:3")
    code, out, err = run("evaluate", "asha", *only, "--set", "rungs=3", "--seed", 0, "--time-limit", 30)
    assert (code, err) == (0, "")
    seeds = f"weight_init_seed {wanted['weight_init_seed']}, data_order_seed {wanted['data_order_seed']}"
    assert seeds in out and f"checkpoint {wanted['checkpoint'] + 1} of 5" in out
    assert f"{wanted['score']:.4f}; it was chosen for {wanted['validation_score']:.4f}" in out


def test_new_writes_a_strategy_that_runs(run, trials_folder):
    code, out, _ = run("new", "mine.py")
    assert code == 0 and "seedbench evaluate mine.py" in out
    assert "seedbench check mine.py" in Path("mine.py").read_text()
    assert run("evaluate", "mine.py", "--trials", trials_folder, *QUICK)[0] == 0
    assert run("check", "mine.py", "--trials", trials_folder)[0] == 0
    _, out, _ = run("new", "my rule.py")
    assert "seedbench evaluate 'my rule.py'" in out and "seedbench check 'my rule.py'" in Path("my rule.py").read_text()


def test_check_fails_with_exit_code_1(run, trials_folder):
    path = write(
        "import os\ndef strategy(campaign):\n    trial = campaign.start()\n"
        "    for _ in range(1 + os.getpid() % 2 + os.urandom(1)[0] % 2):\n        trial.advance()\n    return trial\n"
    )
    code, out, _ = run("check", path, "--trials", trials_folder)
    assert code == 1 and "failed not reproducible" in out


def test_strategies_and_trials_and_version(run, trials_folder):
    code, out, _ = run("strategies")
    assert code == 0 and "start_many" in out and "_template" not in out
    code, out, _ = run("trials", trials_folder, "--validate")
    assert code == 0 and "valid: every file" in out
    assert out.splitlines()[0] == "synthetic 1.0.0: 71 trials of mini"
    table = [line.split() for line in out.splitlines() if line.startswith("      19")]
    assert table[0][:7] == ["19", "4", "×", "5", "1", "4", "5"]  # trials, grid, missing, diverged, checkpoints
    assert run("--version")[:2] == (0, f"seedbench {__version__}\n")


def test_a_strategy_s_source_and_parameters_are_shown(run):
    code, out, _ = run("strategies", "start_many(fraction=0.5)")
    source, shown = out.split("\nParameters")
    assert code == 0 and source == load_strategy("start_many").source
    lines = [line.strip().split(maxsplit=2) for line in shown.splitlines() if line.strip()]
    (fraction,) = (line for line in lines if line[0] == "fraction")
    assert fraction[1] == "0.5" and fraction[2].startswith("how far each is trained before the choice, as a fraction")
    path = write(
        "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Short:\n    k: int = 1\n"
        "    def __call__(self, campaign):\n        campaign.start().advance()\nstrategy = Short()\n"
    )
    code, out, _ = run("strategies", path)
    assert code == 0 and [line.split() for line in out.splitlines()[-2:]] == [["Parameters"], ["k", "1"]]
    code, out, _ = run("strategies", "full_trials")
    assert code == 0 and out.endswith("full_trials has no parameters.\n")


def test_parameters_are_set_on_the_command_line(run, trials_folder, tmp_path):
    quick = ("--trials", trials_folder, "--replicates", 4, "--budget", 2, "--processes", 1)
    code, out, _ = run("evaluate", "start_many", *quick, "--set", "fraction=0.5", "--json", "set.json")
    assert code == 0 and out.startswith("start_many(fraction=0.5) on synthetic")
    assert run("evaluate", "start_many(fraction=0.5)", *quick, "--json", "named.json")[0] == 0
    assert (tmp_path / "set.json").read_bytes() == (tmp_path / "named.json").read_bytes()
    assert json.loads((tmp_path / "set.json").read_text())["strategy"]["parameters"] == {"fraction": 0.5}
    code, _, err = run("evaluate", "start_many", *quick, "--set", "fraction=7")
    said = "start_many(fraction=7): StartMany: fraction must be above 0 and at most 1, got 7"
    assert (code, err) == (2, f"seedbench: error: {said}\n")
    code, _, err = run("check", "start_many", "--set", "fraction")
    said = "--set fraction: column 1: a parameter is given by its name, as in fraction=0.5"
    assert (code, err) == (2, f"seedbench: error: {said}\n")


def test_what_a_trial_set_holds_fits_80_columns(run, trials_folder, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run("trials", trials_folder)
    assert code == 0 and "…" not in out and " highest" in out
    assert max(map(len, out.splitlines())) <= 80


def test_without_a_command_it_helps(run):
    code, out, _ = run()
    assert code == 2 and "Commands:" in out and "evaluate" in out
