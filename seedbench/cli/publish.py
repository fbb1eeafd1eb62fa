"""seedbench publish."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from seedbench.cli.app import NAME, app
from seedbench.commands import INTERRUPTED, open_console, refuse


@app.command()
def publish(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a trial set, with its card.")],
    repo: Annotated[str, typer.Argument(metavar="REPO", help="Dataset repo on the Hugging Face Hub: owner/name.")],
    version: Annotated[str, typer.Option(metavar="X.Y.Z", help="Of the data, as the folder's manifest says.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    private: Annotated[bool, typer.Option("--private", help="Create the repo as a private one.")] = False,
    note: Annotated[list[str], typer.Option(metavar="TEXT", help="For the changelog; may be repeated.")] = [],  # noqa: B006
    parent: Annotated[
        str | None,
        typer.Option(metavar="COMMIT", help="Head of main that you have looked at, to publish on top of it."),
    ] = None,
) -> None:
    """Publish a version of a trial set on the Hugging Face Hub.

    The folder is checked and compared with the latest version there; its number must fit what changed: the next patch
    version where data were fixed, the next minor one where something was added, the next major one where the meaning
    changed. One commit, then the tag. A push that died on its way is taken up again by the same command.
    """

    from seedbench.trialset.publish import plan_push, problems, push, require_token

    console = open_console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"checking {folder}")
    lines = problems(folder, repo, version)
    for problem in lines:
        refuse(NAME, problem)
    if lines:
        raise typer.Exit(2)
    if not dry_run:
        require_token()
    plan = plan_push(folder, repo, version, private=private, parent=parent, notes=note, say=console.print)
    if dry_run:
        for path, size in plan.added.items():
            print(f"would push {path} ({size:,} bytes)")
        for path in plan.deleted:
            print(f"would delete {path}")
        print(f"would tag {plan.tag}; nothing was written")
        return
    try:
        commit = push(plan, say=console.print)
    except KeyboardInterrupt:
        print("seedbench: interrupted; there is no tag, and the same command takes it up again", file=sys.stderr)
        sys.exit(INTERRUPTED)
    print(f"published: {repo} {plan.tag}, commit {commit}")
