"""Documents: what is refused and how it is said, one way through, and schemas that fit what is written."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
import pytest

from seedbench.documents import Count, Sha256, from_json, from_toml, read_json, read_toml, schema, to_json
from seedbench.errors import SeedbenchError
from tests.test_imports import ROOT, imported


@dataclass(frozen=True)
class Part:
    digest: Sha256
    number: Count = 0


@dataclass(frozen=True)
class Whole:
    format: Literal[1]
    parts: dict[str, Part]
    listed: tuple[Part, ...] = ()
    maybe: Part | None = None
    share: Annotated[float, msgspec.Meta(gt=0)] | None = None
    folder: Path | None = None
    kept: np.ndarray | None = field(default=None, compare=False)


GOOD = {"format": 1, "parts": {"a": {"digest": "0" * 64}, "b": {"digest": "1" * 64, "number": 2}}}


def refusal(text: str, read=from_json) -> str:
    with pytest.raises(SeedbenchError) as refused:
        read(text, Whole, "some.json", error=SeedbenchError, advice="write it anew")
    said = str(refused.value)
    assert said.startswith("some.json: ") and said.endswith("; write it anew") and said.isprintable()
    return said.removeprefix("some.json: ").removesuffix("; write it anew")


def test_there_and_back():
    whole = Whole(1, {"a": Part("0" * 64)}, (Part("1" * 64, 3),), share=0.5, folder=Path("x/y"), kept=np.zeros(1))
    text = to_json(whole)
    assert list(json.loads(text)) == ["format", "parts", "listed", "maybe", "share", "folder"]
    assert from_json(text, Whole, "here", error=SeedbenchError) == whole
    assert text.endswith("\n}\n") and to_json(whole) == text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "format is 2, which seedbench 0.2.0 does not read; install the seedbench that fits"),
        ({"parts": []}, "Expected `object`, got `array` - at `$.parts`"),
        ({"parts": {"a": {}}}, "Object missing required field `digest` - at `$.parts['a']`"),
        (
            {"parts": GOOD["parts"] | {"odd-\n": {"digest": "x"}}},
            "Expected `str` of 64 hexadecimal digits - at `$.parts['odd-\\n'].digest`, found 'x'",
        ),
        ({"parts": {"a": {"digest": "0" * 64 + "\n"}}}, "Expected `str` of 64 hexadecimal digits"),
        ({"listed": [{"digest": "0" * 64, "number": -1}]}, "Expected `int` >= 0 - at `$.listed[0].number`, found -1"),
        ({"share": 0}, "Expected `float` > 0.0 - at `$.share`, found 0"),
        ({"share": "x" * 999}, "found '" + "x" * 79),
        ({"wow": 1}, "Object contains unknown field `wow` - at `$`"),
        ({"kept": None}, "Object contains unknown field `kept` - at `$`"),
        ({"maybe": {"digest": "0" * 64, "w\x1b": 1}}, "Object contains unknown field `w\\x1b` - at `$.maybe`"),
        ({"listed": [{"digest": "0" * 64, "w": 1}]}, "Object contains unknown field `w` - at `$.listed[0]`"),
        ({"parts": {"a": {"digest": "0" * 64, "w": 1}}}, "Object contains unknown field `w` - at `$.parts['a']`"),
        ({"folder": 3}, "Expected `Path`, got `int` - at `$.folder`, found 3"),
    ],
)
def test_what_breaks_a_rule_is_said_in_one_line(change, said):
    assert said in refusal(json.dumps(GOOD | change))


def test_what_is_no_json_or_toml_is_said():
    for text in ("", "{", "NaN", "\ud800", "[" * 100_000):
        assert refusal(text).startswith("not JSON (")
    assert refusal("x = ", from_toml).startswith("not TOML (")
    assert "a number must be finite, found -inf" in refusal("share = -inf", from_toml)


def test_names_that_are_no_fields_may_be_left_alone():
    text = json.dumps(GOOD | {"wow": 1})
    assert from_json(text, Whole, "here", error=SeedbenchError, open_ended=True).format == 1


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    for read in (read_json, read_toml):
        with pytest.raises(SeedbenchError, match="nowhere: cannot be read: No such file"):
            read(tmp_path / "nowhere", Whole, error=SeedbenchError)
    (tmp_path / "odd").write_bytes(b"\xff")
    with pytest.raises(SeedbenchError, match="odd: not TOML"):
        read_toml(tmp_path / "odd", Whole, error=SeedbenchError)


def test_a_number_that_is_not_finite_is_not_written():
    with pytest.raises(ValueError, match="Out of range float"):
        to_json({"score": float("nan")})


def test_the_schema_knows_the_rules_and_leaves_out_what_is_not_written():
    found = schema(Whole)["$defs"]
    assert found["Whole"]["required"] == ["format", "parts"] and "kept" not in found["Whole"]["properties"]
    assert found["Whole"]["additionalProperties"] is False
    assert found["Part"]["properties"]["number"] == {"type": "integer", "minimum": 0, "default": 0}


# --- one way through --------------------------------------------------------------------------------------------------

PARSERS = {"json.load", "json.loads", "tomllib.load", "tomllib.loads", "msgspec.json.decode", "msgspec.toml.decode"}
PARSERS |= {"json.JSONDecoder", "msgspec.json.Decoder", "pandas.read_json", "pd.read_json"}


def parsers(tree: ast.AST) -> list[str]:
    """What a source calls, or imports, to parse JSON or TOML."""
    called = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return sorted(PARSERS & (called | {name for _, name in imported(tree)}))


def test_json_and_toml_are_parsed_in_one_file_only():
    folders = ("seedbench", "runners", "leaderboard", "dataset_card")
    sources = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert len(sources) > 150
    found = {
        path.relative_to(ROOT).as_posix(): calls
        for path in sources
        if path.relative_to(ROOT).parts[:2] != ("leaderboard", "submissions")
        and (calls := parsers(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert found == {"seedbench/documents/reading.py": ["json.loads", "msgspec.json.decode", "tomllib.loads"]}


def test_a_planted_parser_is_found():
    assert parsers(ast.parse("import json\ndef f():\n    return json.loads('1')")) == ["json.loads"]
    assert parsers(ast.parse("from json import load as x")) == ["json.load"]
