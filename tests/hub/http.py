"""Requests, responses and refusals, over the standard library's HTTP server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Refusal(Exception):
    """An error response; `code` is what the client's library tells its exceptions apart by."""

    def __init__(self, status: int, message: str, code: str = "", **body: object) -> None:
        super().__init__(message)
        self.response = Response.json({"error": message, **body}, status=status)
        self.response.headers["X-Error-Message"] = message
        if code:
            self.response.headers["X-Error-Code"] = code


@dataclass(frozen=True)
class Request:
    """What a client asked for; `method` of a HEAD is GET, whose response is sent without its body."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body or b"{}")

    def flag(self, name: str) -> bool:
        return self.query.get(name, "").lower() in ("1", "true")

    @property
    def token(self) -> str:
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ").strip()


@dataclass(frozen=True)
class Response:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        json_type = {"Content-Type": "application/json; charset=utf-8"}
        return cls(status, json.dumps(body).encode(), {**json_type, **(headers or {})})

    @classmethod
    def of_range(cls, request: Request, content: bytes, headers: Mapping[str, str]) -> Response:
        """The content, or the part of it that the request's Range names."""
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("Range") or "")
        if not wanted:
            return cls(200, content, dict(headers))
        first = int(wanted[1]) if wanted[1] else max(0, len(content) - int(wanted[2]))
        last = min(int(wanted[2]), len(content) - 1) if wanted[1] and wanted[2] else len(content) - 1
        if first >= len(content):
            return cls(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        part = {**headers, "Content-Range": f"bytes {first}-{last}/{len(content)}"}
        return cls(206, content[first : last + 1], part)


def handler(answer: Callable[[Request], Response]) -> type[BaseHTTPRequestHandler]:
    """A request handler class for `http.server` that answers by a function."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            method = "GET" if self.command == "HEAD" else self.command
            try:
                response = answer(Request(method, url.path, query, self.headers, self.read_body()))
            except ConnectionAbortedError:  # a test wants the line to go dead
                self.close_connection = True
                return
            self.send_response(response.status)
            for name, value in {"Content-Length": str(len(response.body)), **response.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(response.body)

        do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

        def read_body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:  # the client is gone
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
