"""A class's docstring in parts: what it says of the class, and what of each attribute."""

from __future__ import annotations

import inspect
import re

_SECTION = re.compile(r"^(?:Args|Attributes):\n((?: +.*\n?|\n)+)", re.MULTILINE)
_ENTRY = re.compile(r"^    (\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)


def split(docstring: str | None) -> tuple[str, dict[str, str]]:
    """Takes the section `Args:` or `Attributes:` out of a docstring.

    Returns:
        The text without it, and what it says of each name, in one line.
    """
    text = inspect.cleandoc(docstring or "")
    section = _SECTION.search(text)
    if section is None:
        return text, {}
    entries = {name: " ".join(said.split()) for name, said in _ENTRY.findall(section[1])}
    return (text[: section.start()] + text[section.end() :]).strip(), entries
