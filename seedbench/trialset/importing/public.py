"""Sets of curves that others published and that are worth having. The data stay with whoever fetches them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from seedbench.errors import TrialSetError
from seedbench.trialset.importing.options import ImportOptions
from seedbench.trialset.importing.reading import CurveFile, read_table

Part = tuple[CurveFile, ImportOptions]


@dataclass(frozen=True)
class PublicSet:
    """A set of curves that somebody published.

    Attributes:
        what: it is, in a few words.
        citation: of its authors.
        where: to get it.
        licence: of the data.
        read: the folder, and options that are not about the layout -> the rows of each task, and how to read them.
    """

    what: str
    citation: str
    where: str
    licence: str
    read: Callable[[Path, ImportOptions], Iterator[Part]]


def read_public(name: str, folder: Path, options: ImportOptions) -> list[Part]:
    """Reads one of `PUBLIC_SETS`.

    Raises:
        TrialSetError: there is none of that name, or the folder does not hold it.
    """
    if name not in PUBLIC_SETS:
        raise TrialSetError(f"--from: there are {', '.join(PUBLIC_SETS)}; found {name!r}")
    parts = list(PUBLIC_SETS[name].read(folder, options))
    if not parts:
        raise TrialSetError(f"{folder}: does not hold {name}; get it from {PUBLIC_SETS[name].where}")
    return parts


_RUN = re.compile(r"(?P<recipe>[\w.+=-]+)/(?P<task>[\w-]+)/SEED(?P<seed>\d+)/raw_log\.txt", re.ASCII)


def _revisit(folder: Path, options: ImportOptions) -> Iterator[Part]:
    """bert_output/<recipe>/<task>/SEED<seed>/raw_log.txt: CSV with a comma at the end of each line. The score is what
    the authors chose checkpoints by: `best_val_acc` says that it is `val_acc`. One seed sets everything; scores are of
    one half of the dev set. Test scores are of the best and the last checkpoint only, and so have no place here."""
    by_task: dict[str, list[tuple[CurveFile, str, str]]] = {}
    named: dict[str, str] = {}
    logs_of: dict[tuple[str, str, int], Path] = {}
    for path in sorted(folder.rglob("raw_log.txt")):
        match = _RUN.fullmatch("/".join(path.parts[-4:]))
        if match is None:
            raise TrialSetError(f"{path}: must be called <recipe>/<task>/SEED<seed>/raw_log.txt")
        task = re.sub(r"[^a-z0-9]", "", match["task"].lower())
        if (other := named.setdefault(task, match["task"])) != match["task"]:
            raise TrialSetError(
                f"{path}: tasks {other!r} and {match['task']!r} are both {task!r} in a trial set, where a task's name "
                "is small letters and digits; rename one of the folders, or leave it out"
            )
        trial = match["recipe"], task, int(match["seed"])
        if (other_log := logs_of.setdefault(trial, path)) != path:
            raise TrialSetError(f"{path}: a second log of the trial of {other_log}; leave one of the two out")
        by_task.setdefault(task, []).append((read_table(path), match["recipe"], match["seed"]))
    for task, logs in by_task.items():
        names = {name for file, _, _ in logs for name in file.columns}
        chosen_by = {name.removeprefix("best_") for name in names if name.startswith("best_")}
        if len(chosen_by) != 1:
            found = ", ".join(sorted(chosen_by)) or "none"
            raise TrialSetError(f"{folder}: the logs of {task} must have one column best_val_<metric>, found {found}")
        metric = chosen_by.pop()
        columns = (metric, "val_loss", "loss", "step")
        joined: dict[str, list[object]] = {name: [] for name in (*columns, "recipe", "seed")}
        place = []
        for file, recipe, seed in logs:
            for name in columns:
                if name not in file.columns:
                    raise file.absent(name, "a log that is whole")
                joined[name] += file.columns[name]
            joined["recipe"] += [recipe] * len(file.place)
            joined["seed"] += [seed] * len(file.place)
            place += [f"{file.path.relative_to(folder)} {where}" for where in file.place]
        read = replace(logs[0][0], path=folder, columns=joined, place=place, notes=())
        yield (
            read,
            replace(
                options,
                model="bert-large-uncased",
                task=task,
                step="step",
                score=metric,
                validation_loss="val_loss",
                train_loss="loss",
            ),
        )


PUBLIC_SETS = {
    "revisit-bert-finetuning": PublicSet(
        what="some 600 runs of BERT-large on CoLA, MRPC, RTE and STS-B, with and without bias correction and other "
        "remedies, one seed a run, ten or more validation points each",
        citation="Zhang, Wu, Katiyar, Weinberger, Artzi 2021: Revisiting Few-sample BERT Fine-tuning, arXiv 2006.05987",
        where="https://github.com/asappresearch/revisit-bert-finetuning (folder bert_output)",
        licence="MIT",
        read=_revisit,
    ),
}
