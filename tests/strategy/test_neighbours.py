"""A strategy's file imports the files beside it: where it runs, what it then is, and where it cannot go."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from seedbench import StrategyFailed, StrategyFileError, check, evaluate
from seedbench.strategy import load_strategy
from seedbench.strategy.neighbours import neighbours_of

MAIN = "from margin import MARGIN\n\ndef strategy(campaign):\n    return campaign.start().advance()\n"


def project(folder: Path, margin: str = "MARGIN = 0.02\n") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "mine.py").write_text(MAIN)
    (folder / "margin.py").write_text(margin)
    return folder / "mine.py"


def test_it_is_found_from_anywhere_and_in_other_processes(trials_folder: Path, tmp_path: Path) -> None:
    file = project(tmp_path / "rules")
    command = [sys.executable, "-P", "-m", "seedbench", "evaluate", str(file), "--trials", str(trials_folder)]
    for processes in "1", "2":
        done = subprocess.run(
            [*command, "--replicates", "60", "--budget", "2", "--processes", processes],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "", "HOME": str(tmp_path)},
        )
        assert done.returncode == 0, done.stderr


def test_what_stands_beside_it_is_part_of_what_it_is(tmp_path: Path) -> None:
    first = load_strategy(project(tmp_path / "one"))
    assert first.neighbours == {"margin.py": "MARGIN = 0.02\n"}
    assert load_strategy(project(tmp_path / "two")).sha256 == first.sha256  # wherever the folder is
    assert load_strategy(project(tmp_path / "one", "MARGIN = 0.03\n")).sha256 != first.sha256
    (tmp_path / "alone.py").write_text(MAIN.replace("from margin", "from math").replace("MARGIN", "pi"))
    alone = load_strategy(tmp_path / "alone.py")
    assert not alone.neighbours
    assert (
        alone.sha256
        == subprocess.run(["sha256sum", tmp_path / "alone.py"], capture_output=True, text=True).stdout.split()[0]
    )


def test_what_changed_meanwhile_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a notebook: evaluate, edit the neighbour, evaluate again; within a second, and in a file of the same size."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    body = "def strategy(campaign):\n    raise RuntimeError(str(MARGIN))\n"
    for margin in "0.02", "0.03":
        file = project(tmp_path / "rules", f"MARGIN = {margin}\n")
        file.write_text(f"from margin import MARGIN\n{body}")
        os.utime(file.with_name("margin.py"), (1, 1))
        with pytest.raises(StrategyFailed, match=f"raised RuntimeError: {margin}"):
            evaluate(file, replicates=3, budgets=2)


def test_two_of_one_name_in_two_folders_are_each_their_own(tmp_path: Path) -> None:
    body = "from margin import MARGIN\ndef strategy(campaign):\n    raise RuntimeError(str(MARGIN))\n"
    loaded = []
    for name in "one", "two":
        project(tmp_path / name, f"MARGIN = {name!r}\n").write_text(body)
        loaded.append(load_strategy(tmp_path / name / "mine.py"))
    for name, strategy in zip(("one", "two"), loaded, strict=True):
        with pytest.raises(StrategyFailed, match=f"raised RuntimeError: {name}"):
            evaluate(strategy, replicates=3, budgets=2)


def test_what_no_statement_names_is_not_found(tmp_path: Path) -> None:
    """Else there would be more to a strategy than its identity says."""
    file = project(tmp_path / "rules")
    (tmp_path / "rules" / "hidden.py").write_text("")
    file.write_text("import importlib\nmodule = importlib.import_module('hid' + 'den')\n" + MAIN.split("\n", 1)[1])
    with pytest.raises(StrategyFileError, match="raised ModuleNotFoundError when loaded: No module named 'hidden'"):
        load_strategy(file)


def test_a_package_counts_whole_and_what_python_finds_elsewhere_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "own_rules").mkdir()
    for path, text in {
        "own_rules/__init__.py": "from own_rules.inner import X\n",
        "own_rules/inner.py": "import margin\nX = 1\n",
        "margin.py": "import numpy, json\n",
        "json.py": "raise SystemExit\n",
        "numpy.py": "raise SystemExit\n",
        "other.py": "",
    }.items():
        (tmp_path / path).write_text(text)
    found = neighbours_of("import own_rules, json\nimport numpy as np\nimport nothing_of_the_kind\n", tmp_path)
    assert list(found) == ["margin.py", "own_rules/__init__.py", "own_rules/inner.py"]


def test_a_failure_in_a_neighbour_is_the_authors_own(tmp_path: Path) -> None:
    file = project(tmp_path / "rules", "def MARGIN():\n    return 1 / 0\n")
    file.write_text("from margin import MARGIN\n\ndef strategy(campaign):\n    return MARGIN()\n")
    with pytest.raises(StrategyFailed) as caught:
        evaluate(file, replicates=3, budgets=2)
    assert "in strategy" in caught.value.frames and "return 1 / 0" in caught.value.frames


def test_one_file_travels(tmp_path: Path, run, trials_folder: Path) -> None:
    file = project(tmp_path / "rules")
    with pytest.raises(StrategyFileError, match=r"mine.py: imports margin.py beside it; .* takes one file"):
        load_strategy(file, sealed=True)
    *_, last = check(file, trials_folder)
    assert last.passed is None and last.text.startswith(f"submit refuses it: {file}: imports ")
    assert "imports margin.py beside it" in last.text
    code, _, err = run("submit", file, "--name", "Mine", "--authors", "Me", "--dry-run", "--trials", trials_folder)
    assert code == 2 and "imports margin.py beside it" in err


@pytest.mark.parametrize("module", ["seedbench.strategies", "seedbench.strategies.start_many"])
def test_a_shipped_class_can_be_bound_and_sealed(module: str, trials_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(f"from {module} import StartMany\n\nstrategy = StartMany(fraction=0.5)\n")
    how = dict(replicates=3, budgets=2, models=(), tasks="mrpc")
    own, sealed = (evaluate(tmp_path / "mine.py", trials_folder, **how, sandbox=each) for each in (False, True))
    shipped = evaluate("start_many(fraction=0.5)", trials_folder, **how)
    assert own.rows == sealed.rows == shipped.rows


def test_every_shipped_class_is_there_by_its_name() -> None:
    import seedbench.strategies as strategies
    from seedbench.strategy import shipped

    bound = [type(load_strategy(name).build()) for name in shipped()]
    classes = [kind for kind in bound if kind.__name__ != "function"]
    assert len(classes) > 10
    for kind in classes:
        assert getattr(strategies, kind.__name__).__qualname__ == kind.__qualname__
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        strategies.Nothing  # noqa: B018


CLOSED = {
    "from concurrent.futures import ThreadPoolExecutor": "concurrent.futures.thread is closed in a sealed process: "
    "there are no threads",
    "import time; time.sleep(0.1)": "raised PermissionError: [Errno 1] Operation not permitted; a sealed "
    "process has no files, no time to ask for",
    "import subprocess; subprocess.run(['true'])": "a sealed process has no files, no time to ask for, no network, no "
    "threads and no other processes",
    "import pandas": "submit refuses it: {file}, line 2: imports pandas; it may import the standard library",
    "from seedbench import evaluate": "submit refuses it: {file}, line 2: imports seedbench.evaluate; it may import",
    "pass  # " + "-" * 2**16: "submit refuses it: {file}: 65,611 bytes; a leaderboard strategy has at most 65,536",
    "# coding: latin-1": "submit refuses it: {file}, line 2: declares the encoding 'latin-1'; it must be UTF-8",
    "pass  # \u200b": "submit refuses it: {file}, line 2, column 13: U+200B is not seen by whoever reads the source",
}


@pytest.mark.parametrize("line", CLOSED, ids=lambda line: ascii(line[:40]))
def test_check_says_what_a_leaderboard_refuses(line: str, trials_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(f"def strategy(campaign):\n    {line}\n    return campaign.start().advance()\n", encoding="utf-8")
    *passed, last = check(file, trials_folder)
    assert [one.passed for one in passed] == [True, True, True] and last.passed is None
    assert CLOSED[line].format(file=file) in last.text


def test_good_seeds_says_what_it_is_without_a_history(run, trials_folder: Path) -> None:
    options = ("--trials", trials_folder, "--replicates", "3", "--budget", "2", "--recipe", "few", "--processes", "1")
    _, out, _ = run("evaluate", "good_seeds", *options)
    assert "good_seeds is full_trials here: it looks at history, which --track transfer has." in out
    assert "is full_trials here" not in run("evaluate", "good_seeds", *options, "--track", "transfer")[1]
    rows = [evaluate(name, trials_folder, replicates=5, budgets=2).rows for name in ("good_seeds", "full_trials")]
    assert rows[0] == rows[1]
