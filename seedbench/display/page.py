"""A page's parts as one HTML document that needs nothing else: no server, no network, works from a file.

Charts are Vega-Lite, drawn by Vega's own JavaScript, which the document carries once. A content security policy allows
the document's own two scripts, by their hash, and nothing else: no request leaves the page and no injected script would
run. Vega's expressions are interpreted (`ast`), not compiled, since the policy has no `unsafe-eval`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from seedbench.display.parts import (
    Cell,
    Chart,
    Code,
    Details,
    Grid,
    Heading,
    Link,
    Note,
    Page,
    Paragraph,
    Part,
    Source,
    Table,
    Text,
)
from seedbench.display.theme import THEMES, style_variables, vega_config
from seedbench.errors import SeedbenchError

UNDEFINED = "–"


def require() -> None:
    """Says early what a page with charts needs.

    Raises:
        SeedbenchError: altair or vl-convert-python is not installed.
    """
    try:
        import altair  # noqa: F401
        import vl_convert  # noqa: F401
    except ImportError as error:
        raise SeedbenchError(f"figures need {error.name}: pip install 'seedbench[html]'") from None


def render(page: Page, vega: str | None = None) -> str:
    """The page as HTML; the same page gives the same text.

    Args:
        page: what is on it.
        vega: path, from the page, of a file that holds `vega_bundle`; without it the page carries that itself. For a
            site of many pages.

    Raises:
        SeedbenchError: altair or vl-convert-python is not installed.
    """
    body, data, outside = _parts(page.parts), "", ""
    scripts = [_own("page.js")]
    allowed = []
    if 'class="plot"' in body:
        require()
        data = _json_block({name: vega_config(name) for name in THEMES}, ' id="themes"')
        if vega is None:
            scripts.insert(0, vega_bundle())
        else:
            outside = f'<script src="{_quoted(vega)}"></script>\n'
            allowed = ["'self'", "file:"]  # of the folder; browsers differ in what `self` is for a file
    allowed += [f"'sha256-{_digest(script)}'" for script in scripts]
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {' '.join(allowed)}",
            "style-src 'unsafe-inline'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    lead = f'<p class="lead">{_text(page.lead)}</p>\n' if page.lead else ""
    footer = f"<footer>{_text(page.footer)}</footer>\n" if page.footer else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_quoted(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<title>{escape(page.title)}</title>\n'
        f"<style>{style_variables()}\n{_own('page.css')}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(page.title)}</h1>\n{lead}{_contents(page)}{body}</main>\n{footer}{data}{outside}"
        + "".join(f"<script>{script}</script>\n" for script in scripts)
        + "</body>\n</html>\n"
    )


@cache
def vega_bundle() -> str:
    """Vega-Embed, Vega-Lite and Vega as one script, of the Vega-Lite version that altair writes; some seconds."""
    import vl_convert

    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=vega_lite_version())
    return re.sub(r"<(?=/script|!--)", r"\\x3c", bundle, flags=re.IGNORECASE)  # only ever inside its strings


def vega_lite_version() -> str:
    """Major and minor version of the Vega-Lite that altair writes."""
    import altair

    return ".".join(altair.SCHEMA_VERSION.lstrip("v").split(".")[:2])


@cache
def _own(name: str) -> str:
    return files("seedbench.display").joinpath(name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _json_block(value: Any, attributes: str = "") -> str:
    """Data for a script; no string in it can end the element, since `<` is written as its escape."""
    text = json.dumps(value, separators=(",", ":"), sort_keys=True, allow_nan=False).replace("<", "\\u003c")
    return f'<script type="application/json"{attributes}>{text}</script>\n'


def _text(text: Text) -> str:
    pieces = text if isinstance(text, tuple) else (text,)
    return "".join(_piece(piece) for piece in pieces)


def _piece(piece: str | Link | Code) -> str:
    if isinstance(piece, Link):
        return f'<a href="{_quoted(piece.href)}">{escape(piece.text)}</a>'
    return f"<code>{escape(piece.text)}</code>" if isinstance(piece, Code) else escape(piece)


def _contents(page: Page) -> str:
    heads = [part for part in page.parts if isinstance(part, Heading) and part.level == 2 and part.anchor]
    if len(heads) < 2:
        return ""
    items = "".join(f'<li><a href="#{_quoted(head.anchor or "")}">{escape(head.text)}</a>' for head in heads)
    return f'<nav aria-label="Contents"><ul>{items}</ul></nav>\n'


def _part(part: Part) -> str:
    match part:
        case Heading():
            anchor = f' id="{_quoted(part.anchor)}"' if part.anchor else ""
            return f"<h{part.level}{anchor}>{escape(part.text)}</h{part.level}>\n"
        case Paragraph():
            return f"<p>{_text(part.text)}</p>\n"
        case Note():
            return _note(part.text)
        case Source():
            return f'<pre tabindex="0"><code>{escape(part.text)}</code></pre>\n'
        case Grid():
            return f'<div class="grid" style="--least:{part.min_width:d}px">{_parts(part.parts)}</div>\n'
        case Details():
            return f"<details><summary>{_text(part.summary)}</summary>\n{_parts(part.parts)}</details>\n"
        case Chart():
            return _chart(part)
        case Table():
            return _table(part)


def _parts(parts: tuple[Part, ...]) -> str:
    return "".join(_part(part) for part in parts)


def _note(text: Text) -> str:
    return f'<div class="note">{_text(text)}</div>\n'


def _chart(part: Chart) -> str:
    spec = part.chart.to_dict()
    spec.pop("config", None)  # the theme's is given when it is drawn
    spec["description"] = part.description or f"{part.title}. {part.read}"
    spec["autosize"] = {"type": "fit-x", "contains": "padding"}  # to the width that the page gives when it draws
    room = f' style="min-height:{spec["height"]}px"' if isinstance(spec.get("height"), int) else ""
    caption = f"<p>{escape(part.read)}"
    if part.sources:
        caption += f" Source: {', '.join(_text(source) for source in part.sources)}."
    return (
        f'<figure><figcaption>{escape(part.title)}</figcaption>\n<div class="plot"{room}></div>{_json_block(spec)}'
        f"{caption}</p>\n{''.join(_note(note) for note in part.notes)}</figure>\n"
    )


def _table(part: Table) -> str:
    kinds = [' class="number"' if column.numeric else "" for column in part.columns]
    titles = [escape(column.title) for column in part.columns]
    if part.sortable:
        titles = [f'<button type="button">{title}</button>' for title in titles]
    head = "".join(f'<th scope="col"{kind}>{title}</th>' for kind, title in zip(kinds, titles, strict=True))
    rows = "".join(f"<tr>{''.join(_cell(*pair) for pair in zip(row, kinds, strict=True))}</tr>\n" for row in part.rows)
    caption = f"<caption>{escape(part.caption)}</caption>" if part.caption else ""
    kind = ' class="sortable"' if part.sortable else ""
    field = '<p><label>Filter <input class="filter" type="search"></label></p>\n' if part.filterable else ""
    terms = "".join(f"<dt>{escape(item.title)}</dt><dd>{escape(item.note)}</dd>" for item in part.columns if item.note)
    return (
        f'{field}<div class="scroll" role="region" aria-label="{_quoted(part.caption or "Table")}" tabindex="0">'
        f"<table{kind}>{caption}<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{rows}</tbody></table></div>\n" + (f'<dl class="legend">{terms}</dl>\n' if terms else "")
    )


def _cell(cell: Text | Cell | float | None, kind: str) -> str:
    shown, value = (cell.text, cell.value) if isinstance(cell, Cell) else (cell, cell)
    if isinstance(shown, int | float):
        shown = None if math.isnan(shown) else f"{shown:g}"
    if isinstance(value, int | float):
        key = ' data-none=""' if math.isnan(value) else f' data-number="{float(value)!r}"'
    else:
        key = ' data-none=""' if value is None else f' data-text="{_quoted(_plain(value))}"'
    return f"<td{kind}{key}>{UNDEFINED if shown is None else _text(shown)}</td>"


def _plain(text: Text) -> str:
    pieces = text if isinstance(text, tuple) else (text,)
    return "".join(piece if isinstance(piece, str) else piece.text for piece in pieces)


def _quoted(text: str) -> str:
    return escape(text, quote=True)
