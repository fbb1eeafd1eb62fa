"""Who may import whom (.github/ARCHITECTURE.md), and what importing seedbench loads; read from the source."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# The floors of seedbench: a module or package imports from the floors below its own only.
FLOORS = [
    {
        "errors",
        "commands",
        "documents",
        "docstrings",
        "files",
        "cpus",
        "memory",
        "processes",
        "metrics",
        "influences",
        "randomness",
        "tasks",
        "parameters",
        "slurm",
        "text",
    },
    {"trialset", "campaign", "strategy", "display"},
    {"strategies", "adapters", "analyses", "sandbox"},
    {"replay"},
    {"evaluation", "checks", "live"},
    {"comparison", "advice", "submission"},
    {"cli"},
]
FLOOR = {module: floor for floor, modules in enumerate(FLOORS) for module in modules} | {"__main__": len(FLOORS)}
NUMPY_ALONE = {"metrics", "influences"}  # and scipy, where it is used; they may know each other
NEVER = {"torch", "transformers", "datasets", "runners", "dataset_card", "leaderboard"}
ON_USE = {("live", "transformers"): {"torch", "transformers"}}  # what a module may import inside its functions
#: Below the lowest floor: all there may lean on them.
EVERYBODYS = {"errors", "documents", "docstrings", "text"}
PUBLIC = {"", "__version__"}  # what anybody may take from the package itself: its version
MAY_KNOW = {
    "runners": {"errors", "commands", "documents", "files", "trialset", "metrics", "slurm", "tasks", "text"},
    "dataset_card": {
        "errors",
        "commands",
        "documents",
        "files",
        "trialset",
        "metrics",
        "tasks",
        "cpus",
        "display",
        "evaluation",
        "text",
        "strategy",
        "strategies",
        "campaign",
    },
    "leaderboard": {
        "errors",
        "commands",
        "cpus",
        "processes",
        "documents",
        "files",
        "trialset",
        "strategy",
        "sandbox",
        "replay",
        "evaluation",
        "comparison",
        "submission",
        "display",
        "text",
    },
}
LIVE = {"strategy", "live"}  # runners/live is a campaign of seedbench.live that trains GLUE


def imported(tree: ast.AST, *, in_functions: bool = True) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import; `from a import b` counts as a.b, `if TYPE_CHECKING:` as no import."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif in_functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from imported(node, in_functions=in_functions)


def violations(root: Path) -> list[str]:
    """Every import below `root` that breaks a rule, as 'file:line: what'."""
    found = []
    for path in sorted(path for folder in ["seedbench", *MAY_KNOW] for path in (root / folder).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if parts[:2] == ("leaderboard", "submissions"):  # data: never imported, and checked as all entries are
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top_level = {line for line, _ in imported(tree, in_functions=False)}
        for line, name in imported(tree):
            if problem := _problem(parts, name, line in top_level) or _own(root, parts, name):
                found.append(f"{'/'.join(parts)}.py:{line}: {problem}")
    return found


def _problem(parts: tuple[str, ...], name: str, at_top: bool) -> str | None:
    package, _, rest = name.partition(".")
    target = rest.split(".")[0]
    folder, module = parts[0], parts[1]
    if name.startswith("."):
        return f"relative import of {name}: write it out"
    if folder != "seedbench":
        if package == "seedbench":
            known = MAY_KNOW[folder] | (LIVE if parts[:2] == ("runners", "live") else set()) | PUBLIC
            return None if target in known else f"{folder} may not know seedbench.{target}"
        return f"{folder} may not know {package}" if package in set(MAY_KNOW) - {folder} else None
    if package in NEVER and (package not in ON_USE.get(parts[1:], set()) or at_top):
        return f"seedbench may not import {package}"
    if module == "__init__":
        return f"imports {name} eagerly" if at_top and package not in sys.stdlib_module_names else None
    if module == "strategies":
        allowed = sys.stdlib_module_names | {"numpy"} | (set() if at_top else {"scipy"})
        ok = package in allowed or (package == "seedbench" and (target not in FLOOR or target == module))
        return None if ok else f"a strategy file imports {name}" + (" at its top" if package == "scipy" else "")
    if module not in FLOOR:
        return f"module {module} has no place on FLOORS"
    if package == "seedbench" and {module, target} <= NUMPY_ALONE:  # `circle` sees to it that this has a direction
        return None if target != module or len(parts) > 2 else f"{module} may not import {target}"
    if module in NUMPY_ALONE and package not in sys.stdlib_module_names | {"numpy"}:
        return None if package == "scipy" and not at_top else f"{module} stands on numpy alone, imports {name}"
    if package != "seedbench" or target in PUBLIC or (target == module and len(parts) > 2):
        return None
    if target == "strategies":
        return f"{module} imports a strategy; load it instead"
    if target not in FLOOR:
        return f"imports {name} from the lazy package, not from its module"
    below = FLOOR[target] < FLOOR[module] or (target in EVERYBODYS and module != target)
    return None if below else f"{module} may not import {target}"


def _own(root: Path, parts: tuple[str, ...], name: str) -> str | None:
    """Whether something is taken out of a package of seedbench that its `__init__` does not name."""
    package, target, *rest = [*name.split("."), "", ""][:4] if name.count(".") > 1 else ("", "", "")
    init = root / "seedbench" / target / "__init__.py"
    if package != "seedbench" or target == "strategies" or parts[:2] == ("seedbench", target) or not init.is_file():
        return None
    named = public_names(init)
    return None if rest[0] in named else f"{target} keeps {rest[0]} to itself: its __init__ does not name it"


def public_names(init: Path) -> set[str]:
    """`__all__` of a package, read from its source."""
    for node in ast.parse(init.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def circle(root: Path) -> list[str]:
    """Modules of seedbench that import each other, in a circle, wherever they do it; [] if there is none."""
    modules = {".".join(path.relative_to(root).with_suffix("").parts): path for path in root.rglob("seedbench/**/*.py")}
    graph = {}
    for module, path in modules.items():
        names = {name for _, name in imported(ast.parse(path.read_text(encoding="utf-8")))}
        graph[module] = {one for name in names for one in (name, name.rpartition(".")[0]) if one in modules}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_the_repository_keeps_the_rules():
    assert len(list((ROOT / "seedbench").rglob("*.py"))) > 100
    assert violations(ROOT) == []
    assert circle(ROOT) == []


def test_there_are_seven_floors_and_everything_stands_on_one():
    entries = {
        path.stem for path in (ROOT / "seedbench").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert len(FLOORS) == 7
    assert entries - {"__init__"} == set(FLOOR)


PLANTED = {
    "seedbench/replay/run.py": ("def f():\n    import torch", "2: seedbench may not import torch"),
    "seedbench/trialset/load.py": ("from seedbench.evaluation import x", "1: trialset may not import evaluation"),
    "seedbench/campaign/ledger.py": ("from seedbench.trialset import x", "1: campaign may not import trialset"),
    "seedbench/errors.py": ("import seedbench.errors", "1: errors may not import errors"),
    "seedbench/checks.py": ("from seedbench import evaluate", "1: imports seedbench.evaluate from the lazy package"),
    "seedbench/metrics.py": ("import scipy", "1: metrics stands on numpy alone"),
    "seedbench/influences/grid.py": ("def f():\n    import pandas", "2: influences stands on numpy alone"),
    "seedbench/novel.py": ("import json", "1: module novel has no place on FLOORS"),
    "seedbench/__init__.py": ("import numpy", "1: imports numpy eagerly"),
    "seedbench/campaign/objects.py": ("from . import errors", "1: relative import"),
    "seedbench/strategies/mine.py": ("from seedbench.campaign import open_campaign", "1: a strategy file imports"),
    "seedbench/strategies/another.py": ("import pandas", "1: a strategy file imports pandas"),
    "seedbench/strategies/slow.py": (
        "from scipy.stats import t",
        "1: a strategy file imports scipy.stats.t at its top",
    ),
    "seedbench/live/transformers.py": ("import transformers", "1: seedbench may not import transformers"),
    "seedbench/live/session.py": ("def f():\n    import torch", "2: seedbench may not import torch"),
    "seedbench/cli/app.py": ("import runners.sweep", "1: seedbench may not import runners"),
    "runners/sweep.py": ("from seedbench.campaign import Trial", "1: runners may not know seedbench.campaign"),
    "runners/export.py": ("import leaderboard", "1: runners may not know leaderboard"),
    "leaderboard/verify.py": ("import seedbench.advice", "1: leaderboard may not know seedbench.advice"),
}


@pytest.mark.parametrize("file", PLANTED)
def test_a_planted_violation_is_found(tmp_path, file):
    text, rule = PLANTED[file]
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(text)
    (found,) = violations(tmp_path)
    assert found.startswith(f"{file}:{rule}")


def test_what_a_package_keeps_to_itself_is_found(tmp_path):
    for file, text in {
        "seedbench/replay/__init__.py": "from seedbench.replay.run import run\n__all__ = ['run', 'decisions']",
        "seedbench/replay/run.py": "from seedbench.replay.batch import anything",
        "seedbench/evaluation/scores.py": "from seedbench.replay import run\nimport seedbench.replay.decisions",
        "seedbench/checks.py": "from seedbench.replay.batch import one",
        "leaderboard/verify.py": "def f():\n    from seedbench.replay import batch",
    }.items():
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert [found.partition(" keeps ")[0] for found in violations(tmp_path)] == [
        "leaderboard/verify.py:2: replay",
        "seedbench/checks.py:1: replay",
    ]


def test_a_planted_circle_is_found(tmp_path):
    for name, other in (("one", "two"), ("two", "three"), ("three", "one")):
        path = tmp_path / f"seedbench/replay/{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"def f():\n    from seedbench.replay.{other} import x")
    assert {name.rpartition(".")[2] for name in circle(tmp_path)} == {"one", "two", "three"}


def test_what_is_allowed_is_not_found(tmp_path):
    for file, text in {
        "seedbench/influences/grid.py": "import numpy as np\ndef f():\n    from scipy.stats import t",
        "seedbench/cli/app.py": "import typer\nfrom seedbench import __version__\nfrom seedbench.evaluation import x",
        "seedbench/__init__.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import seedbench.campaign",
        "seedbench/live/transformers.py": "def f():\n    import torch\n    from transformers import set_seed",
        "seedbench/strategies/mine.py": "from bisect import insort\nfrom seedbench import Campaign, Trial",
        "seedbench/strategies/another.py": "import numpy as np\ndef f():\n    from scipy.special import stdtr",
        "runners/live/trials.py": "import torch\nfrom seedbench.live import Session\nimport runners.data.recipe",
    }.items():
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert violations(tmp_path) == []


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import seedbench", {"torch", "transformers", "datasets", "numpy", "pandas", "pyarrow", "rich", "typer"}),
        ("from seedbench import evaluate, load_trials", {"torch", "transformers", "datasets", "rich", "typer"}),
        ("import seedbench.cli", {"torch", "transformers", "datasets", "numpy", "pandas", "pyarrow"}),
    ],
)
def test_what_an_import_loads(statement, absent):
    code = f"{statement}\nimport sys\nprint(*sorted({absent!r} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert loaded.stdout.split() == []
