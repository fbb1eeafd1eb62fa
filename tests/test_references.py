"""The references are what the code says, every public name has a docstring, and every link leads somewhere."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path
    for pattern in ("*.md", ".github/**/*.md", "*/**/*.md")
    for path in ROOT.glob(pattern)
    if not any(part in (".venv", "node_modules", ".git", "build", "dist") for part in path.relative_to(ROOT).parts)
)
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)")


@pytest.fixture(scope="module")
def references() -> ModuleType:
    pytest.importorskip("griffe")
    pytest.importorskip("torch")  # some commands are the runners'
    spec = importlib.util.spec_from_file_location("references", ROOT / ".github" / "references.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["references"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["commands", "api", "boards"])
def test_a_reference_is_up_to_date(references: ModuleType, page: str) -> None:
    written = (ROOT / ".github" / "docs" / f"{page}.md").read_text(encoding="utf-8")
    assert written == getattr(references, page)(), "run: python .github/references.py"


def test_every_public_name_and_option_is_described(references: ModuleType) -> None:
    api = references.api()
    headings = re.findall(r"^(#{3,4}) `([\w.]+)`\n\n(.*)", api, re.MULTILINE)
    silent = [name for _, name, text in headings if text.startswith("#") or not text]
    assert silent == [] and {"evaluate", "Campaign.start", "Session", "training", "from_pruner"} <= {
        name for _, name, _ in headings
    }
    assert re.findall(r"^\* `[^`]+`$", references.commands(), re.MULTILINE) == []  # an option without a word


def slug(heading: str) -> str:
    """The anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return {slug(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    astray = []
    for link in LINK.findall(text):
        parts = urlsplit(link)
        if parts.scheme:
            assert parts.scheme in ("https", "mailto") and (parts.netloc or parts.path), link
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        there = target.exists() and (not parts.fragment or target.suffix != ".md" or parts.fragment in anchors(target))
        if not there or not target.is_relative_to(ROOT):
            astray.append(link)
    assert astray == []
