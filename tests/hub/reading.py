"""Routes that read: accounts, repos, refs and files."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

import yaml

from tests.hub.http import Refusal, Request, Response
from tests.hub.repos import Commit, Files

if TYPE_CHECKING:
    from tests.hub.hub import LocalHub


def whoami(hub: LocalHub, request: Request) -> Response:
    account = hub.signed_in(request)
    access = {"type": "access_token", "accessToken": {"role": "write", "displayName": "test"}}
    organisations = [{"name": name} for name in account.organisations]
    return Response.json({"type": "user", "name": account.name, "orgs": organisations, "auth": access})


def repo_info(hub: LocalHub, request: Request, type: str, id: str, revision: str = "main") -> Response:
    repo = hub.readable(request, type, id)
    commit = repo.resolve(revision)
    siblings = []
    for path, file in sorted(commit.files.items()):
        sibling: dict[str, Any] = {"rfilename": path}
        if request.flag("blobs"):
            sibling |= {"size": file.size, "blobId": file.oid}
            if file.sha256:
                sibling["lfs"] = {"sha256": file.sha256, "size": file.size, "pointerSize": 134}
        siblings.append(sibling)
    return Response.json(
        {
            "_id": hashlib.sha1(repo.id.encode()).hexdigest()[:24],
            "id": repo.id,
            "author": repo.owner,
            "sha": commit.oid,
            "lastModified": commit.date,
            "createdAt": repo.created,
            "private": repo.private,
            "gated": False,
            "disabled": False,
            "tags": [],
            "downloads": 0,
            "likes": 0,
            "siblings": siblings,
            "cardData": _card_data(hub, commit),
        }
    )


def _card_data(hub: LocalHub, commit: Commit) -> object:
    card = commit.files.get("README.md")
    front_matter = card and re.match(rb"\A---\r?\n(.*?)\r?\n---", hub.content(card), re.DOTALL)
    return yaml.safe_load(front_matter[1]) if front_matter else None


def list_refs(hub: LocalHub, request: Request, type: str, id: str) -> Response:
    repo = hub.readable(request, type, id)

    def of_kind(prefix: str) -> list[dict[str, str]]:
        named = [(ref, oid) for ref, oid in sorted(repo.refs.items()) if ref.startswith(prefix)]
        return [{"name": ref.removeprefix(prefix), "ref": ref, "targetCommit": oid} for ref, oid in named]

    refs = {"branches": of_kind("refs/heads/"), "converts": [], "tags": of_kind("refs/tags/")}
    if request.flag("include_prs"):
        refs["pullRequests"] = [{**pull, "name": pull["ref"]} for pull in of_kind("refs/pr/")]
    return Response.json(refs)


def list_commits(hub: LocalHub, request: Request, type: str, id: str, revision: str) -> Response:
    repo = hub.readable(request, type, id)
    return Response.json([commit.info() for commit in repo.history(repo.resolve(revision))])


def _folder(files: Files, path: str) -> dict[str, object] | None:
    inside = sorted((name, file.oid) for name, file in files.items() if name.startswith(f"{path}/"))
    oid = hashlib.sha1(repr(inside).encode()).hexdigest()
    return {"type": "directory", "oid": oid, "size": 0, "path": path} if inside else None


def list_tree(hub: LocalHub, request: Request, type: str, id: str, revision: str, path: str = "") -> Response:
    """A page of the files and folders below a path."""
    commit = hub.readable(request, type, id).resolve(revision)
    prefix = f"{path.rstrip('/')}/" if path else ""
    below = {name: file for name, file in sorted(commit.files.items()) if name.startswith(prefix)}
    if path and not below:
        raise Refusal(404, f'{path} does not exist on "{revision}"', "EntryNotFound")
    entries: dict[str, Any] = {}
    for name, file in below.items():
        parts = name.removeprefix(prefix).split("/")
        for depth in range(1, len(parts)) if request.flag("recursive") else range(1, min(2, len(parts))):
            folder = prefix + "/".join(parts[:depth])
            entries[folder] = _folder(commit.files, folder)
        if request.flag("recursive") or len(parts) == 1:
            entries[name] = file.info(name)
    size, start = int(request.query.get("limit", 1000)), int(request.query.get("cursor", 0))
    headers = {}
    if start + size < len(entries):
        kept = "".join(f"{name}={quote(value)}&" for name, value in request.query.items() if name != "cursor")
        headers["Link"] = f'<{hub.url}{request.path}?{kept}cursor={start + size}>; rel="next"'
    return Response.json(list(entries.values())[start : start + size], headers=headers)


def paths_info(hub: LocalHub, request: Request, type: str, id: str, revision: str) -> Response:
    files = hub.readable(request, type, id).resolve(revision).files
    is_json = "json" in (request.headers.get("Content-Type") or "")
    paths = request.json()["paths"] if is_json else parse_qs(request.body.decode()).get("paths", [])
    found = [files[path].info(path) if path in files else _folder(files, path.rstrip("/")) for path in paths]
    return Response.json([entry for entry in found if entry])


def resolve(hub: LocalHub, request: Request, id: str, revision: str, path: str, type: str = "model") -> Response:
    """A file; a large one is elsewhere, and how to get it by xet is said beside."""
    commit = hub.readable(request, type, id).resolve(revision)
    headers = {"X-Repo-Commit": commit.oid, "Accept-Ranges": "bytes"}
    file = commit.files.get(path)
    if file is None:
        refusal = Refusal(404, "Entry not found", "EntryNotFound")
        refusal.response.headers.update(headers)
        raise refusal
    if file.content is not None:
        return Response.of_range(request, file.content, {**headers, "ETag": f'"{file.oid}"'})
    headers |= {"X-Linked-Size": str(file.size), "X-Linked-Etag": f'"{file.sha256}"', "ETag": f'"{file.sha256}"'}
    headers["Location"] = f"{hub.storage_url}/large/{file.sha256}"
    if file.xet_hash:
        token_url = f"{hub.url}/api/{type}s/{id}/xet-read-token/{commit.oid}"
        headers |= {"X-Xet-Hash": file.xet_hash, "Link": f'<{token_url}>; rel="xet-auth"'}
    return Response(302, b"", headers)


def large_file(hub: LocalHub, request: Request, sha256: str) -> Response:
    return Response.of_range(request, hub.large[sha256], {"ETag": f'"{sha256}"'})
