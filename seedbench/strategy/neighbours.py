"""The files beside a strategy's own that its import statements lead to.

Where a strategy runs unsealed, Python finds there what it does not find elsewhere. That is part of the strategy: of its
identity, and of what a leaderboard would need, which takes one file.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from typing import Any

from seedbench.documents import read_regular
from seedbench.errors import StrategyFileError

SOURCE_LARGEST = 2**24  # bytes of a source; a leaderboard takes far less

#: Names with dots of more parts than this are not parsed: Python joins the parts one after the other and keeps what it
#: had before, so that a name of 64 KiB takes 1.2 GB.
PARTS = 100

_LINE_ON = r"[ \t\f]*+(?:\\\r?\n[ \t\f]*+)*+"
_LONG_NAME = re.compile(rf"\b(?:\w++{_LINE_ON}\.{_LINE_ON}){{{PARTS}}}")


def syntax_tree(source: str) -> ast.Module:
    """What `ast.parse` makes of a source that nobody has looked at.

    Raises:
        ValueError: a name of more than `PARTS` parts.
        SyntaxError: the source is not Python. RecursionError and MemoryError likewise.
    """
    if found := _LONG_NAME.search(source):
        line = source.count("\n", 0, found.start()) + 1
        raise ValueError(f"line {line}: a name of more than {PARTS} parts")
    return ast.parse(source)


def statements(tree: ast.AST, longest: int) -> Iterator[tuple[int, str]]:
    """The (line, module) of everything that a source names in an import statement.

    `from a import b` gives `a` and `a.b`, of which the second need not be a module.

    Args:
        tree: of the source.
        longest: so many characters a name has at most that the parts of another are put to: else thousands of names of
            thousands of characters.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield node.lineno, base
            if len(base) < longest:
                yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names if alias.name != "*")


def neighbours_of(source: str, folder: Path) -> dict[str, str]:
    """The modules in a folder that a source imports, and those that these import: path in the folder -> text.

    A module that Python finds elsewhere is none of them. Of a package all Python files count. A source that is not
    Python has none: running it says so.

    Raises:
        StrategyFileError: one of them cannot be read, or is not UTF-8.
    """
    found: dict[str, str] = {}
    pending = [source]
    while pending:
        for name in _top_names(pending.pop()):
            for path in _files(name, folder):
                place = path.relative_to(folder).as_posix()
                if place not in found:
                    found[place] = _text(path)
                    pending.append(found[place])
    return dict(sorted(found.items()))


def sha256_of(source: str, neighbours: Mapping[str, str]) -> str:
    """SHA-256 of a source as UTF-8, its file's own; where it has neighbours, of the SHA-256s of all of them."""
    own = hashlib.sha256(source.encode()).hexdigest()
    if not neighbours:
        return own
    listed = [own, *(f"{path} {hashlib.sha256(text.encode()).hexdigest()}" for path, text in neighbours.items())]
    return hashlib.sha256("\n".join(listed).encode()).hexdigest()


class _Beside:
    """Finds the neighbours of strategies, and nothing else: what no import statement names is not part of a strategy.

    Of two strategies whose neighbours have the same name, an import while a file is loaded finds its own; one inside of
    a function finds that of the file loaded last.
    """

    folders: dict[str, str] = {}

    @classmethod
    def find_spec(cls, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        top = name.split(".")[0]
        if top not in cls.folders:
            return None
        spec = PathFinder.find_spec(name, [cls.folders[name]] if name == top else path)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Uncached(spec.loader.name, spec.loader.path)
        return spec


class _Uncached(SourceFileLoader):
    """Compiles what is in the file now. Bytecode that is kept beside it is told by the second and the size, which two
    versions of a file that somebody is editing may share."""

    def path_stats(self, path: str) -> Mapping[str, Any]:
        raise OSError


def find_beside(folder: str, neighbours: Mapping[str, str]) -> None:
    """Makes the neighbours of a strategy those that its import statements find: read anew, from this folder."""
    tops = {path.split("/")[0].removesuffix(".py") for path in neighbours}
    for name in [name for name in sys.modules if name.split(".")[0] in tops]:
        del sys.modules[name]
    _Beside.folders |= dict.fromkeys(tops, folder)
    if _Beside not in sys.meta_path:
        sys.meta_path.insert(0, _Beside)
    importlib.invalidate_caches()


def _top_names(source: str) -> set[str]:
    try:
        tree = syntax_tree(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    return {name.split(".")[0] for _, name in statements(tree, 200)} - {""} - sys.stdlib_module_names


def _files(name: str, folder: Path) -> list[Path]:
    """The files of a module of this name in a folder; none where Python finds it elsewhere, or nowhere."""
    elsewhere = [path for path in sys.path if os.path.realpath(path) != str(folder)]
    if PathFinder.find_spec(name, elsewhere) is not None or (spec := PathFinder.find_spec(name, [str(folder)])) is None:
        return []
    if spec.submodule_search_locations is None:
        return [Path(spec.origin)] if spec.origin and spec.origin.endswith(".py") else []
    return sorted(path for place in spec.submodule_search_locations for path in Path(place).rglob("*.py"))


def _text(path: Path) -> str:
    try:
        return read_regular(path, SOURCE_LARGEST).decode()
    except UnicodeDecodeError as error:
        raise StrategyFileError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8 text") from None
    except OSError as error:
        raise StrategyFileError(f"{path}: cannot be read: {error.strerror}") from None
