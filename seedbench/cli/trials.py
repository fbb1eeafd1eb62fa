"""seedbench trials: what a trial set holds, and commands on trial sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from seedbench.cli.app import NAME, app
from seedbench.cli.options import REVISION, TRIALS
from seedbench.commands import open_console, refuse
from seedbench.errors import SeedbenchError
from seedbench.text import counted


class ShowByDefault(TyperGroup):
    """`seedbench trials DIR` is `seedbench trials show DIR`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = ["show", *args]
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The options of every command, which the list of commands leaves out."""
        for name in self.list_commands(ctx):
            command = self.commands[name]
            own = command.context_class(command, info_name=name, parent=ctx)
            records = [found for one in command.get_params(own) if (found := one.get_help_record(own)) is not None]
            with formatter.section(f"{NAME} trials {name}"):
                formatter.write_dl([record for record in records if record[0] != "--help"])


group = typer.Typer(cls=ShowByDefault, rich_markup_mode=None, help="Show, check, import and merge trial sets.")
app.add_typer(group, name="trials")


@group.command()
def show(
    source: Annotated[str | None, typer.Argument(metavar="DIR|HUB_ID", help="Without it, the bundled one.")] = None,
    trials: TRIALS = None,
    revision: REVISION = None,
    validate: Annotated[
        bool, typer.Option("--validate", help="Check everything in a folder, and list every problem.")
    ] = False,
) -> None:
    """Show what a trial set holds."""

    from seedbench.cli.listing import trials_table
    from seedbench.trialset import BUNDLED, load_trials

    if source is not None and trials is not None:
        raise SeedbenchError(f"a trial set is given twice, as {source} and by --trials; leave one of them out")
    source = source or trials
    if validate:
        from seedbench.trialset import validate_folder

        folder = Path(source) if source else BUNDLED
        if not folder.is_dir():
            raise SeedbenchError(f"{folder}: no such folder; --validate checks a folder")
        installed = folder == BUNDLED and not (folder / "predictions").exists()
        problems = validate_folder(folder, without_predictions=installed)
        for problem in problems:
            refuse(NAME, problem)
        if problems:
            raise typer.Exit(2)
    console = open_console()
    console.print(trials_table(load_trials(source, revision=revision), console.width))
    if validate:
        unseen = "; predictions are in the dataset on the Hub, so no score was compared with them" if installed else ""
        print(f"valid: every file, column and score checked{unseen}")


@group.command()
def add(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The trial set that is to hold them.")],
    sources: Annotated[list[Path], typer.Argument(metavar="NEW_DIR...", help="Trial sets of newly run trials.")],
    version: Annotated[
        str | None, typer.Option(metavar="X.Y.Z", help="Of the data from now on; without it, the next minor one.")
    ] = None,
) -> None:
    """Add newly run trials to a trial set, all of them or none.

    A trial that is there already, the same in every column, is skipped; anything that collides is refused.
    """
    from seedbench.trialset import add_trials

    added = add_trials(folder, sources, version=version)
    for table, number in added.trials.items():
        print(f"{table}: {counted(number, 'new trial')}")
    if added.trials:
        print(
            f"{folder}: version {added.version}; its card is to be built again: python -m dataset_card.build {folder}"
        )
    else:
        print(f"{folder}: holds all of these trials already; nothing was written")
