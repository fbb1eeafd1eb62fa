"""seedbench schema."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from seedbench.cli.app import app


class Kind(StrEnum):
    """What there is a schema of."""

    evaluation = "evaluation"
    advice = "advice"
    findings = "findings"
    comparison = "comparison"
    submission = "submission"
    manifest = "manifest"


KIND = Annotated[Kind, typer.Argument(metavar="KIND", help="Of what.")]


@app.command()
def schema(kind: KIND) -> None:
    """Print the JSON schema of a result, of an entry's submission.json, or of a trial set's manifest.json."""
    import json

    from seedbench import documents

    print(json.dumps(documents.schema(type_of(kind), open_ended=kind is Kind.manifest), indent=2))


def type_of(kind: Kind) -> type:
    """The type that a document of this kind is read into."""
    from seedbench.advice import Advice
    from seedbench.analyses import Findings
    from seedbench.comparison import Comparison
    from seedbench.evaluation import Evaluation
    from seedbench.submission import SubmissionFile
    from seedbench.trialset import ManifestFile

    return {
        Kind.evaluation: Evaluation,
        Kind.advice: Advice,
        Kind.findings: Findings,
        Kind.comparison: Comparison,
        Kind.submission: SubmissionFile,
        Kind.manifest: ManifestFile,
    }[kind]
