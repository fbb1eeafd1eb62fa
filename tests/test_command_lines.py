"""Every command line ends alike: what a user did wrong is one line on standard error, and exit code 2."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer

from seedbench.commands import INTERRUPTED, exit_code, run
from seedbench.errors import SeedbenchError
from tests.test_pins import ROOT, entry_points


def ended(capsys, command, *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command in this process."""
    sys.argv[1:] = arguments
    code = exit_code(command, "python -m tests.example")
    return code, *capsys.readouterr()


@pytest.fixture(autouse=True)
def arguments(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "argv", ["example"])


def greet(name: str, times: int = 1) -> None:
    """Says hello."""
    if not name:
        raise SeedbenchError("name: must not be empty")
    if name == "nobody":
        raise KeyboardInterrupt
    if name == "three":
        raise typer.Exit(3)
    print(f"hello {name} " * times)


def test_what_is_said_and_how_it_ends(capsys):
    assert ended(capsys, greet, "you", "--times", "2") == (0, "hello you hello you \n", "")
    assert ended(capsys, greet, "") == (2, "", "tests.example: error: name: must not be empty\n")
    assert ended(capsys, greet, "three") == (3, "", "")
    assert ended(capsys, greet, "nobody") == (INTERRUPTED, "", "")
    code, out, err = ended(capsys, greet, "--bogus")
    said = "tests.example: error: No such option: --bogus. See: python -m tests.example --help\n"
    assert (code, out, err) == (2, "", said)
    code, out, err = ended(capsys, greet, "you", "--times", "often")
    assert (code, out, err.count("\n")) == (2, "", 1) and "Invalid value for '--times'" in err


def test_it_ends_the_process(capsys):
    sys.argv[1:] = ["you"]
    with pytest.raises(SystemExit) as end:
        run(greet, "python -m tests.example")
    assert end.value.code == 0


@pytest.mark.parametrize(("name", "path"), entry_points().items())
def test_an_entry_point_refuses_in_one_line(capsys, name: str, path: Path):
    if name.startswith("runners."):
        pytest.importorskip("torch")
    if name == "runners.cluster":
        pytest.importorskip("submitit")
    module = import_module(f"{name}.__main__" if path.stem == "__main__" else name)
    code, out, err = ended(capsys, getattr(module, "app", None) or module.main, "--bogus")
    assert (code, out) == (2, "") and err.startswith("tests.example: error: No such option: --bogus"), err
    assert err.count("\n") == 1
    assert path.read_text(encoding="utf-8").endswith(f', "python -m {name}")\n')


def test_a_module_that_is_run_refuses_in_one_line():
    command = [sys.executable, "-m", "leaderboard.amend"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    said = "leaderboard.amend: error: Missing command. See: python -m leaderboard.amend --help\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)
