"""The trial set in Croissant (MLCommons, docs.mlcommons.org/croissant): its files, and what is in their rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlcroissant as mlc

from dataset_card.licences import LICENCES
from dataset_card.whose import on_hub
from seedbench.errors import TrialSetError
from seedbench.trialset import MANIFEST, Manifest
from seedbench.trialset.schema import CONFIGS, Column

_TYPES = {
    "bool": mlc.DataType.BOOL,
    "float16": mlc.DataType.FLOAT16,
    "float32": mlc.DataType.FLOAT32,
    "float64": mlc.DataType.FLOAT64,
    "int8": mlc.DataType.INT8,
    "int32": mlc.DataType.INT32,
    "int64": mlc.DataType.INT64,
    "string": mlc.DataType.TEXT,
}


def croissant(
    folder: Path,
    manifest: Manifest,
    *,
    description: str,
    citation: str,
    keywords: list[str],
    creator: str,
    licence: str | None,
    english: bool,
) -> str:
    """The Croissant file of a trial set, as JSON. Its files are those of the version's tag on the Hub; of a
    set without a name there, those beside it.

    Args:
        folder: of the trial set.
        manifest: its manifest.
        description: in a sentence.
        citation: BibTeX.
        keywords: the card's tags.
        creator: whose trial set it is.
        licence: a key of `LICENCES`; None: it is not known.
        english: whether that is known to be the language of the texts.

    Raises:
        TrialSetError: mlcroissant finds it invalid.
    """
    url = f"https://huggingface.co/datasets/{manifest.name}" if on_hub(manifest) else None
    files_at = f"{url}/resolve/v{manifest.version}/" if url else ""
    paths = [MANIFEST, *(path for path in manifest.files if path.endswith(".parquet"))]
    try:
        metadata = mlc.Metadata(
            name=manifest.name.replace("/", "_"),
            description=description,
            url=url,
            version=manifest.version,
            license=[LICENCES[licence].url] if licence else None,
            cite_as=citation,
            keywords=keywords,
            in_language=["en"] if english else None,
            creators=[mlc.Organization(name=creator, url=url)],
            distribution=[_file(folder, manifest, path, f"{files_at}{path}") for path in paths],
            record_sets=[
                _records(config, path, task if len(shards) == 1 else f"{task}-{number:05d}")
                for config in CONFIGS
                for task, shards in sorted(manifest.shards(config).items())
                for number, path in enumerate(shards)
            ],
        )
    except mlc.ValidationError as error:
        raise TrialSetError(
            f"{folder}: no valid Croissant file can be made of it: {' '.join(str(error).split())}"
        ) from None
    return json.dumps(metadata.to_json(), indent=2, ensure_ascii=False, sort_keys=False) + "\n"


def _file(folder: Path, manifest: Manifest, path: str, url: str) -> mlc.FileObject:
    return mlc.FileObject(
        id=path,
        name=path,
        content_url=url,
        content_size=f"{(folder / path).stat().st_size} B",
        encoding_formats=["application/json" if path == MANIFEST else "application/x-parquet"],
        sha256=manifest.sha256 if path == MANIFEST else manifest.files[path],
    )


def _records(config: str, path: str, split: str) -> mlc.RecordSet:
    """The rows of one file."""
    name = f"{config}/{split}"
    columns = CONFIGS[config].columns
    fields = [_field(column, name, path) for column in columns]
    names = ["trial_id"] if columns[0].name == "trial_id" else ["split", "example"]  # dev and test are numbered apart
    key = [f"{name}/{column}" for column in names]
    return mlc.RecordSet(id=name, name=name, description=f"One row is {CONFIGS[config].row}.", key=key, fields=fields)


def _field(column: Column, records: str, path: str) -> mlc.Field:
    depth = column.type.count("list<")
    leaf = column.type[5 * depth : len(column.type) - depth]
    array: dict[str, Any] = {"is_array": True, "array_shape": ",".join(["-1"] * depth)} if depth else {}
    return mlc.Field(
        id=f"{records}/{column.name}",
        name=f"{records}/{column.name}",
        description=f"{column.meaning} Unit: {column.unit}." if column.unit else column.meaning,
        data_types=[_TYPES[leaf]],
        source=mlc.Source(file_object=path, extract=mlc.Extract(column=column.name)),
        **array,
    )
