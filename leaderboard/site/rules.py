"""The rules, which are Markdown, as a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from seedbench.display import Code, Column, Heading, Link, Page, Paragraph, Part, Source, Table

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode


def rules_page(markdown: str) -> Page:
    """The page of a Markdown text of headings, paragraphs, lists, tables and code; its first heading is the title."""
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

    title, *blocks = SyntaxTreeNode(MarkdownIt("commonmark").enable("table").parse(markdown)).children
    parts = tuple(part for block in blocks for part in _parts(block))
    return Page(_plain(title), parts, lead=Link("All boards", "index.html"))


def _parts(block: SyntaxTreeNode) -> Iterator[Part]:
    if block.type == "heading":
        text = _plain(block)
        yield Heading(text, level=int(block.tag[1:]), anchor=text.lower().replace(" ", "-"))
    elif block.type == "fence":
        yield Source(block.content.rstrip("\n"))
    elif block.type == "bullet_list":
        for item in block.children:
            for paragraph in item.children:
                yield Paragraph(("• ", *_pieces(paragraph.children[0].children)))
    elif block.type == "table":
        head, *rows = [line.children for part in block.children for line in part.children]
        columns = tuple(Column(_plain(cell)) for cell in head)
        yield Table(columns, tuple(tuple(_text(cell) for cell in row) for row in rows))
    else:
        yield Paragraph(_text(block))


def _text(block: SyntaxTreeNode) -> tuple[str | Link | Code, ...]:
    return tuple(_pieces(block.children[0].children))


def _pieces(inline: Sequence[SyntaxTreeNode]) -> Iterator[str | Link | Code]:
    for piece in inline:
        if piece.type == "code_inline":
            yield Code(piece.content)
        elif piece.type == "link":
            yield Link("".join(child.content for child in piece.children), str(piece.attrs["href"]))
        elif piece.type == "softbreak":
            yield " "
        elif piece.children:  # emphasis, which a page has none of
            yield from _pieces(piece.children)
        else:
            yield piece.content


def _plain(block: SyntaxTreeNode) -> str:
    return "".join(piece if isinstance(piece, str) else piece.text for piece in _text(block))
