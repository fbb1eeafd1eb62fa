"""Documents as JSON text, and the JSON schemas of their types."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import msgspec

from seedbench.docstrings import split
from seedbench.documents.rules import OMIT_EMPTY


def to_json(value: object, *, ensure_ascii: bool = True) -> str:
    """A document as JSON text, undefined as null; the same bytes for the same document.

    Args:
        value: of dataclasses, dictionaries, lists, paths and what JSON has.
        ensure_ascii: whether other characters are escaped, for a standard output that may not know them.

    Raises:
        ValueError: a number is not finite.
    """
    return json.dumps(plain(value), indent=2, allow_nan=False, ensure_ascii=ensure_ascii) + "\n"


def plain(value: object) -> Any:
    """The same in dictionaries and lists."""
    if is_dataclass(value) and not isinstance(value, type):
        parts = {item: getattr(value, item.name) for item in fields(value) if item.compare}
        return {item.name: plain(part) for item, part in parts.items() if part or not item.metadata.get(OMIT_EMPTY)}
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value


def schema(kind: Any, *, open_ended: bool = False) -> dict[str, Any]:
    """The JSON schema of a document: what `from_json` checks, but for what a type's own code does."""
    (top,), parts = msgspec.json.schema_components([kind], schema_hook=_no_schema)
    for part in parts.values():
        properties = part.get("properties", {})
        for name in [name for name, rule in properties.items() if _NOT_IN_A_DOCUMENT in json.dumps(rule)]:
            del properties[name]
        if "description" in part:  # the docstring, which speaks Python
            part["description"], attributes = split(part["description"].replace("None", "null"))
            for name in properties.keys() & attributes.keys():
                properties[name].setdefault("description", attributes[name])
        if properties and not open_ended:
            part["additionalProperties"] = False
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **top, "$defs": parts}


_NOT_IN_A_DOCUMENT = "not in a document"


def _no_schema(kind: type) -> dict[str, Any]:
    """For msgspec, of a type that it does not know: a path is text, others are of fields that are not compared."""
    return {"type": "string"} if kind is Path else {"$comment": _NOT_IN_A_DOCUMENT}
