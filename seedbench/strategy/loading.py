"""A strategy, and how one is loaded: a user's file, the name of a shipped one, or a callable."""

from __future__ import annotations

import copy
import inspect
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from seedbench.documents import read_regular
from seedbench.errors import StrategyFileError
from seedbench.strategy.binding import bound, check_callable, shown, with_given
from seedbench.strategy.named import checked_parameters, cut, parse_name, with_parameters_said
from seedbench.strategy.neighbours import SOURCE_LARGEST, neighbours_of, sha256_of

DEFAULT_NAME = "strategy"


@dataclass(frozen=True)
class Strategy:
    """A strategy that travels by its source: a worker process executes the text again, so nothing need be picklable.

    Two are the same that have the same name, source and parameters, wherever their files are.

    Attributes:
        name: the shipped name, the file's own name (never its folder), or the callable's; with the parameters.
        source: the text of the file; of a callable, its own source where there is one, else "".
        filename: where the source is from, as tracebacks show it.
        attribute: what the file binds the strategy to.
        given: the callable itself, if that is what it was made from.
        sealed: whether it runs in sealed processes alone: its source is never executed in this one.
        parameters: those that are given, as JSON holds them.
        folder: where the file lies; "" where it has no neighbours.
        neighbours: of the files beside it that it imports, the text by the path in the folder.
    """

    name: str
    source: str
    filename: str = field(compare=False)
    attribute: str = DEFAULT_NAME
    given: Callable[..., Any] | None = None
    sealed: bool = field(default=False, compare=False)
    parameters: Mapping[str, Any] = field(default_factory=dict, hash=False)
    folder: str = field(default="", compare=False)
    neighbours: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def base_name(self) -> str:
        """The name without parameters."""
        return self.name.removesuffix(with_parameters_said("", self.parameters))

    @property
    def as_given(self) -> str:
        """What loads it again: the path of a file, with the name that it binds; a shipped name; with parameters."""
        attribute = "" if self.attribute == DEFAULT_NAME else f":{self.attribute}"
        return with_parameters_said(self.base_name if self.ships else f"{self.filename}{attribute}", self.parameters)

    @property
    def ships(self) -> bool:
        """Whether it comes with seedbench."""
        return self.base_name in shipped() and self.filename == str(_shipped_path(self.base_name))

    @property
    def sha256(self) -> str | None:
        """SHA-256 of the source as UTF-8, which is the file's own; None for a callable without source.

        Where the file imports its neighbours, it is of the SHA-256s of all of them.
        """
        return sha256_of(self.source, self.neighbours) if self.source else None

    @cached_property
    def _prototype(self) -> Callable[..., Any]:
        if self.sealed:
            raise RuntimeError(f"{self.name} must not run outside a sealed process")
        found: Callable[..., Any] = with_given(self.given if self.given is not None else bound(self), self)
        return found

    @cached_property
    def oracle(self) -> bool:
        """Whether it is to be told the test scores; a sealed one never is."""
        return not self.sealed and getattr(self._prototype, "oracle", False) is True

    @property
    def without_history(self) -> str | None:
        """The strategy that it is on the cold track, as the attribute of what it binds says; None: not said, sealed."""
        return None if self.sealed else getattr(self._prototype, "without_history", None)

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


def load_strategy(
    strategy: str | Path | Callable[..., Any] | Strategy,
    *,
    parameters: Mapping[str, Any] | None = None,
    sealed: bool = False,
) -> Strategy:
    """Loads and checks a strategy.

    Args:
        strategy: `file.py`, `file.py:name`, a shipped name, each with parameters or without: `asha(rungs=2)`; a
            callable, or what an earlier call returned.
        parameters: of a dataclass, which then has these values; beside those in the name.
        sealed: for sealed processes alone, where its source is checked as well: here it is read, not executed.

    Raises:
        StrategyFileError: no such file or name, not Python, raises when loaded, no such attribute, or what it binds
            cannot be called with a campaign; parameters that it has not, or values that it refuses; or a callable
            without a file, where it is to be sealed.
    """
    if isinstance(strategy, Strategy):
        loaded = strategy
    elif not isinstance(strategy, str | Path):
        loaded = _from_callable(strategy)
    else:
        name, in_name = parse_name(str(strategy))
        loaded = _given(_from_name(name), in_name)
    loaded = _given(loaded, parameters or {})
    if sealed:
        return _sealed(loaded)
    if loaded is not strategy and not loaded.sealed:
        _try_copy(loaded)
    return loaded


def refuse_oracle(strategy: Strategy, where: str) -> None:
    """Raises `StrategyFileError` where an oracle has no place: "a sealed run", "a live campaign"."""
    if strategy.oracle:
        raise StrategyFileError(
            f"strategy {strategy.name} is an oracle, which asks to be told the test scores: {where} has none to tell"
        )


def _given(strategy: Strategy, parameters: Mapping[str, Any]) -> Strategy:
    """A strategy with these parameters, too."""
    if not parameters:
        return strategy
    for name in parameters.keys() & strategy.parameters.keys():
        raise StrategyFileError(f"{cut(strategy.name)}: {name} is given twice")
    try:
        together = checked_parameters({**strategy.parameters, **parameters})
    except ValueError as error:
        raise StrategyFileError(f"{strategy.base_name}: {error}") from None
    return replace(strategy, name=with_parameters_said(strategy.base_name, together), parameters=together)


def _from_name(text: str) -> Strategy:
    if match := re.fullmatch(r"(.+\.py):(\w*)", text):
        return _read(match[1], match[2] or DEFAULT_NAME)
    if text.endswith(".py"):
        return _read(text, DEFAULT_NAME)
    if text in shipped():
        path = _shipped_path(text)
        return Strategy(text, path.read_bytes().decode(), str(path))
    raise StrategyFileError(_unknown(text))


def _shipped_path(name: str) -> Traversable:
    return files("seedbench.strategies") / f"{name}.py"


def _sealed(strategy: Strategy) -> Strategy:
    if strategy.given is not None:
        raise StrategyFileError(f"{strategy.name} is a callable; a sealed process takes a file or a shipped name")
    if strategy.neighbours:
        raise StrategyFileError(f"{strategy.filename}: {one_file_words(strategy)}")
    return replace(strategy, sealed=True)


def one_file_words(strategy: Strategy) -> str:
    """Why a strategy with neighbours is not taken where one file travels."""
    names = ", ".join(list(strategy.neighbours)[:3]) + (", ..." if len(strategy.neighbours) > 3 else "")
    return f"imports {names} beside it; a sealed process, and a leaderboard, takes one file: put all into that"


def _read(filename: str, attribute: str) -> Strategy:
    path = Path(os.path.expanduser(filename))  # of nobody's home it leaves the name as it is
    try:
        source = read_regular(path, SOURCE_LARGEST).decode()
    except FileNotFoundError:
        raise StrategyFileError(f"{filename}: no such file; `seedbench new` writes one to start from") from None
    except UnicodeDecodeError as error:
        raise StrategyFileError(f"{filename}: byte {error.start} is not UTF-8; save the file as UTF-8 text") from None
    except OSError as error:
        raise StrategyFileError(f"{filename}: cannot be read: {error.strerror}") from None
    name = path.name if attribute == DEFAULT_NAME else f"{path.name}:{attribute}"
    folder = Path(os.path.realpath(path)).parent
    neighbours = neighbours_of(source, folder)
    return Strategy(name, source, filename, attribute, folder=str(folder) if neighbours else "", neighbours=neighbours)


def _from_callable(given: object) -> Strategy:
    if not callable(given):
        raise StrategyFileError(f"a strategy is a file, a shipped name or a callable; found {shown(given)}")
    check_callable(given, "the strategy")
    code = given if inspect.isfunction(given) else type(given)
    try:
        source, filename = inspect.getsource(code), inspect.getsourcefile(code) or ""
    except (OSError, TypeError):  # typed at a prompt, or built in
        source, filename = "", getattr(getattr(given, "__code__", None), "co_filename", "")
    parameters = _own_parameters(given)
    name = with_parameters_said(getattr(given, "__name__", type(given).__name__), parameters)
    return Strategy(name, source, filename, given=given, parameters=parameters)


def _own_parameters(given: object) -> dict[str, Any]:
    """What a dataclass was made with that is not its default, as far as JSON can hold it: two may differ in that."""
    own: dict[str, Any] = {}
    for item in fields(given) if is_dataclass(given) else ():
        value = getattr(given, item.name)
        default = item.default if item.default_factory is MISSING else item.default_factory()
        with suppress(ValueError):
            if item.init and (default is MISSING or value != default):
                own |= checked_parameters({item.name: value})
    return own


def _try_copy(strategy: Strategy) -> None:
    try:
        strategy.build()
    except StrategyFileError:
        raise
    except Exception as error:  # whatever an object's own copying raises  # noqa: BLE001
        where = f"{strategy.filename}: {strategy.attribute!r}" if strategy.given is None else "the strategy"
        raise StrategyFileError(f"{where} cannot be copied anew for each campaign: {error}") from None


def _unknown(text: str) -> str:
    close = get_close_matches(text, shipped(), n=1)
    hint = f"did you mean {close[0]}?" if close else f"shipped: {', '.join(shipped())}"
    if Path(text).is_file():
        hint = "a strategy file's name ends in .py"
    elif Path(f"{text}.py").is_file():
        hint = f"did you mean {text}.py?"
    return f"no strategy {text!r}: neither a .py file nor a shipped name; {hint}"
