"""A strategy's source as a leaderboard takes it: one file whose readers see all of it, and a sealed process runs.

It is read, and parsed for what it imports; it is never executed here.
"""

from __future__ import annotations

import re

from seedbench.errors import SeedbenchError
from seedbench.sandbox.imports import ALLOWED_SAID, refused
from seedbench.text import first_hidden

SOURCE_BYTES = 64 * 1024
SHOWN = 60  # characters of what is not one's own

_CODING = re.compile(r"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", re.ASCII)  # as in the reference, of the first two lines


def check_source(content: bytes, where: str) -> str:
    """A strategy's source from the bytes of its file.

    Args:
        content: of the file.
        where: the file's name, for what is said.

    Raises:
        SeedbenchError: nothing, too large, no UTF-8, another encoding declared, characters that hide what it does, not
            Python, or an import of what a sealed process does not have.
    """
    source = _decoded(content, where)
    _check_imports(source, where)
    return source


def _decoded(content: bytes, where: str) -> str:
    if not content:
        raise SeedbenchError(f"{where}: is empty; a leaderboard takes a strategy's source")
    if len(content) > SOURCE_BYTES:
        raise SeedbenchError(f"{where}: {len(content):,} bytes; a leaderboard strategy has at most {SOURCE_BYTES:,}")
    try:
        source = content.decode()
    except UnicodeDecodeError as error:
        raise SeedbenchError(f"{where}: byte {error.start} is not UTF-8; save the file as UTF-8 text") from None
    if source.startswith("\ufeff"):
        raise SeedbenchError(f"{where}: begins with a byte-order mark; save it as UTF-8 without one")
    for number, line in enumerate(re.split("\r\n?|\n", source)[:2], start=1):  # the lines that Python sees
        if (coding := _CODING.match(line)) and coding[1].lower() not in ("utf-8", "utf8"):
            raise SeedbenchError(f"{where}, line {number}: declares the encoding {coding[1]!r}; it must be UTF-8")
    if hidden := first_hidden(source.replace("\r\n", "\n")):
        line, column, character = hidden
        raise SeedbenchError(
            f"{where}, line {line}, column {column}: {character} is not seen by whoever reads the source; write it as "
            "an escape, or leave it out"
        )
    return source


def _check_imports(source: str, where: str) -> None:
    try:
        found = refused(source)
    except SyntaxError as error:
        raise SeedbenchError(f"{where}, line {error.lineno}: not Python: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        what = str(error)[:SHOWN] if isinstance(error, ValueError) else type(error).__name__
        raise SeedbenchError(f"{where}: not Python: {what}") from None
    if found is not None:
        line, module = found
        raise SeedbenchError(
            f"{where}, line {line}: imports {module[:SHOWN]}; it may import {ALLOWED_SAID}, and no file beside it"
        )
