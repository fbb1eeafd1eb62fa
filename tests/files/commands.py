"""Every command that writes, as a world to be killed in: what is there before, what is done, what is read then."""

from __future__ import annotations

import builtins
import math
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import typer

import dataset_card.build
from leaderboard import amend
from leaderboard.boards import Board, read_board, write_board
from leaderboard.results import Key, Result, read_result, write_result
from leaderboard.site.files import CARD, write_site
from runners.cluster.state import State, cluster_folder, locked, read_state, write_state
from runners.export import append, rows_of, splits_of
from runners.trial_log import Cell, read_log, write_log
from seedbench.cli.app import app
from seedbench.cli.common import write_text
from seedbench.cli.strategies import new
from seedbench.errors import SeedbenchError
from seedbench.files import new_folder, settle, write_file
from seedbench.replay import kept
from seedbench.trialset import TrialsIdentity, add_trials, load_trials, read_folder, read_manifest, write_trials
from tests.files.hub_commands import HUB_COMMANDS, requests_are_calls
from tests.runners.test_trial_log import make_log
from tests.synthetic import additive_predictions, split_like_training, split_of, write

#: What is in somebody's clone of a dataset repo beside the trial set.
FOREIGN = {
    ".git/HEAD": b"ref: refs/heads/main\n",
    ".git/objects/ab/cdef": b"\0blob",
    "notes/2024 plans.md": b"mine",
    "trials/mine.txt": b"beside the data",
    ".gitattributes": b"*.parquet filter=lfs\n",
}
BOARD = Board("held-out-2", "cold", TrialsIdentity("a/b", "1.0.0", "0" * 64, None), 0, 2)
CALLS = ("replace", "rename", "link", "unlink", "rmdir", "mkdir", "fsync", "chmod")


def clone(folder: Path) -> Path:
    """A trial set of eight trials with its card and with files of others, reached through a link."""
    held = write(folder / "real", split_of(additive_predictions(3, 3), missing=[(2, 2)]))
    (held / "README.md").write_text("the card")
    for name, content in FOREIGN.items():
        (held / name).parent.mkdir(parents=True, exist_ok=True)
        (held / name).write_bytes(content)
    (folder / "set").symlink_to("real")
    return folder / "set"


def foreign(folder: Path) -> dict[str, bytes]:
    """The files of others, as they are now."""
    return {name: (folder / name).read_bytes() for name in FOREIGN}


def _more(folder: Path) -> None:
    clone(folder)
    write(folder / "more", split_of(additive_predictions(3, 3)))


def _trials(folder: Path) -> Any:
    held = folder / "set"
    loaded = load_trials(held)
    read_folder(held, read_manifest(held))  # all that the manifest names
    assert held.is_symlink() and foreign(held) == FOREIGN
    assert not (held / ".seedbench").exists()
    return loaded.sha256, loaded.version, sorted(path.name for path in held.iterdir())


def _logs(weights: int) -> Any:
    return rows_of([make_log(Cell(weight, order)) for weight in range(weights) for order in range(2)])


def _made_of_logs(folder: Path) -> None:
    real = folder / "real"
    write_trials(real, _logs(1), name="a/b", version="1.0.0")
    for name, content in FOREIGN.items():
        (real / name).parent.mkdir(parents=True, exist_ok=True)
        (real / name).write_bytes(content)
    (folder / "set").symlink_to("real")


def _if_there(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (OSError, SeedbenchError):
        return None


def _documents(folder: Path) -> None:
    built = {"README.md": b"a new card", "CITATION.cff": b"a new citation", "croissant.json": b"{}"}
    drawn, dataset_card.build.build = dataset_card.build.build, lambda folder, licence: built
    try:
        with suppress(typer.Exit):
            dataset_card.build.main(folder / "set")
    finally:
        dataset_card.build.build = drawn


def _read_documents(folder: Path) -> Any:
    names = ("README.md", "CITATION.cff", "croissant.json")
    return _trials(folder), [_if_there((folder / "set" / name).read_bytes) for name in names]


SITE = {"README.md": CARD.encode(), "index.html": b"old", "a/old.html": b"gone afterwards"}


def _site(folder: Path) -> None:
    write_site(SITE, folder / "real")
    for name in (".git/HEAD", "a/notes.txt", "CNAME"):
        (folder / "real" / name).parent.mkdir(exist_ok=True)
        (folder / "real" / name).write_bytes(b"mine")
    (folder / "site").symlink_to("real")


def _build_site(folder: Path) -> None:
    write_site({"README.md": CARD.encode(), "index.html": b"new", "b/new.html": b"new"}, folder / "site")


def _read_site(folder: Path) -> Any:
    site = folder / "site"
    settle(site)  # a web server does not; the next build does
    assert site.is_symlink() and all((site / name).read_bytes() == b"mine" for name in (".git/HEAD", "CNAME"))
    assert (site / "a/notes.txt").read_bytes() == b"mine"
    return {str(path.relative_to(site)): path.read_bytes() for path in site.rglob("*") if path.is_file()}


def _linked(folder: Path) -> None:
    (folder / "real.json").write_text("old")
    (folder / "real.json").chmod(0o640)
    (folder / "out.json").symlink_to("real.json")


def _read_linked(folder: Path) -> Any:
    assert (folder / "out.json").is_symlink() and (folder / "real.json").stat().st_mode & 0o777 == 0o640
    return (folder / "out.json").read_text()


def _read_new(folder: Path) -> Any:
    file = folder / "mine.py"
    return file.read_text().replace(str(folder), "") if file.exists() else None


def _submit(folder: Path) -> None:
    with new_folder(folder / "entry") as entry:
        write_file(entry / "strategy.py", "source")
        write_file(entry / "submission.json", "{}")


def _read_entry(folder: Path) -> Any:
    entry = folder / "entry"
    return {path.name: path.read_text() for path in entry.iterdir()} if entry.exists() else None


def _verified(folder: Path) -> None:
    write_result(folder, Result("a", Key("1" * 64, "2" * 64, 3, 4), "took too long", "once more"))


def _state(folder: Path) -> None:
    with locked(folder) as state:
        write_state(folder, state)


#: What makes a run of the command line quick.
_QUICK = "--protocol dodge2020 --replicates 3 --processes 1".split()
#: Commands whose one output is a file, with what it is called after.
OUTPUTS = {
    "evaluate --replicates-out": ["evaluate", "asha", *_QUICK, "--budget", "2", "--replicates-out", "out.parquet"],
    "evaluate --figure": ["evaluate", "asha", *_QUICK, "--budget", "2", "--figure", "out.svg"],
    "compare --html": ["compare", "asha", "full_trials", *_QUICK, "--budget", "2", "--html", "out.html"],
    "advise --json": ["advise", *_QUICK, "--budget", "2", "--json", "out.json"],
    "findings --html": ["findings", "--html", "out.html"],
    "trials import": ["trials", "import", "curves.csv", "out", *"--model m --task t --recipe r --score acc".split()],
}


def _set_and_curves(folder: Path) -> None:
    write(folder / "set", split_like_training(4, 4))
    rows = [f"{seed},{seed},{step},{(seed + step) / 20}" for seed in range(4) for step in range(1, 4)]
    (folder / "curves.csv").write_text("\n".join(("weight_init_seed,data_order_seed,step,acc", *rows)))


def _run(folder: Path, words: list[str]) -> None:
    """The command line, as a function that raises."""
    with chdir(folder):
        app([*words, *(() if words[0] == "trials" else ("--trials", "set"))], standalone_mode=False)


def _read_output(folder: Path) -> Any:
    for path in folder.glob("out*"):
        if path.is_dir():
            return load_trials(path).sha256
        return re.sub(rb"clip\d+", b"clip", path.read_bytes())  # Vega counts them in a process
    return None


@dataclass(frozen=True)
class Command:
    """A command that writes.

    Attributes:
        before: makes what is there.
        run: the command.
        read: what a reader sees; fails where something is half-written or somebody else's file is touched.
    """

    before: Callable[[Path], object]
    run: Callable[[Path], object]
    read: Callable[[Path], Any]


COMMANDS = {
    "trials add": Command(_more, lambda at: add_trials(at / "set", [at / "more"]), _trials),
    "write_trials, replace": Command(
        clone, lambda at: write(at / "set", split_like_training(2, 3, task="rte"), replace=True), _trials
    ),
    "write_trials": Command(
        lambda at: None,
        lambda at: write(at / "set", split_like_training(2, 2)),
        lambda at: load_trials(at / "set").sha256 if (at / "set").exists() else None,
    ),
    "export --append": Command(
        _made_of_logs, lambda at: append(splits_of(_logs(2)), at / "set", name="a/b", version="1.1.0"), _trials
    ),
    "dataset_card.build": Command(clone, _documents, _read_documents),
    "leaderboard.build": Command(_site, _build_site, _read_site),
    "evaluate --json": Command(_linked, lambda at: write_text(at / "out.json", "new"), _read_linked),
    "seedbench new": Command(
        lambda at: None,
        lambda at: new(at / "mine.py"),
        _read_new,
    ),
    "submit": Command(lambda at: None, _submit, _read_entry),
    "leaderboard.verify": Command(
        lambda at: write_result(at, Result("a", Key("1" * 64, "2" * 64, 3, 4), "took too long")),
        _verified,
        lambda at: read_result(at, "a"),
    ),
    "leaderboard.amend": Command(
        lambda at: write_board(at, BOARD),
        lambda at: amend.note(BOARD.name, "a note", at) if not read_board(at / BOARD.name).notes else None,
        lambda at: read_board(at / BOARD.name),
    ),
    "a trial's log": Command(
        lambda at: None,
        lambda at: write_log(at / "wi0-do0.npz", make_log()),
        lambda at: _if_there(lambda: read_log(at / "wi0-do0.npz").record) if (at / "wi0-do0.npz").exists() else None,
    ),
    "cluster": Command(
        lambda at: cluster_folder(at).mkdir(),
        _state,
        lambda at: (read_state(at) == State(), (cluster_folder(at) / "state.json").exists()),
    ),
}
COMMANDS |= {
    name: Command(_set_and_curves, lambda at, words=words: _run(at, words), _read_output)  # type: ignore[misc]
    for name, words in OUTPUTS.items()
}
COMMANDS |= {name: Command(*parts) for name, parts in HUB_COMMANDS.items()}


class Watched:
    """A file that is written to, each write of which is a call that changes a disk."""

    def __init__(self, file: Any, called: Callable[[], None]) -> None:
        self._file, self._called = file, called

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, content: Any) -> Any:
        self._called()
        return self._file.write(content)


@contextmanager
def watching(called: Callable[[], None]) -> Iterator[None]:
    """Says so before every call that changes a disk, those of `CALLS`, opening a file to write, and each write; and
    before every request to the Hub.

    Parts of a replay are not kept meanwhile: that begins after two seconds, which a busy machine takes or does not.
    Nor is what is imported first here compiled for the next time.
    """

    def instead(call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any, **options: Any) -> Any:
            called()
            return call(*arguments, **options)

        return watched

    def opened(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if not set(mode) & set("wax+"):
            return open_(file, mode, *arguments, **options)
        called()
        return Watched(open_(file, mode, *arguments, **options), called)

    before, open_ = {call: getattr(os, call) for call in CALLS}, open
    try:
        for call in CALLS:
            setattr(os, call, instead(before[call]))
        builtins.open = opened  # type: ignore[assignment]
        quiet = (patch.object(kept, "_AFTER", math.inf), patch.object(sys, "dont_write_bytecode", True))
        with requests_are_calls(called), quiet[0], quiet[1]:
            yield
    finally:
        builtins.open = open_
        for call, was in before.items():
            setattr(os, call, was)


def dies(name: str, folder: str, at_call: int, count_to: str = "") -> None:
    """Runs a command in this process, which is killed before its `at_call`-th call that changes a disk.

    Args:
        name: of `COMMANDS`.
        folder: the world.
        at_call: from 0; -1: none.
        count_to: a file that is told the number of calls at the end.
    """
    calls = 0

    def called() -> None:
        nonlocal calls
        if calls == at_call:
            os.kill(os.getpid(), signal.SIGKILL)
        calls += 1

    os.chdir(folder)
    with watching(called):
        COMMANDS[name].run(Path(folder))
    if count_to:
        Path(count_to).write_text(str(calls))


def fails(name: str, folder: Path, at_call: int, code: int) -> tuple[int, BaseException | None]:
    """Runs a command of which the `at_call`-th call that changes a disk fails; how many there were, and what it raised.

    Args:
        name: of `COMMANDS`.
        folder: the world.
        at_call: from 0; -1: none.
        code: of `errno`, what it fails with.
    """
    calls = 0

    def called() -> None:
        nonlocal calls
        calls += 1
        if calls == at_call + 1:
            raise OSError(code, os.strerror(code))

    try:
        with watching(called):
            COMMANDS[name].run(folder)
    except (Exception, SystemExit) as error:  # whatever it ends with is judged  # noqa: BLE001
        return calls, error
    return calls, None
