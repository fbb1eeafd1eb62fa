"""The card's front matter, by which the Hub and ``datasets`` know configs, splits and features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
from huggingface_hub import DatasetCardData

from dataset_card.tasks import TASKS
from dataset_card.whose import our_runs
from seedbench.trialset import Manifest, TrialSet, read_split
from seedbench.trialset.schema import CONFIGS, Config

#: Where `datasets` calls a type otherwise than Arrow.
_DTYPES = {
    "halffloat": "float16",
    "float": "float32",
    "double": "float64",
    "date32[day]": "date32",
    "date64[ms]": "date64",
}

#: The Hub's size categories: below which number of rows, and its name.
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def metadata(folder: Path, manifest: Manifest, trials: TrialSet, licence: str | None) -> DatasetCardData:
    """Front matter of a trial set's card; what is not known of curves from elsewhere is left out.

    Every config's description carries the manifest's SHA-256: ``datasets`` caches a local folder by its name and card,
    and not by its content.
    """
    configs, infos = [], []
    for config in CONFIGS.values():
        shards = manifest.shards(config.name)
        if not shards:
            continue
        entry: dict[str, Any] = {"config_name": config.name}
        if config.name == "trials":
            entry["default"] = True
        entry["description"] = f"One row is {config.row}. Manifest sha256 {trials.sha256}."
        entry["data_files"] = [{"split": task, "path": paths} for task, paths in sorted(shards.items())]
        configs.append(entry)
        infos.append(_info(folder, manifest, config))
    ours, known = our_runs(folder, manifest), TASKS.keys() & {table.task for table in trials.tables}
    number = sum(table.num_trials for table in trials.tables)
    return DatasetCardData(
        pretty_name="seedbench fine-tuning trials",
        license=licence or "unknown",
        language="en" if known else None,
        tags=["tabular", "fine-tuning", "random-seeds", "early-stopping", "hyperparameter-optimization"],
        task_categories=["text-classification"] if known or ours else None,
        task_ids=sorted({TASKS[task].kind for task in known}) or None,
        size_categories=[next((name for limit, name in SIZES if number < limit), "1M<n<10M")],
        source_datasets=["nyu-mll/glue"] if known else None,
        configs=configs,
        dataset_info=infos,
    )


def _info(folder: Path, manifest: Manifest, config: Config) -> dict[str, Any]:
    """Features, splits and sizes of a config, as ``datasets`` writes them: it refuses a column that is no feature, so
    those that the schema does not know are features, too."""
    splits, download = [], 0
    columns: dict[str, pa.DataType] = {}
    for task, paths in sorted(manifest.shards(config.name).items()):
        split = read_split(folder, manifest, config.name, paths)
        for field in split.schema:  # a column that is empty in one task may have a type in another
            if columns.get(field.name, pa.null()) == pa.null():
                columns[field.name] = field.type
        splits.append({"name": task, "num_bytes": split.nbytes, "num_examples": split.num_rows})
        download += sum((folder / path).stat().st_size for path in paths)
    return {
        "config_name": config.name,
        "features": [{"name": name, **feature(kind)} for name, kind in columns.items()],
        "splits": splits,
        "download_size": download,
        "dataset_size": sum(split["num_bytes"] for split in splits),
    }


def feature(kind: pa.DataType) -> dict[str, Any]:
    """A column's type -> the feature in the Hub's YAML: ``dtype``, or ``list`` or ``struct`` of what is in it."""
    if pa.types.is_list(kind):
        inner = feature(kind.value_type)
        return {"list": inner.get("dtype") or inner.get("struct") or inner}
    if pa.types.is_struct(kind):
        return {"struct": [{"name": field.name, **feature(field.type)} for field in kind]}
    return {"dtype": _DTYPES.get(str(kind), str(kind))}
