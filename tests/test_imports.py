"""Who may import whom, read from the source (DESIGN: layout), and what importing seedbench loads. Tests itself too."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A module of seedbench imports from the lines above its own only.
LAYERS = [
    {"errors", "metrics", "intervals", "parameters"},
    {"schema", "result", "simultaneous"},
    {"trialset", "advice"},
    {"campaign"},
    {"ledger", "history"},
    {"strategy"},
    {"sandbox"},
    {"halves", "deadline", "budgets"},
    {"transfer"},
    {"recorded"},
    {"run"},
    {"blocks"},
    {"replay"},
    {"scoring", "decisions"},
    {"paired"},
    {"evaluation"},
    {"figures", "terminal"},
    {
        "submission",
        "findings",
        "publish",
        "adapters",
        "report",
        "listing",
        "check",
        "compare",
        "curves",
        "decisions_figure",
        "evaluation_figure",
    },
    {"advise", "compare_report"},
    {"advise_report", "compare_html"},
    {"cli"},
    {"__main__"},
]
LEVEL = {module: level for level, modules in enumerate(LAYERS) for module in modules}
NUMPY_ALONE = {"metrics", "intervals"}  # and scipy, where it is used
NEVER = {"torch", "transformers", "datasets", "runners", "dataset_card", "leaderboard"}
PUBLIC = {"", "__version__"}  # what anybody may take from the package itself: its version
MAY_KNOW = {
    "runners": {"errors", "schema", "trialset", "metrics"},
    "dataset_card": {"errors", "schema", "trialset", "metrics", "figures", "terminal"},
    "leaderboard": {
        "errors",
        "trialset",
        "budgets",
        "strategy",
        "sandbox",
        "result",
        "decisions",
        "paired",
        "evaluation",
        "submission",
        "decisions_figure",
        "figures",
        "terminal",
    },
}
LIVE = {"ledger", "strategy", "halves", "recorded", "run", "deadline"}  # runners/live.py is a replay that trains


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
            if problem := _problem(parts, name, line in top_level):
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
            known = MAY_KNOW[folder] | (LIVE if parts == ("runners", "live") else set()) | PUBLIC
            return None if target in known else f"{folder} may not know seedbench.{target}"
        return f"{folder} may not know {package}" if package in set(MAY_KNOW) - {folder} else None
    if package in NEVER:
        return f"seedbench may not import {package}"
    if module == "__init__":
        return f"imports {name} eagerly" if at_top and package not in sys.stdlib_module_names else None
    if module == "strategies":
        allowed = sys.stdlib_module_names | {"numpy"} | (set() if at_top else {"scipy"})
        ok = package in allowed or (package == "seedbench" and target not in LEVEL)
        return None if ok else f"a strategy file imports {name}" + (" at its top" if package == "scipy" else "")
    if module not in LEVEL:
        return f"module {module} has no place in LAYERS"
    if module in NUMPY_ALONE and package not in sys.stdlib_module_names | {"numpy"}:
        return None if package == "scipy" and not at_top else f"{module} stands on numpy alone, imports {name}"
    if package != "seedbench" or target in PUBLIC or (target == module and len(parts) > 2):
        return None
    if target == "strategies":
        return f"{module} imports a strategy; load it instead"
    if target not in LEVEL:
        return f"imports {name} from the lazy package, not from its module"
    return None if LEVEL[target] < LEVEL[module] else f"{module} may not import {target}"


def test_the_repository_keeps_the_rules():
    assert len(list((ROOT / "seedbench").glob("*.py"))) > 10
    assert violations(ROOT) == []


PLANTED = {
    "seedbench/replay.py": ("def f():\n    import torch", "2: seedbench may not import torch"),
    "seedbench/trialset.py": ("from seedbench.evaluation import evaluate", "1: trialset may not import evaluation"),
    "seedbench/errors.py": ("import seedbench.errors", "1: errors may not import errors"),
    "seedbench/report.py": ("from seedbench import evaluate", "1: imports seedbench.evaluate from the lazy package"),
    "seedbench/metrics.py": ("import scipy", "1: metrics stands on numpy alone"),
    "seedbench/intervals.py": ("def f():\n    import pandas", "2: intervals stands on numpy alone"),
    "seedbench/novel.py": ("import json", "1: module novel has no place in LAYERS"),
    "seedbench/__init__.py": ("import numpy", "1: imports numpy eagerly"),
    "seedbench/campaign.py": ("from . import errors", "1: relative import"),
    "seedbench/strategies/mine.py": ("from seedbench.ledger import open_campaign", "1: a strategy file imports"),
    "seedbench/strategies/another.py": ("import pandas", "1: a strategy file imports pandas"),
    "seedbench/strategies/slow.py": (
        "from scipy.stats import t",
        "1: a strategy file imports scipy.stats.t at its top",
    ),
    "seedbench/cli/app.py": ("import runners.sweep", "1: seedbench may not import runners"),
    "runners/finetune.py": ("from seedbench.campaign import Trial", "1: runners may not know seedbench.campaign"),
    "runners/export.py": ("import leaderboard", "1: runners may not know leaderboard"),
    "leaderboard/verify.py": ("import seedbench.replay", "1: leaderboard may not know seedbench.replay"),
}


@pytest.mark.parametrize("file", PLANTED)
def test_a_planted_violation_is_found(tmp_path, file):
    text, rule = PLANTED[file]
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(text)
    (found,) = violations(tmp_path)
    assert found.startswith(f"{file}:{rule}")


def test_what_is_allowed_is_not_found(tmp_path):
    for file, text in {
        "seedbench/intervals.py": "import numpy as np\ndef f():\n    from scipy.stats import t",
        "seedbench/cli/app.py": "import typer\nfrom seedbench import __version__\nfrom seedbench.report import x",
        "seedbench/__init__.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import seedbench.campaign",
        "seedbench/strategies/mine.py": "from bisect import insort\nfrom seedbench import Campaign, Trial",
        "seedbench/strategies/another.py": "import numpy as np\ndef f():\n    from scipy.special import stdtr",
        "runners/live.py": "import torch\nfrom seedbench.ledger import Settlement\nfrom runners.recipe import Recipe",
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
