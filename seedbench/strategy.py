"""Loads a strategy: a user's file, the name of a shipped one, or a callable.

The contract: a strategy is a callable that takes a `Campaign` and returns the `Trial` or the `Checkpoint` to keep, or
None for the best checkpoint seen. A file binds one to the name `strategy`; `my_strategy.py:other` selects another.
Every campaign gets a fresh call, and an object with `__call__` is copied anew for each: nothing is carried over.
A callable with the attribute `oracle = True` gets an `OracleCampaign`, which is told the test scores: it shows how far
choosing could get at best, and is refused wherever strategies are ranked.
"""

from __future__ import annotations

import copy
import hashlib
import inspect
import linecache
import re
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from seedbench.errors import InvalidReturn, StrategyFileError, StrategyStopped

DEFAULT_NAME = "strategy"
CONTRACT = "strategy(campaign) -> Trial or Checkpoint"


@dataclass(frozen=True)
class Strategy:
    """A strategy that travels by its source: a worker process executes the text again, so nothing need be picklable.

    Attributes:
        name: the shipped name, the file's own name (never its folder), or the callable's.
        source: the text of the file; of a callable, its own source where there is one, else "".
        filename: where the source is from, as tracebacks show it.
        attribute: what the file binds the strategy to.
        given: the callable itself, if that is what it was made from.
        sealed: whether it runs in sealed processes alone: its source is never executed in this one.
    """

    name: str
    source: str
    filename: str
    attribute: str = DEFAULT_NAME
    given: Callable[..., Any] | None = None
    sealed: bool = False

    @property
    def sha256(self) -> str | None:
        """SHA-256 of the source as UTF-8, which is the file's own; None for a callable without source."""
        return hashlib.sha256(self.source.encode()).hexdigest() if self.source else None

    @cached_property
    def _prototype(self) -> Callable[..., Any]:
        if self.sealed:
            raise RuntimeError(f"{self.name} must not run outside a sealed process")
        return self.given if self.given is not None else _bound(self)

    @cached_property
    def oracle(self) -> bool:
        """Whether it is to be told the test scores; a sealed one never is."""
        return not self.sealed and getattr(self._prototype, "oracle", False) is True

    def build(self) -> Callable[..., Any]:
        """A callable for one campaign: the function itself, or a deep copy of the object, so that it starts unused."""
        prototype = self._prototype
        return prototype if inspect.isfunction(prototype) else copy.deepcopy(prototype)

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__ | {"oracle": self.oracle}  # settled here: what is executed again may say otherwise
        return {field: value for field, value in state.items() if field != "_prototype"}


def shipped() -> tuple[str, ...]:
    """Names of the strategies in `seedbench/strategies/`, in order."""
    entries = (entry.name for entry in files("seedbench.strategies").iterdir())
    return tuple(sorted(name[:-3] for name in entries if name.endswith(".py") and not name.startswith("_")))


def load_strategy(strategy: str | Path | Callable[..., Any] | Strategy, *, sealed: bool = False) -> Strategy:
    """Loads and checks a strategy.

    Args:
        strategy: `file.py`, `file.py:name`, a shipped name, a callable, or what an earlier call returned.
        sealed: for sealed processes alone, where its source is checked as well: here it is read, not executed.

    Raises:
        StrategyFileError: no such file or name, not Python, raises when loaded, no such attribute, or what it binds
            cannot be called with a campaign; or a callable without a file, where it is to be sealed.
    """
    if isinstance(strategy, Strategy):
        return _sealed(strategy) if sealed else strategy
    if not isinstance(strategy, str | Path):
        loaded = _from_callable(strategy)
        return _sealed(loaded) if sealed else loaded
    text = str(strategy)
    if match := re.fullmatch(r"(.+\.py):(\w*)", text):
        loaded = _read(match[1], match[2] or DEFAULT_NAME)
    elif text.endswith(".py"):
        loaded = _read(text, DEFAULT_NAME)
    elif text in shipped():
        path = files("seedbench.strategies") / f"{text}.py"
        loaded = Strategy(text, path.read_bytes().decode(), str(path))
    else:
        raise StrategyFileError(_unknown(text))
    if sealed:
        return _sealed(loaded)
    _try_copy(loaded)
    return loaded


def refuse_oracle(strategy: Strategy, where: str) -> None:
    """Raises `StrategyFileError` where an oracle has no place: "a sealed run", "a live campaign"."""
    if strategy.oracle:
        raise StrategyFileError(
            f"strategy {strategy.name} is an oracle, which asks to be told the test scores: {where} has none to tell"
        )


def describe(name: str) -> str:
    """First line of a shipped strategy's docstring, without running it."""
    import ast

    text = (files("seedbench.strategies") / f"{name}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]


def author_frames(error: BaseException, strategy: Strategy | None = None) -> str:
    """The traceback of an error as the strategy's author wants it: the lines of their own file, and the error itself.

    Args:
        error: what the strategy raised.
        strategy: whose lines to show; None, or none of its lines in the traceback: all lines outside this package.

    Returns:
        Lines as Python prints them, causes included, without a newline at the end; "" where no line is the author's.
    """
    report = traceback.TracebackException.from_exception(error)
    package = str(Path(__file__).parent)
    own = strategy.filename if strategy else None
    if own not in {frame.filename for frame in traceback.extract_tb(error.__traceback__)}:
        own = None
    shown, pending, seen = False, [report], set()
    while pending:
        part = pending.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        keep = [f for f in part.stack if f.filename == own or (own is None and not f.filename.startswith(package))]
        part.stack = traceback.StackSummary.from_list(keep)
        shown = shown or bool(keep)
        pending += [linked for linked in (part.__cause__, part.__context__) if linked is not None]
    return "".join(report.format()).rstrip("\n") if shown else ""


def failure_of(error: BaseException, strategy: Strategy) -> tuple[str, str]:
    """What is said of a strategy that an error ended: what it did, in one line, and `author_frames`."""
    try:
        said = " ".join(str(error).split())
    except Exception:
        said = "an exception that cannot be shown"
    if not isinstance(error, StrategyStopped | InvalidReturn):
        said = f"raised {type(error).__name__}" + (f": {said}" if said else "")
    return said, author_frames(error, strategy)


def _sealed(strategy: Strategy) -> Strategy:
    if strategy.given is not None:
        raise StrategyFileError(f"{strategy.name} is a callable; a sealed process takes a file or a shipped name")
    return replace(strategy, sealed=True)


def _read(filename: str, attribute: str) -> Strategy:
    path = Path(filename).expanduser()
    try:
        source = path.read_bytes().decode()
    except FileNotFoundError:
        raise StrategyFileError(f"{filename}: no such file; `seedbench new` writes one to start from") from None
    except UnicodeDecodeError as error:
        raise StrategyFileError(f"{filename}: byte {error.start} is not UTF-8; save the file as UTF-8 text") from None
    except OSError as error:
        raise StrategyFileError(f"{filename}: cannot be read: {error.strerror}") from None
    name = path.name if attribute == DEFAULT_NAME else f"{path.name}:{attribute}"
    return Strategy(name, source, filename, attribute)


def _from_callable(given: object) -> Strategy:
    if not callable(given):
        raise StrategyFileError(f"a strategy is a file, a shipped name or a callable; found {_shown(given)}")
    _check_callable(given, "the strategy")
    code = given if inspect.isfunction(given) else type(given)
    try:
        source, filename = inspect.getsource(code), inspect.getsourcefile(code) or ""
    except (OSError, TypeError):  # typed at a prompt, or built in
        source, filename = "", getattr(getattr(given, "__code__", None), "co_filename", "")
    loaded = Strategy(getattr(given, "__name__", type(given).__name__), source, filename, given=given)
    _try_copy(loaded)
    return loaded


def _try_copy(strategy: Strategy) -> None:
    try:
        strategy.build()
    except StrategyFileError:
        raise
    except Exception as error:
        where = f"{strategy.filename}: {strategy.attribute!r}" if strategy.given is None else "the strategy"
        raise StrategyFileError(f"{where} cannot be copied anew for each campaign: {error}") from None


def _compile(strategy: Strategy) -> CodeType:
    """The source as code; its lines are kept, so that a traceback shows what ran even if the file has changed since."""
    lines = strategy.source.splitlines(keepends=True)
    linecache.cache[strategy.filename] = (len(strategy.source), None, lines, strategy.filename)
    try:
        return compile(strategy.source.encode(), strategy.filename, "exec", dont_inherit=True)
    except SyntaxError as error:
        text = (error.text or "").strip()[:80]
        where = f"{strategy.filename}, line {error.lineno}" if error.lineno else strategy.filename
        raise StrategyFileError(f"{where}: not Python: {error.msg}" + (f": {text!r}" if text else "")) from None
    except (ValueError, RecursionError, MemoryError) as error:  # a null byte; nesting beyond the parser
        raise StrategyFileError(f"{strategy.filename}: not Python: {error}") from None


def execute(strategy: Strategy) -> ModuleType:
    """Runs the file of a strategy in a module of its own; what it binds is not looked at.

    Raises:
        StrategyFileError: it is not Python, or raises.
    """
    filename = strategy.filename
    code = _compile(strategy)
    module = ModuleType(f"seedbench_strategy_{hashlib.sha256(strategy.source.encode()).hexdigest()[:12]}")
    module.__file__ = filename
    sys.modules[module.__name__] = module  # dataclasses look their module up by name
    try:
        exec(code, module.__dict__)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        line = next((f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == filename), None)
        said = " ".join(str(error).split())
        failed = StrategyFileError(f"{filename}, line {line}: raised {type(error).__name__} when loaded: {said}")
        failed.frames = author_frames(error, strategy)
        raise failed from None
    return module


def _bound(strategy: Strategy) -> Callable[..., Any]:
    """What the file of a strategy binds, which can be called with a campaign."""
    filename, attribute = strategy.filename, strategy.attribute
    module = execute(strategy)
    if attribute not in module.__dict__:
        others = [name for name, value in vars(module).items() if _defined_here(value, module)]
        hint = f"; it has {', '.join(others)}: select one with {filename}:{others[0]}" if others else ""
        raise StrategyFileError(f"{filename}: binds no {attribute!r}; expected {CONTRACT}{hint}")
    bound = module.__dict__[attribute]
    _check_callable(bound, f"{filename}: {attribute!r}")
    return bound


def _defined_here(value: object, module: ModuleType) -> bool:
    if inspect.isclass(value):
        return False
    return callable(value) and module.__name__ in (getattr(value, "__module__", None), type(value).__module__)


def _check_callable(bound: object, what: str) -> None:
    """Refuses what cannot be called with one campaign, or would not return when called."""
    if inspect.isclass(bound):
        raise StrategyFileError(f"{what} is a class; bind an object of it, as in strategy = {bound.__name__}(...)")
    if not callable(bound):
        raise StrategyFileError(f"{what} must be callable, {CONTRACT}; found {_shown(bound)}")
    function = bound if inspect.isroutine(bound) else type(bound).__call__
    for kind, is_kind in (
        ("a coroutine", inspect.iscoroutinefunction),
        ("a generator", inspect.isgeneratorfunction),
        ("an asynchronous generator", inspect.isasyncgenfunction),
    ):
        if is_kind(function):
            raise StrategyFileError(f"{what} must return what it keeps, {CONTRACT}; found {kind} function")
    try:
        signature = inspect.signature(bound)
    except (TypeError, ValueError):  # a built-in without one: it will be seen when it is called
        return
    try:
        signature.bind(None)
    except TypeError:
        raise StrategyFileError(f"{what} must take one argument, {CONTRACT}; found {signature}") from None


def _unknown(text: str) -> str:
    close = get_close_matches(text, shipped(), n=1)
    hint = f"did you mean {close[0]}?" if close else f"shipped: {', '.join(shipped())}"
    if Path(text).is_file():
        hint = "a strategy file's name ends in .py"
    return f"no strategy {text!r}: neither a .py file nor a shipped name; {hint}"


def _shown(value: object) -> str:
    text = repr(value)
    return f"{text if len(text) <= 40 else text[:37] + '...'} of type {type(value).__name__}"
