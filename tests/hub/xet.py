"""Large files in xet's own content store: hf_xet writes and reads a folder in place of the server.

A client that is given the address `local://FOLDER` chunks, deduplicates and uploads into the folder. A commit names
files by their SHA-256, which the uploaded shards map to xet's own hashes.
"""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

import hf_xet

_HEADER = _ENTRY = 48  # bytes
_BOOKEND = b"\xff" * 32
_HAS_VERIFICATION, _HAS_METADATA = 1 << 31, 1 << 30


class XetStore:
    """The content store in a folder."""

    def __init__(self, folder: Path) -> None:
        self.address = f"local://{folder}"
        self._shards = folder / "xet" / "xorbs" / "shards"
        self._known: dict[str, tuple[str, int]] = {}  # SHA-256 -> xet hash, bytes

    def xet_hash(self, sha256: str) -> str | None:
        """Xet's hash of an uploaded file; None where it was not uploaded."""
        if sha256 not in self._known:
            for path in self._shards.glob("*.mdb"):
                self._known |= _files_of_shard(path.read_bytes())
        return self._known[sha256][0] if sha256 in self._known else None

    def read(self, sha256: str) -> bytes:
        """The content of an uploaded file, put together again by hf_xet."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "content"
            with hf_xet.XetSession().new_file_download_group(endpoint=self.address) as group:
                group.start_download_file(hf_xet.XetFileInfo(*self._known[sha256]), str(path))
            return path.read_bytes()


def _files_of_shard(shard: bytes) -> dict[str, tuple[str, int]]:
    """SHA-256 -> xet hash and size of every file that a shard describes (xet-core: the shard format's file section).

    A file is a header (hash, flags, number of segments), its segments, as many verification entries where the flags
    say so, and where they say so an entry with its SHA-256; all entries are equally long.
    """
    files, at = {}, _HEADER
    while shard[at : at + 32] != _BOOKEND:
        flags, segments = struct.unpack_from("<II", shard, at + 32)
        size = sum(struct.unpack_from("<I", shard, at + _ENTRY * (1 + segment) + 36)[0] for segment in range(segments))
        xet_hash = _hash(shard, at)
        at += _ENTRY * (1 + segments + (segments if flags & _HAS_VERIFICATION else 0))
        if flags & _HAS_METADATA:
            files[_hash(shard, at)] = (xet_hash, size)
            at += _ENTRY
    return files


def _hash(shard: bytes, at: int) -> str:
    return "".join(f"{word:016x}" for word in struct.unpack_from("<4Q", shard, at))
