"""Routes of discussions and pull requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.hub.http import Refusal, Request, Response
from tests.hub.repos import MAIN, Account, Discussion

if TYPE_CHECKING:
    from tests.hub.hub import LocalHub


def list_discussions(hub: LocalHub, request: Request, type: str, id: str) -> Response:
    repo = hub.readable(request, type, id)
    found = [discussion.info(repo) for discussion in repo.discussions]
    return Response.json({"discussions": found, "count": len(found), "start": 0})


def open_discussion(hub: LocalHub, request: Request, type: str, id: str) -> Response:
    account, repo, asked = hub.signed_in(request), hub.readable(request, type, id), request.json()
    kind = {"status": "draft", "base": MAIN} if asked.get("pullRequest") else {"status": "open"}
    opened = repo.discuss(account.name, asked["title"], asked.get("description", ""), **kind)
    return Response.json({"num": opened.num, "url": hub.discussion_url(repo, opened)})


def show_discussion(hub: LocalHub, request: Request, type: str, id: str, number: str) -> Response:
    repo = hub.readable(request, type, id)
    discussion = repo.discussion(number)
    return Response.json({**discussion.info(repo), "events": discussion.events, "diff": ""})


def comment(hub: LocalHub, request: Request, type: str, id: str, number: str) -> Response:
    account, repo = hub.signed_in(request), hub.readable(request, type, id)
    event = repo.discussion(number).add_comment(account.name, request.json()["comment"])
    return Response.json({"newMessage": event})


def change_status(hub: LocalHub, request: Request, type: str, id: str, number: str) -> Response:
    """Who may write to the repo opens and closes; authors do so with their own."""
    account, repo = hub.signed_in(request), hub.readable(request, type, id)
    discussion = repo.discussion(number)
    _require(repo.writable_by(account) or discussion.author == account.name, account, discussion)
    discussion.status = request.json()["status"]
    event = discussion.add_event("status-change", account.name, {"status": discussion.status})
    return Response.json({"newStatus": event})


def merge(hub: LocalHub, request: Request, type: str, id: str, number: str) -> Response:
    repo, account = hub.writable(request, type, id), hub.signed_in(request)
    repo.merge(repo.discussion(number), account.name)
    return Response.json({})


def _require(allowed: bool, account: Account, discussion: Discussion) -> None:
    if not allowed:
        raise Refusal(403, f"Forbidden: {account.name} may not change discussion {discussion.num}")
