"""The schemas that `seedbench schema` prints: valid themselves, and what every result of their kind fits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import jsonschema
import pytest

from seedbench.advice import advise
from seedbench.analyses import findings
from seedbench.cli.schema import Kind, schema
from seedbench.comparison import compare
from seedbench.evaluation import evaluate
from seedbench.strategy import load_strategy
from seedbench.submission import ENTRY, Submission, contents
from seedbench.trialset import BUNDLED

OLD = {"protocol": "dodge2020", "recipes": "few64-all", "replicates": 4}  # its trials have no test scores


def submitted() -> str:
    """What `seedbench submit` writes of a strategy, whatever it claims."""
    loaded = load_strategy("asha")
    entry = Submission("a", "A", ("B",), None, "MIT", "strategy", loaded.source, evaluate(loaded, **OLD))
    return contents(entry)[ENTRY].decode()


WRITTEN: dict[Kind, Callable[[], str]] = {
    Kind.evaluation: lambda: evaluate("asha", against=["full_trials"], **OLD).to_json(),
    Kind.advice: lambda: advise(4, **OLD).to_json(),
    Kind.findings: lambda: findings(recipes="few64-all", permutations=9).to_json(),
    Kind.comparison: lambda: compare("asha", "full_trials", budgets=[4], **OLD).to_json(),
    Kind.submission: submitted,
    Kind.manifest: lambda: (BUNDLED / "manifest.json").read_text(encoding="utf-8"),
}
FORMATS = {Kind.submission: "schema", Kind.manifest: "schema_version"}


def descriptions(part: object) -> Iterator[str]:
    """All of a schema."""
    for name, below in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        if name == "description" and isinstance(below, str):
            yield below
        yield from descriptions(below)


def test_what_is_said_of_a_field_stands_at_the_field(capsys):
    schema(Kind.evaluation)
    parts = json.loads(capsys.readouterr().out)["$defs"]
    assert parts["Row"]["properties"]["gap_closed"]["description"].startswith("(score - floor) / (ceiling - floor)")
    assert parts["Evaluation"]["description"].endswith("Rows are ordered by model, task, recipe and budget.")
    assert "campaigns" not in parts["Evaluation"]["properties"]  # arrays, which are in no file


@pytest.mark.parametrize("kind", Kind)
def test_a_schema_is_valid_and_fits_what_is_written(kind, capsys):
    schema(kind)
    published = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(published)
    validator = jsonschema.Draft202012Validator(published)
    texts = list(descriptions(published))
    assert texts and not [text for text in texts if "Attributes:" in text or "None" in text or "  " in text]
    document = json.loads(WRITTEN[kind]())
    assert [error.message for error in validator.iter_errors(document)] == []
    number = {Kind.findings: 1, Kind.submission: 1, Kind.advice: 4}.get(kind, 2)
    assert document[name := FORMATS.get(kind, "format")] == number
    assert not validator.is_valid(document | {name: number + 1})
    assert not validator.is_valid(document | {"another": 1}) or kind is Kind.manifest
