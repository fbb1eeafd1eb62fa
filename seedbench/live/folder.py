"""The folder of a live campaign: its log, the trials' own folders, and what is left in the end.

log.jsonl       what the campaign is and all that it was told; the same command goes on from it
progress.log    when what happened, for people
runs/           a folder for each trial: what its training printed, measured and saved
slurm/          of trainings that are SLURM jobs: what submitit keeps of each
trials/         in the end: the campaign's own curves as a trial set
report.json     in the end, with report.txt
again/          a folder for each trial that the command in the report has trained again
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seedbench.errors import LiveError
from seedbench.files import locked, make_folder
from seedbench.live.lines import Lines
from seedbench.live.log import make_plan, read_log
from seedbench.live.session import Session
from seedbench.strategy import Strategy

LOG, PROGRESS, RUNS, TRIALS = "log.jsonl", "progress.log", "runs", "trials"
SLURM, AGAIN = "slurm", "again"
REPORT_JSON, REPORT_TEXT = "report.json", "report.txt"


@contextmanager
def campaign_folder(folder: Path) -> Iterator[None]:
    """Makes a campaign's folder, or sees that it is one; nobody else runs it meanwhile.

    Raises:
        LiveError: there are other things in it.
        CannotWrite: another process runs it, or it cannot be written.
    """
    check_folder(folder)
    make_folder(folder)
    with locked(folder / LOG, wait=0):
        yield


def check_folder(folder: Path) -> None:
    """Raises `LiveError` where something is there that is no live campaign's.

    One without its log begins anew, with the trials that are trained.
    """
    if folder.exists() and not folder.is_dir():
        raise LiveError(f"--out {folder}: is a file; give a folder")
    if folder.is_dir() and not (folder / LOG).exists():
        others = {entry.name for entry in folder.iterdir() if not entry.name.startswith(".")}
        if others - {PROGRESS, RUNS, SLURM, TRIALS, REPORT_JSON, REPORT_TEXT, AGAIN}:
            raise LiveError(f"--out {folder}: is not empty and holds no live campaign; give another folder")


def open_session(folder: Path, strategy: Strategy, *, seed: int | None, write: bool = True, **options: Any) -> Session:
    """The session of a campaign's folder: a new one, or where it was.

    A campaign that was told nothing, and whose trials have measured nothing, is no other campaign: one begins anew.

    Args:
        folder: from `campaign_folder`.
        strategy: the strategy.
        seed: as of `Session`; None: that of the campaign that is there.
        write: whether what it is told goes to its log; else nothing is written.
        options: as of `Session`.

    Raises:
        LiveError: there is another campaign, or an argument is outside its range.
    """
    log, runs = folder / LOG, folder / RUNS
    if not log.exists():
        return Session(strategy, seed=seed, folder=runs, log=log if write else None, **options)
    there, told = read_log(log)
    here = make_plan(strategy, seed=there.seed if seed is None else seed, **options)
    if here != there and not told and not any(Lines(trial).read() for trial in runs.glob("*")):
        return Session(strategy, seed=here.seed, folder=runs, log=log if write else None, **options)
    for name, value in vars(here).items():
        if (before := getattr(there, name)) != value:
            raise LiveError(
                f"--out {folder}: holds another campaign: its {name} is {before!r}, here it is {value!r}; give another "
                f"folder, or remove {LOG} there: with --seed {there.seed} what is trained is used again"
            )
    return Session.load(log, strategy, folder=runs, append=write)
