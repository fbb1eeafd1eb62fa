"""What people look at: numbers on a terminal, charts, and pages of headings, text, tables and charts in one file.

terminal    numbers and plots in characters
parts       what a page is made of
page        a page as one self-contained HTML file
charts      charts (Vega-Lite), their axes, layers and theme
save        a chart as a static picture
theme       colours and type, light and dark
shown       a terminal's report as text, and in a notebook
"""

from seedbench.display.page import render, require
from seedbench.display.parts import (
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
from seedbench.display.save import check_ending, save

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
    "axes",
    "charts",
    "check_ending",
    "page",
    "render",
    "require",
    "save",
    "shown",
    "terminal",
    "theme",
]
