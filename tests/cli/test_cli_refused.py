"""Every bad input of the command line is one clear line and exit code 2."""

import shlex
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seedbench.cli.common import check_outputs
from seedbench.replay import Deadline
from seedbench.trialset.write import write_manifest
from tests.cli.quick import QUICK, write

# --- options and commands ---------------------------------------------------------------------------------------------


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


def test_a_named_file_is_not_written_over(run, trials_folder, tmp_path):
    (tmp_path / "mine.py").write_text("")
    code, _, err = run("evaluate", "mine.py:other(a=1)", "--trials", trials_folder, "--json", "mine.py")
    assert code == 2 and "--json would write over what is read" in err


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


# --- strategies -------------------------------------------------------------------------------------------------------

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


# --- trial sets -------------------------------------------------------------------------------------------------------


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
