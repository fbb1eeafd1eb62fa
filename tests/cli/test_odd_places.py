"""Outputs, inputs and processes as nobody plans them: closed, endless, circles, without memory. One line, exit 2.

SEEDBENCH_SLOW=1: every way of closing streams with workers and sealed, too.
"""

from __future__ import annotations

import ast
import os
import resource
import shutil
import subprocess
from contextlib import nullcontext
from pathlib import Path

import pytest

from seedbench.errors import CannotWrite, SeedbenchError
from seedbench.files import write_file
from seedbench.memory import LEAST, require_room
from tests.cli.test_machines import LINUX, QUICK, ROOT, one_line, seedbench

SLOW = os.environ.get("SEEDBENCH_SLOW") == "1"
HERE = ("--replicates", "3", "--budget", "2", "--processes", "1")

LONG = "x" * 300


@pytest.mark.parametrize("option", ["--json", "--figure", "--replicates-out"])
@pytest.mark.parametrize("name", [LONG, f"{LONG}/a", "circle", "circle/a"])
def test_an_output_that_cannot_be_is_refused_before_the_work(option, name, refused, tmp_path, monkeypatch) -> None:
    (tmp_path / "circle").symlink_to("circle")
    monkeypatch.setattr("seedbench.evaluation.evaluate_selected", lambda *_, **__: pytest.fail("it was worked"))
    ending = {"--json": "", "--figure": ".svg", "--replicates-out": ".parquet"}[option]
    if ending:
        (tmp_path / f"circle{ending}").symlink_to(f"circle{ending}")
    refused("evaluate", "asha", option, name + ending, rule=name[:40])


@pytest.mark.parametrize("name", ["x" * 250 + ".json", "é" * 120 + ".json"])
def test_the_longest_names_are_written(name: str, run, small_folder: Path, tmp_path: Path) -> None:
    assert run("evaluate", "asha", "--trials", small_folder, *HERE, "--json", name)[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert run("evaluate", "asha", "--trials", small_folder, *HERE, "--json", name)[0] == 0


@LINUX
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize(("owner", "mode", "followed"), [(1, 0o1777, False), (2, 0o1777, True), (1, 0o755, True)])
def test_somebody_elses_link_in_everybodys_folder(owner, mode, followed, refused, run, small_folder, tmp_path) -> None:
    """Neither the user's nor the folder owner's, where everybody may write: as fs.protected_symlinks has it."""
    public, mine = tmp_path / "public", tmp_path / "mine.json"
    public.mkdir()
    os.chown(public, 2, 2)
    public.chmod(mode)
    mine.write_text("mine")
    (public / "out.json").symlink_to(mine)
    os.lchown(public / "out.json", owner, owner)
    words = ("evaluate", "asha", "--trials", small_folder, *HERE, "--json", public / "out.json")
    if followed:
        assert run(*words)[0] == 0 and mine.read_text() != "mine"
        return
    refused(*words, rule="is a link that somebody else has put there")
    with pytest.raises(CannotWrite, match="somebody else has put there"):
        write_file(public / "out.json", "other")
    assert mine.read_text() == "mine"


SOURCES = {
    "a circle of links": (lambda at: at.symlink_to(at.name), "cannot be read: Too many levels of symbolic links"),
    "a link to /dev/zero": (lambda at: at.symlink_to("/dev/zero"), "cannot be read: is no regular file"),
    "a pipe": (os.mkfifo, "cannot be read: is no regular file"),
    "a folder": (os.mkdir, "cannot be read: Is a directory"),
    "a gigabyte of nothing": (
        lambda at: (at.touch(), os.truncate(at, 2**30)),
        "cannot be read: has more than 16,777,216 bytes",
    ),
}


@LINUX
@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("case", SOURCES)
def test_a_strategy_that_is_no_text(case: str, sealed: bool, refused, small_folder: Path, tmp_path: Path) -> None:
    make, said = SOURCES[case]
    make(tmp_path / "mine.py")
    options = ["--trials", small_folder, *HERE, *(["--sandbox"] if sealed else [])]
    refused("evaluate", "mine.py", *options, rule=f"mine.py: {said}")


@LINUX
@pytest.mark.parametrize("case", SOURCES)
@pytest.mark.parametrize("file", ["manifest.json", "trials/sst2-00000-of-00001.parquet"])
def test_a_trial_set_of_what_is_no_file(case, file, refused, small_folder, tmp_path, monkeypatch) -> None:
    make, said = SOURCES[case]
    shutil.copytree(small_folder, tmp_path / "set")
    (tmp_path / "set" / file).unlink()
    make(tmp_path / "set" / file)
    what = "32" if "gigabyte" in case and file.startswith("m") else said.partition(": ")[2].partition("has more")[0]
    monkeypatch.setenv("SEEDBENCH_LIMITS", "0.5" if file.startswith("t") else "1")
    refused("evaluate", "asha", "--trials", "set", *HERE, rule=what)
    assert not (tmp_path / "circle").exists()


def test_a_circle_of_links_for_a_trial_set(refused, tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    refused("evaluate", "asha", "--trials", "circle", rule="circle: no such folder")


@pytest.mark.parametrize("name", ["[/x]", "[bold]", ":o:"])
def test_what_looks_like_markup_is_shown_as_it_is(name: str, run, small_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(small_folder, tmp_path / name)
    shutil.copy(ROOT / "seedbench/strategies/asha.py", tmp_path / f"{name}.py".replace("/", "-"))
    file = f"{name}.py".replace("/", "-")
    code, out, err = run("evaluate", file, "--trials", name, *HERE)
    assert (code, err) == (0, "") and file in out


def consoles(root: Path) -> dict[str, list[int]]:
    """file -> lines that open a console of rich's, or a column of text that is read as markup."""
    found: dict[str, list[int]] = {}
    for package in ("seedbench", "runners", "leaderboard", "dataset_card"):
        for path in (root / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                opens = isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("Console", "TextColumn"))
                if opens and "markup=False" not in ast.unparse(node):
                    found.setdefault(path.relative_to(root).as_posix(), []).append(node.lineno)
    return found


def test_rich_reads_no_markup_anywhere(tmp_path: Path) -> None:
    assert consoles(ROOT) == {}
    (tmp_path / "runners").mkdir()
    (tmp_path / "runners/a.py").write_text("from rich.console import Console\nConsole(stderr=True)\n")
    assert consoles(tmp_path) == {"runners/a.py": [2]}


# --- streams ----------------------------------------------------------------------------------------------------------


def through(shell: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """A command with redirections, or after limits, of a shell."""
    return seedbench(*arguments, prefix=("sh", "-c", shell, "sh"))


CLOSED = ["<&-", ">&-", "2>&-", "<&- 2>&-", "<&- >&- 2>&-"]


@pytest.fixture(scope="module")
def with_all_streams(small_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes]:
    """What `OF_STREAMS` prints and writes where no stream is closed."""
    out = tmp_path_factory.mktemp("streams") / "out.json"
    return seedbench(*OF_STREAMS, "--trials", small_folder, "--json", out).stdout, out.read_bytes()


OF_STREAMS = ("evaluate", "asha", *HERE, *QUICK)


@pytest.mark.parametrize(
    ("more", "closed"),
    [
        *(((), closed) for closed in CLOSED),
        *((("--processes", "2"), closed) for closed in (CLOSED if SLOW else CLOSED[-1:])),
        *((("--sandbox",), closed) for closed in (CLOSED if SLOW else CLOSED[-2:])),
    ],
)
def test_streams_that_are_closed(more, closed: str, small_folder: Path, with_all_streams, tmp_path: Path) -> None:
    """They are as good as /dev/null: no file that is opened meanwhile is taken for one of them."""
    out = tmp_path / "out.json"
    done = through(f'exec "$@" {closed}', *OF_STREAMS, *more, "--trials", small_folder, "--json", out)
    printed, written = with_all_streams
    assert (done.returncode, done.stdout, done.stderr) == (0, "" if " >&-" in f" {closed}" else printed, "")
    assert out.read_bytes() == written


def test_what_is_wrong_where_nobody_can_be_told() -> None:
    for shell in ('exec "$@" 2>&-', 'exec "$@" 2>/dev/full', 'exec "$@" <&- >&- 2>&-'):
        assert through(shell, "evaluate", "nothing").returncode == 2


# --- limits -----------------------------------------------------------------------------------------------------------


@LINUX
def test_sixteen_open_files(small_folder: Path, tmp_path: Path) -> None:
    few = 'ulimit -n 16; exec "$@"'
    words = ("evaluate", "asha", "--trials", small_folder, *HERE)
    for more in ((), ("--sandbox",), ("--json", tmp_path / "a.json", "--replicates-out", tmp_path / "a.parquet")):
        done = through(few, *words, *more)
        assert done.returncode == 0, done.stderr
    one_line(
        through(few, *words, *QUICK, "--processes", 2), "several processes cannot be had here: Too many open files"
    )


@LINUX
@pytest.mark.parametrize("megabytes", [100, 200])
def test_no_address_space_for_the_libraries(megabytes: int) -> None:
    """Either it is said that there is too little, or OpenBLAS, which NumPy is loaded with, says so and ends it."""
    done = through(f'ulimit -v {megabytes * 1000}; exec "$@"', "findings")
    assert done.returncode and "Traceback" not in done.stderr
    if "OpenBLAS" not in done.stderr:
        one_line(done)


@LINUX
@pytest.mark.parametrize("megabytes", [450, 600, 950])
@pytest.mark.parametrize("command", ["evaluate asha --replicates 60 --budget 2", "findings", "trials --validate"])
def test_too_little_address_space_to_compute(command: str, megabytes: int) -> None:
    """Enough for the libraries to be loaded. SciPy's OpenBLAS would look for room without end, so it is not asked."""
    done = through(f'ulimit -v {megabytes * 1_000_000 // 1024}; exec "$@"', *command.split())
    one_line(done, f"the address space of this process is limited to {megabytes} MB (ulimit -v)", "ulimit -d")


@LINUX
@pytest.mark.parametrize("limit", [None, LEAST, LEAST - 4096])
def test_who_has_room_for_blas(limit: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda of: (resource.RLIM_INFINITY if limit is None else limit, -1))
    with pytest.raises(SeedbenchError, match="limited to 1,000 MB") if limit == LEAST - 4096 else nullcontext():
        require_room()


@LINUX
def test_without_proc(small_folder: Path) -> None:
    mounted = ("unshare", "-m", "sh", "-c", 'umount -l /proc; exec "$@"', "sh")
    if not shutil.which("unshare") or subprocess.run([*mounted[:2], "true"], capture_output=True).returncode:
        pytest.skip("no right to mount anything here")
    words = ("evaluate", "asha", "--trials", small_folder, *QUICK)
    whole = seedbench(*words, "--processes", 1)
    for processes in (1, 2):
        done = seedbench(*words, "--processes", processes, prefix=mounted)
        assert (done.returncode, done.stdout, done.stderr) == (0, whole.stdout, "")
    one_line(seedbench(*words, "--sandbox", prefix=mounted), "/proc")
