"""Routes that write: repos, refs, uploads and commits."""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import json
import re
import time
from typing import TYPE_CHECKING, Any

import yaml

from tests.hub.http import Refusal, Request, Response
from tests.hub.repos import Files, Repo, StoredFile, is_large

if TYPE_CHECKING:
    from tests.hub.hub import LocalHub


def create_repo(hub: LocalHub, request: Request) -> Response:
    account, asked = hub.signed_in(request), request.json()
    type, owner = asked.get("type") or "model", asked.get("organization") or account.name
    private = asked.get("private") or asked.get("visibility") == "private"
    repo = Repo(type, f"{owner}/{asked['name']}")
    if not repo.writable_by(account):
        raise Refusal(403, f"You don't have the rights to create a {type} under the namespace {owner!r}")
    url = f"{hub.url}/{type}s/{repo.id}"
    if (type, repo.id) in hub.repos:
        raise Refusal(409, f"You already created this {type} repo", url=url)
    hub.new_repo(type, repo.id, bool(private), account.name)
    return Response.json({"url": url, "name": repo.id, "id": repo.id})


def create_ref(hub: LocalHub, request: Request, type: str, id: str, kind: str, revision: str) -> Response:
    repo, asked = hub.writable(request, type, id), request.json()
    if kind == "tag":
        ref, start = f"refs/tags/{asked['tag']}", revision
    else:
        ref, start = f"refs/heads/{revision}", asked.get("startingPoint") or "main"
    if ref in repo.refs:
        raise Refusal(409, f"Reference {ref} already exists")
    repo.refs[ref] = repo.resolve(start).oid
    return Response.json({})


def validate_yaml(hub: LocalHub, request: Request) -> Response:
    """Refuses front matter that is no YAML; the Hub itself also knows the fields."""
    front_matter = re.match(r"\A---\r?\n(.*?)\r?\n---", request.json()["content"], re.DOTALL)
    try:
        yaml.safe_load(front_matter[1] if front_matter else "")
    except yaml.YAMLError as error:
        raise Refusal(400, "Invalid metadata", errors=[{"message": str(error)}], warnings=[]) from None
    return Response.json({"errors": [], "warnings": []})


def _may_upload(hub: LocalHub, request: Request, repo: Repo, revision: str) -> None:
    """Anybody who is signed in may open a pull request, and add to their own."""
    account = hub.signed_in(request)
    pull = re.fullmatch(r"refs/pr/(\d+)", revision)
    own = pull is not None and repo.discussion(pull[1]).author == account.name
    if not (request.flag("create_pr") or own or repo.writable_by(account)):
        raise Refusal(403, "Forbidden: you don't have write access to this repo; pass `create_pr=1`.")


def preupload(hub: LocalHub, request: Request, type: str, id: str, revision: str) -> Response:
    """Which files are large, and what stands in their places now."""
    repo, asked = hub.readable(request, type, id), request.json()
    _may_upload(hub, request, repo, revision)
    files = repo.resolve(revision).files
    ignored = [line for line in (asked.get("gitIgnore") or "").splitlines() if line and not line.startswith("#")]
    found = []
    for entry in asked["files"]:
        path, name = entry["path"], entry["path"].rsplit("/", 1)[-1]
        large = is_large(path, entry["size"], base64.b64decode(entry.get("sample") or ""))
        skip = any(fnmatch.fnmatch(path, rule) or fnmatch.fnmatch(name, rule) for rule in ignored)
        mode = {"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": skip}
        if path in files:
            mode["oid"] = files[path].sha256 or files[path].oid
        found.append(mode)
    return Response.json({"files": found, "commitOid": repo.resolve(revision).oid})


def lfs_batch(hub: LocalHub, request: Request, id: str, type: str = "model") -> Response:
    hub.readable(request, type, id)
    hub.signed_in(request)
    objects = []
    for entry in request.json()["objects"]:
        href = f"{hub.storage_url}/lfs/{entry['oid']}"
        if entry["oid"] not in hub.large:
            actions = {"upload": {"href": href, "header": {}}, "verify": {"href": f"{href}/verify", "header": {}}}
            entry = {**entry, "authenticated": True, "actions": actions}
        objects.append(entry)
    # huggingface_hub 1 asks here whether the Hub takes xet; 2 asks for a token at once where hf_xet is there.
    transfer = "xet" if hub.xet and "xet" in request.json().get("transfers", []) else "basic"
    return Response.json({"transfer": transfer, "objects": objects})


def lfs_upload(hub: LocalHub, request: Request, sha256: str) -> Response:
    if hashlib.sha256(request.body).hexdigest() != sha256:
        raise Refusal(400, "sha256 mismatch")
    hub.large[sha256] = request.body
    return Response(200, b"", {"ETag": f'"{sha256}"'})


def lfs_verify(hub: LocalHub, request: Request, sha256: str) -> Response:
    if len(hub.large.get(sha256, b"")) != request.json()["size"]:
        raise Refusal(404, "not uploaded")
    return Response.json({})


def xet_token(hub: LocalHub, request: Request, type: str, id: str, kind: str, revision: str) -> Response:
    repo = hub.readable(request, type, id)
    if kind == "write":
        _may_upload(hub, request, repo, revision)
    if not hub.xet:
        raise Refusal(404, "xet is not enabled on this Hub")
    token, expires = f"xet-{kind}", int(time.time()) + 3600
    address = {"X-Xet-Cas-Url": hub.xet.address, "X-Xet-Access-Token": token, "X-Xet-Token-Expiration": str(expires)}
    return Response.json({"casUrl": hub.xet.address, "exp": expires, "accessToken": token}, headers=address)


def commit(hub: LocalHub, request: Request, type: str, id: str, revision: str) -> Response:
    """A commit on a branch or a pull request, or one that opens a pull request; all of it or nothing."""
    account, repo = hub.signed_in(request), hub.readable(request, type, id)
    _may_upload(hub, request, repo, revision)
    ref = repo.full_ref(revision)
    if ref is None or ref.startswith("refs/tags/"):
        raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    head, files, header = repo.resolve(ref), dict(repo.resolve(ref).files), {}
    for line in filter(None, request.body.splitlines()):
        operation = json.loads(line)
        key, value = operation["key"], operation["value"]
        if key == "header":
            header = value
            if value.get("parentCommit") not in (None, head.oid):
                raise Refusal(412, "A commit has happened since. Please refresh and try again.")
        else:
            _change(hub, files, key, value)
    pull = None
    if request.flag("create_pr"):
        pull = repo.discuss(account.name, header["summary"], header.get("description", ""), status="open", base=ref)
        ref = pull.ref
    made = repo.commit(ref, files, header["summary"], account.name)
    if ref.startswith("refs/pr/"):
        changed = pull or repo.discussion(ref.rsplit("/", 1)[1])
        changed.add_event("commit", account.name, {"subject": made.title, "oid": made.oid})
    url = f"{hub.url}/{type}s/{id}/commit/{made.oid}"
    opened = {"pullRequestUrl": hub.discussion_url(repo, pull)} if pull else {}
    return Response.json({"success": True, "commitOid": made.oid, "commitUrl": url, **opened})


def _change(hub: LocalHub, files: Files, key: str, value: dict[str, Any]) -> None:
    path = value["path"]
    if key == "file":
        files[path] = StoredFile.small(base64.b64decode(value["content"]))
    elif key == "lfsFile":
        files[path] = hub.uploaded(value["oid"])
    elif key == "deletedFile":
        if files.pop(path, None) is None:
            raise Refusal(404, "A file with this name doesn't exist", "EntryNotFound")
    elif key == "deletedFolder":
        for name in [name for name in files if name.startswith(f"{path.rstrip('/')}/")]:
            del files[name]
    else:
        raise Refusal(400, f"unknown operation {key}")
