"""Versions of a trial set's data: MAJOR.MINOR.PATCH, by what changed (semver.org)."""

from __future__ import annotations

import re
from enum import IntEnum

VERSION = re.compile(r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})")


class Level(IntEnum):
    """What a change asks of the version."""

    PATCH = 0  # data fixed
    MINOR = 1  # tables or trials added
    MAJOR = 2  # the meaning of something changed


def parse(version: str) -> tuple[int, int, int]:
    """A version's three numbers, which order versions.

    Raises:
        ValueError: it is none.
    """
    match = VERSION.fullmatch(version)
    if match is None:
        raise ValueError(f"a version must be like 1.0.0, found {version!r}")
    major, minor, patch = map(int, match.groups())
    return major, minor, patch


def next_version(version: str, level: Level) -> str:
    """The version after this one when something of that level changed."""
    major, minor, patch = parse(version)
    following = {
        Level.PATCH: (major, minor, patch + 1),
        Level.MINOR: (major, minor + 1, 0),
        Level.MAJOR: (major + 1, 0, 0),
    }
    return ".".join(map(str, following[level]))
