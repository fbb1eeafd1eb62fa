"""A sandbox to share; tests that need one are skipped, with the reason, where nothing can be sealed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from seedbench import CannotSeal
from seedbench.sandbox import open_sandbox
from seedbench.sandbox.campaigns import Sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_TOKEN", "SECRET")  # which no sealed process may find
        try:
            opened = open_sandbox()
        except CannotSeal as reason:
            pytest.skip(str(reason))
    with opened:
        yield opened
