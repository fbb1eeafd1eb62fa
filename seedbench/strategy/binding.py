"""Runs a strategy's file in a module of its own, finds what it binds, and gives that its parameters."""

from __future__ import annotations

import copy
import hashlib
import inspect
import linecache
import sys
import traceback
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from difflib import get_close_matches
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

from seedbench.errors import StrategyFileError
from seedbench.strategy.frames import author_frames
from seedbench.strategy.named import cut
from seedbench.strategy.neighbours import find_beside

if TYPE_CHECKING:
    from seedbench.strategy.loading import Strategy

CONTRACT = "strategy(campaign) -> Trial or Checkpoint"


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
    if strategy.neighbours:
        find_beside(strategy.folder, strategy.neighbours)
    try:
        exec(code, module.__dict__)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the strategy's own, SystemExit included  # noqa: BLE001
        line = next((f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == filename), None)
        message = " ".join(str(error).split())
        failed = StrategyFileError(f"{filename}, line {line}: raised {type(error).__name__} when loaded: {message}")
        failed.frames = author_frames(error, strategy)
        raise failed from None
    return module


def bound(strategy: Strategy) -> Callable[..., Any]:
    """What the file of a strategy binds, which can be called with a campaign."""
    filename, attribute = strategy.filename, strategy.attribute
    module = execute(strategy)
    if attribute not in module.__dict__:
        here = ((name, value) for name, value in vars(module).items() if _defined_here(value, module))
        others = [name for name, value in here if _takes_a_campaign(value)]
        hint = f"; it has {', '.join(others)}: select one with {filename}:{others[0]}" if others else ""
        raise StrategyFileError(f"{filename}: binds no {attribute!r}; expected {CONTRACT}{hint}")
    target: Callable[..., Any] = module.__dict__[attribute]
    check_callable(target, f"{filename}: {attribute!r}")
    return target


def with_given(bound: Any, strategy: Strategy) -> Any:
    """What a file binds, with the parameters that are given: a dataclass's own checks run again.

    Args:
        bound: what the file of the strategy binds, or the callable itself.
        strategy: has the parameters.

    Raises:
        StrategyFileError: it has no parameters, or not these, or refuses a value.
    """
    given, name = strategy.parameters, cut(strategy.name)
    if not given:
        return bound
    if not is_dataclass(bound) or isinstance(bound, type):
        kind = "a function" if inspect.isroutine(bound) else f"an object of {type(bound).__name__}, no dataclass,"
        raise StrategyFileError(f"{name}: {kind} has no parameters; a file that binds a frozen dataclass does")
    known = parameter_names(bound)
    for unknown in [name for name in given if name not in known]:
        close = get_close_matches(unknown, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"it has {', '.join(known) or 'none'}"
        raise StrategyFileError(f"{strategy.base_name} has no parameter {cut(unknown)}; {hint}")
    try:
        return replace(bound, **copy.deepcopy(dict(given)))
    except (Exception, SystemExit) as error:  # of the class's own __post_init__  # noqa: BLE001
        message = " ".join(str(error).split())
        if isinstance(error, ValueError):  # the rule and the value, which is all there is to know
            raise StrategyFileError(f"{name}: {message}") from None
        failed = StrategyFileError(f"{name}: raised {type(error).__name__}: {message}")
        failed.frames = author_frames(error, strategy)
        raise failed from None


def parameter_names(bound: Any) -> tuple[str, ...]:
    """Names of the parameters of a dataclass's object; none of any other."""
    return tuple(item.name for item in fields(bound) if item.init) if is_dataclass(bound) else ()


def _defined_here(value: object, module: ModuleType) -> bool:
    if inspect.isclass(value):
        return False
    return callable(value) and module.__name__ in (getattr(value, "__module__", None), type(value).__module__)


def _takes_a_campaign(value: Any) -> bool:
    """Whether a callable looks like a strategy and not like a helper: its one argument is called or annotated so."""
    try:
        taken = [one for one in inspect.signature(value).parameters.values() if one.default is one.empty]
    except (TypeError, ValueError):
        return False
    return len(taken) == 1 and ("campaign" in taken[0].name.lower() or "Campaign" in str(taken[0].annotation))


def check_callable(bound: object, what: str) -> None:
    """Refuses what cannot be called with one campaign, or would not return when called."""
    if inspect.isclass(bound):
        raise StrategyFileError(f"{what} is a class; bind an object of it, as in strategy = {bound.__name__}(...)")
    if not callable(bound):
        raise StrategyFileError(f"{what} must be callable, {CONTRACT}; found {shown(bound)}")
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


def shown(value: object) -> str:
    text = repr(value)
    return f"{text if len(text) <= 40 else text[:37] + '...'} of type {type(value).__name__}"
