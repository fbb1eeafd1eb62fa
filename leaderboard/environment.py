"""What verification runs with: the packages that `requirements.txt` has by hash, or others, which its results then say.

Their versions are compared, which says nothing of what lies in their files: that is as it is pinned if it was installed
with `pip install --require-hashes`, which compares files with the hashes. Versions do not tell whether it was.
"""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from leaderboard.boards import HERE, sha256_of
from seedbench.errors import SeedbenchError

REQUIREMENTS = HERE / "requirements.txt"
PYTHON = "3.11"  # whose wheels are pinned
#: `pins_sha256` of what was pinned when results did not say it yet; it was always the same.
FIRST_PINS = "adefee50d5be5b5b744f9db911a899a3e19e4da1cafd146b92bb41932adba5ed"

_PIN = re.compile(r"([a-z0-9-]+)==(\S+) --hash=sha256:[0-9a-f]{64}")
_SHOWN = 4  # differences, in a line


def pinned(requirements: Path = REQUIREMENTS) -> dict[str, str]:
    """Package -> version.

    Raises:
        SeedbenchError: a line is no package with version and hash.
    """
    pins = {}
    for number, line in enumerate(requirements.read_text("utf-8").splitlines(), start=1):
        if line.startswith("#"):
            continue
        if (pin := _PIN.fullmatch(line)) is None:
            raise SeedbenchError(f"{requirements}, line {number}: must be package==version --hash=sha256:…")
        pins[pin[1]] = pin[2]
    return pins


def pins_sha256(requirements: Path = REQUIREMENTS) -> str:
    """Of the versions that are pinned, Python's among them: what "as it is pinned" means changes with them.

    Raises:
        SeedbenchError: as `pinned`.
    """
    return sha256_of(json.dumps([PYTHON, pinned(requirements)], sort_keys=True).encode())


def differences(requirements: Path = REQUIREMENTS) -> tuple[str, ...]:
    """What is not here as it is pinned, each such as "numpy 2.3.5, pinned 2.4.1"; none where all is.

    Raises:
        SeedbenchError: as `pinned`.
    """
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = [] if python == PYTHON else [f"Python {python}, pinned {PYTHON}"]
    for name, wanted in pinned(requirements).items():
        try:
            here = version(name)
        except PackageNotFoundError:
            found.append(f"no {name}, pinned {wanted}")
            continue
        if here != wanted:
            found.append(f"{name} {here}, pinned {wanted}")
    return tuple(found)


def said(different: tuple[str, ...]) -> str:
    """Some of them in a line."""
    more = len(different) - _SHOWN
    return "; ".join(different[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")


def require_pinned(requirements: Path = REQUIREMENTS) -> None:
    """Refuses to go on where something is not as it is pinned.

    Raises:
        SeedbenchError: it is not, or as `pinned`.
    """
    if different := differences(requirements):
        raise SeedbenchError(
            f"{said(different)}: install what leaderboard/{REQUIREMENTS.name} pins (pip install --require-hashes "
            f"--only-binary :all: -r leaderboard/{REQUIREMENTS.name}), or give --other-packages: results say so"
        )
