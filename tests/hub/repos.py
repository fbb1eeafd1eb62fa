"""What a Hub stores: repos of commits, refs, discussions and pull requests."""

from __future__ import annotations

import fnmatch
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.hub.http import Refusal

MAIN = "refs/heads/main"

#: Names that are stored as large files, as in the .gitattributes of every new dataset repo.
LARGE_FILES = ("*.parquet", "*.arrow", "*.bin", "*.gz", "*.npy", "*.npz", "*.png", "*.safetensors", "*.tar", "*.zip")


def is_large(path: str, size: int, sample: bytes) -> bool:
    """Whether the Hub stores a file as a large one; `sample` is the beginning of its content."""
    name = path.rsplit("/", 1)[-1]
    return size >= 10 * 2**20 or b"\0" in sample or any(fnmatch.fnmatch(name, pattern) for pattern in LARGE_FILES)


def now() -> str:
    """The time as the Hub writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def git_oid(content: bytes) -> str:
    """Git's SHA-1 of a blob."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass(frozen=True)
class Account:
    """Who a token belongs to, and the organisations that they may write for."""

    name: str
    organisations: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoredFile:
    """A file in a commit.

    Attributes:
        oid: Git's, of the content; of the LFS pointer where the file is large.
        size: bytes of the content.
        content: of a small file.
        sha256: of a large file's content, which the Hub keeps apart.
        xet_hash: of a large file that came through xet.
    """

    oid: str
    size: int
    content: bytes | None = None
    sha256: str | None = None
    xet_hash: str | None = None

    @classmethod
    def small(cls, content: bytes) -> StoredFile:
        return cls(git_oid(content), len(content), content)

    @classmethod
    def large(cls, sha256: str, size: int, xet_hash: str | None) -> StoredFile:
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
        return cls(git_oid(pointer.encode()), size, None, sha256, xet_hash)

    def info(self, path: str) -> dict[str, object]:
        """What the API says of it."""
        info: dict[str, object] = {"type": "file", "oid": self.oid, "size": self.size, "path": path}
        if self.sha256:
            info["lfs"] = {"oid": self.sha256, "size": self.size, "pointerSize": 134}
        if self.xet_hash:
            info["xetHash"] = self.xet_hash
        return info


Files = dict[str, StoredFile]


@dataclass(frozen=True)
class Commit:
    oid: str
    parent: str | None
    files: Files
    title: str
    author: str
    date: str

    def info(self) -> dict[str, object]:
        return {
            "id": self.oid,
            "title": self.title,
            "message": "",
            "date": self.date,
            "authors": [{"user": self.author}],
        }


@dataclass
class Discussion:
    """A discussion, or a pull request where `base` names the ref it is to be merged into."""

    num: int
    title: str
    author: str
    status: str
    base: str | None = None
    merge_commit: str | None = None
    conflicts: list[str] = field(default_factory=list)
    events: list[dict[str, object]] = field(default_factory=list)
    created: str = field(default_factory=now)

    @property
    def ref(self) -> str:
        return f"refs/pr/{self.num}"

    def add_event(self, kind: str, author: str, data: dict[str, object]) -> dict[str, object]:
        event: dict[str, object] = {
            "id": hashlib.sha1(f"{self.num}/{len(self.events)}".encode()).hexdigest()[:24],
            "type": kind,
            "createdAt": now(),
            "author": {"name": author},
            "data": data,
        }
        self.events.append(event)
        return event

    def add_comment(self, author: str, text: str) -> dict[str, object]:
        return self.add_event("comment", author, {"edited": False, "hidden": False, "latest": {"raw": text}})

    def info(self, repo: Repo) -> dict[str, object]:
        return {
            "num": self.num,
            "title": self.title,
            "author": {"name": self.author},
            "createdAt": self.created,
            "status": self.status,
            "isPullRequest": self.base is not None,
            "repo": {"name": repo.id, "type": repo.type},
            "changes": {"base": self.base, "mergeCommitId": self.merge_commit},
            "filesWithConflicts": self.conflicts,
        }


@dataclass
class Repo:
    """A repo: `refs` names commits, `discussions` are numbered from 1."""

    type: str
    id: str
    private: bool = False
    created: str = field(default_factory=now)
    commits: dict[str, Commit] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    discussions: list[Discussion] = field(default_factory=list)

    @property
    def owner(self) -> str:
        return self.id.split("/")[0]

    def writable_by(self, account: Account | None) -> bool:
        return account is not None and self.owner in (account.name, *account.organisations)

    def commit(self, ref: str, files: Files, title: str, author: str) -> Commit:
        """Puts a commit on top of a ref, which may be new."""
        parent, date = self.refs.get(ref), now()
        content = json.dumps([sorted((path, file.oid) for path, file in files.items()), parent, title, author, date])
        oid = hashlib.sha1(f"{content}{len(self.commits)}".encode()).hexdigest()
        self.commits[oid] = Commit(oid, parent, dict(files), title, author, date)
        self.refs[ref] = oid
        return self.commits[oid]

    def full_ref(self, revision: str) -> str | None:
        """The ref that a branch, a tag or a ref means."""
        names = (revision, f"refs/heads/{revision}", f"refs/tags/{revision}")
        return next((name for name in names if name in self.refs), None)

    def resolve(self, revision: str) -> Commit:
        """The commit that a revision means."""
        oid = self.refs.get(self.full_ref(revision) or "", revision)
        if oid not in self.commits:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self.commits[oid]

    def history(self, commit: Commit) -> Iterator[Commit]:
        """The commit, its parent, and so on."""
        while True:
            yield commit
            if commit.parent is None:
                return
            commit = self.commits[commit.parent]

    def discuss(self, author: str, title: str, text: str, *, status: str, base: str | None = None) -> Discussion:
        """Opens a discussion, or a pull request to `base`."""
        discussion = Discussion(len(self.discussions) + 1, title, author, status, base)
        discussion.add_comment(author, text)
        self.discussions.append(discussion)
        if base is not None:
            self.refs[discussion.ref] = self.refs[base]
        return discussion

    def discussion(self, number: str) -> Discussion:
        if not 0 < int(number) <= len(self.discussions):
            raise Refusal(404, "Discussion not found")
        return self.discussions[int(number) - 1]

    def merge(self, pull: Discussion, author: str) -> None:
        """Merges a pull request, file by file; a file that was changed on both sides is a conflict."""
        assert pull.base is not None
        base, head = self.resolve(pull.base), self.resolve(pull.ref)
        before = {commit.oid for commit in self.history(base)}
        fork = next(commit for commit in self.history(head) if commit.oid in before)
        changed = {
            path for path in fork.files.keys() | head.files.keys() if fork.files.get(path) != head.files.get(path)
        }
        pull.conflicts = sorted(
            path for path in changed if base.files.get(path) not in (fork.files.get(path), head.files.get(path))
        )
        if pull.conflicts:
            raise Refusal(409, "This PR has merge conflicts")
        files = {path: file for path, file in base.files.items() if path not in changed}
        files |= {path: head.files[path] for path in changed if path in head.files}
        pull.merge_commit = self.commit(pull.base, files, f"{pull.title} (#{pull.num})", author).oid
        pull.status = "merged"
        pull.add_event("status-change", author, {"status": "merged"})
