"""Documents: JSON and TOML read into types, and types written as JSON text. Nothing else here parses either.

A document's type is a frozen dataclass; its rules stand in its annotations, as `Annotated[int, msgspec.Meta(ge=1)]`.
A field that is not compared (`compare=False`) is no part of the document. Its format number is its first field,
named as one of `refusals.FORMATS`: where it is another one, that is what is said.

reading     JSON and TOML into types
refusals    what is said of a document that is none
rules       rules that fields of many documents have
writing     as JSON text; the JSON schema of a type
"""

from seedbench.documents.reading import (
    LARGEST,
    foreign_json,
    from_json,
    from_toml,
    json_lines,
    read_json,
    read_regular,
    read_toml,
)
from seedbench.documents.rules import OMIT_EMPTY, Count, Positive, Sha256, Share, whole
from seedbench.documents.writing import plain, schema, to_json

__all__ = [
    "Count",
    "LARGEST",
    "OMIT_EMPTY",
    "Positive",
    "Sha256",
    "Share",
    "foreign_json",
    "from_json",
    "from_toml",
    "json_lines",
    "plain",
    "read_json",
    "read_regular",
    "read_toml",
    "schema",
    "to_json",
    "whole",
]
