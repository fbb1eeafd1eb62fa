"""JSON and TOML read into types."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from seedbench.documents.refusals import in_words, refusal, unknown, with_value

Document = TypeVar("Document")

LARGEST = 2**28  # bytes of a document
_AT_ONCE = 2**16  # bytes to read, at least


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
        kind: a type with rules, see the package.
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
        raise refusal(error, where, f"not JSON ({wrong})", advice) from None
    return _converted(parsed, kind, where, advice, error, open_ended)


def from_toml(content: str, kind: type[Document], where: str, *, error: type[Exception], advice: str = "") -> Document:
    """A TOML text as what it is to be; a number must be finite, as in JSON. Arguments and errors as in `from_json`."""
    try:
        parsed = tomllib.loads(content, parse_float=_finite)
    except (ValueError, RecursionError) as wrong:
        raise refusal(error, where, f"not TOML ({wrong})", advice) from None
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
        raise refusal(error, str(path), f"not TOML ({wrong})", advice) from None
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
        message = with_value(str(wrong), parsed, lambda: msgspec.convert(parsed, kind, dec_hook=_from_text))
        raise refusal(error, where, in_words(message, kind), advice) from None
    extra = None if open_ended else next(unknown(parsed, kind, "$"), None)
    if extra is not None:
        raise refusal(error, where, extra, advice)
    return document


def _from_text(kind: type, value: Any) -> Any:
    """For msgspec: what a type that it does not know is made of; nothing but paths."""
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise TypeError(f"Expected `{kind.__name__}`, got `{type(value).__name__}`")
