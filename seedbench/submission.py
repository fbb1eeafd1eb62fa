"""A leaderboard entry: a folder with a strategy's source and a JSON file, written by its author, read by strangers.

    <slug>/strategy.py        the source: one file, UTF-8, at most 64 KiB
    <slug>/submission.json    who made it, and what it is claimed to score, on what

Reading trusts nothing: not the names, kinds and sizes of files, not the types and lengths in the JSON, not a hash. The
source is parsed, for what it imports, and never executed: that is for `seedbench.sandbox`.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from seedbench.documents import Sha256, from_json, plain, to_json
from seedbench.errors import SeedbenchError
from seedbench.evaluation import Evaluation, parameters_field
from seedbench.files import new_folder, write_file
from seedbench.sandbox.submittable import SOURCE_BYTES, check_source
from seedbench.strategy import Strategy, checked_parameters, shipped
from seedbench.text import is_one_line, scripts, skeleton

SOURCE, ENTRY = "strategy.py", "submission.json"
ENTRY_BYTES = 4 * 2**20
TEXT = 60  # characters of a name
URL = 200
CLAIMED = 10**12  # no score, share or count is beyond

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")
_URL = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d+)?(?:/[\w.~!$&()*+,;=:@%/?#-]*)?", re.ASCII)
#: Of these, no two in one name.
_MIXED = {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}
#: What Windows gives to devices: no folder there can have such a name.
_RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d")


@dataclass(frozen=True)
class Submission:
    """A leaderboard entry.

    Attributes:
        slug: name of its folder: lower-case letters, digits and hyphens.
        name: as the board shows it.
        authors: at least one.
        url: of a paper or a repository, if there is one.
        license: of the source, an SPDX identifier.
        attribute: what the source binds the strategy to.
        source: of the strategy.
        claimed: what its author measured.
        parameters: those the strategy is given.
    """

    slug: str
    name: str
    authors: tuple[str, ...]
    url: str | None
    license: str
    attribute: str
    source: str
    claimed: Evaluation
    parameters: dict[str, Any] = parameters_field()

    @property
    def source_sha256(self) -> str:
        """SHA-256 of the source's file."""
        return hashlib.sha256(self.source.encode()).hexdigest()

    def sealed_strategy(self) -> Strategy:
        """What its source binds, with its parameters: to run in sealed processes alone."""
        given = checked_parameters(self.parameters)
        return Strategy(self.slug, self.source, SOURCE, self.attribute, sealed=True, parameters=given)


@dataclass(frozen=True)
class SubmissionFile:
    """`submission.json`; its schema is its format number."""

    schema: Literal[1]
    slug: str
    name: str
    authors: tuple[str, ...]
    url: str | None
    license: str
    attribute: str
    source_sha256: Sha256
    claimed: Evaluation
    parameters: dict[str, Any] = parameters_field()


def is_slug(name: str) -> bool:
    """Whether a folder of submissions may have this name, which then is harmless in any path."""
    return _SLUG.fullmatch(name) is not None and _RESERVED.fullmatch(name) is None


def slug_of(name: str) -> str:
    """The folder's name for an entry of this name: "Ünlike ASHA, v2" -> "unlike-asha-v2".

    Raises:
        SeedbenchError: nothing is left of it, or what no folder may be called.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:TEXT].strip("-")
    if not slug:
        raise SeedbenchError(f"--name {name!r}: needs a Latin letter or a digit, for the name of a folder")
    if not is_slug(slug):
        raise SeedbenchError(f"--name {name!r}: its folder would be {slug}, which Windows keeps for a device")
    return slug


def check_own_name(name: str) -> None:
    """Refuses the name of a strategy that ships with seedbench, or one that looks like it; organisers' are others.

    Raises:
        SeedbenchError: it is one.
    """
    if skeleton(name) in set(map(skeleton, shipped())):
        raise SeedbenchError(f"name {name!r}: is one of the strategies that ship with seedbench; call yours otherwise")


def spdx(license: str) -> str | None:
    """The SPDX identifier or expression as it is spelled, whatever the case given; None where it is none."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        return canonicalize_license_expression(license) if len(license) <= URL else None
    except InvalidLicenseExpression:
        return None


def check(submission: Submission) -> None:
    """Checks everything in a submission that does not need a folder.

    Raises:
        SeedbenchError: what is wrong, the rule and the value.
    """
    claimed, where = submission.claimed, f"{submission.slug}/{ENTRY}"
    if not is_slug(submission.slug):
        raise SeedbenchError(f"slug {submission.slug[:TEXT]!r}: a folder's name is of a-z, 0-9 and hyphens, at most 60")
    if not 1 <= len(submission.authors) <= 20:
        raise SeedbenchError(f"{where}: authors: from 1 to 20, found {len(submission.authors)}")
    for part, text in (("name", submission.name), *(("authors", author) for author in submission.authors)):
        if len(text) > TEXT or not is_one_line(text):
            raise SeedbenchError(
                f"{where}: {part}: from 1 to {TEXT} characters in one line, found {ascii(text[:TEXT])}"
            )
        if not any(map(str.isalnum, text)):
            raise SeedbenchError(f"{where}: {part}: needs a letter or a digit, found {text!r}")
        if len(mixed := _MIXED.intersection(scripts(text))) > 1:
            raise SeedbenchError(
                f"{where}: {part}: mixes {' and '.join(map(str.capitalize, sorted(mixed)))} letters, which look alike, "
                f"found {ascii(text)}"
            )
    if submission.url is not None and (len(submission.url) > URL or not _URL.fullmatch(submission.url)):
        raise SeedbenchError(f"{where}: url: http(s)://… of at most {URL} characters, found {submission.url[:TEXT]!r}")
    if (license := submission.license) != spdx(license) or license.startswith("LicenseRef-"):
        meant = f", meant is {spdx(license)}" if spdx(license) else ""
        raise SeedbenchError(f"{where}: license: an SPDX identifier such as MIT, found {license[:TEXT]!r}{meant}")
    if not submission.attribute.isidentifier():
        raise SeedbenchError(f"{where}: attribute: a Python name, found {submission.attribute[:TEXT]!r}")
    if claimed.strategy.sha256 != submission.source_sha256:
        raise SeedbenchError(f"{where}: the claimed result is of another source than {SOURCE}")
    try:
        checked_parameters(submission.parameters)
    except ValueError as error:
        raise SeedbenchError(f"{where}: parameters: {error}") from None
    if claimed.strategy.parameters != submission.parameters:
        raise SeedbenchError(f"{where}: the claimed result is of other parameters")
    if claimed.strategy.oracle:
        raise SeedbenchError(f"{where}: an oracle is told the test scores; it has no place on a leaderboard")
    for number in _numbers(plain((claimed.rows, claimed.summary))):
        if not -CLAIMED <= number <= CLAIMED:
            raise SeedbenchError(f"{where}: claimed: no number is beyond ±{CLAIMED:,}, found {str(number)[:20]}")
    if claimed.against or not claimed.rows:
        raise SeedbenchError(f"{where}: claims the result of one strategy alone, with at least one row")
    for row in claimed.rows:
        if not 1 <= row.budget < 2**31:
            raise SeedbenchError(f"{where}: claimed: a budget is from 1 to {2**31 - 1:,}, found {str(row.budget)[:20]}")
        for text in (row.model, row.task, row.recipe):
            if not (len(text) <= URL and is_one_line(text)):
                raise SeedbenchError(
                    f"{where}: claimed: a table's names have 1 to {URL} characters in one line, not "
                    f"{ascii(text[:TEXT])}"
                )


def _numbers(content: object) -> Iterator[float]:
    """The numbers with a point in something made of lists and dictionaries; a seed is none."""
    if isinstance(content, float):
        yield content
    elif isinstance(content, dict | list | tuple):
        for part in content.values() if isinstance(content, dict) else content:
            yield from _numbers(part)


def write_submission(parent: Path, submission: Submission) -> Path:
    """Writes a submission's folder, whole or not at all.

    Args:
        parent: where the folder goes.
        submission: the entry.

    Returns:
        The folder.

    Raises:
        SeedbenchError: it is there already, cannot be written, or something in it is wrong.
    """
    check(submission)
    check_source(submission.source.encode(), f"{submission.slug}/{SOURCE}")
    folder = parent / submission.slug
    if folder.exists() or folder.is_symlink():
        raise SeedbenchError(f"{folder}: exists already, and is left as it is")
    with new_folder(folder) as new:
        for name, content in contents(submission).items():
            write_file(new / name, content)
    return folder


def contents(submission: Submission) -> dict[str, bytes]:
    """The two files of a submission; the same bytes for the same submission."""
    listed = {item.name: getattr(submission, item.name) for item in fields(submission) if item.name != "source"}
    entry = SubmissionFile(schema=1, source_sha256=submission.source_sha256, **listed)
    return {SOURCE: submission.source.encode(), ENTRY: to_json(entry, ensure_ascii=False).encode()}


def read_submission(folder: Path) -> Submission:
    """Reads a submission's folder and checks all of it.

    Raises:
        SeedbenchError: anything else than the two files, something in them, or what the source imports.
    """
    _check_folder(folder)
    where = f"{folder.name}/{SOURCE}"
    source = check_source(read_file(folder / SOURCE, SOURCE_BYTES), where)
    entry = from_json(
        read_file(folder / ENTRY, ENTRY_BYTES), SubmissionFile, f"{folder.name}/{ENTRY}", error=SeedbenchError
    )
    named = {item.name: getattr(entry, item.name) for item in fields(Submission) if item.name != "source"}
    submission = Submission(source=source, **named)
    if entry.slug != folder.name:
        raise SeedbenchError(f"{folder.name}/{ENTRY}: slug {entry.slug[:TEXT]!r} is not the folder's name")
    if entry.source_sha256 != submission.source_sha256:
        raise SeedbenchError(f"{where}: its SHA-256 is not the one in {ENTRY}")
    check(submission)
    return submission


def _check_folder(folder: Path) -> None:
    if folder.is_symlink() or not folder.is_dir():
        raise SeedbenchError(f"{folder}: no folder; a submission is one with {SOURCE} and {ENTRY}")
    names = sorted(os.listdir(folder))
    if names != [SOURCE, ENTRY]:
        shown = ", ".join(repr(name)[:TEXT] for name in names[:5]) or "nothing"
        raise SeedbenchError(f"{folder.name}: holds {shown}; a submission holds {SOURCE} and {ENTRY} and nothing else")


def read_file(file: Path, limit: int) -> bytes:
    """The content of a regular file, no link, of at most so many bytes.

    Raises:
        SeedbenchError: it is something else, or larger.
    """
    where = f"{file.parent.name}/{file.name}"
    try:
        opened = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise SeedbenchError(f"{where}: no regular file: {error.strerror}") from None
    kind = os.fstat(opened)
    if not stat.S_ISREG(kind.st_mode):
        os.close(opened)
        raise SeedbenchError(f"{where}: no regular file")
    with os.fdopen(opened, "rb") as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise SeedbenchError(f"{where}: {kind.st_size:,} bytes; it has at most {limit:,}")
    return content
