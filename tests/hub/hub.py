"""`LocalHub`: the server, who may do what, and a test's means to step in between two requests."""

from __future__ import annotations

import hashlib
import re
import tempfile
import threading
from collections.abc import Callable, Mapping
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from tests.hub.http import Refusal, Request, Response, handler
from tests.hub.repos import MAIN, Account, Commit, Discussion, Files, Repo, StoredFile, is_large
from tests.hub.routes import ROUTES
from tests.hub.xet import XetStore

#: The maintainer may write to the repos of the organisation `seedbench`, the guest to their own.
ACCOUNTS = {
    "hf_maintainersecret": Account("maintainer", ("seedbench",)),
    "hf_guestsecret": Account("guest"),
}
MAINTAINER, GUEST = ACCOUNTS


class LocalHub:
    """A Hub on 127.0.0.1, while the `with` block lasts.

    Attributes:
        url: for a client's `HF_ENDPOINT`.
        accounts: token -> whose it is.
        repos: by type (`model`, `dataset`, `space`) and id.
        requests: `METHOD path` of every request so far.
        large: content of the large files, by SHA-256.
        xet: the content store, where the Hub offers xet; clients that have hf_xet then use it.
    """

    def __init__(self, *, xet: bool = False, accounts: Mapping[str, Account] = ACCOUNTS) -> None:
        self.accounts = dict(accounts)
        self.repos: dict[tuple[str, str], Repo] = {}
        self.requests: list[str] = []
        self.large: dict[str, bytes] = {}
        self._xet_folder = tempfile.TemporaryDirectory(prefix="xet-") if xet else None
        self.xet = XetStore(Path(self._xet_folder.name)) if self._xet_folder else None
        self._steps: list[tuple[str, re.Pattern[str], Callable[[Request], object]]] = []
        self._lock = threading.RLock()
        # Large files are redirected to another address, as on the Hub: a client follows a redirect to the same one
        # when it asks for a file's headers, and then misses those of the first response.
        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler(self._answer)) for _ in range(2)]
        self.url, self.storage_url = (f"http://127.0.0.1:{server.server_port}" for server in self._servers)

    def __enter__(self) -> LocalHub:
        for server in self._servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()
        if self._xet_folder:
            self._xet_folder.cleanup()

    # --- for tests ----------------------------------------------------------------------------------------------------

    def before(self, method: str, path: str, step: Callable[[Request], object]) -> None:
        """Calls `step` before the next request of a method whose path matches a pattern somewhere; once.

        The step may change the Hub, end the client, raise a `Refusal`, which is then the response, or raise
        `ConnectionAbortedError`, which drops the connection without one.
        """
        self._steps.append((method, re.compile(path), step))

    def repo(self, id: str, type: str = "dataset") -> Repo:
        """A repo that is there."""
        return self.repos[type, id]

    def push(self, id: str, files: Mapping[str, bytes], *, title: str = "someone else's", ref: str = MAIN) -> Commit:
        """A commit to a dataset repo by somebody else; the other files stay as they are."""
        repo = self.repo(id)
        stored = {path: self.store(path, content) for path, content in files.items()}
        return repo.commit(ref, repo.resolve(ref).files | stored, title, "somebody")

    def read(self, id: str, path: str, revision: str = "main") -> bytes:
        """A file of a dataset repo."""
        return self.content(self.repo(id).resolve(revision).files[path])

    def tags(self, id: str) -> dict[str, str]:
        """Tag -> commit of a dataset repo."""
        return {ref[10:]: oid for ref, oid in self.repo(id).refs.items() if ref.startswith("refs/tags/")}

    # --- for the routes -----------------------------------------------------------------------------------------------

    def account(self, request: Request) -> Account | None:
        """Who asks; None for anybody.

        Raises:
            Refusal: the token is nobody's.
        """
        if request.token and request.token not in self.accounts:
            raise Refusal(401, "Invalid username or password.")
        return self.accounts.get(request.token)

    def signed_in(self, request: Request) -> Account:
        account = self.account(request)
        if account is None:
            raise Refusal(401, "Invalid username or password.")
        return account

    def readable(self, request: Request, type: str, id: str) -> Repo:
        """The repo, where whoever asks may read it; a private one is not there for others."""
        account, repo = self.account(request), self.repos.get((type, id))
        if repo is None or (repo.private and not repo.writable_by(account)):
            raise Refusal(404 if account else 401, "Repository not found", "RepoNotFound")
        return repo

    def writable(self, request: Request, type: str, id: str) -> Repo:
        account, repo = self.signed_in(request), self.readable(request, type, id)
        if not repo.writable_by(account):
            raise Refusal(403, "Forbidden: you don't have write access to this repo")
        return repo

    def store(self, path: str, content: bytes) -> StoredFile:
        """A file that did not come through an upload."""
        if not is_large(path, len(content), content[:512]):
            return StoredFile.small(content)
        sha256 = hashlib.sha256(content).hexdigest()
        self.large[sha256] = content
        return StoredFile.large(sha256, len(content), None)

    def uploaded(self, sha256: str) -> StoredFile:
        """A large file that was uploaded, by LFS or by xet."""
        xet_hash = self.xet.xet_hash(sha256) if self.xet else None
        if sha256 not in self.large:
            if self.xet is None or xet_hash is None:
                raise Refusal(400, f"LFS object {sha256} was not uploaded")
            self.large[sha256] = self.xet.read(sha256)
        return StoredFile.large(sha256, len(self.large[sha256]), xet_hash)

    def content(self, file: StoredFile) -> bytes:
        return file.content if file.content is not None else self.large[str(file.sha256)]

    def discussion_url(self, repo: Repo, discussion: Discussion) -> str:
        return f"{self.url}/{repo.type}s/{repo.id}/discussions/{discussion.num}"

    def new_repo(self, type: str, id: str, private: bool, author: str) -> Repo:
        repo = self.repos[type, id] = Repo(type, id, private)
        files: Files = {".gitattributes": StoredFile.small(b"*.parquet filter=lfs diff=lfs merge=lfs -text\n")}
        repo.commit(MAIN, files, "initial commit", author)
        return repo

    def _answer(self, request: Request) -> Response:
        self.requests.append(f"{request.method} {request.path}")
        try:
            for at, (method, pattern, step) in enumerate(self._steps):
                if method == request.method and pattern.search(request.path):
                    del self._steps[at]
                    step(request)
                    break
            for method, pattern, route in ROUTES:
                if method == request.method and (match := pattern.fullmatch(request.path)):
                    with self._lock:
                        return route(self, request, **_unquoted(match))
            raise Refusal(404, f"the local Hub has no route for {request.method} {request.path}")
        except Refusal as refusal:
            return refusal.response


def _unquoted(match: re.Match[str]) -> dict[str, str]:
    return {name: unquote(value) for name, value in match.groupdict().items() if value is not None}
