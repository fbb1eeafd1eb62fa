"""What a new version says of itself: what changed since the latest one, whether its number fits that, its changelog."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from seedbench.errors import PublishError
from seedbench.trialset.changes import Change, changes, schema_version, unlike
from seedbench.trialset.files import MANIFEST, read_manifest
from seedbench.trialset.hub import download
from seedbench.trialset.versions import Level, next_version

Say = Callable[[str], object]

_CHANGELOG_HEAD = "# Changelog\n\nVersions of this trial set; each is a tag.\n"


def changes_since(repo: str, latest: str | None, tags: Mapping[str, str], folder: Path, say: Say) -> tuple[Change, ...]:
    """What changed since the latest version, of which only what is needed to tell is fetched.

    Args:
        repo: `owner/name` on the Hub.
        latest: the latest version there; None: there is none.
        tags: version -> commit.
        folder: of the trial set.
        say: is told what changed, line by line.
    """
    if latest is None:
        say(f"{repo} has no version yet")
        return ()
    commit = tags[latest]
    published = download(repo, commit, [MANIFEST])
    wanted = ["*.parquet"]
    if schema_version(published) == schema_version(folder):
        _, wanted = unlike(read_manifest(published), read_manifest(folder))
    if wanted:
        say(f"comparing with version {latest}")
        published = download(repo, commit, wanted)
    changed = tuple(changes(published, folder))
    say(f"since version {latest}{'' if changed else ': no change in the data'}")
    for change in changed:
        say(f"  {change}")
    return changed


def require_fitting(version: str, latest: str, changed: Sequence[Change]) -> None:
    """The number is the next one for what changed; the next major one always fits, as meaning leaves no trace.

    Raises:
        PublishError: it is another one.
    """
    needed = max((change.level for change in changed), default=Level.PATCH)
    fitting = list(dict.fromkeys(next_version(latest, level) for level in (needed, Level.MAJOR)))
    if version not in fitting:
        what = {Level.PATCH: "data fixed", Level.MINOR: "something added", Level.MAJOR: "the meaning changed"}[needed]
        raise PublishError(
            f"version {version} does not fit what changed since {latest} ({what}): {' or '.join(fitting)}"
        )


def changelog_with(changelog: str, version: str, lines: Sequence[str]) -> str:
    """The changelog with an entry for this version on top; one that a push left without its tag is replaced."""
    entry = f"## {version} ({datetime.now(UTC):%Y-%m-%d})\n\n" + "\n".join(f"- {line}" for line in lines)
    head, *entries = re.split(r"^(?=## )", changelog or _CHANGELOG_HEAD, flags=re.MULTILINE)
    kept = [old for old in entries if not old.startswith(f"## {version} ")]
    return "\n\n".join(part.strip() for part in (head, entry, *kept)) + "\n"
