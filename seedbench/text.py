"""Counts in words; and text that strangers wrote: what nobody would see in it, and names that look like others."""

from __future__ import annotations

import re
import unicodedata

#: Printed as nothing, or as a blank, though Python calls it printable: what Unicode calls default ignorable, and the
#: empty Braille pattern. A few KB of it in a comment can hold a table of numbers.
_BLANK = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_SPACES = " \t\n"
#: Cyrillic, Greek and phonetic letters, in lower case, of which one case looks like a Latin letter; Unicode's
#: confusables.txt has more.
_ALIKE = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u051b\u051d\u0432\u043a\u043c"
    "\u043d\u0442\u03b1\u03b2\u03b5\u03b6\u03b7\u03b9\u03ba\u03bc\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u0251"
    "\u0261\u0131",
    "aeopcyxijshdqwbkmhtabezhikmnoptyxagi",
)


def counted(count: int, noun: str) -> str:
    """`1 trial`, `2 trials`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def is_hidden(character: str) -> bool:
    """Whether nobody would see it, or see it as what it is: a control character, one that changes the order in which
    text is read, one that is printed as nothing."""
    return character not in _SPACES and (not character.isprintable() or _BLANK.match(character) is not None)


def first_hidden(text: str) -> tuple[int, int, str] | None:
    """Line and column, from 1, of the first character that nobody would see, and how Unicode numbers it."""
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():  # nearly all there is
        return None
    for line, content in enumerate(text.split("\n"), 1):
        for column, character in enumerate(content, 1):
            if is_hidden(character):
                return line, column, f"U+{ord(character):04X}"
    return None


def is_one_line(text: str) -> bool:
    """Whether a text is some words in one line, all of which is seen, with nothing around them."""
    return bool(text) and text == text.strip() and not set("\n\t") & set(text) and first_hidden(text) is None


def visible(text: str) -> str:
    """The same with every character that nobody would see written as an escape, for a terminal or a page."""
    if first_hidden(text) is None:
        return text
    return "".join(ascii(one)[1:-1] if is_hidden(one) else one for one in text)


def scripts(text: str) -> list[str]:
    """The scripts of its letters, sorted: `LATIN`, `CYRILLIC`; as the first word of each letter's Unicode name."""
    return sorted({unicodedata.name(one, "UNKNOWN").split(" ")[0] for one in text if one.isalpha()})


def skeleton(name: str) -> str:
    """What two names have in common that people take for each other: case, spaces, punctuation and look-alikes gone."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    return "".join(one for one in plain.translate(_ALIKE) if one.isalnum())
