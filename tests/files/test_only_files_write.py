"""Calls that change a disk stand in `seedbench/files` only, read from the source. Tests itself too."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("seedbench", "runners", "dataset_card", "leaderboard")
OS = {"replace", "rename", "renames", "link", "symlink", "unlink", "remove", "rmdir", "mkdir", "makedirs", "open"}
OF_A_PATH = {"write_text", "write_bytes", "mkdir", "touch", "rename", "unlink", "rmdir", "symlink_to", "hardlink_to"}
MODULES = {"shutil", "tempfile"}
WRITERS = {"ParquetWriter", "to_parquet", "to_csv", "save_pretrained", "savez", "write_table"}

#: file -> call -> why it may stand there.
ALLOWED = {
    "leaderboard/results.py": {
        "write_table": "to a file that write_file opened",
        "unlink": "what an earlier verdict left, once the new one is written",
    },
    "leaderboard/runs.py": {"rmdir": "the work folder, if it is empty"},
    "leaderboard/site/files.py": {"to_parquet": "to memory", "to_csv": "to memory"},
    "runners/compact.py": {"ParquetWriter": "to memory", "write_table": "to memory"},
    "runners/live/folder.py": {"save_pretrained": "to a folder that new_folder puts in place"},
    "runners/trial_log.py": {
        "savez": "to a file that write_file opened",
        "tempfile.TemporaryFile": "whether there is writing there",
    },
    "seedbench/commands.py": {
        "os.open": "/dev/null, for a stream that is closed or full",
        "open": "/dev/null, for a stream that is closed",
    },
    "seedbench/documents/reading.py": {"os.open": "to read what may be a pipe"},
    "seedbench/evaluation/result.py": {"write_table": "to a file that write_file opened"},
    "seedbench/live/process.py": {
        "open": "what a training prints; the lock that its processes hold",
        "os.open": "the same lock",
        "unlink": "the same lock, of a training that has ended",
    },
    "seedbench/live/watchdog.py": {"os.open": "/dev/null, for what is started"},
    "seedbench/replay/kept.py": {"savez": "to memory"},
    "seedbench/replay/pool.py": {
        "open": "arrays for worker processes",
    },
    "seedbench/sandbox/kernel.py": {"open": "/proc"},
    "seedbench/submission.py": {"os.open": "to read, not through a link"},
    "seedbench/trialset/write.py": {
        "ParquetWriter": "in a folder that nobody sees yet",
        "write_table": "in a folder that nobody sees yet",
        "mkdir": "in a folder that nobody sees yet",
        "rename": "in a folder that nobody sees yet: how many shards there are is known at the end",
    },
}


def writes(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, name) of every call that changes a disk."""
    taken = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in MODULES | {"os"}
        for alias in node.names
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        name = taken.get(name, name)
        owner, _, method = name.rpartition(".")
        if owner == "os":
            if method in OS:
                yield node.lineno, name
        elif owner in MODULES:
            yield node.lineno, name
        elif method in WRITERS or (owner and method in OF_A_PATH):
            yield node.lineno, method
        elif owner and method == "replace" and len(node.args) == 1 and not node.keywords:  # a text's takes two
            yield node.lineno, "Path.replace"
        elif method == "open" and _mode(node, bool(owner)) & set("wax+"):
            yield node.lineno, "open"


def _mode(call: ast.Call, of_a_path: bool) -> set[str]:
    """The letters of a mode that is written out; of any other, all."""
    given = [keyword.value for keyword in call.keywords if keyword.arg == "mode"] or call.args[0 if of_a_path else 1 :]
    if not given:
        return set()
    return set(given[0].value) if isinstance(given[0], ast.Constant) else set("wax+")


def found(root: Path) -> dict[str, dict[str, int]]:
    """file -> call -> line, outside of `seedbench/files`."""
    calls: dict[str, dict[str, int]] = {}
    for path in sorted(path for package in PACKAGES for path in (root / package).rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if name.startswith(("seedbench/files/", "leaderboard/submissions/")):
            continue
        for line, call in writes(ast.parse(path.read_text(encoding="utf-8"))):
            calls.setdefault(name, {})[call] = line
    return calls


def test_only_files_writes():
    assert {name: set(calls) for name, calls in found(ROOT).items()} == {
        name: set(calls) for name, calls in ALLOWED.items()
    }


@pytest.mark.parametrize(
    "planted",
    [
        "import os\nos.replace(a, b)",
        "from os import rename as move\nmove(a, b)",
        "import shutil\nshutil.move(a, b)",
        "from tempfile import NamedTemporaryFile\nNamedTemporaryFile()",
        "path.write_text('x')",
        "part.replace(path)",
        "open(path, 'w')",
        "path.open('ab')",
        "open(path, mode=mode)",
    ],
)
def test_a_planted_call_is_found(planted):
    assert len(list(writes(ast.parse(planted)))) == 1


@pytest.mark.parametrize("planted", ["open(path)", "path.open('rb')", "text.replace(a, b)", "replace(board, seed=1)"])
def test_what_reads_is_not_found(planted):
    assert list(writes(ast.parse(planted))) == []
