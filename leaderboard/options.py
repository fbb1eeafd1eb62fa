"""Options that several commands share: ``track: Annotated[str, TRACK] = "cold"``."""

from __future__ import annotations

import typer

from seedbench.commands import count

ENTRIES = typer.Option(metavar="DIR", help="Folder of the entries.")
PUBLIC = typer.Option(metavar="DIR|HUB_ID", help="The board's trial set.")
REVISION = typer.Option(metavar="TAG", help="Of a trial set on the Hub.")
TRACK = typer.Option(metavar="NAME", help="cold or transfer.")
CAMPAIGNS = typer.Option(metavar="N", parser=count, help="Campaigns per table and budget.")
PROCESSES = typer.Option(metavar="N", parser=count, help="Without it, one per usable CPU.")
