"""What is said of a document that is none: the place in it, the rule, the value found."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from seedbench import __version__
from seedbench.documents.writing import schema
from seedbench.text import visible

#: What format numbers are called: a trial set has a schema version, an entry of the leaderboard a schema.
FORMATS = ("format", "schema_version", "schema")

_FOUND = 80  # characters of a value that a message shows
_SAID = 300  # characters of a message, which may show what is in a file


def refusal(error: type[Exception], where: str, message: str, advice: str) -> Exception:
    """What is raised of a document: where, what is wrong, what to do, in one line."""
    line = visible(" ".join(message.split()))[:_SAID]
    return error(f"{where}: {line}{'; ' if advice else ''}{advice}")


def with_value(message: str, parsed: Any, convert: Callable[[], object]) -> str:
    """What msgspec says, which ends in the place, with the value that is there; a format number in words of its own.

    Args:
        message: of msgspec.
        parsed: the document; it is left as it was.
        convert: raises again what was said.
    """
    place = re.search(r"`\$(?P<path>\S*)`$", message)
    if place is None:
        return message
    path, value = _followed(place["path"], message, parsed, convert)
    message = message[: place.start()] + f"`${path}`"
    name = path.rpartition(".")[2]
    if name in FORMATS:
        fits = f"which seedbench {__version__} does not read; install the seedbench that fits"
        return f"{path.removeprefix('.')} is {_shown(value)}, {fits}"
    return message if value is None or isinstance(value, dict | list) else f"{message}, found {_shown(value)}"


def _followed(path: str, message: str, parsed: Any, convert: Callable[[], object]) -> tuple[str, Any]:
    """The value at a path, and the path with the names that msgspec leaves out, of which it says `[...]`."""
    followed, value = "", parsed
    for step, name, number in re.findall(r"(\.(\w+)|\[(\d+)\]|\[\.\.\.\])", path):
        if not (name or number) and (name := _refused_entry(value, message, convert)) is not None:
            step = f"[{name!r}]"
        value = value[int(number)] if number else value.get(name)
        followed += step
    return followed, value


def _refused_entry(entries: dict[str, Any], message: str, convert: Callable[[], object]) -> str | None:
    """The first name whose value is the one that is refused: the document is tried with every one alone."""
    kept = dict(entries)
    try:
        for name, value in kept.items():
            entries.clear()
            entries[name] = value
            try:
                convert()
            except (ValueError, RecursionError) as again:
                if str(again) == message:
                    return name
    finally:
        entries.clear()
        entries.update(kept)
    return None


def in_words(message: str, kind: Any) -> str:
    """The same with the words of a pattern in its place, as they stand in the schema."""

    def patterns(part: Any) -> Iterator[tuple[str, str]]:
        if isinstance(part, dict) and isinstance(part.get("pattern"), str):
            yield part["pattern"], part.get("description", "")
        for below in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            yield from patterns(below)

    if "matching regex" in message:
        for pattern, words in patterns(schema(kind)):
            message = message.replace(f"matching regex {pattern!r}", words)
    return message


def _shown(value: object) -> str:
    return repr(value)[:_FOUND]


def unknown(value: Any, kind: Any, path: str) -> Iterator[str]:
    """Names that are no fields: of another version, or a mistake in an optional field's name.

    Args:
        value: parsed; it fits its type but for such names.
        kind: its type.
        path: to it, as msgspec writes it.
    """
    if get_origin(kind) in (Union, types.UnionType):
        for arm in get_args(kind):
            yield from unknown(value, arm, path)
    elif is_dataclass(kind) and isinstance(value, dict):
        known = _types(cast(type, kind))
        for name, part in value.items():
            if name not in known:
                yield f"Object contains unknown field `{name}` - at `{path}`"
            else:
                yield from unknown(part, known[name], f"{path}.{name}")
    elif isinstance(value, list) and get_origin(kind) in (tuple, list):
        for at, part in enumerate(value):
            yield from unknown(part, get_args(kind)[0], f"{path}[{at}]")
    elif isinstance(value, dict) and get_args(kind):
        for name, part in value.items():
            yield from unknown(part, get_args(kind)[1], f"{path}[{name!r}]")


@cache
def _types(kind: type) -> dict[str, Any]:
    """The types of a dataclass's fields that are part of a document."""
    hints = get_type_hints(kind)
    return {item.name: hints[item.name] for item in fields(kind) if item.compare}
