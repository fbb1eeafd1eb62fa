"""What nobody would see in a text, and names that look like others."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from seedbench.text import first_hidden, is_hidden, is_one_line, scripts, skeleton, visible

HIDDEN = {
    "escape": "\x1b",
    "bell": "\x07",
    "carriage return": "\r",
    "form feed": "\x0c",
    "next line": "\x85",
    "line separator": "\u2028",
    "reading backwards": "\u202e",
    "isolate": "\u2066",
    "zero width space": "\u200b",
    "joiner": "\u200d",
    "soft hyphen": "\u00ad",
    "byte-order mark": "\ufeff",
    "variation selector": "\ufe0f",
    "one of 240 more": "\U000e0101",
    "tag": "\U000e0041",
    "Hangul filler": "\u3164",
    "half-width filler": "\uffa0",
    "empty Braille pattern": "\u2800",
    "grapheme joiner": "\u034f",
    "Khmer vowel": "\u17b4",
    "no-break space": "\u00a0",
    "private": "\ue000",
    "half of a pair": "\ud800",
}


@pytest.mark.parametrize("character", HIDDEN.values(), ids=HIDDEN)
def test_hidden_characters_are_found_and_shown(character: str) -> None:
    text = f"one\ntwo {character}three"
    assert first_hidden(text) == (2, 5, f"U+{ord(character):04X}")
    assert visible(text) == f"one\ntwo {ascii(character)[1:-1]}three"
    assert first_hidden(visible(text)) is None


def test_what_people_write_stays() -> None:
    text = 'def f(x):\n\treturn "ß é 中文 한국어 العربية ✓ → … 😀 𝛼" # ±\n'
    assert first_hidden(text) is None and visible(text) == text


def test_what_unicode_ignores_is_hidden() -> None:
    """Every character that Unicode calls a format character or a control."""
    every = map(chr, range(0x110000))
    odd = [one for one in every if unicodedata.category(one) in ("Cf", "Cc") and not is_hidden(one)]
    assert odd == ["\t", "\n"]


def test_names_that_look_alike() -> None:
    assert skeleton("ASHA") == skeleton("\u0410\u0405\u041d\u0410") == skeleton("a-s h_a") == skeleton("Ａｓｈａ")
    assert skeleton("hyperband") == skeleton("Hурerbаnd") != skeleton("hyperband2")
    assert scripts("Hурerbаnd 2") == ["CYRILLIC", "LATIN"]
    assert scripts("Ünïted, 42") == ["LATIN"]


@pytest.mark.parametrize("character", [*HIDDEN.values(), "\n", "\t"])
def test_one_line(character: str) -> None:
    assert is_one_line("A name, of 2 words") and is_one_line("ß")
    assert not any(map(is_one_line, ["", " ", " a", "a ", f"a{character}b"]))


def test_what_is_seen_is_judged_in_one_place() -> None:
    """No other module asks Python what is printable, which calls zero widths so."""
    root = Path(__file__).parents[1]
    folders = ("seedbench", "leaderboard", "runners", "dataset_card")
    asking = [path for folder in folders for path in (root / folder).rglob("*.py") if "isprintable" in path.read_text()]
    assert asking == [root / "seedbench" / "text.py"]
