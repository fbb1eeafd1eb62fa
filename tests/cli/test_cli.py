"""The command line: what it prints and writes, and that every bad input is one clear line and exit code 2."""

import contextlib
import json
import os
import pty
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seedbench import __version__
from seedbench.cli.common import check_outputs
from seedbench.evaluation import Evaluation
from seedbench.replay import Deadline
from seedbench.strategy import load_strategy
from seedbench.trialset import load_trials
from seedbench.trialset.write import write_manifest
from tests.processes import until, without_progress
from tests.synthetic import split_like_training

ROOT = Path(__file__).parents[2]
QUICK = ("--replicates", "4", "--processes", "1")


def write(text: str, name: str = "mine.py") -> str:
    Path(name).write_text(text)
    return name


# --- what works -------------------------------------------------------------------------------------------------------


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


def test_a_named_file_is_not_written_over(run, trials_folder, tmp_path):
    (tmp_path / "mine.py").write_text("")
    code, _, err = run("evaluate", "mine.py:other(a=1)", "--trials", trials_folder, "--json", "mine.py")
    assert code == 2 and "--json would write over what is read" in err


def test_what_a_trial_set_holds_fits_80_columns(run, trials_folder, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run("trials", trials_folder)
    assert code == 0 and "…" not in out and " highest" in out
    assert max(map(len, out.splitlines())) <= 80


def test_without_a_command_it_helps(run):
    code, out, _ = run()
    assert code == 2 and "Commands:" in out and "evaluate" in out


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        (("--task", "qqp"), "unknown task 'qqp': trial set synthetic has mrpc, sst2"),
        (("--model", "bert"), "unknown model 'bert'"),
        (("--recipe", "stable"), "unknown recipe 'stable'"),
        (("--budget", "0"), "'--budget': must be a whole number from 1 on, found '0'"),
        (("--budget", "1.5"), "'--budget': must be a whole number from 1 on, found '1.5'"),
        (("--budget", "16"), "budget 16 needs pools of 64 trials"),
        (("--replicates", "2"), "replicates must be at least 3"),
        (("--replicates", "-2"), "'--replicates': must be a whole number from 1 on, found '-2'"),
        (("--processes", "0"), "'--processes'"),
        (("--seed", "x"), "'--seed': must be a whole number, found 'x'"),
        (("--time-limit", "0"), "--time-limit must be above 0 seconds and at most 86,400, found 0.0"),
        (("--protocol", "held-out-1"), "unknown protocol 'held-out-1'"),
        (("--against", "best"), "no strategy 'best'"),
        (("--revision", "v1"), "only a Hub repo has revisions"),
        (("--json", "no/such/out.json"), "no such folder"),
        (("--json", "."), "is a folder"),
        (("--json", "/dev/null"), "is no regular file"),
        (("--json", "out.parquet", "--replicates-out", "./out.parquet"), "give two files"),
        (("--figure", "o.parquet", "--replicates-out", "o.parquet"), "given as --replicates-out and as --figure"),
        (("--replicates-out", "out.csv"), "--replicates-out takes a file whose name ends in .parquet"),
        (("--figure", "out.pdf"), "out.pdf: a picture ends in .svg or .png"),
        (("--figure", "no/such/out.svg"), "no such folder"),
        (("--figures", "."), ".: exists already, and is left as it is; give a new folder"),
        (("--figures", "/dev/null/out"), "/dev/null/out: cannot be made in /dev/null"),
        (("--replicates-out", "no/such/out.parquet"), "no such folder"),
        (("--only", "mini/sst2/few"), "TABLE:BUDGET:REPLICATE"),
        (("--only", "mini/rte/few:2:0"), "no trial table 'mini/rte/few'; there are mini/mrpc/few"),
        (("--only", "mini/sst2/few:16:0"), "budget 16 needs"),
        (("--only", "mini/sst2/few:2:0", "--task", "sst2"), "--only runs one campaign, of which --task says nothing"),
        (
            ("--only", "mini/sst2/few:2:0", "--processes", "1"),
            "of which --processes says nothing: it goes with --set, ",
        ),
        (("--only", "mini/sst2/few:2:0", "--replicates", "200"), "of which --replicates says nothing"),
        (("--bogus",), "No such option: --bogus"),
    ],
)
def test_a_bad_option(refused, trials_folder, options, rule):
    refused("evaluate", "asha", "--trials", trials_folder, *options, rule=rule)


def test_what_is_read_is_not_written_over(refused, trials_folder):
    """A strategy, one that it is compared with, a file of the trial set."""
    write("def strategy(campaign): pass", "mine.py")
    write("def other(campaign): pass", "other.py")
    manifest = trials_folder / "manifest.json"
    before = manifest.read_bytes()
    said = "would write over what is read; give another file"
    refused("evaluate", "mine.py", "--trials", trials_folder, "--json", "./mine.py", rule=f"mine.py: --json {said}")
    refused("evaluate", "asha", "--against", "other.py:other", "--json", "other.py", rule=f"other.py: --json {said}")
    refused("compare", "other.py:other", "asha", "--json", "other.py", rule=said)
    refused("findings", "--trials", trials_folder, "--json", manifest, rule=said)
    data = trials_folder / "trials" / "new.parquet"
    refused("evaluate", "asha", "--trials", trials_folder, "--replicates-out", data, rule=said)
    Path("asha").mkdir()
    assert not check_outputs(Path("asha/out.json"), inputs=["asha", None, "owner/name"])  # a shipped name, the Hub
    assert not check_outputs(trials_folder / "evaluation.json", inputs=[str(trials_folder)])  # for the card
    assert Path("mine.py").read_text().startswith("def strategy") and manifest.read_bytes() == before


def test_help_is_that_of_the_command(refused):
    refused("findings", "--budget", "8", rule="No such option: --budget. See: seedbench findings --help")
    refused("trials", "--nope", rule="See: seedbench trials show --help")
    refused("trials", "show", "here", "--trials", "there", rule="a trial set is given twice, as here and by --trials")


def test_a_bad_command(refused):
    refused("evaluate", rule="Missing argument 'STRATEGY'")
    refused("evaluat", "asha", rule="No such command 'evaluat'. Did you mean 'evaluate'? See: seedbench --help")
    refused("evaluate", "asha", "--trials", "nowhere", rule="nowhere: no such folder")
    refused("evaluate", "asha", "--trials", "owner/name", rule="owner/name: neither a folder here nor")
    refused("trials", "nowhere", rule="no such folder")
    refused("trials", "nowhere", "--validate", rule="no such folder")
    refused("new", "mine.txt", rule="ends in .py")
    refused("new", "no/such/mine.py", rule="No such file or directory")
    write("# mine")
    refused("new", "mine.py", rule="exists already, and is left as it is; give another name")
    assert Path("mine.py").read_text() == "# mine"


STRATEGIES = {
    "does not exist": (None, "mine.py: no such file"),
    "syntax error": ("def strategy(campaign)\n    pass", "mine.py, line 1: not Python: expected ':'"),
    "no strategy": ("def other(campaign): pass", "binds no 'strategy'"),
    "signature": ("def strategy(): pass", "must take one argument"),
    "returns a number": (
        "def strategy(campaign):\n    campaign.start().advance()\n    return 0.5",
        "returned 0.5; a strategy returns a Trial, a Checkpoint or None",
    ),
    "returns another campaign's trial": (
        "kept = []\ndef strategy(campaign):\n    trial = campaign.start()\n    trial.advance()\n"
        "    kept.append(trial)\n    return kept[0]",
        "not of this campaign",
    ),
    "returns a trial it never trained": (
        "def strategy(campaign):\n    campaign.start().advance()\n    return campaign.start()",
        "without a paid checkpoint",
    ),
    "spends nothing": ("def strategy(campaign):\n    campaign.start()", "paid for no checkpoint"),
    "swallows the budget's end for ever": (
        "def strategy(campaign):\n    trial = campaign.start()\n    while True:\n        try:\n"
        "            trial.advance()\n        except Exception:\n            pass",
        "calls in a row that paid for nothing",
    ),
}


@pytest.mark.parametrize("case", STRATEGIES)
def test_a_bad_strategy(refused, trials_folder, case):
    text, rule = STRATEGIES[case]
    if text is not None:
        write(text)
    stopped = case.startswith("swallows")  # thrown into the author's loop: their line is shown
    line = refused("evaluate", "mine.py", "--trials", trials_folder, *QUICK, rule=rule, frames=stopped)
    if "returns" in case or "spends" in case:
        assert "(table mini/mrpc/few, budget " in line and "--only mini/mrpc/few:" in line


def test_a_strategy_that_never_returns_is_stopped(refused, trials_folder, monkeypatch):
    original = Deadline.__init__
    monkeypatch.setattr(Deadline, "__init__", lambda self, seconds: original(self, 0.3))
    write("def strategy(campaign):\n    campaign.start().advance()\n    while True:\n        pass")
    rule = "strategy mine.py ran for more than 0.3 seconds in one campaign"
    refused("evaluate", "mine.py", "--trials", trials_folder, *QUICK, rule=rule, frames=True)


def test_an_exception_shows_the_author_s_frames_and_the_campaign_to_run_again(run, trials_folder):
    path = write(
        "import json\ndef helper(campaign):\n    if campaign.budget == 2:\n        json.loads('{')\n"
        "def strategy(campaign):\n    trial = campaign.start()\n    trial.advance()\n    helper(campaign)\n"
    )
    code, out, err = run("evaluate", path, "--trials", trials_folder, *QUICK)
    *frames, line = err.splitlines()
    assert code == 2 and out == ""
    assert [part.split(",")[1:] for part in frames if "File" in part] == [
        [" line 8", " in strategy"],
        [" line 4", " in helper"],
    ]
    assert "raised JSONDecodeError" in line and "table mini/mrpc/few, budget 2, replicate 0" in line
    program, *command = shlex.split(line.split("this one campaign again: ")[1].rstrip(")"))
    assert program == "seedbench"
    again = run(*command)
    assert again[0] == 2 and again[2] == err  # the same campaign, the same failure


def rewrite(config: str, change):
    """A change of one parquet file of a trial set, with a manifest that fits again."""

    def apply(folder: Path) -> None:
        (path,) = (folder / config).glob("mrpc-*.parquet")
        pq.write_table(change(pq.read_table(path)), path)
        write_manifest(folder, name="synthetic", version="1.0.0")

    return apply


def in_row(table: pa.Table, name: str, row: int, value) -> pa.Table:
    values = table.column(name).to_pylist()
    values[row] = value(values[row])
    at = table.schema.get_field_index(name)
    return table.set_column(at, table.schema.field(name), pa.array(values, table.schema.field(name).type))


def other_schema_version(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"schema_version": 2', '"schema_version": 3'))


def truncated(folder: Path) -> None:
    (path,) = (folder / "trials").glob("mrpc-*.parquet")
    path.write_bytes(path.read_bytes()[:-100])


def truncated_and_signed(folder: Path) -> None:
    truncated(folder)
    write_manifest(folder, name="synthetic", version="1.0.0")


def flipped_byte(folder: Path) -> None:
    (path,) = (folder / "trials").glob("mrpc-*.parquet")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


TRIAL_SETS = {
    "truncated": (truncated, "mrpc-00000-of-00001.parquet"),
    "truncated, with a fitting manifest": (truncated_and_signed, "mrpc-00000-of-00001.parquet"),
    "another schema version": (other_schema_version, "schema_version"),
    "a checksum that differs": (flipped_byte, "mrpc-00000-of-00001.parquet"),
    "a column missing": (rewrite("trials", lambda table: table.drop_columns(["score"])), "'score'"),
    "a NaN where none may be": (
        rewrite("trials", lambda table: in_row(table, "score", 5, lambda score: [float("nan"), *score[1:]])),
        "column 'score': must be finite",
    ),
    "a cell twice": (
        rewrite(
            "trials",
            lambda table: in_row(in_row(table, "weight_init_seed", 1, lambda _: 0), "data_order_seed", 1, lambda _: 0),
        ),
        "the same cell of mini/mrpc/few",
    ),
    "a file missing": (lambda folder: next((folder / "examples").glob("mrpc*")).unlink(), "examples/mrpc"),
}


def test_validate_lists_every_problem(run, trials_folder, tmp_path):
    folder = tmp_path / "set"
    shutil.copytree(trials_folder, folder)
    rewrite("trials", lambda table: in_row(table, "score", 5, lambda score: [0.5, *score[1:]]))(folder)
    (folder / "stray.txt").write_text("")
    code, out, err = run("trials", folder, "--validate")
    assert code == 2 and out == ""
    stray, score = sorted(err.splitlines(), key=lambda line: "stray" not in line)
    assert stray == f"seedbench: error: {folder}/stray.txt: not listed in manifest.json"
    assert score.startswith("seedbench: error: ") and "score" in score


@pytest.mark.parametrize("case", TRIAL_SETS)
def test_a_bad_trial_set(refused, trials_folder, tmp_path, case):
    change, rule = TRIAL_SETS[case]
    folder = tmp_path / "set"
    shutil.copytree(trials_folder, folder)
    change(folder)
    refused("evaluate", "asha", "--trials", folder, *QUICK, "--json", "out.json", rule=rule)
    refused("trials", folder, rule=rule)
    refused("check", "asha", "--trials", folder, rule=rule)


# --- as a process -----------------------------------------------------------------------------------------------------


def test_help_in_a_third_of_a_second():
    """Of processor time, which another process on the machine hardly changes."""
    command = [sys.executable, "-m", "seedbench", "--help"]
    seconds = []
    for _ in range(5):
        before = os.times()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        after = os.times()
        assert "evaluate" in done.stdout
        seconds.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert min(seconds) <= 0.3


def test_progress_is_shown_on_a_terminal_and_only_there(trials_folder):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "seedbench", "evaluate", "asha", "--trials", str(trials_folder), *QUICK]
    running = subprocess.Popen([*command, "--json", "-"], cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs, text=True)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # how the end of a terminal reads
        while part := os.read(ours, 65536):  # while it runs: a terminal that nobody reads is full before long
            shown += part
    os.close(ours)
    written, _ = running.communicate()
    assert running.returncode == 0 and b"campaigns" in shown and b"asha closes" in shown
    assert Evaluation.from_json(written).strategy.name == "asha"


def test_interrupted_it_writes_nothing_and_says_so(trials_folder, tmp_path):
    strategy = tmp_path / "slow.py"
    strategy.write_text(
        "import time\ndef strategy(campaign):\n    print('running', flush=True)\n    time.sleep(30)\n    return None\n"
    )
    command = [sys.executable, "-m", "seedbench", "evaluate", str(strategy), "--trials", str(trials_folder)]
    out = tmp_path / "out.json"
    process = subprocess.Popen(
        [*command, "--processes", "1", "--json", str(out)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "running\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130 and without_progress(err) == "seedbench: interrupted; no result was written\n"
    assert list(tmp_path.iterdir()) == [strategy]


def left_of(group: int) -> list[str]:
    """The processes of a group that are still there in a while; those that only wait to be looked at are not."""
    end, found = time.monotonic() + 60, ["?"]
    while found and time.monotonic() < end:
        time.sleep(0.05)
        listed = subprocess.run(["ps", "-e", "-o", "pgid=,stat=,args="], capture_output=True, text=True, check=True)
        lines = [line.strip().split(maxsplit=2) for line in listed.stdout.splitlines()]
        found = [line[-1] for line in lines if line[0] == str(group) and not line[1].startswith("Z")]
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_with_all_its_workers(trials_folder, tmp_path, number):
    """As `timeout` and a terminal do it: the signal goes to the whole group, whatever each is at."""
    strategy, begun = tmp_path / "works.py", tmp_path / "begun"
    begun.mkdir()
    strategy.write_text(
        f"import os, pathlib\ndef strategy(campaign):\n    pathlib.Path({str(begun)!r}, str(os.getpid())).touch()\n"
        "    campaign.start().advance()\n"
    )
    command = [sys.executable, "-m", "seedbench", "evaluate", str(strategy), "--trials", str(trials_folder)]
    process = subprocess.Popen(
        [*command, "--processes", "2", "--replicates", "20000"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(lambda: len(list(begun.iterdir())) == 2, "both workers are at work")
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130 and "seedbench: interrupted; no result was written\n" in err
    assert not left_of(process.pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_takes_its_processes_along(trials_folder, tmp_path, number):
    """A loop that never ends, in the other process of `seedbench check`."""
    strategy = tmp_path / "loops.py"
    text = "import os\nprint(os.getpid(), flush=True)\ndef strategy(campaign):\n    while True:\n        pass\n"
    strategy.write_text(text)
    command = [sys.executable, "-m", "seedbench", "check", str(strategy), "--trials", str(trials_folder)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    own, child = int(process.stdout.readline()), int(process.stderr.readline())
    assert own == process.pid != child
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130 and without_progress(err) == "seedbench: interrupted; no result was written\n"
    assert not left_of(child)
