"""Whatever is killed leaves neither a process nor, once the next has begun, a folder. SEEDBENCH_SLOW=1: 60 moments."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from seedbench.files import work_folder
from tests.processes import command_line, environment, marked, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a matter of Linux")

MOMENTS = 60 if os.environ.get("SEEDBENCH_SLOW") == "1" else 6
SECONDS = 20  # for processes to be gone: far more than they take, on a machine with other work

WAITS = """
import os, time
def strategy(campaign):
    with open(os.path.join(os.environ["BEGUN"], str(os.getpid())), "w"):
        pass
    time.sleep(1000)
"""
SEALED = "def strategy(campaign):\n    import os\n    os.read(3, 1)\n"
#: Options, and how many processes there are at work beside the one that is killed.
COMMANDS = {
    "evaluate, a fork": (("evaluate", "waits.py", "--processes", 1), 1),
    "evaluate, workers": (("evaluate", "waits.py", "--processes", 2), 2),
    "compare, workers": (("compare", "waits.py", "asha", "--processes", 2), 2),
    "check": (("check", "waits.py"), 1),
}


def start(folder: Path, *arguments: object, mark: str, **more: str) -> subprocess.Popen[bytes]:
    """A command in a folder, with its own temporary folder and a folder that its strategies say in that they run."""
    for name in ("begun", "temporary"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "waits.py").write_text(WAITS)
    (folder / "sealed.py").write_text(SEALED)
    there = environment(mark, BEGUN=str(folder / "begun"), TMPDIR=str(folder / "temporary"), **more)
    return subprocess.Popen(
        command_line(*arguments), cwd=folder, env=there, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    assert process.wait() == -signal.SIGKILL


def folders(folder: Path) -> set[str]:
    return {path.name for path in (folder / "temporary").iterdir() if path.name.startswith("seedbench-")}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_killed_command_leaves_no_worker(name: str, trials_folder: Path, tmp_path: Path) -> None:
    arguments, workers = COMMANDS[name]
    running = start(tmp_path, *arguments, "--trials", trials_folder, mark=str(tmp_path))
    try:
        until(lambda: len(list((tmp_path / "begun").iterdir())) >= workers, "its strategies run")
        assert len(marked(str(tmp_path))) > workers
        kill(running)
        until(lambda: not marked(str(tmp_path)), "no process is left", SECONDS)
    finally:
        running.kill()


@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate", "sealed.py", "--sandbox", "--processes", 2),
        ("advise", "--budget", 4, "--processes", 2, "--replicates", 20000),
    ],
)
def test_at_any_moment(arguments: tuple[object, ...], trials_folder: Path, tmp_path: Path) -> None:
    """From its first import on, while workers start, and when they are at work."""
    drawn = random.Random(23)
    for moment in range(MOMENTS // 2):
        mark = f"{tmp_path} {moment}"
        running = start(tmp_path, *arguments, "--trials", trials_folder, mark=mark)
        try:
            running.wait(drawn.uniform(0.3, 3))
        except subprocess.TimeoutExpired:
            kill(running)
        until(lambda mark=mark: not marked(mark), f"no process is left, killed at moment {moment}", SECONDS)
    assert len(folders(tmp_path)) <= 1  # each has cleared away what the one before has left


def test_folders_of_the_dead_are_cleared_and_no_others(small_folder: Path, tmp_path: Path) -> None:
    waits = ("evaluate", "waits.py", "--trials", small_folder, "--processes", 2)
    living = start(tmp_path, *waits, mark=f"{tmp_path} living")
    try:
        until(lambda: _begun(tmp_path) == 2, "the first is at work")
        (of_the_living,) = folders(tmp_path)
        dead = start(tmp_path, *waits, mark=f"{tmp_path} dead")
        until(lambda: _begun(tmp_path) > 2, "so is the second")
        kill(dead)
        until(lambda: not marked(f"{tmp_path} dead"), "and all of it has ended")
        assert len(folders(tmp_path)) == 2
        not_ours = _not_ours(tmp_path / "temporary")
        quick = start(tmp_path, "evaluate", "asha", *waits[2:], "--replicates", 60, "--budget", 2, mark=str(tmp_path))
        assert quick.wait() == 0
        assert folders(tmp_path) == {of_the_living, *not_ours}
        assert (tmp_path / "temporary/seedbench-myclone1/notes.txt").read_text() == "mine"
        assert (tmp_path / "elsewhere/kept.txt").exists()
        assert len(list((tmp_path / "temporary" / of_the_living).iterdir())) > 1  # its lock, its arrays
    finally:
        living.kill()
        living.wait()


def _begun(folder: Path) -> int:
    """How many processes have called a strategy: of a command that has done so the folder is made and locked."""
    return len(list((folder / "begun").iterdir()))


def _not_ours(temporary: Path) -> set[str]:
    """Folders of that name which are somebody's own, and a link to one that has a lock file."""
    (temporary / "seedbench-myclone1").mkdir()
    (temporary / "seedbench-myclone1/notes.txt").write_text("mine")
    (temporary / "seedbench-myclone2").mkdir()
    (temporary / "seedbench-myclone2/.seedbench.lock").symlink_to("/dev/null")
    elsewhere = temporary.parent / "elsewhere"
    elsewhere.mkdir()
    for name in ("kept.txt", ".seedbench.lock"):
        (elsewhere / name).touch()
    (temporary / "seedbench-alink123").symlink_to(elsewhere)
    return {"seedbench-myclone1", "seedbench-myclone2", "seedbench-alink123"}


def test_a_folder_that_another_takes_for_a_dead_ones_is_made_again(monkeypatch, tmp_path: Path) -> None:
    """Between making a folder and locking it, another process may come by."""
    import fcntl

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    taken, lock = [], fcntl.flock

    def first_another(file, how):
        if not taken:
            taken.append(Path(file.name).parent)
            for path in (Path(file.name), taken[0]):
                path.unlink() if path.is_file() else path.rmdir()
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", first_another)
    with work_folder() as folder:
        assert folder.is_dir() and folder != taken[0]
    assert list(tmp_path.iterdir()) == []


LATE = """
import os
from seedbench.processes import end_with
parent = os.getpid()
if os.fork():
    os._exit(0)
while os.getppid() == parent:
    pass
print("began", flush=True)
end_with(parent)
print("is left", flush=True)
"""


def test_one_that_asks_when_its_parent_is_gone_ends() -> None:
    """The kernel tells of an end that comes later, and of none that was before."""
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, env=environment("late"))
    assert (done.stdout, done.stderr) == ("began\n", "")
