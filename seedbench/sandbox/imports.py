"""What a strategy may import: the standard library, NumPy and SciPy, by statements that can be read in its source.

A sealed process has no files to import anything from. So the modules that a strategy's import statements name are
imported before it is sealed, by a process that has never seen the strategy itself.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from seedbench.sandbox.messages import NAME

# These do something when they are imported, or have nothing that a strategy could want.
_LEFT_OUT = {"antigravity", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "site", "test", "this", "venv"}
_LEFT_OUT |= {"_tkinter", "tkinter", "turtle", "turtledemo"}

_NEVER = ("_", "test", "conftest")  # how no part of a dotted name after the first may begin: `asyncio.__main__`, say

ALLOWED = (sys.stdlib_module_names - _LEFT_OUT) | {"numpy", "scipy"}
ALLOWED_SAID = "the standard library, numpy and scipy"

#: Imported for every strategy: NumPy's modules that it imports on first use, and the standard library's own such.
ALWAYS = (
    *("numpy", "numpy.fft", "numpy.linalg", "numpy.ma", "numpy.polynomial", "numpy.random", "numpy.random._pickle"),
    *("_strptime", "unicodedata", "encodings.ascii", "encodings.latin_1", "encodings.utf_8"),
)

_OPTIMIZERS = ("multiprocessing", "scipy._lib.cobyqa", "scipy._lib.pyprima")

#: What functions of a module import when they are called.
LATE = {"scipy.optimize": _OPTIMIZERS, "scipy.stats": _OPTIMIZERS}

# Packages of SciPy that `scipy.stats` loads as an attribute, without an import statement.
_SCIPY = (
    "cluster constants differentiate fft fftpack integrate interpolate io linalg ndimage optimize signal sparse "
    "spatial special stats"
).split()


def allowed(module: str) -> bool:
    """Whether a module, by its dotted name, may be imported for a strategy."""
    if len(module) > NAME:
        return False
    first, *rest = module.split(".")
    return first in ALLOWED and all(part.isidentifier() and not part.startswith(_NEVER) for part in rest)


def imported(source: str) -> Iterator[tuple[int, str]]:
    """The (line, module) of everything that a source names in an import statement, or could find in the scipy package.

    `from a import b` gives `a` and `a.b`, of which the second need not be a module.

    Raises:
        SyntaxError: the source is not Python. ValueError, RecursionError and MemoryError likewise.
    """
    tree = ast.parse(source)
    names: list[tuple[int, str]] = []
    attributes: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            names.append((node.lineno, base))
            if len(base) < NAME:  # else thousands of names of thousands of characters
                names += [(node.lineno, f"{base}.{alias.name}") for alias in node.names if alias.name != "*"]
        elif isinstance(node, ast.Attribute) and node.attr in _SCIPY:
            attributes.append((node.lineno, f"scipy.{node.attr}"))
    yield from names
    if any(name == "scipy" for _, name in names):
        yield from attributes
