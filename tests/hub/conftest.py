"""One Hub for each way of uploading large files, and one client process: imports are slow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hub.client import Client
from tests.hub.hub import MAINTAINER, LocalHub


@pytest.fixture(scope="session", params=["lfs", "xet"])
def hub(request: pytest.FixtureRequest) -> Iterator[LocalHub]:
    with LocalHub(xet=request.param == "xet") as hub:
        yield hub


@pytest.fixture(scope="session")
def client(hub: LocalHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The maintainer's; a step may be another user's."""
    home = tmp_path_factory.mktemp("home")
    with Client(hub.url, home, token=MAINTAINER, xet=hub.xet is not None) as client:
        yield client
