"""A live campaign from a strategy, a training and a folder to a report; interrupted, the same call goes on."""

from __future__ import annotations

import re
import shlex
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from seedbench.errors import LiveError
from seedbench.files import write_file
from seedbench.live.command import GRACE_SECONDS, Commands, visible_gpus
from seedbench.live.contract import Measurement
from seedbench.live.export import write_curves
from seedbench.live.folder import (
    AGAIN,
    LOG,
    PROGRESS,
    REPORT_JSON,
    REPORT_TEXT,
    RUNS,
    TRIALS,
    campaign_folder,
    check_folder,
    open_session,
)
from seedbench.live.generator import Generators, Train, train_file
from seedbench.live.interruption import Interruption
from seedbench.live.lines import Lines
from seedbench.live.log import UNNAMED
from seedbench.live.loop import Workers, train_for
from seedbench.live.process import FIELDS, end_left_over, filled, template
from seedbench.live.progress import LiveProgress
from seedbench.live.report import LiveReport, make_report, text
from seedbench.live.session import GRID, Session
from seedbench.live.tested import Again, test_words, tested
from seedbench.live.trial import LiveTrial
from seedbench.strategy import Strategy
from seedbench.text import counted


@dataclass(frozen=True)
class LiveOptions:
    """How a live campaign is run.

    Attributes:
        train: a command line with `{weight_init_seed}`, `{data_order_seed}` and `{folder}`; `file.py` or
            `file.py:name`, a generator in a process of its own; or a generator function, in this process.
        checkpoints: validation points of a full trial.
        budget: in full trials.
        out: the campaign's folder: a new one, or one to go on with.
        grid: as of `Session`; so are all that follow, up to `failed_score`.
        seed: of the real seeds, their labels and order, and `campaign.rng`.
        name: of what is trained.
        metric: name of the score; with - in front, of what the score is the negative of.
        majority_score: of always predicting the most frequent label.
        failed_score: what a failed trial is shown with.
        workers: `local:N`, or `slurm:N`: so many trials are trained at a time.
        in_memory: so many processes are there at most on this machine, training or stopped.
        grace: seconds from SIGTERM to SIGKILL.
        slurm: parameters of SLURM jobs, as submitit names them.
        test: a command that measures what is kept, once, at the end: `{saved}` beside the fields of `train`.
    """

    train: str | Train
    checkpoints: int
    budget: int
    out: Path
    grid: tuple[int, int] = GRID
    seed: int | None = None
    name: str = UNNAMED
    metric: str | None = None
    majority_score: float | None = None
    failed_score: float | None = None
    workers: str = "local:1"
    in_memory: int = 2
    grace: float = GRACE_SECONDS
    slurm: dict[str, str | int] = field(default_factory=dict)
    test: str | None = None


def run_live(strategy: Strategy, options: LiveOptions, console: Console) -> LiveReport:
    """Runs a campaign, or goes on with the one in the folder, to its end.

    Args:
        strategy: the strategy.
        options: how it is run.
        console: for progress.

    Raises:
        LiveCampaignFailed: the strategy raised, returned something else than it may, or paid for nothing.
        LiveError: an option outside its range; another campaign's folder; a command that cannot be started.
        StrategyFileError: the strategy is an oracle.
        CannotWrite: the folder cannot be written, or another process runs this campaign.
        KeyboardInterrupt: nothing is left running, and all that was measured is in the folder.
    """
    _check(options)
    out, interruption = options.out, Interruption()
    with (
        campaign_folder(out),
        interruption.installed(),
        closing(open_session(out, strategy, **_session_options(options))) as session,
    ):
        title = f"{session.plan.title}, seed {session.plan.seed}, in {out}"
        console.print(title, soft_wrap=True, highlight=False)
        with LiveProgress(session, title, console, out / PROGRESS) as progress:
            train_for(session, _workers(options), progress, interruption)
        report = _report(session, options)
        write_file(out / REPORT_JSON, report.to_json())
        write_file(out / REPORT_TEXT, text(report))
        write_curves(session, out / TRIALS)
    return report


def dry_run(strategy: Strategy, options: LiveOptions) -> list[str]:
    """What `run_live` would do first, in lines; nothing is written or started.

    Raises:
        SeedbenchError: as `run_live`, as far as that can be known.
    """
    _check(options)
    check_folder(options.out)
    session = open_session(options.out, strategy, write=False, **_session_options(options))
    waiting, plan = session.open(), session.plan
    drawn = options.seed is None and not (options.out / LOG).exists()
    seeds = "another one is drawn for each new campaign" if drawn else "of seeds, labels, order and campaign.rng"
    paid = sum(trial.paid > 0 for trial in session.trials)
    lines = [
        f"strategy: {plan.strategy}",
        f"budget: {counted(plan.budget, 'full trial')} of {counted(len(plan.steps), 'checkpoint')} each, of a grid of "
        f"{plan.grid[0]} x {plan.grid[1]} seeds",
        f"seed: {plan.seed} ({seeds})",
        f"spent so far: {session.steps_spent / plan.steps[-1]:.2f} on {counted(paid, 'trial')}",
        f"workers: {options.workers}, processes in memory: {max(options.in_memory, parse_workers(options.workers)[1])}",
    ]
    lines += [
        f"folder: {options.out.absolute()}",
        f"first asked for: {counted(len(waiting), 'trial')}" if waiting else "ended",
    ]
    for request in waiting:
        lines.append(f"  trial {request.trial}, checkpoint {request.checkpoint + 1}: {_command(options, request)}")
    session.close()
    return lines


def parse_workers(text: str) -> tuple[str, int]:
    """`local:2` -> ("local", 2).

    Raises:
        LiveError: it is something else.
    """
    match = re.fullmatch(r"(local|slurm)(?::(\d{1,4}))?", text)
    if not match or match[2] == "0":
        raise LiveError(f"--workers {text!r}: must be local:N or slurm:N, N trials at a time, as in local:2")
    return match[1], int(match[2] or 1)


def command_words(train: str) -> tuple[str, ...]:
    """The words of a training command; a generator's file is a command, too."""
    if not re.fullmatch(r"\S*\.py(:\w+)?", train):
        words = template(train)
        if not any(f"{{{seed}}}" in word for word in words for seed in FIELDS[:2]):
            raise LiveError(
                f"--train {train!r}: names no seed, so all trials would be the same; add --seed {{{FIELDS[0]}}}"
            )
        return words
    path, name = train_file(train)
    literal = str(path.absolute()).replace("{", "{{").replace("}", "}}")
    return (sys.executable, "-m", "seedbench.live", literal, name, *(f"{{{field}}}" for field in FIELDS))


def _check(options: LiveOptions) -> None:
    if options.in_memory < 1:
        raise LiveError(f"--in-memory {options.in_memory}: must be at least 1, the trial in training")
    if options.grace < 0:
        raise LiveError(f"--grace {options.grace:g}: must be 0 seconds or more")
    kind, number = parse_workers(options.workers)
    if options.slurm and kind != "slurm":
        raise LiveError(f"--slurm {min(options.slurm)}: is for --workers slurm:N, found {options.workers}")
    if isinstance(options.train, str):
        command_words(options.train)
    elif (kind, number) != ("local", 1):
        raise LiveError(f"--workers {options.workers}: a function is trained in this process; give a file or a command")
    if options.test is not None:
        test_words(options.test)


def _session_options(options: LiveOptions) -> dict[str, Any]:
    names = ("budget", "checkpoints", "grid", "seed", "name", "metric", "majority_score", "failed_score")
    training = options.train if isinstance(options.train, str) else getattr(options.train, "__qualname__", None)
    return {name: getattr(options, name) for name in names} | {"training": training}


def _workers(options: LiveOptions) -> Workers:
    kind, slots = parse_workers(options.workers)
    if not isinstance(options.train, str):
        return Generators(options.train, options.in_memory)
    words, last = command_words(options.train), options.checkpoints - 1
    if kind == "slurm":
        from seedbench.live.slurm import Jobs

        return Jobs(words, last, options.out, slots=slots, grace=options.grace, parameters=options.slurm)
    for folder in (options.out / RUNS).glob("*"):
        end_left_over(folder, options.grace)  # also of trials that nothing more is asked of
    return Commands(
        words,
        last,
        slots=slots,
        in_memory=options.in_memory,
        grace=options.grace,
        gpus=visible_gpus(),
    )


def _command(options: LiveOptions, request: object) -> str:
    if not isinstance(options.train, str):
        return f"{getattr(options.train, '__qualname__', options.train)}(run)"
    return shlex.join(filled(command_words(options.train), request))


# ---- in the end ------------------------------------------------------------------------------------------------------


def _report(session: Session, options: LiveOptions) -> LiveReport:
    kept, folders = session.kept, {trial: _folder(options.out, trial) for trial in session.trials}
    lines = {trial: Lines(folder) for trial, folder in folders.items()}
    measured = {trial: its.read() for trial, its in lines.items()}
    beyond = sum(max(0, measured[trial] - len(trial.measured)) for trial in lines if trial.end is None)
    saved, again = None, None
    if kept.measurement is not None:
        folder = folders[kept.trial]
        if not _written_over(kept.measurement, lines[kept.trial]):
            saved = _there(kept.measurement.saved, folder)
        seeds = kept.trial.weight_init_seed, kept.trial.data_order_seed
        if isinstance(options.train, str):
            words = command_words(options.train)
            again = shlex.join(filled(words, Again(*seeds, options.out / AGAIN / folder.name)))
    report = make_report(session, saved=saved, train_again=again, measured_beyond=beyond)
    return tested(report, options.test, options.out, folders[kept.trial])


def _folder(out: Path, trial: LiveTrial) -> Path:
    return out / RUNS / f"wi{trial.weight_init_seed}-do{trial.data_order_seed}"


def _there(saved: str | None, folder: Path) -> str | None:
    """Where saved weights are: as the training said it, from where it ran or from its folder; None: nowhere."""
    for path in (Path(saved), folder / saved) if saved else ():
        if path.exists():
            return str(path.absolute())
    return None


def _written_over(kept: Measurement, lines: Lines) -> bool:
    """Whether the file that a measurement names has the weights of a later step, which named it again."""
    later = [one for one in lines.found if isinstance(one, Measurement) and one.step > kept.step]
    return any(one.saved == kept.saved for one in later)
