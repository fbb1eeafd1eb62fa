"""The API: which function answers which request."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.hub import discussions, reading, writing
from tests.hub.http import Response

_ID = r"(?P<id>[\w.-]+/[\w.-]+)"
_API = rf"/api/(?P<type>model|dataset|space)s/{_ID}"
_PAGES = rf"/(?:(?P<type>dataset|space)s/)?{_ID}"  # models have no prefix
_DISCUSSION = rf"{_API}/discussions/(?P<number>\d+)"
_REVISION = r"(?P<revision>[^/]+)"

ROUTES: list[tuple[str, re.Pattern[str], Callable[..., Response]]] = [
    (method, re.compile(path), route)
    for method, path, route in (
        ("GET", "/api/whoami-v2", reading.whoami),
        ("POST", "/api/repos/create", writing.create_repo),
        ("POST", "/api/validate-yaml", writing.validate_yaml),
        ("GET", rf"{_API}(?:/revision/{_REVISION})?", reading.repo_info),
        ("GET", rf"{_API}/refs", reading.list_refs),
        ("POST", rf"{_API}/(?P<kind>tag|branch)/{_REVISION}", writing.create_ref),
        ("GET", rf"{_API}/commits/{_REVISION}", reading.list_commits),
        ("GET", rf"{_API}/tree/{_REVISION}(?:/(?P<path>.+))?", reading.list_tree),
        ("POST", rf"{_API}/paths-info/{_REVISION}", reading.paths_info),
        ("GET", rf"{_PAGES}/resolve/{_REVISION}/(?P<path>.+)", reading.resolve),
        ("GET", r"/large/(?P<sha256>[0-9a-f]{64})", reading.large_file),
        ("POST", rf"{_API}/preupload/{_REVISION}", writing.preupload),
        ("POST", rf"{_PAGES}\.git/info/lfs/objects/batch", writing.lfs_batch),
        ("PUT", r"/lfs/(?P<sha256>[0-9a-f]{64})", writing.lfs_upload),
        ("POST", r"/lfs/(?P<sha256>[0-9a-f]{64})/verify", writing.lfs_verify),
        ("GET", rf"{_API}/xet-(?P<kind>read|write)-token/{_REVISION}", writing.xet_token),
        ("POST", rf"{_API}/commit/{_REVISION}", writing.commit),
        ("GET", rf"{_API}/discussions", discussions.list_discussions),
        ("POST", rf"{_API}/discussions", discussions.open_discussion),
        ("GET", _DISCUSSION, discussions.show_discussion),
        ("POST", rf"{_DISCUSSION}/comment", discussions.comment),
        ("POST", rf"{_DISCUSSION}/status", discussions.change_status),
        ("POST", rf"{_DISCUSSION}/merge", discussions.merge),
    )
]
