"""Documents: JSON and TOML read into types, and types written as JSON text. Nothing else here parses either.

A document's type is a frozen dataclass; its rules stand in its annotations, as `Annotated[int, msgspec.Meta(ge=1)]`.
A field that is not compared (`compare=False`) is no part of the document. Its format number is its first field,
named as one of `FORMATS`: where it is another one, that is what is said.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import tomllib
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from seedbench import __version__
from seedbench.docstrings import split
from seedbench.text import visible

Document = TypeVar("Document")

#: A field whose metadata has this is left out of the document where it is empty.
OMIT_EMPTY = "omit_empty"

#: What format numbers are called: a trial set has a schema version, an entry of the leaderboard a schema.
FORMATS = ("format", "schema_version", "schema")


def whole(pattern: str, words: str) -> msgspec.Meta:
    """The rule that a whole text matches a pattern, in Python as in a JSON schema; `words` say which texts do."""
    return msgspec.Meta(pattern=rf"^{pattern}$(?!\n)", description=words)  # `$` alone lets a line's end follow


Count = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Sha256 = Annotated[str, whole("[0-9a-f]{64}", "of 64 hexadecimal digits")]

_FOUND = 80  # characters of a value that a message shows
_SAID = 300  # characters of a message, which may show what is in a file
LARGEST = 2**28  # bytes of a document
_AT_ONCE = 2**16  # bytes to read, at least


# ---- reading ---------------------------------------------------------------------------------------------------------


def read_regular(path: Path, most: int = LARGEST) -> bytes:
    """The content of a regular file, or of one that a link leads to: a device has no end, a pipe may never begin.

    Raises:
        OSError: it is something else, has more bytes than that, or cannot be read.
    """
    opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(opened, "rb") as file:
        kind = os.fstat(opened)
        if stat.S_ISDIR(kind.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(kind.st_mode):
            raise OSError(errno.EINVAL, "is no regular file")
        # Not most + 1 at once: Python would take the memory for as much. And a file may grow, or say 0, as in /proc.
        content = bytearray()
        while kind.st_size <= most and len(content) <= most and (more := file.read(max(kind.st_size, _AT_ONCE))):
            content += more
        if max(len(content), kind.st_size) > most:
            raise OSError(errno.EFBIG, f"has more than {most:,} bytes, which is the most that is read")
        return bytes(content)


def from_json(
    content: str | bytes,
    kind: type[Document],
    where: str,
    *,
    error: type[Exception],
    advice: str = "",
    open_ended: bool = False,
) -> Document:
    """A JSON text as what it is to be.

    Args:
        content: the text; bytes are UTF-8.
        kind: a type with rules, see above.
        where: the file, for what is said.
        error: what is raised where it is something else.
        advice: what to do then.
        open_ended: whether names that are no fields are left alone; else they are refused.

    Raises:
        Exception: `error`, with one line: the file, the rule, the place in it, the value found, what to do.
    """
    try:
        parsed = msgspec.json.decode(content)
    except (ValueError, RecursionError) as wrong:
        raise _refusal(error, where, f"not JSON ({wrong})", advice) from None
    return _converted(parsed, kind, where, advice, error, open_ended)


def from_toml(content: str, kind: type[Document], where: str, *, error: type[Exception], advice: str = "") -> Document:
    """A TOML text as what it is to be; a number must be finite, as in JSON. Arguments and errors as in `from_json`."""
    try:
        parsed = tomllib.loads(content, parse_float=_finite)
    except (ValueError, RecursionError) as wrong:
        raise _refusal(error, where, f"not TOML ({wrong})", advice) from None
    return _converted(parsed, kind, where, advice, error, open_ended=False)


def foreign_json(text: str | bytes) -> Any:
    """JSON that others wrote, as plain values; NaN and Infinity, which Python writes, are taken.

    Raises:
        ValueError: it is none.
    """
    try:
        return json.loads(text)
    except RecursionError as wrong:
        raise ValueError(str(wrong)) from None


def json_lines(text: str) -> list[str]:
    """The lines of JSON Lines, ended as on any system; other line ends, such as U+2028, may stand in JSON's strings."""
    return re.split("\r\n?|\n", text)


def read_json(path: Path, kind: type[Document], *, error: type[Exception], advice: str = "") -> Document:
    """`from_json` of a file."""
    return from_json(_content(path, error), kind, str(path), advice=advice, error=error)


def read_toml(path: Path, kind: type[Document], *, error: type[Exception], advice: str = "") -> Document:
    """`from_toml` of a file."""
    try:
        content = _content(path, error).decode()
    except UnicodeDecodeError as wrong:
        raise _refusal(error, str(path), f"not TOML ({wrong})", advice) from None
    return from_toml(content, kind, str(path), advice=advice, error=error)


def _content(path: Path, error: type[Exception]) -> bytes:
    try:
        return read_regular(path)
    except OSError as wrong:
        raise error(f"{path}: cannot be read: {wrong.strerror}") from None


def _finite(text: str) -> float:
    number = float(text)
    if not -float("inf") < number < float("inf"):
        raise ValueError(f"a number must be finite, found {text}")
    return number


def _converted(
    parsed: Any, kind: type[Document], where: str, advice: str, error: type[Exception], open_ended: bool
) -> Document:
    try:
        document = msgspec.convert(parsed, kind, dec_hook=_from_text)
    except (ValueError, RecursionError) as wrong:
        message = _with_value(str(wrong), parsed, lambda: msgspec.convert(parsed, kind, dec_hook=_from_text))
        raise _refusal(error, where, _in_words(message, kind), advice) from None
    unknown = None if open_ended else next(_unknown(parsed, kind, "$"), None)
    if unknown is not None:
        raise _refusal(error, where, unknown, advice)
    return document


def _from_text(kind: type, value: Any) -> Any:
    """For msgspec: what a type that it does not know is made of; nothing but paths."""
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise TypeError(f"Expected `{kind.__name__}`, got `{type(value).__name__}`")


def _refusal(error: type[Exception], where: str, message: str, advice: str) -> Exception:
    line = visible(" ".join(message.split()))[:_SAID]
    return error(f"{where}: {line}{'; ' if advice else ''}{advice}")


# ---- what is said of a document that is none -------------------------------------------------------------------------


def _with_value(message: str, parsed: Any, convert: Callable[[], object]) -> str:
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


def _in_words(message: str, kind: Any) -> str:
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


def _unknown(value: Any, kind: Any, path: str) -> Iterator[str]:
    """Names that are no fields: of another version, or a mistake in an optional field's name.

    Args:
        value: parsed; it fits its type but for such names.
        kind: its type.
        path: to it, as msgspec writes it.
    """
    if get_origin(kind) in (Union, types.UnionType):
        for arm in get_args(kind):
            yield from _unknown(value, arm, path)
    elif is_dataclass(kind) and isinstance(value, dict):
        known = _types(cast(type, kind))
        for name, part in value.items():
            if name not in known:
                yield f"Object contains unknown field `{name}` - at `{path}`"
            else:
                yield from _unknown(part, known[name], f"{path}.{name}")
    elif isinstance(value, list) and get_origin(kind) in (tuple, list):
        for at, part in enumerate(value):
            yield from _unknown(part, get_args(kind)[0], f"{path}[{at}]")
    elif isinstance(value, dict) and get_args(kind):
        for name, part in value.items():
            yield from _unknown(part, get_args(kind)[1], f"{path}[{name!r}]")


@cache
def _types(kind: type) -> dict[str, Any]:
    """The types of a dataclass's fields that are part of a document."""
    hints = get_type_hints(kind)
    return {item.name: hints[item.name] for item in fields(kind) if item.compare}


# ---- writing ---------------------------------------------------------------------------------------------------------


def to_json(value: object, *, ensure_ascii: bool = True) -> str:
    """A document as JSON text, undefined as null; the same bytes for the same document.

    Args:
        value: of dataclasses, dictionaries, lists, paths and what JSON has.
        ensure_ascii: whether other characters are escaped, for a standard output that may not know them.

    Raises:
        ValueError: a number is not finite.
    """
    return json.dumps(plain(value), indent=2, allow_nan=False, ensure_ascii=ensure_ascii) + "\n"


def plain(value: object) -> Any:
    """The same in dictionaries and lists."""
    if is_dataclass(value) and not isinstance(value, type):
        parts = {item: getattr(value, item.name) for item in fields(value) if item.compare}
        return {item.name: plain(part) for item, part in parts.items() if part or not item.metadata.get(OMIT_EMPTY)}
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value


def schema(kind: Any, *, open_ended: bool = False) -> dict[str, Any]:
    """The JSON schema of a document: what `from_json` checks, but for what a type's own code does."""
    (top,), parts = msgspec.json.schema_components([kind], schema_hook=_no_schema)
    for part in parts.values():
        properties = part.get("properties", {})
        for name in [name for name, rule in properties.items() if _NOT_IN_A_DOCUMENT in json.dumps(rule)]:
            del properties[name]
        if "description" in part:  # the docstring, which speaks Python
            part["description"], attributes = split(part["description"].replace("None", "null"))
            for name in properties.keys() & attributes.keys():
                properties[name].setdefault("description", attributes[name])
        if properties and not open_ended:
            part["additionalProperties"] = False
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **top, "$defs": parts}


_NOT_IN_A_DOCUMENT = "not in a document"


def _no_schema(kind: type) -> dict[str, Any]:
    """For msgspec, of a type that it does not know: a path is text, others are of fields that are not compared."""
    return {"type": "string"} if kind is Path else {"$comment": _NOT_IN_A_DOCUMENT}
