"""Figures: one self-contained HTML page from headings, text, tables and charts; a chart as a static picture."""

from seedbench.figures.page import render, require
from seedbench.figures.parts import (
    Cell,
    Chart,
    Code,
    Column,
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
from seedbench.figures.save import save

__all__ = [
    "Cell",
    "Chart",
    "Code",
    "Column",
    "Details",
    "Grid",
    "Heading",
    "Link",
    "Note",
    "Page",
    "Paragraph",
    "Part",
    "Source",
    "Table",
    "Text",
    "render",
    "require",
    "save",
]
