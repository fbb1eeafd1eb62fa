"""Writes the documents of a trial set: ``python -m dataset_card.build FOLDER``.

The dataset card (README.md), a Croissant file, a citation and a picture for every task. Facts come from the trial set
and from its schema, sentences from ``template.md``. They carry the manifest's SHA-256: build them again when the data
have changed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from huggingface_hub import DatasetCard
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dataset_card import facts
from dataset_card.licences import LICENCES
from dataset_card.metadata import metadata
from dataset_card.whose import OURS, owner
from seedbench.commands import open_console, run
from seedbench.errors import SeedbenchError
from seedbench.files import changing, work_folder, write_file
from seedbench.trialset import Manifest, TrialSet, load_trials, read_manifest
from seedbench.trialset.files import CARD, CITATION, CROISSANT, picture_of

# The Hub's own `DatasetCard.from_template` leaves out a name without a value and says nothing; here it is an error.
TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    undefined=StrictUndefined,
    autoescape=False,  # Markdown, not HTML
    trim_blocks=True,
    keep_trailing_newline=True,
)


def build_card(folder: Path, licence: str | None = None) -> str:
    """The card of the trial set in ``folder``, as Markdown with YAML front matter; arguments as of `build`.

    Raises:
        TrialSetError: the folder is no valid trial set.
    """
    manifest, trials = read_manifest(folder), load_trials(folder, predictions=True)
    licence = _licence(manifest, licence)
    return str(_card(folder, manifest, trials, _values(folder, manifest, trials, licence), licence).content)


def build(folder: Path, licence: str | None = None) -> dict[str, bytes]:
    """Every document of the trial set in ``folder``: file name -> content.

    Args:
        folder: of the trial set.
        licence: of its data, a key of `LICENCES`; None: that of seedbench's own trials, of any others it is not known.

    Raises:
        SeedbenchError: the folder is no valid trial set, or a package that draws pictures is missing.
    """
    from dataset_card.croissant import croissant
    from dataset_card.picture import draw

    manifest, trials = read_manifest(folder), load_trials(folder, predictions=True)
    licence = _licence(manifest, licence)
    values = _values(folder, manifest, trials, licence)
    card = _card(folder, manifest, trials, values, licence)
    described = croissant(
        folder,
        manifest,
        description=values["summary"],
        citation=values["bibtex"],
        keywords=card.data.get("tags"),
        creator=values["owner"],
        licence=licence,
        english=card.data.get("language") is not None,
    )
    documents = {CARD: card.content, CITATION: _filled("citation.cff", values), CROISSANT: described}
    pictures = {}
    with work_folder() as drawn:
        for task in sorted({table.task for table in trials.tables}):
            path = drawn / picture_of(task)
            draw(trials, task, path)
            pictures[path.name] = path.read_bytes()
    return {name: text.encode() for name, text in documents.items()} | pictures


def _licence(manifest: Manifest, given: str | None) -> str | None:
    return given or ("cc-by-4.0" if owner(manifest) == OURS else None)


def _values(folder: Path, manifest: Manifest, trials: TrialSet, licence: str | None) -> dict[str, str]:
    values = facts.values(folder, manifest, trials, licence)
    return values | {"bibtex": _filled("citation.bib", values).strip()}


def _card(
    folder: Path, manifest: Manifest, trials: TrialSet, values: dict[str, str], licence: str | None
) -> DatasetCard:
    """The card as the Hub reads it: refuses front matter that is not a card's."""
    card_data = metadata(folder, manifest, trials, licence).to_yaml()
    return DatasetCard(_filled("template.md", values | {"card_data": card_data}))


def _filled(template: str, values: dict[str, str]) -> str:
    """A template of this folder with its values; a name without a value is an error."""
    return TEMPLATES.get_template(template).render(values)


def main(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of a trial set; the documents are written there.")
    ],
    licence: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"Of the data: {', '.join(LICENCES)}; without it, it is said to be unknown."),
    ] = None,
) -> None:
    """Write the dataset card of a trial set, and what belongs to it."""
    read_manifest(folder)
    if licence is not None and licence not in LICENCES:
        raise SeedbenchError(f"--licence: must be one of {', '.join(LICENCES)}, found {licence!r}")
    try:
        with changing(folder) as change:  # from reading on: the documents are those of the data that are there
            documents = build(folder, licence)
            for name, content in documents.items():
                write_file(change.new / name, content)
            change.commit(documents.keys())
    except (OSError, ValueError) as error:
        raise SeedbenchError(f"{folder}: {' '.join(str(error).split())}") from None
    open_console(stderr=True).print(f"wrote {', '.join(documents)} in {folder}", soft_wrap=True)


if __name__ == "__main__":
    run(main, "python -m dataset_card.build")
