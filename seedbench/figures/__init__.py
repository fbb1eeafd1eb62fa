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
from seedbench.figures.save import check_ending, save

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
    "check_ending",
    "render",
    "require",
    "save",
]
