"""Which campaign the paused trials of a folder are of."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Literal

from runners.block import BlockRunner
from runners.live.trials import LiveTrialError
from seedbench.documents import Positive, Sha256, read_json, to_json
from seedbench.files import write_file


@dataclass(frozen=True)
class CampaignFile:
    """``campaign.json``: which campaign a folder's trials are of."""

    format: Literal[1] = field(default=1, kw_only=True)
    model: str
    task: str
    recipe: str
    recipe_fields: dict[str, bool | int | float | str | None]
    model_sha256: Sha256
    data_sha256: Sha256
    grid: tuple[Positive, Positive]
    seed: int


def open_folder(folder: Path, runner: BlockRunner, grid: tuple[int, int], seed: int | None) -> int:
    """Makes the folder of a campaign's trials, or sees that it is this campaign's; returns the campaign's seed.

    Raises:
        LiveTrialError: the trials in it are of another model, task, recipe, grid or seed.
    """
    path, spec = folder / "campaign.json", runner.spec
    here = CampaignFile(
        model=spec.model_name,
        task=spec.task,
        recipe=spec.recipe.name,
        recipe_fields=spec.recipe.fields(),
        model_sha256=runner.provenance["model_sha256"],
        data_sha256=runner.provenance["data_sha256"],
        grid=grid,
        seed=secrets.randbits(31) if seed is None else seed,
    )
    if path.exists():
        advice = f"not what a live campaign writes: remove {folder} and start again"
        there = read_json(path, CampaignFile, advice=advice, error=LiveTrialError)
        _check_same(folder, there, here if seed is not None else replace(here, seed=there.seed))
        return there.seed
    if folder.exists() and any(folder.iterdir()):
        raise LiveTrialError(f"{folder}: is not empty and holds no live campaign; give another --trials")
    write_file(path, to_json(here), parents=True)
    return here.seed


def _check_same(folder: Path, there: CampaignFile, here: CampaignFile) -> None:
    before, now = (
        {item.name: getattr(campaign, item.name) for item in fields(campaign)} | campaign.recipe_fields
        for campaign in (there, here)
    )
    del before["recipe_fields"], now["recipe_fields"]  # each is there under its own name
    for name, value in now.items():
        if before.get(name) != value:
            raise LiveTrialError(
                f"{folder}: holds the trials of another campaign: its {name} is {before.get(name)!r}, here it is "
                f"{value!r}; remove that folder, or give another --trials"
            )
