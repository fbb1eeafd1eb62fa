"""The files of the site, and how they take the place of those of the build before."""

from __future__ import annotations

import io
import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaderboard.site.board import board_page, first_page, table_page
from leaderboard.site.data import Standing, results_frame, tables_of
from leaderboard.site.entry import entry_page
from leaderboard.site.rules import rules_page
from seedbench.display import render
from seedbench.display.page import vega_bundle
from seedbench.documents import read_json, to_json
from seedbench.errors import SeedbenchError
from seedbench.files import changing, new_folder, settle, write_file

if TYPE_CHECKING:
    import pandas as pd

VEGA = "vega.js"
BUILT = ".built.json"  # the paths that the build wrote: no other file in the folder is the site's
RULES = Path(__file__).parents[1] / "README.md"
CARD = """\
---
title: seedbench leaderboard
emoji: 🌱
colorFrom: green
colorTo: blue
sdk: static
app_file: index.html
pinned: false
---

Built by `python -m leaderboard.build`. Do not edit.
"""


def site_files(standings: Sequence[Standing]) -> dict[str, bytes]:
    """Path -> content of every file of the site; the same boards give the same bytes.

    Args:
        standings: the boards, newest first.

    Raises:
        SeedbenchError: what pages with charts need is not installed.
    """
    frame = results_frame(standings)
    parquet = io.BytesIO()
    frame.to_parquet(parquet, index=False)
    pages = {
        "index.html": render(first_page(standings), VEGA),
        "rules.html": render(rules_page(RULES.read_text(encoding="utf-8"))),
    }
    for each in standings:
        board = each.board.name
        pages[f"{board}/index.html"] = render(board_page(each), f"../{VEGA}")
        for table, name in tables_of(each).items():
            pages[f"{board}/tables/{name}.html"] = render(table_page(each, table), f"../../{VEGA}")
        for entry in (*each.entries, *each.failed):
            pages[f"{board}/strategies/{entry.slug}.html"] = render(entry_page(each, entry), f"../../{VEGA}")
    texts = {**pages, VEGA: vega_bundle(), "README.md": CARD, "results.csv": _csv(frame)}
    return {path: text.encode() for path, text in texts.items()} | {"results.parquet": parquet.getvalue()}


def _csv(frame: pd.DataFrame) -> str:
    """The table as CSV; an apostrophe stands before a text that a spreadsheet would take for a formula."""
    texts = frame.select_dtypes(include=["object", "string"]).columns
    guarded = frame.assign(**{name: frame[name].map(_no_formula) for name in texts})
    return guarded.to_csv(index=False, lineterminator="\n")


def _no_formula(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    plain = unicodedata.normalize("NFKC", text)  # a spreadsheet takes a wide = for one, too
    return f"'{text}" if plain.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def write_site(files: Mapping[str, bytes], out: Path) -> None:
    """Writes the site, whole or not at all, in place of the build before; no other file in the folder is touched.

    Args:
        files: path -> content.
        out: a folder: new, empty, or one that this function wrote.

    Raises:
        SeedbenchError: the folder holds something else, or cannot be written.
    """
    files = {**files, BUILT: to_json(sorted(files)).encode()}
    require_site(out)
    if not os.path.lexists(out):
        with new_folder(out) as new:
            _fill(new, files)
        return
    with changing(out) as change:
        _fill(change.new, files)
        change.commit({BUILT, *_built(out, files)})


def _fill(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        write_file(folder / name, content, parents=True)


def require_site(out: Path) -> None:
    """Raises `SeedbenchError` for a folder that holds something other than the site."""
    if not os.path.lexists(out):
        return
    settle(out)
    card = out / "README.md"
    if out.is_dir() and ((out / BUILT).is_file() or not any(out.iterdir())):
        return
    if card.is_file() and card.read_text(encoding="utf-8", errors="replace") == CARD:
        return
    raise SeedbenchError(f"{out}: holds something other than the site; give a new or an empty folder")


def _built(out: Path, files: Iterable[str]) -> list[str]:
    """The files that the build before wrote to a folder; those of this one, if it did not write down which."""
    if not (out / BUILT).is_file():
        return list(files)
    advice = "no list of the site's files: remove it"
    return read_json(out / BUILT, list[str], error=SeedbenchError, advice=advice)
