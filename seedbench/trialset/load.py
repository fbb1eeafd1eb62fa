"""A trial set from a folder, the Hub or the wheel."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from seedbench.errors import SelectionError, TrialSetError
from seedbench.memory import require_room
from seedbench.text import counted
from seedbench.trialset.arrays import load_tables
from seedbench.trialset.files import CARD, MANIFEST, read_manifest
from seedbench.trialset.hub import download, explain, require_client
from seedbench.trialset.identity import TrialsIdentity
from seedbench.trialset.resampled import ExamplesError
from seedbench.trialset.selection import Selection
from seedbench.trialset.table import TrialTable

if TYPE_CHECKING:
    import pandas as pd

BUNDLED = Path(__file__).parents[1] / "bundled"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True, eq=False, repr=False)
class TrialSet:
    """A trial set, loaded and checked; `print(trials)` has a line for each of its tables.

    Attributes:
        name: as its manifest says; never a path.
        version: semantic version of the data.
        sha256: of its manifest, and so of all its files.
        revision: the Hub commit it was fetched from; None for a folder.
        tables: ordered by model, task, recipe.
        examples_error: of each table, by name, how far its baseline depends on its examples; where it is known.
        undefined_share: of each table, by name, the share of checkpoints whose score is undefined, or of a prediction
            that is not finite, and counts as 0 or as wrong; where it is known.
    """

    name: str
    version: str
    sha256: str
    revision: str | None
    tables: tuple[TrialTable, ...]
    examples_error: dict[str, ExamplesError] = field(default_factory=dict)
    undefined_share: dict[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        trials = sum(table.num_trials for table in self.tables)
        tables = counted(len(self.tables), "table")
        models = ", ".join(sorted({table.model for table in self.tables}))
        return f"<TrialSet {self.name} {self.version}: {trials:,} trials of {models} in {tables}>"

    def __str__(self) -> str:
        return "\n".join([repr(self).strip("<>"), *(f"  {table}" for table in self.tables)])

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self).strip('<>'))}</p>{self.to_pandas().to_html(index=False, border=0)}"

    def to_pandas(self) -> pd.DataFrame:
        """A line for each table: what it is of, its sizes, and of its trials' best scores on the dev set the lowest,
        the mean and the highest, as measured."""
        import pandas as pd

        lines = []
        for table in self.tables:
            best = table.as_measured(table.score.max(axis=1))
            lines.append(
                {
                    "model": table.model,
                    "task": table.task,
                    "recipe": table.recipe,
                    "metric": table.metric,
                    "trials": table.num_trials,
                    "weight_init_seeds": table.grid[0],
                    "data_order_seeds": table.grid[1],
                    "checkpoints": table.num_checkpoints,
                    "diverged": int(table.diverged.sum()),
                    "test_scores": table.test_score is not None,
                    "lowest": float(best.min()),
                    "mean": float(best.mean()),
                    "highest": float(best.max()),
                }
            )
        return pd.DataFrame(lines)

    @property
    def identity(self) -> TrialsIdentity:
        """Which trial set it is, as every result names it."""
        return TrialsIdentity(self.name, self.version, self.sha256, self.revision)

    def select(
        self, models: str | Sequence[str] = (), tasks: str | Sequence[str] = (), recipes: str | Sequence[str] = ()
    ) -> TrialSet:
        """The same trial set with the tables of these models, tasks and recipes only; an empty sequence means all.

        A name alone means that one.

        Raises:
            SelectionError: a name that no table has, or names that no table has together.
        """
        selection = Selection(models=models, tasks=tasks, recipes=recipes)  # type: ignore[arg-type]
        return replace(self, tables=selection.of(self.name, self.tables))


def resolve_trials(selection: Selection) -> TrialSet:
    """The trial set of a selection, whole: loaded, unless it is loaded already.

    Raises:
        SelectionError: a revision of what is loaded already.
        TrialSetError: as `load_trials`.
    """
    trials, revision = selection.trials, selection.revision
    if not isinstance(trials, TrialSet):
        return load_trials(trials, revision=revision)
    if revision is not None:
        raise SelectionError(f"revision {revision!r} is of a Hub dataset; trial set {trials.name} is loaded already")
    return trials


def load_trials(
    source: str | os.PathLike[str] | None = None, *, revision: str | None = None, predictions: bool = False
) -> TrialSet:
    """Loads a trial set into arrays and checks it.

    Args:
        source: a folder, or the id of a Hub dataset repo (`owner/name`); None: the trial set bundled with seedbench.
        revision: a tag, branch or commit of the Hub repo.
        predictions: load them as well, where the trial set has any; scores are what replay needs.

    Returns:
        All tables of the trial set. `steps` and `logits` are not loaded.

    Raises:
        TrialSetError: it is not there, or is malformed in any way.
        SeedbenchError: this process may not take what reading takes, see `require_room`.
    """
    require_room()
    commit = None
    if source is None:
        folder = BUNDLED
    elif not isinstance(source, str | os.PathLike):
        raise TrialSetError(
            f"a trial set is a folder, a Hub id owner/name, or what load_trials returned; found {type(source).__name__}"
        )
    else:
        folder = Path(source)
        if not os.path.isdir(folder):  # a name that is too long, or a circle of links, is none
            if os.path.lexists(folder) or not _HUB_ID.fullmatch(str(source)):
                raise TrialSetError(
                    f"{source}: no such folder; give a folder with a {MANIFEST}, or a Hub id owner/name"
                )
            folder = _download(str(source), revision, predictions)
            commit = folder.name
    if revision is not None and commit is None:
        raise TrialSetError(f"revision {revision!r}: only a Hub repo has revisions, and this is a local folder")
    manifest = read_manifest(folder)
    return TrialSet(
        name=manifest.name,
        version=manifest.version,
        sha256=manifest.sha256,
        revision=commit,
        tables=load_tables(folder, manifest, predictions=predictions),
        examples_error=manifest.examples_error,
        undefined_share=manifest.undefined_share,
    )


def _download(repo: str, revision: str | None, predictions: bool) -> Path:
    require_client()
    configs = ["trials/*", "examples/*", *(["predictions/*"] if predictions else [])]
    try:
        return download(repo, revision, [MANIFEST, CARD, *configs])
    except Exception as error:  # whatever the Hub client, HTTP or the disk has to say; never with a traceback  # noqa: BLE001
        at = f" at revision {revision}" if revision else ""
        raise TrialSetError(
            f"{repo}: neither a folder here nor to be had from the Hub{at} ({explain(error)})"
        ) from None
