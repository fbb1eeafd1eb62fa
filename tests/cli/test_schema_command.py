"""The schemas that `seedbench schema` prints: valid themselves, and what every result of their kind fits."""

from __future__ import annotations

import json
from collections.abc import Callable

import jsonschema
import pytest

from seedbench.advice import advise
from seedbench.analyses import findings
from seedbench.cli.schema import Kind, schema
from seedbench.comparison import compare
from seedbench.evaluation import evaluate
from seedbench.trialset import BUNDLED
from tests.test_imports import ROOT

WRITTEN: dict[Kind, Callable[[], str]] = {
    Kind.evaluation: lambda: evaluate("asha", against=["full_trials"], recipes="few64", replicates=4).to_json(),
    Kind.advice: lambda: advise(4, recipes="few64", replicates=4).to_json(),
    Kind.findings: lambda: findings(recipes="few64", permutations=9).to_json(),
    Kind.comparison: lambda: compare("asha", "full_trials", recipes="few64", budgets=[4], replicates=4).to_json(),
    Kind.submission: lambda: (ROOT / "leaderboard/submissions/asha/submission.json").read_text(encoding="utf-8"),
    Kind.manifest: lambda: (BUNDLED / "manifest.json").read_text(encoding="utf-8"),
}
FORMATS = {Kind.submission: "schema", Kind.manifest: "schema_version"}


@pytest.mark.parametrize("kind", Kind)
def test_a_schema_is_valid_and_fits_what_is_written(kind, capsys):
    schema(kind)
    published = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(published)
    validator = jsonschema.Draft202012Validator(published)
    document = json.loads(WRITTEN[kind]())
    assert [error.message for error in validator.iter_errors(document)] == []
    assert document[name := FORMATS.get(kind, "format")] == (2 if kind is Kind.manifest else 1)
    assert not validator.is_valid(document | {name: 3})
    assert not validator.is_valid(document | {"another": 1}) or kind is Kind.manifest
