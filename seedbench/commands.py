"""How numbers on a command line are read, and how it ends: what a user did wrong is one line, and exit code 2."""

from __future__ import annotations

import errno
import inspect
import math
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from seedbench.errors import SeedbenchError
from seedbench.text import visible

if TYPE_CHECKING:
    from rich.console import Console

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
#: What a library says that finds no memory to be loaded, and what Python says that finds none for a thread.
_NO_MEMORY = ("failed to map segment", "cannot allocate memory", "can't start new thread")
INTERRUPTED = 130  # exit code of a process that SIGINT ended

_USAGE_ERROR: type[Exception] = typer.BadParameter.__bases__[0]  # typer does not export it


# ---- numbers: parsers of options, which may be handed a default, a number already ------------------------------------


def integer(text: str | int) -> int:
    """A whole number."""
    if not re.fullmatch(r"-?\d+", str(text), re.ASCII):
        raise typer.BadParameter(f"must be a whole number, found {str(text)!r}.")
    return int(text)


def natural(text: str | int) -> int:
    """A whole number from 0 on."""
    return _whole_from(0, text)


def count(text: str | int) -> int:
    """A whole number from 1 on."""
    return _whole_from(1, text)


def number(text: str | float) -> float:
    """A finite number."""
    return _number(text, "a finite number", lambda found: True)


def positive(text: str | float) -> float:
    """A finite number above 0."""
    return _number(text, "a number above 0", lambda found: found > 0)


def _whole_from(least: int, text: str | int) -> int:
    if not re.fullmatch(r"\d+", str(text), re.ASCII) or int(text) < least:
        raise typer.BadParameter(f"must be a whole number from {least} on, found {str(text)!r}.")
    return int(text)


def _number(text: str | float, kind: str, holds: Callable[[float], bool]) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found) or not holds(found):
        raise typer.BadParameter(f"must be {kind}, found {str(text)!r}.")
    return found


# ---- applications, and how they end ----------------------------------------------------------------------------------


def application(help: str | None = None) -> typer.Typer:
    """An application, without commands yet; its help and its tracebacks are plain text."""
    return typer.Typer(help=help, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def with_whole_lines(app: typer.Typer) -> None:
    """Has lists of commands show the first lines of their docstrings whole; they would end at the first full stop."""
    for command in app.registered_commands:
        command.short_help = command.short_help or (inspect.getdoc(command.callback) or "").split("\n")[0]
    for group in app.registered_groups:
        if group.typer_instance is not None:
            with_whole_lines(group.typer_instance)


def run(command: Callable[..., None] | typer.Typer, called: str) -> NoReturn:
    """Runs a command, or an application of several, on the arguments of this process, and ends it.

    Args:
        command: the function whose parameters are the options; or the application.
        called: as on the command line, such as `python -m leaderboard.build`.
    """
    sys.exit(exit_code(command, called))


def exit_code(command: Callable[..., None] | typer.Typer, called: str) -> int:
    """What `run` ends with; arguments as there."""
    name = called.removeprefix("python -m ")
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that cannot show a character shows ? and not a traceback
            stream.reconfigure(errors="replace")
    try:
        os.getcwd()
    except FileNotFoundError:
        return refuse(name, "the folder that this runs in is gone; change to another one")
    try:
        code = application_of(command)(standalone_mode=False, prog_name=called)
        sys.stdout.flush()
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:  # `seedbench … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (MemoryError, ImportError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not any(said in str(error) for said in _NO_MEMORY):
            raise
        return refuse(name, "memory ran out; take fewer tables or replicates, or fewer processes")
    except OSError as error:
        if error.errno not in _NO_ROOM or error.filename is not None:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return refuse(name, f"standard output cannot be written: {error.strerror}; make room, or send it elsewhere")
    except SeedbenchError as error:
        return refuse(name, _with_option(str(error), sys.argv[1:]), getattr(error, "frames", ""))
    except _USAGE_ERROR as error:
        message = " ".join(error.format_message().split()).rstrip(".")  # type: ignore[attr-defined]
        context, stop = getattr(error, "ctx", None), "" if message.endswith("?") else "."
        return refuse(name, f"{message}{stop} See: {context.command_path if context else called} --help")
    return code or 0


def _with_option(line: str, arguments: Sequence[str]) -> str:
    """A line that begins with a function's keyword, as `min_gain must be`, with the option that was given for it."""
    keyword = re.match(r"[a-z_]+(?=[ :])", line)
    option = keyword[0].replace("_", "-") if keyword else ""
    for argument in arguments:
        given = re.match(r"--(no-)?([a-z-]+)(?==|$)", argument)
        if given and given[2] == option:
            return given[0] + line[len(option) :]
    return line


def require_group(group: str, needs: Mapping[str, Sequence[str]]) -> None:
    """Ends a command of the checkout that is starting where a module that it needs is not installed.

    A package calls it as it is imported, before its command imports those modules.

    Args:
        group: the dependency group that brings them.
        needs: by command, as `runners.sweep`, the modules that it cannot do without.
    """
    arguments = sys.orig_argv
    command = arguments[arguments.index("-m") + 1] if "-m" in arguments[:-1] else ""
    missing = [name for name in needs.get(command, ()) if find_spec(name) is None]
    if missing:
        line = (
            f"{', '.join(missing)} not installed; in the checkout: pip install -c constraints.txt -e . --group {group}"
        )
        sys.exit(refuse(command, line))


def application_of(command: Callable[..., None] | typer.Typer) -> typer.Typer:
    """The application that `run` makes of a function; of an application itself."""
    if isinstance(command, typer.Typer):
        return command
    app = application()
    app.command()(command)
    return app


def given_options(context: typer.Context) -> list[str]:
    """The options that stand on a command line, by their first names, as `--replicates`, in the order of its help."""
    return [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.opts[0].startswith("--")
        and (source := context.get_parameter_source(str(parameter.name))) is not None
        and source.name == "COMMANDLINE"  # typer does not export the kinds of source
    ]


def open_console(*, stderr: bool = False, **options: Any) -> Console:
    """Where a command prints by rich: text as it is. A path, a name, a message may look like markup, `[/x]` or `:o:`.

    Args:
        stderr: whether it is standard error.
        options: others of `rich.console.Console`.
    """
    from rich.console import Console

    return Console(stderr=stderr, markup=False, emoji=False, **options)


def refuse(name: str, line: str, frames: str = "") -> int:
    """Says on standard error what is wrong; returns the exit code."""
    with suppress(OSError):  # standard error cannot be written: the exit code says it
        if frames:
            print(visible(frames), file=sys.stderr)
        print(f"{name}: error: {visible(line)}", file=sys.stderr)
    return 2


def _open_closed_streams() -> None:
    """Those of the standard streams that are closed become /dev/null, before a file takes their number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            try:
                os.fstat(number)
            except OSError:
                opened = os.open(os.devnull, os.O_RDWR)
                if opened != number:
                    os.dup2(opened, number)
                    os.close(opened)
                os.set_inheritable(number, True)
            setattr(sys, name, open(os.devnull, "w" if number else "r", encoding="utf-8"))  # noqa: SIM115
