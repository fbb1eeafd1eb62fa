"""A trial set to the Hub: one commit, then the tag of its version. What was published is never changed.

Large files are uploaded first, the commit names them, the tag comes last: a push that dies on its way leaves no tag,
and the same call again takes it up. The commit's parent is the one that was looked at: nobody's push is lost.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seedbench.errors import PublishError, TrialSetError
from seedbench.text import counted
from seedbench.trialset import read_manifest, validate_folder
from seedbench.trialset.changes import Change
from seedbench.trialset.files import CARD, CHANGELOG, MANIFEST, SHARD_NAME, is_document
from seedbench.trialset.hub import download, explain, require_client
from seedbench.trialset.release import Say, changelog_with, changes_since, require_fitting
from seedbench.trialset.versions import VERSION, parse

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import DatasetInfo, RepoFile

_TAG = re.compile(f"v(?P<version>{VERSION.pattern})", re.ASCII)
_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Push:
    """What is to be done.

    Attributes:
        folder: of the trial set.
        repo: `owner/name` on the Hub.
        version: to be published.
        private: whether a repo that is created is private.
        head: the commit that the new one goes on top of; None: the repo is not there yet.
        changes: since the latest version on the Hub.
        added: path -> bytes of every file of the commit; without those that are on the main branch already.
        deleted: data and documents on the main branch that this version does not have.
        changelog: the new text of CHANGELOG.md.
    """

    folder: Path
    repo: str
    version: str
    private: bool
    head: str | None
    changes: tuple[Change, ...]
    added: Mapping[str, int]
    deleted: tuple[str, ...]
    changelog: str

    @property
    def tag(self) -> str:
        return f"v{self.version}"


def problems(folder: Path, repo: str, version: str) -> list[str]:
    """Why a folder cannot be published as this version of this repo, one line each. The Hub is not asked."""
    if not _REPO.fullmatch(repo):
        return [f"{repo}: a dataset repo on the Hub is named owner/name"]
    if not VERSION.fullmatch(version):
        return [f"--version must be like 1.0.0, found {version!r}"]
    lines = validate_folder(folder)
    try:
        manifest = read_manifest(folder)
    except TrialSetError:
        return lines  # which says so
    for what, is_now, wanted in (("name", manifest.name, repo), ("version", manifest.version, version)):
        if is_now != wanted:
            lines.append(f"{folder / MANIFEST}: the trial set's {what} is {is_now}; it is to be published as {wanted}")
    if not (folder / CARD).exists():
        lines.append(f"{folder / CARD}: no dataset card; build it: python -m dataset_card.build {folder}")
    return lines


def require_token() -> None:
    """Raises PublishError where there is no token to publish with."""
    require_client()
    from huggingface_hub import get_token

    if get_token() is None:
        raise PublishError("no Hugging Face token: run `hf auth login`, or set HF_TOKEN, with one that may write")


def plan_push(
    folder: Path,
    repo: str,
    version: str,
    *,
    private: bool = False,
    parent: str | None = None,
    notes: Sequence[str] = (),
    say: Say = lambda line: None,
) -> Push:
    """Looks at a folder and at the Hub, and decides what is to be pushed; writes nothing.

    Args:
        folder: of the trial set, without `problems`.
        repo: `owner/name`.
        version: of the trial set.
        private: whether the repo is to be private, where it is not there yet.
        parent: the head of the main branch that has been looked at, where it holds changes that are in no version.
        notes: sentences for the changelog, beside what changed.
        say: is told what changed, line by line.

    Raises:
        PublishError: the version exists or does not fit what changed, the push would overwrite something, or the Hub
            cannot be read.
    """
    require_client()
    from huggingface_hub import HfApi

    api = HfApi()
    with _explained(repo):
        info = _info(api, repo)
        if info is None:
            say(f"{repo} is not there, or not for this token to see: version {version} is its first")
            changelog = changelog_with("", version, list(notes) or ["First version."])
            added = _sizes(folder) | {CHANGELOG: len(changelog.encode())}
            return Push(
                folder=folder,
                repo=repo,
                version=version,
                private=private,
                head=None,
                changes=(),
                added=added,
                deleted=(),
                changelog=changelog,
            )
        if private and not info.private:
            raise PublishError(f"{repo}: is public already; --private is for a repo that is not there yet")
        refs = api.list_repo_refs(repo, repo_type="dataset")
        head = next((ref.target_commit for ref in refs.branches if ref.name == "main"), info.sha)
        assert head is not None
        tags = {tag["version"]: ref.target_commit for ref in refs.tags if (tag := _TAG.fullmatch(ref.name))}
        if version in tags:
            raise PublishError(f"{repo}: version {version} exists (commit {tags[version][:8]}), and never changes")
        if parent is not None and parent != head:
            raise PublishError(f"{repo}: main is at {head}, not at --parent {parent}: look at what was pushed since")
        latest = max(tags, key=parse, default=None)
        changed = changes_since(repo, latest, tags, folder, say)
        if latest is not None:
            require_fitting(version, latest, changed)
        on_main = _files(api, repo, head)
        released = _files(api, repo, tags[latest]) if latest is not None else {}
        changelog = (download(repo, head, [CHANGELOG]) / CHANGELOG).read_text("utf-8") if CHANGELOG in on_main else ""
    wanted = _sizes(folder)
    added = {path: size for path, size in wanted.items() if not _is(on_main.get(path), folder / path)}
    ours = {path for path in on_main if SHARD_NAME.fullmatch(path) or is_document(path)} - {CHANGELOG}
    deleted = tuple(sorted(ours - wanted.keys()))
    unseen = [
        path
        for path in (*added, *deleted)
        if path in on_main and _content(on_main[path]) != _content(released.get(path))
    ]
    if unseen and parent is None:
        since = f"after v{latest}" if latest else "and that is in no version"
        raise PublishError(
            f"{repo}: would overwrite what was pushed to main {since}: {', '.join(unseen)}; look at it, and to publish "
            f"on top of it give --parent {head}"
        )
    if added or deleted or f"\n## {version} (" not in changelog:  # else the tag alone is missing
        changelog = changelog_with(
            changelog, version, [*notes, *map(str, changed)] or ["Documents." if latest else "First version."]
        )
        added[CHANGELOG] = len(changelog.encode())
    return Push(
        folder=folder,
        repo=repo,
        version=version,
        private=private,
        head=head,
        changes=changed,
        added=added,
        deleted=deleted,
        changelog=changelog,
    )


def push(plan: Push, say: Say = lambda line: None) -> str:
    """Does what was planned; returns the commit that is now the version.

    Raises:
        PublishError: no rights, somebody pushed meanwhile, or no connection. There is no tag then, and the same call
            again does what is left.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    api = HfApi()
    with _explained(plan.repo):
        head = plan.head
        if head is None:
            say(f"creating {'private' if plan.private else 'public'} dataset repo {plan.repo}")
            api.create_repo(plan.repo, repo_type="dataset", private=plan.private)
            head = api.dataset_info(plan.repo).sha
        if plan.added or plan.deleted:
            say(f"pushing {counted(len(plan.added), 'file')}, {sum(plan.added.values()):,} bytes, in one commit")
            contents = {
                path: plan.changelog.encode() if path == CHANGELOG else plan.folder / path for path in plan.added
            }
            commit = api.create_commit(
                plan.repo,
                [
                    *(CommitOperationAdd(path, content) for path, content in contents.items()),
                    *(CommitOperationDelete(path) for path in plan.deleted),
                ],
                commit_message=f"Version {plan.version}",
                commit_description="\n".join(map(str, plan.changes)),
                repo_type="dataset",
                parent_commit=head,
            )
            head = commit.oid
        say(f"tagging {plan.tag}")
        api.create_tag(
            plan.repo, tag=plan.tag, revision=head, tag_message=f"Version {plan.version}", repo_type="dataset"
        )
    assert head is not None
    return head


@contextmanager
def _explained(repo: str) -> Iterator[None]:
    """Whatever the Hub client has to say, in one line."""
    try:
        yield
    except PublishError as error:
        raise error from None
    except TrialSetError as error:
        raise PublishError(f"{repo}: what is there cannot be compared with: {error}") from None
    except Exception as error:  # whatever the Hub's client, HTTP or the disk has to say  # noqa: BLE001
        raise PublishError(f"{repo}: {explain(error)}") from None


def _info(api: HfApi, repo: str) -> DatasetInfo | None:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        return api.dataset_info(repo)
    except GatedRepoError:
        raise
    except RepositoryNotFoundError:
        return None


def _sizes(folder: Path) -> dict[str, int]:
    """Path -> bytes of everything that a version consists of, but for the changelog, which is kept on the Hub."""
    documents = sorted(path.name for path in folder.iterdir() if is_document(path.name) and path.name != CHANGELOG)
    paths = [*documents, MANIFEST, *read_manifest(folder).files]
    return {path: (folder / path).stat().st_size for path in paths}


def _files(api: HfApi, repo: str, revision: str) -> dict[str, RepoFile]:
    from huggingface_hub.hf_api import RepoFile

    entries = api.list_repo_tree(repo, recursive=True, revision=revision, repo_type="dataset")
    return {entry.path: entry for entry in entries if isinstance(entry, RepoFile)}


def _content(file: RepoFile | None) -> str | None:
    """What the Hub tells contents apart by: a large file's SHA-256, or Git's SHA-1 of a blob."""
    if file is None:
        return None
    return file.lfs.sha256 if file.lfs is not None else file.blob_id


def _is(file: RepoFile | None, path: Path) -> bool:
    """Whether a file on the Hub is the same as the one at a path."""
    if file is None:
        return False
    content = path.read_bytes()
    if file.lfs is not None:
        return file.lfs.sha256 == hashlib.sha256(content).hexdigest()
    return file.blob_id == hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
