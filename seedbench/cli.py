"""The command line. Heavy modules are imported inside the commands, so that `--help` answers at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seedbench.errors import SeedbenchError

if TYPE_CHECKING:
    from rich.console import Console

    from seedbench.result import Evaluation
    from seedbench.strategy import Strategy

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Scores rules for choosing among fine-tuning trials that differ only in their random seeds.",
)

INTERRUPTED = 130  # exit code of a process that SIGINT ended
USAGE_ERROR: type[Exception] = typer.BadParameter.__bases__[0]  # typer does not export it


def integer(text: str | int, lowest: int = 0) -> int:
    """An integer from the command line (or a default, which is one already)."""
    if not str(text).isdecimal() or int(text) < lowest:
        raise typer.BadParameter(f"must be a whole number from {lowest} on, found {str(text)!r}.")
    return int(text)


def count(text: str | int) -> int:
    """An integer above zero."""
    return integer(text, lowest=1)


STRATEGY = Annotated[str, typer.Argument(metavar="STRATEGY", help="A file.py, file.py:name, or a shipped strategy.")]
TRIALS = Annotated[
    str | None, typer.Option(metavar="DIR|HUB_ID", help="A trial set; without it, the one that is bundled.")
]
REVISION = Annotated[str | None, typer.Option(metavar="TAG", help="Tag, branch or commit of a trial set on the Hub.")]


def main() -> None:
    """Runs the command line. What a user did wrong is one line on stderr, and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that cannot show a character shows ? and not a traceback
            stream.reconfigure(errors="replace")
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except BrokenPipeError:  # `seedbench … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except SeedbenchError as error:
        code = _refuse(str(error), getattr(error, "frames", ""))
    except USAGE_ERROR as error:
        code = _refuse(f"{' '.join(error.format_message().split())} See: seedbench --help")  # type: ignore[attr-defined]
    if code == INTERRUPTED:  # which typer returns, or raises as one of the two above, depending on its version
        print("seedbench: interrupted; nothing was written", file=sys.stderr)
    sys.exit(code or 0)


def _refuse(line: str, frames: str = "") -> int:
    if frames:
        print(frames, file=sys.stderr)
    print(f"seedbench: error: {line}", file=sys.stderr)
    return 2


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    if version:
        from seedbench import __version__

        print(f"seedbench {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(2)


@app.command()
def evaluate(
    strategy: STRATEGY,
    trials: TRIALS = None,
    revision: REVISION = None,
    model: Annotated[list[str], typer.Option(metavar="M", help="This model only; may be repeated.")] = [],  # noqa: B006
    task: Annotated[list[str], typer.Option(metavar="T", help="This task only; may be repeated.")] = [],  # noqa: B006
    recipe: Annotated[list[str], typer.Option(metavar="R", help="This recipe only; may be repeated.")] = [],  # noqa: B006
    budget: Annotated[list[int], typer.Option(metavar="B", parser=count, help="In full trials; may be repeated.")] = [],  # noqa: B006
    replicates: Annotated[int, typer.Option(metavar="N", parser=count, help="Campaigns per table and budget.")] = 200,
    seed: Annotated[int, typer.Option(metavar="N", parser=integer, help="Of all randomness.")] = 0,
    protocol: Annotated[str, typer.Option(metavar="NAME", help="held-out-1 or dodge2020.")] = "held-out-1",
    processes: Annotated[int | None, typer.Option(metavar="N", parser=count, help="Without it, one per core.")] = None,
    against: Annotated[list[str], typer.Option(metavar="STRATEGY", help="Compare with it, paired.")] = [],  # noqa: B006
    no_intervals: Annotated[
        bool, typer.Option("--no-intervals", help="Scores without their intervals: faster.")
    ] = False,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the result here; - for stdout.")] = None,
    replicates_out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write every campaign (parquet).")] = None,
    only: Annotated[str | None, typer.Option(metavar="TABLE:BUDGET:REPLICATE", help="Run this one campaign.")] = None,
) -> None:
    """Score a strategy by replaying trials.

    Recorded fine-tuning trials are replayed under a compute budget: the strategy starts, stops and keeps trials, pays
    for every training step, and sees nothing it has not paid for.
    """
    from rich.console import Console

    from seedbench.strategy import load_strategy

    to_stdout = str(json) == "-"
    for path in (None if to_stdout else json, replicates_out):
        _check_writable(path)
    if json is not None and replicates_out is not None and json.resolve() == replicates_out.resolve():
        raise SeedbenchError(f"{json}: given as --json and as --replicates-out; give two files")
    loaded = load_strategy(strategy)
    console = Console(stderr=to_stdout)
    if only is not None:
        given = model or task or recipe or budget or against or json or replicates_out
        if given or replicates != 200 or no_intervals:
            raise SeedbenchError(
                "--only runs one campaign: it goes with --trials, --revision, --seed and --protocol alone"
            )
        _one_campaign(loaded, only, trials, revision, seed, protocol, console)
        return
    others = [load_strategy(name) for name in against]
    from seedbench.evaluation import evaluate as run
    from seedbench.report import print_report
    from seedbench.trialset import load_trials

    with _progress(loaded.name) as advance, _prints_to_stderr(to_stdout):
        result = run(
            loaded,
            load_trials(trials, revision=revision),
            models=tuple(model),
            tasks=tuple(task),
            recipes=tuple(recipe),
            budgets=tuple(budget),
            replicates=replicates,
            seed=seed,
            protocol=protocol,
            processes=processes or os.cpu_count() or 1,
            against=tuple(others),
            intervals=not no_intervals,
            progress=advance,
        )
    _write(result, json, replicates_out, to_stdout)
    print_report(result, console)


@app.command()
def new(file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it, my_strategy.py say.")]) -> None:
    """Write a strategy to start from: commented, and it runs."""
    from importlib.resources import files

    if file.suffix != ".py":
        raise SeedbenchError(f"{file}: a strategy file's name ends in .py")
    text = (files("seedbench.strategies") / "_template.py").read_text(encoding="utf-8").replace("FILE", str(file))
    try:
        with open(file, "x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        raise SeedbenchError(f"{file}: exists already, and is left as it is") from None
    except OSError as error:
        raise SeedbenchError(f"{file}: cannot be written: {error.strerror}") from None
    print(f"{file} written. Score it: seedbench evaluate {file}")


@app.command()
def check(strategy: STRATEGY, trials: TRIALS = None, revision: REVISION = None) -> None:
    """Check that a strategy can be trusted.

    It loads; it does the same when run again, in another process and another order; and what it does depends on nothing
    but what it has paid for.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from seedbench.check import check_strategy
    from seedbench.strategy import load_strategy
    from seedbench.trialset import load_trials

    loaded = load_strategy(strategy)
    findings = check_strategy(loaded, load_trials(trials, revision=revision))
    console = Console()
    for finding in findings:
        line = Table.grid(padding=(0, 1))
        line.add_row(Text("ok    ", "green") if finding.passed else Text("failed", "red"), finding.text)
        console.print(line)
    if not all(finding.passed for finding in findings):
        raise typer.Exit(1)


@app.command()
def strategies() -> None:
    """List the strategies that ship with seedbench."""
    from rich.console import Console

    from seedbench.listing import strategies_table

    Console().print(strategies_table())


@app.command()
def trials(
    source: Annotated[str | None, typer.Argument(metavar="DIR|HUB_ID", help="Without it, the bundled one.")] = None,
    revision: REVISION = None,
    validate: Annotated[
        bool, typer.Option("--validate", help="Check everything in a folder, and list every problem.")
    ] = False,
) -> None:
    """Show what a trial set holds."""
    from rich.console import Console

    from seedbench.listing import trials_table
    from seedbench.trialset import BUNDLED, load_trials

    if validate:
        from seedbench.trialset import validate_folder

        folder = Path(source) if source else BUNDLED
        if not folder.is_dir():
            raise SeedbenchError(f"{folder}: no such folder; --validate checks a folder")
        problems = validate_folder(folder)
        for problem in problems:
            _refuse(problem)
        if problems:
            raise typer.Exit(2)
    Console().print(trials_table(load_trials(source, revision=revision)))
    if validate:
        print("valid: every file, column and score checked")


def _one_campaign(
    strategy: Strategy, only: str, trials: str | None, revision: str | None, seed: int, protocol: str, console: Console
) -> None:
    from seedbench.listing import campaign_table
    from seedbench.replay import replay_one
    from seedbench.trialset import load_trials

    name, *numbers = only.rsplit(":", 2)
    if len(numbers) != 2 or not all(number.isdecimal() for number in numbers):
        raise SeedbenchError(f"--only takes TABLE:BUDGET:REPLICATE, as in model/task/recipe:8:17; found {only!r}")
    tables = {table.name: table for table in load_trials(trials, revision=revision).tables}
    if name not in tables:
        raise SeedbenchError(f"--only: no trial table {name!r}; there are {', '.join(tables)}")
    budget, replicate = map(int, numbers)
    done = replay_one(strategy, tables[name], budget, replicate, seed=seed, protocol=protocol)
    console.print(campaign_table(done, replicate))


@contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on stderr for an evaluation; none where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(name), BarColumn(), MofNCompleteColumn(), TextColumn("campaigns"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        job = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(job, completed=done, total=total)


@contextmanager
def _prints_to_stderr(active: bool) -> Iterator[None]:
    """What a strategy prints, here or in a worker process, does not get between the JSON on standard output."""
    if not active:
        yield
        return
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _check_writable(path: Path | None) -> None:
    """Said before the work is done, not after."""
    if path is None:
        return
    if path.is_dir():
        raise SeedbenchError(f"{path}: is a folder; give a file")
    if path.exists() and not path.is_file():  # a device, a pipe: the file would take its place
        raise SeedbenchError(f"{path}: is no regular file; give another, or - for standard output with --json")
    if not path.absolute().parent.is_dir():
        raise SeedbenchError(f"{path}: no such folder {path.absolute().parent}")
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise SeedbenchError(f"{path}: cannot be written: permission denied")


def _write(result: Evaluation, json: Path | None, replicates_out: Path | None, to_stdout: bool) -> None:
    """Each file whole or not at all."""
    if to_stdout:
        sys.stdout.write(result.to_json())
    for path, write in ((None if to_stdout else json, _write_json), (replicates_out, _write_campaigns)):
        if path is None:
            continue
        target = path.resolve()  # a link stays one
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            write(result, part)
            os.replace(part, target)
        except OSError as error:
            raise SeedbenchError(f"{path}: cannot be written: {error.strerror or error}") from None
        finally:
            part.unlink(missing_ok=True)


def _write_json(result: Evaluation, path: Path) -> None:
    path.write_text(result.to_json(), encoding="utf-8")


def _write_campaigns(result: Evaluation, path: Path) -> None:
    result.write_campaigns(path)
