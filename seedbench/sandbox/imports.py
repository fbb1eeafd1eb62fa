"""What a strategy may import: the standard library, NumPy and SciPy, by statements that can be read in its source; of
seedbench what a strategy is made of, the shipped ones included.

A sealed process has no files to import anything from. So the modules that a strategy's import statements name are
imported before it is sealed, by a process that has never seen the strategy itself.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from seedbench import campaign, errors
from seedbench.sandbox.messages import NAME
from seedbench.strategy import shipped, statements, syntax_tree

# These do something when they are imported, or have nothing that a strategy could want.
_LEFT_OUT = {"antigravity", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "site", "test", "this", "venv"}
_LEFT_OUT |= {"_tkinter", "tkinter", "turtle", "turtledemo"}

_NEVER = ("_", "test", "conftest")  # how no part of a dotted name after the first may begin: `asyncio.__main__`, say

#: Of NumPy and SciPy their packages for whoever computes. Others do something when they are imported
#: (`numpy.distutils` runs compilers), or have nothing that a strategy could want.
_NUMPY = (
    "char core ctypeslib dtypes emath exceptions fft lib linalg ma matlib matrixlib polynomial random rec strings "
    "typing version"
).split()
# Some of these `scipy.stats` loads as an attribute, without an import statement.
_SCIPY = (
    "cluster constants differentiate fft fftpack integrate interpolate io linalg ndimage odr optimize signal sparse "
    "spatial special stats version"
).split()
_PACKAGES = {"numpy": {*_NUMPY}, "scipy": {*_SCIPY}}

ALLOWED = (sys.stdlib_module_names - _LEFT_OUT) | {"numpy", "scipy"}
ALLOWED_SAID = "the standard library, numpy, scipy, seedbench.strategies and names of seedbench such as Campaign"

#: Of seedbench, what is there in every sealed process: packages, and names of the package itself.
_OFFERED = {"campaign", "errors", "parameters"} | {*campaign.__all__, *vars(errors), "check_choice", "check_number"}
_STRATEGIES = "seedbench.strategies"

#: Modules of Python's that import others when they are used, and what they would need.
_CLOSED = {
    **dict.fromkeys(("threading", "concurrent"), "there are no threads"),
    **dict.fromkeys(("multiprocessing", "subprocess"), "there are no other processes"),
    **dict.fromkeys(("asyncio", "socket", "ssl", "http", "urllib"), "there is no network"),
}

#: Imported for every strategy: NumPy's modules that it imports on first use, and the standard library's own such.
ALWAYS = (
    *("numpy", "numpy.fft", "numpy.linalg", "numpy.ma", "numpy.polynomial", "numpy.random", "numpy.random._pickle"),
    *("_strptime", "unicodedata", "encodings.ascii", "encodings.latin_1", "encodings.utf_8"),
)

_OPTIMIZERS = ("multiprocessing", "scipy._lib.cobyqa", "scipy._lib.pyprima")

#: What functions of a module import when they are called.
LATE = {
    "scipy.optimize": _OPTIMIZERS,
    "scipy.stats": _OPTIMIZERS,
    _STRATEGIES: tuple(f"{_STRATEGIES}.{name}" for name in shipped()),
}


def allowed(module: str) -> bool:
    """Whether a module, by its dotted name, may be imported for a strategy."""
    first, *rest = module.split(".")
    return _may_be_named(module) and not (rest and first in _PACKAGES and rest[0] not in _PACKAGES[first])


def _may_be_named(module: str) -> bool:
    """Whether an import statement may name it: `from numpy import array` names `numpy.array`, which is no module."""
    if len(module) > NAME:
        return False
    first, *rest = module.split(".")
    known = first in ALLOWED or module == _STRATEGIES or module.startswith(f"{_STRATEGIES}.")
    return known and all(part.isidentifier() and not part.startswith(_NEVER) for part in rest)


def refused(source: str) -> tuple[int, str] | None:
    """The first (line, module) that a source imports and a sealed process does not have; None if there is none.

    Raises:
        SyntaxError: as `imported`, and so on.
    """
    for line, module in sorted(imported(source)):
        package, _, rest = module.partition(".")
        offered = package == "seedbench" and (not rest or rest.split(".")[0] in _OFFERED)
        if not offered and not _may_be_named(module):
            return line, module
    return None


def why_closed(module: str) -> str:
    """What to say of a module that a sealed process cannot import."""
    name = module.split(".")[0]
    if name in _CLOSED:
        return f"{module} is closed in a sealed process: {_CLOSED[name]}"
    return f"No module named {module!r} in a sealed process: import statements bring in {ALLOWED_SAID}, nothing else"


def imported(source: str) -> Iterator[tuple[int, str]]:
    """The (line, module) of everything that a source names in an import statement, or could find in the scipy package;
    see `seedbench.strategy.statements`.

    Raises:
        SyntaxError: the source is not Python. ValueError, RecursionError and MemoryError likewise.
    """
    tree = syntax_tree(source)
    names = list(statements(tree, NAME))
    attributes = [
        (node.lineno, f"scipy.{node.attr}")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in _SCIPY
    ]
    yield from names
    if any(name == "scipy" for _, name in names):
        yield from attributes
