"""Which trial set something was computed on."""

from __future__ import annotations

from dataclasses import dataclass

from seedbench.documents import Sha256


@dataclass(frozen=True)
class TrialsIdentity:
    """Which trial set: its name (never a path), version, the SHA-256 of its manifest, and its Hub commit if any."""

    name: str
    version: str
    sha256: Sha256
    revision: str | None
