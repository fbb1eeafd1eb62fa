"""Verifies the open pull requests of the leaderboard's repo on the Hub, and says in a comment what was found.

A pull request is data: two files are fetched, after a look at where they are and how large, into a folder of a name
that was checked; they are read, and run, as every entry is. Merging is left to a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from leaderboard.results import NOT_MEASURED, Result, comparable_claim, gap_closed, taken_over_words
from leaderboard.runs import WORK, verify
from leaderboard.verification import Verification
from seedbench.errors import SeedbenchError
from seedbench.files import remove_folder, write_file
from seedbench.sandbox.submittable import SOURCE_BYTES
from seedbench.submission import ENTRY, ENTRY_BYTES, SOURCE, is_slug
from seedbench.trialset.hub import explain

if TYPE_CHECKING:
    from huggingface_hub import Discussion, DiscussionEvent, HfApi
    from huggingface_hub.hf_api import RepoFile

FOLDER = "submissions"
_LIMITS = {SOURCE: SOURCE_BYTES, ENTRY: ENTRY_BYTES}


def verify_pull_requests(repo: str, verification: Verification, console: Console) -> None:
    """Verifies every open pull request that has no answer yet, and comments on it.

    Args:
        repo: the leaderboard's dataset repo.
        verification: how; on the public trial set.
        console: where to say what is done.

    Raises:
        SeedbenchError: no repo, no token, or what else is not the fault of one pull request.
    """
    from huggingface_hub import HfApi

    if verification.hidden:
        raise SeedbenchError("pull requests are verified on the public trial set: leave out --trials")
    api = HfApi()
    try:
        own_name = api.whoami()["name"]
        pulls = list(
            api.get_repo_discussions(
                repo, repo_type="dataset", discussion_type="pull_request", discussion_status="open"
            )
        )
    except Exception as error:  # of the Hub's client or HTTP  # noqa: BLE001
        raise SeedbenchError(f"{repo}: {explain(error)}") from None
    for pull in pulls:
        try:
            line = _answer(api, repo, pull, own_name, verification)
        except SeedbenchError:
            raise
        except Exception as error:  # of the Hub, with this one  # noqa: BLE001
            line = f"not looked at: {explain(error)}"
        console.print(Text(f"#{pull.num}: {line}"))


def _answer(api: HfApi, repo: str, pull: Discussion, own_name: str, verification: Verification) -> str:
    """Verifies one pull request and comments on it; returns what to say here."""
    assert pull.git_reference is not None
    head = api.dataset_info(repo, revision=pull.git_reference).sha
    assert head is not None
    mark = f"<!-- seedbench: {head} on {verification.board.name} with seed {verification.board.seed} -->"
    details = api.get_discussion_details(repo, pull.num, repo_type="dataset")
    if is_answered(details.events, own_name, mark):
        return "answered before"
    work = verification.folder / WORK / f"pull_request_{pull.num}"  # no entry's name
    slug, problem = changed_entry(api, repo, head)
    if problem:
        text, line = f"**Refused**: {problem}", f"refused: {problem}"
    else:
        entry = _fetch(api, repo, head, slug, work / "entry")
        result = verify(entry, replace(verification, folder=work / "result", trusting=False))
        if result is not None and result.verdict == NOT_MEASURED:
            return f"{slug}: {result.said}; to be tried again"
        text, line = comment_of(slug, result, verification), f"{slug}: {result.verdict if result else 'another board'}"
    text = f"{text}\n\nThis is about commit `{head}`, and nothing that is pushed after it.\n\n{mark}"
    api.comment_discussion(repo, pull.num, text, repo_type="dataset")
    remove_folder(work)
    return line


def is_answered(events: Iterable[DiscussionEvent], own_name: str, mark: str) -> bool:
    """Whether one of our own comments ends with a mark; what is cited within one may hold any."""
    own = (getattr(event, "content", "") for event in events if event.author == own_name)
    return any(content.rstrip().endswith(mark) for content in own)


def changed_entry(api: HfApi, repo: str, head: str) -> tuple[str, str]:
    """The one entry that a pull request adds, and "" - or "", and why it is refused.

    Args:
        api: the Hub's client.
        repo: the leaderboard's repo.
        head: last commit of the pull request.
    """
    main, history = (_commits(api, repo, revision) for revision in ("main", head))
    fork = next((commit for commit in history if commit in main), None)
    if fork is None:
        return "", "it has no commit in common with main."
    since = history[history.index(fork) :]
    if set(since) != set(_commits(api, repo, fork)):  # what a merge undoes is no difference to an older commit
        return "", "its commits must follow one of main, without a merge among them."
    before, after = (_files(api, repo, revision) for revision in (fork, head))
    changed = sorted(path for path in before.keys() | after.keys() if _oid(before.get(path)) != _oid(after.get(path)))
    slugs = {path.parts[1] for path in map(PurePosixPath, changed) if len(path.parts) == 3 and path.parts[0] == FOLDER}
    slug = min(slugs, default="")
    allowed = [f"{FOLDER}/{slug}/{name}" for name in (SOURCE, ENTRY)]
    if changed != allowed or not is_slug(slug) or any(path in before for path in changed):
        shown = "\n".join(repr(path)[:100] for path in changed[:10])
        return "", f"it must add `{FOLDER}/<name>/{SOURCE}` and `{ENTRY}`, and change nothing else.\n\n{fenced(shown)}"
    for name in (SOURCE, ENTRY):
        size = after[f"{FOLDER}/{slug}/{name}"].size
        if size > _LIMITS[name]:
            return "", f"`{name}` has {size:,} bytes; it has at most {_LIMITS[name]:,}."
    if any(path.startswith(f"{FOLDER}/{slug}/") for path in _files(api, repo, "main")):
        return "", f"there is an entry `{slug}` already."
    return slug, ""


def _commits(api: HfApi, repo: str, revision: str) -> list[str]:
    return [commit.commit_id for commit in api.list_repo_commits(repo, repo_type="dataset", revision=revision)]


def _files(api: HfApi, repo: str, revision: str) -> dict[str, RepoFile]:
    from huggingface_hub.hf_api import RepoFile

    entries = api.list_repo_tree(repo, recursive=True, revision=revision, repo_type="dataset")
    return {entry.path: entry for entry in entries if isinstance(entry, RepoFile)}


def _oid(file: RepoFile | None) -> str | None:
    return None if file is None else file.blob_id


def _fetch(api: HfApi, repo: str, head: str, slug: str, parent: Path) -> Path:
    """Writes an entry's two files to a folder of its name below `parent`."""
    remove_folder(parent)
    folder = parent / slug
    for name in (SOURCE, ENTRY):
        cached = api.hf_hub_download(repo, f"{FOLDER}/{slug}/{name}", revision=head, repo_type="dataset")
        with open(cached, "rb") as file:
            write_file(folder / name, file.read(_LIMITS[name] + 1), parents=True)
    return folder


def comment_of(slug: str, result: Result | None, verification: Verification) -> str:
    """What is said of an entry, as Markdown; what the entry itself says is in blocks that it cannot leave."""
    return "\n".join(_lines(slug, result, verification))


def _lines(slug: str, result: Result | None, verification: Verification) -> Iterator[str]:
    board = verification.board
    if result is None:
        yield f"**Not verified**: it claims a result of another board than `{board.name}`."
        return
    if not result.verified:
        yield f"**Not verified**: {result.verdict}."
        yield f"\n{fenced(result.said)}" if result.said else ""
        yield f"\n{fenced(result.frames)}" if result.frames else ""
        return
    measured_on = f"{board.trials.name} {board.trials.version}, seed {board.seed}, {board.replicates} replicates"
    yield f"**Verified**: `{slug}` on board `{board.name}` ({measured_on})."
    yield "\n| | gap closed |\n|---|---|"
    claim = comparable_claim(result)
    yield f"| claimed | {gap_closed(result.claimed)}{'' if claim else ' (of other trials or another seed)'} |"
    yield f"| measured | {gap_closed(result.measured)} |"
    yield "\nTwo runs in sealed processes gave the same result. What was measured counts."
    if result.taken_over:
        yield f"\nNot all of it was run for this board: {taken_over_words(result)}."
    if board.closed:
        yield f"\nBoard `{board.name}` is closed: the entry takes part in the next one."


def fenced(text: str) -> str:
    """A block of code that its text cannot end."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
