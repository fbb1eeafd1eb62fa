"""A strategy's parameters as text: `start_many(fraction=0.5)`, `my.py:other(k=1)`, `--set k=1`. Nothing here is run.

Values are what JSON holds, written as Python literals. They travel: into results, to sealed processes, onto a
leaderboard; so they are few and small.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from seedbench.errors import StrategyFileError

CHARACTERS = 1000  # of all parameters together, as they are written
LEVELS = 8  # of lists and dictionaries in each other
WHOLE_NUMBERS = range(-(2**63), 2**63)  # as MessagePack has them

_FILE = re.compile(r".+\.py(:\w*)?", re.DOTALL)
_FILE_CALL = re.compile(r"(.+?\.py(?::\w*)?)(\(.*)", re.DOTALL)
_SHOWN = 60  # characters of a value, or of a name, in a message


def parse_name(text: str) -> tuple[str, dict[str, Any]]:
    """What a strategy is called, and the parameters it is given: `asha(rungs=2)` -> `asha` and {"rungs": 2}.

    Raises:
        StrategyFileError: what stands in the brackets is no parameters; with the column.
    """
    target, call = _split(text)
    return (target, _keywords(text, f"_{call}", len(target) - 1)) if call else (text, {})


def file_of(text: str) -> str:
    """The file that a strategy's name would be of, without what follows it."""
    return re.sub(r"(\.py):\w*\Z", r"\1", _split(text)[0])


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """What `--set` gives, one `name=value` each.

    Raises:
        StrategyFileError: one is something else, or a name comes twice.
    """
    values: dict[str, Any] = {}
    for text in settings:
        for name, value in _keywords(f"--set {text}", f"_({text})", -2).items():
            if name in values:
                raise StrategyFileError(f"--set {cut(text)}: {name} is given twice")
            values[name] = value
    return values


def checked_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as JSON holds them, by name; a tuple becomes a list.

    Raises:
        ValueError: the rule and the value.
    """
    for name in parameters:
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"a parameter's name is a Python name, got {cut(repr(name))}")
    values = {name: _json_value(name, parameters[name], LEVELS) for name in sorted(parameters)}
    if (size := len(with_parameters_said("", values))) > CHARACTERS:
        raise ValueError(f"parameters must have at most {CHARACTERS:,} characters together, got {size:,}")
    return values


def with_parameters_said(name: str, parameters: Mapping[str, Any]) -> str:
    """How a strategy is named: `start_many(fraction=0.5)`, or the name alone where no parameters are given."""
    given = ", ".join(f"{key}={value!r}" for key, value in parameters.items())
    return f"{name}({given})" if given else name


def cut(text: str) -> str:
    """A text in one line that a message has room for."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 3]}..."


def _split(text: str) -> tuple[str, str]:
    """A name, and its brackets with what follows them, if it has any; those in a folder's name are none."""
    if _FILE.fullmatch(text):
        return text, ""
    if match := _FILE_CALL.fullmatch(text):
        return match[1], match[2]
    target, bracket, rest = text.partition("(")
    return target, bracket + rest


def _keywords(text: str, code: str, shift: int) -> dict[str, Any]:
    """The keywords of a call, as values.

    Args:
        text: as somebody wrote it, for what is said.
        code: the same as a call of `_`.
        shift: to columns of the text from those of the code.
    """

    def refused(column: int, reason: str) -> StrategyFileError:
        return StrategyFileError(f"{cut(text)}: column {max(1, column + shift)}: {reason}")

    if len(code) > CHARACTERS:
        raise StrategyFileError(
            f"{cut(text)}: parameters must have at most {CHARACTERS:,} characters together, got {len(code):,}"
        )
    if (end := re.search(r"[\r\n\0]", code)) is not None:
        raise refused(end.start() + 1, "parameters stand in one line")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # an escape that Python does not know
            call = ast.parse(code, mode="eval").body
    except SyntaxError as error:
        raise refused(error.offset or 1, f"not Python: {cut(error.msg)}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise StrategyFileError(f"{cut(text)}: not Python: {cut(str(error)) or type(error).__name__}") from None
    encoded = code.encode(errors="replace")

    def column(node: ast.expr | ast.keyword) -> int:  # of characters, from 1; a node's is of bytes, from 0
        return len(encoded[: node.col_offset].decode(errors="replace")) + 1

    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise refused(len(code), "what is given is one pair of brackets with name=value, name=value")
    values: dict[str, Any] = {}
    for positional in call.args:
        raise refused(column(positional), "a parameter is given by its name, as in fraction=0.5")
    for keyword in call.keywords:
        if keyword.arg is None:
            raise refused(column(keyword), "a parameter is given by its name, as in fraction=0.5")
        if keyword.arg in values:
            raise refused(column(keyword), f"{keyword.arg} is given twice")
        try:
            values[keyword.arg] = ast.literal_eval(keyword.value)
        except (ValueError, TypeError, RecursionError, MemoryError):
            source = cut(ast.get_source_segment(code, keyword.value) or "")
            reason = f"{keyword.arg} must be a Python literal, got {source}"
            hint = f"; text stands in quotes: {keyword.arg}='{source}'" if source.isidentifier() else ""
            raise refused(column(keyword.value), reason + hint) from None
    return values


def _json_value(name: str, value: Any, levels: int) -> Any:
    """A value as JSON holds it, in no more than so many levels."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if int(value) not in WHOLE_NUMBERS:
            raise ValueError(f"{name} must be a whole number of 64 bits, got one of {value.bit_length():,}")
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{name} must be a finite number, got {value!r}")
        return float(value)
    if isinstance(value, str):
        if re.search("[\ud800-\udfff]", value):
            raise ValueError(f"{name} must be text that has UTF-8, got {cut(ascii(value))}")
        return str(value)
    if not isinstance(value, list | tuple | dict):
        raise ValueError(
            f"{name} must be what JSON holds (None, a bool, a number, text, a list, a dict), got {cut(repr(value))}"
        )
    if not levels:
        raise ValueError(f"{name} must have at most {LEVELS} lists and dictionaries in each other, got more")
    if not isinstance(value, dict):
        return [_json_value(name, part, levels - 1) for part in value]
    for key in value:
        if not isinstance(key, str):
            raise ValueError(f"{name} must be a dict of names that are text, got {cut(repr(key))}")
    return {_json_value(name, key, 0): _json_value(name, part, levels - 1) for key, part in value.items()}
