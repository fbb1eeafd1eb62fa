"""seedbench submit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seedbench.cli.app import app
from seedbench.cli.common import progress
from seedbench.cli.options import SET, STRATEGY, with_options
from seedbench.commands import open_console
from seedbench.errors import CannotSeal, SeedbenchError

if TYPE_CHECKING:
    from seedbench.evaluation import Evaluation
    from seedbench.replay import ReplayOptions
    from seedbench.strategy import Strategy
    from seedbench.submission import Submission
    from seedbench.trialset import Selection, TrialSet

LEADERBOARD = "seedbench/leaderboard"  # a dataset repo on the Hub
CLAIMED_SEED = 0  # the board draws its own, when its entries are closed


@app.command()
@with_options(selection="trials revision", options="track processes replicates")
def submit(
    strategy: STRATEGY,
    *,
    name: Annotated[str, typer.Option(metavar="NAME", help="As the leaderboard shall show it.")],
    authors: Annotated[list[str], typer.Option(metavar="AUTHOR", help="May be repeated.")],
    url: Annotated[str | None, typer.Option(metavar="URL", help="Of a paper or a repository.")] = None,
    license: Annotated[str, typer.Option(metavar="SPDX", help="Of the strategy's source.")] = "Apache-2.0",
    selection: Selection,
    options: ReplayOptions,
    set_: SET = [],  # noqa: B006
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write the folder, open no pull request.")] = False,
    repo: Annotated[str, typer.Option(metavar="HUB_ID", help="The leaderboard's dataset repo.")] = LEADERBOARD,
) -> None:
    """Submit a strategy to the leaderboard.

    Checks the file, evaluates it (in sealed processes, as the leaderboard will, where this machine has them), writes a
    folder with both and opens a pull request with it on the Hub.
    """
    from seedbench.sandbox.submittable import check_source
    from seedbench.strategy import load_strategy, parse_settings
    from seedbench.submission import check_own_name, contents, slug_of, write_submission
    from seedbench.trialset import resolve_trials

    if not dry_run:
        _require_token()
    sealed = _can_seal()
    loaded = load_strategy(strategy, parameters=parse_settings(set_), sealed=sealed)
    check_source(loaded.source.encode(), loaded.filename)
    check_own_name(name)
    folder = Path(slug_of(name))
    if not os.access(folder.parent, os.W_OK):
        raise SeedbenchError(
            f"{folder}: cannot be written in {Path.cwd()}: permission denied; call it from another folder"
        )
    trials, options = resolve_trials(selection), replace(options, seed=CLAIMED_SEED)
    draft = {"slug": folder.name, "name": name, "authors": tuple(authors), "url": url, "license": license}
    if folder.exists():
        entry = _again(folder, draft, loaded, trials, options)
        print(f"{folder}/ holds this strategy's result already, which is used; delete the folder to evaluate again.")
    else:
        entry = _evaluated(draft, loaded, trials, options)
        write_submission(Path(), entry)
        print(f"{folder}/ written: strategy.py, submission.json.")
    _show(entry.claimed)
    if dry_run:
        print("No pull request was opened. Submit it: the same command without --dry-run.")
        return
    print(f"Pull request: {_open_pull_request(repo, entry.slug, entry.name, contents(entry))}")


def _can_seal() -> bool:
    from seedbench.sandbox import open_sandbox

    try:
        open_sandbox().close()
    except CannotSeal as reason:
        print(f"Not sealed here ({reason}); the leaderboard evaluates it in a sealed process.")
        return False
    return True


def _evaluated(draft: Mapping[str, object], strategy: Strategy, trials: TrialSet, options: ReplayOptions) -> Submission:
    from seedbench.checks import check_strategy
    from seedbench.evaluation import evaluate_selected
    from seedbench.submission import check
    from seedbench.trialset import Selection

    # Whatever is wrong with it is said before the long part.
    selection, quick = Selection(trials=trials), replace(options, replicates=3, processes=1)
    check(_entry(draft, strategy, evaluate_selected(strategy, selection, quick)))
    for finding in check_strategy(replace(strategy, sealed=False), trials, options):
        if finding.passed is False:
            raise SeedbenchError(f"{strategy.name}: {finding.text}; mend that before it is submitted")
    with progress(strategy.name) as advance:
        claimed = evaluate_selected(strategy, selection, options, progress=advance)
    return _entry(draft, strategy, claimed)


def _entry(draft: Mapping[str, object], strategy: Strategy, claimed: Evaluation) -> Submission:
    from seedbench.submission import Submission

    return Submission(
        **draft,  # type: ignore[arg-type]
        attribute=strategy.attribute,
        source=strategy.source,
        claimed=claimed,
        parameters=dict(strategy.parameters),
    )


def _again(
    folder: Path, draft: Mapping[str, object], strategy: Strategy, trials: TrialSet, options: ReplayOptions
) -> Submission:
    """The submission in a folder, if it is what would be written there."""
    from seedbench.submission import read_submission

    submission = read_submission(folder)
    claimed = submission.claimed
    there = claimed.trials.sha256, claimed.track, claimed.replicates
    if submission != _entry(draft, strategy, claimed) or there != (trials.sha256, options.track, options.replicates):
        raise SeedbenchError(f"{folder}: exists already, with something else in it; delete it, or give another --name")
    return submission


def _show(claimed: Evaluation) -> None:

    from seedbench.evaluation.report import print_report

    print_report(claimed, open_console())


def _require_token() -> None:
    from seedbench.trialset.hub import require_client

    require_client()
    from huggingface_hub import get_token

    if get_token() is None:
        raise SeedbenchError("no Hugging Face token to submit with: run `hf auth login`, or try --dry-run first")


def _open_pull_request(repo: str, slug: str, name: str, files: dict[str, bytes]) -> str:
    """Opens it, and returns its address."""
    from huggingface_hub import CommitOperationAdd, HfApi

    from seedbench.trialset.hub import explain

    api, folder = HfApi(), f"submissions/{slug}"
    additions = [CommitOperationAdd(f"{folder}/{file}", content) for file, content in files.items()]
    try:
        if api.file_exists(repo, f"{folder}/submission.json", repo_type="dataset"):
            raise SeedbenchError(f"{repo}: has an entry {slug} already; submit under another --name")
        opened = api.create_commit(
            repo, additions, commit_message=f"Submission: {name}", repo_type="dataset", create_pr=True
        )
    except SeedbenchError:
        raise
    except Exception as error:  # of the Hub's client, HTTP or the disk  # noqa: BLE001
        raise SeedbenchError(f"{repo}: no pull request was opened: {explain(error)}; {slug}/ is kept") from None
    return str(opened.pr_url)
