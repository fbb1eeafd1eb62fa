"""The Hub's side of trial sets: fetching files into the Hub client's own cache, and what went wrong, in one line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from seedbench.errors import SeedbenchError

#: Variables that name certificates to trust; the HTTP client says that a file is not there, but not which.
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def require_client() -> None:
    """Imports the Hub's client, which reads the environment when it is.

    Raises:
        SeedbenchError: something there is not as it should be.
    """
    try:
        import huggingface_hub.constants  # noqa: F401
    except ValueError as error:
        said = _first_line(error)
        wrong = [
            f"{name}={value}" for name, value in os.environ.items() if name.startswith("HF_") and repr(value) in said
        ]
        named = f"{', '.join(wrong)}: " if wrong else ""
        raise SeedbenchError(f"{named}the Hub's client does not start ({said}); mend the environment") from None


def download(repo: str, revision: str | None, patterns: Sequence[str]) -> Path:
    """Fetches files of a dataset repo; what is in the cache is not fetched again, and suffices without a network.

    Args:
        repo: `owner/name`.
        revision: a tag, branch or commit; None: the main branch.
        patterns: which files.

    Returns:
        The snapshot's folder, whose name is the commit.

    Raises:
        Exception: whatever the Hub client, HTTP or the disk has to say; see `explain`.
    """
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(repo, repo_type="dataset", revision=revision, allow_patterns=list(patterns)))


def explain(error: BaseException) -> str:
    """What the Hub client's exception means for whoever called, in one line; it never holds a token."""
    from huggingface_hub import constants, errors, get_token

    # From the particular to the general: some of these are bases of others.
    if isinstance(error, errors.LocalTokenNotFoundError):
        return "no Hugging Face token: run `hf auth login`, or set HF_TOKEN"
    if isinstance(error, errors.RevisionNotFoundError):
        return "it has no such revision"
    if isinstance(error, errors.RepositoryNotFoundError):
        who = "that this token may not read" if get_token() else "that cannot be read without a token"
        return f"no such dataset repo, or a private or gated one {who}"
    if constants.HF_HUB_OFFLINE and isinstance(error, errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled):
        return "it is not in the local cache, and HF_HUB_OFFLINE is set"
    if isinstance(error, errors.HfHubHTTPError):
        status = error.response.status_code
        if status == 401:
            return "the Hub does not know this token: run `hf auth login`, or set HF_TOKEN"
        if status == 403:
            return "this token may not write there"
        if status == 412:
            return "somebody has pushed meanwhile"
        return f"the Hub answered {status}: {_first_line(error.server_message or error)}"
    if isinstance(error, FileNotFoundError) and error.filename is None:
        for name in _CERTIFICATES:
            if (path := os.environ.get(name)) and not os.path.exists(path):
                return f"{name} names {path}, which is not there"
    cause = error.__cause__ if isinstance(error, errors.LocalEntryNotFoundError) else error
    if cause is not None and type(cause).__module__.startswith("httpx"):
        return f"no connection to {constants.ENDPOINT} ({type(cause).__name__}: {_first_line(cause)})"
    if type(error) is RuntimeError and error.__cause__ is not None:  # of an upload, which says what and not why
        return f"{_first_line(error).rstrip('.')}: {explain(error.__cause__)}"
    return _first_line(error)


def _first_line(error: object) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]
