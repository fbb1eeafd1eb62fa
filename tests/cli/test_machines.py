"""Machines that are not ours: what is missing, full or refused there is one line, and nothing is half-written."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from seedbench import SeedbenchError, evaluate
from tests.processes import without_progress

ROOT = Path(__file__).parents[2]
QUICK = ("--replicates", "60", "--budget", "2")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="a matter of Linux")


def seedbench(*arguments: object, prefix: tuple[str, ...] = (), **how: object) -> subprocess.CompletedProcess[str]:
    """A command as a user calls it, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", **how.pop("env", {})}  # type: ignore[dict-item]
    command = [*prefix, sys.executable, "-P", "-m", "seedbench", *map(str, arguments)]
    how = {"capture_output": True} | how
    done = subprocess.run(command, text=True, env=environment, **how)  # type: ignore[call-overload]
    done.stderr = done.stderr and without_progress(done.stderr)
    return done


def one_line(done: subprocess.CompletedProcess[str], *said: str) -> None:
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2 and line.startswith("seedbench: error: "), done.stderr
    for part in said:
        assert part in line


SHARED_MEMORY = {
    "none": "umount -l /dev/shm; mount -t tmpfs -o ro none /dev/shm",
    "full": "mount -t tmpfs -o size=4k none /dev/shm; head -c 4096 /dev/zero > /dev/shm/full",
    "read-only": "mount -t tmpfs -o ro none /dev/shm",
}


@LINUX
@pytest.mark.parametrize("case", SHARED_MEMORY)
def test_shared_memory(case: str, small_folder: Path) -> None:
    mounted = ["unshare", "-m", "sh", "-c", f'{SHARED_MEMORY[case]}; exec "$@"', "sh"]
    if not shutil.which("unshare") or subprocess.run([*mounted[:2], "true"], capture_output=True).returncode:
        pytest.skip("no right to mount anything here")
    options = ("evaluate", "full_trials", "--trials", small_folder, *QUICK)
    done = seedbench(*options, "--processes", 2, prefix=tuple(mounted))
    one_line(done, "several processes cannot be had here: ", "(/dev/shm); use --processes 1")
    assert seedbench(*options, "--processes", 1, prefix=tuple(mounted)).returncode == 0


def test_no_temporary_folder(monkeypatch: pytest.MonkeyPatch, small_folder: Path, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(SeedbenchError, match=r"nowhere.*set TMPDIR .*, or use --processes 1"):
        evaluate("full_trials", small_folder, replicates=60, budgets=2, processes=2)


NO_AFFINITY = """
import struct, sys
from seedbench.sandbox import filter, kernel
code = [filter._load(0), *filter._case(203, filter._return(0x50001)), filter._return(0x7FFF0000)]
kernel.forbid_new_privileges()
kernel.Filter(b"".join(code)).install()
import os
try:
    os.sched_setaffinity(0, {0})
except PermissionError:
    print("refused", flush=True)
from seedbench.cli import main
sys.argv = ["seedbench", *sys.argv[1:]]
main()
"""


@LINUX
def test_no_right_to_choose_a_core(small_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    options = ["evaluate", "asha", "--trials", small_folder, "--replicates", 4, "--sandbox", "--json", out]
    command = [sys.executable, "-c", NO_AFFINITY, *map(str, options), "--processes", "1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("refused\n")
    assert out.read_text() == evaluate("asha", small_folder, replicates=4).to_json()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("evaluate", "~nouser/mine.py"), "~nouser/mine.py: no such file"),
        (("evaluate", "asha", "--trials", "~nouser/set"), "~nouser/set: no such folder"),
        (("new", "~nouser/mine.py"), "~nouser/mine.py: cannot be written"),
    ],
)
def test_the_home_of_nobody(refused, arguments: tuple[str, ...], said: str) -> None:
    refused(*arguments, rule=said)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("command", ["trials", "--help", "strategies asha", "evaluate asha --json -", "evaluate asha"])
def test_standard_output_on_a_full_disk(command: str, small_folder: Path) -> None:
    arguments = command.split()
    if arguments[0] == "evaluate":
        arguments += ["--trials", str(small_folder), "--replicates", "3", "--processes", "1"]
    with open("/dev/full", "w") as full:
        done = seedbench(*arguments, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    one_line(done, "standard output cannot be written: No space left on device; make room, or send it elsewhere")


def test_a_new_strategy_where_there_is_no_room(tmp_path: Path) -> None:
    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    done = seedbench("new", "mine.py", cwd=tmp_path, preexec_fn=small, env={"PYTHONDONTWRITEBYTECODE": "1"})
    one_line(done, "mine.py: cannot be written: File too large; make room, or give another place")
    assert list(tmp_path.iterdir()) == []


def test_an_environment_that_the_hubs_client_does_not_read() -> None:
    wrong = {"HF_HUB_DOWNLOAD_TIMEOUT": "abc"}
    one_line(
        seedbench("evaluate", "asha", "--trials", "nobody/nothing", env=wrong),
        "seedbench: error: HF_HUB_DOWNLOAD_TIMEOUT=abc: the Hub's client does not start",
        "mend the environment",
    )
    missing = {"SSL_CERT_FILE": "/nowhere/ca.pem", "HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "https://127.0.0.1:1"}
    done = seedbench("evaluate", "asha", "--trials", "nobody/nothing", env=missing)
    one_line(done, "SSL_CERT_FILE names /nowhere/ca.pem, which is not there")


@pytest.mark.parametrize("command", ["evaluate full_trials", "new mine.py", "trials", "findings --json -"])
def test_a_folder_that_is_gone(command: str, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    inside = ("sh", "-c", f'cd "{gone}" && rmdir "{gone}" && exec "$@"', "sh")
    done = seedbench(*command.split(), prefix=inside)
    one_line(done, "the folder that this runs in is gone; change to another one")


@LINUX
def test_one_core_and_512_megabytes() -> None:
    """Of private memory that can be written, by RLIMIT_DATA, in each process; on one core."""

    def little() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (512 * 2**20,) * 2)
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    done = seedbench("evaluate", "asha", "--protocol", "dodge2020", *QUICK, preexec_fn=little)
    assert done.returncode == 0, done.stderr
