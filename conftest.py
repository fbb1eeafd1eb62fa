"""Options of the whole test-suite: where real GLUE data lies."""

import os
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--glue", metavar="DIR", help="GLUE in the layout of nyu-mll/glue (or set SEEDBENCH_GLUE)")


@pytest.fixture(scope="session")
def glue(request: pytest.FixtureRequest) -> Path:
    """The folder with real GLUE data; a test that asks for it is skipped, by name, where there is none."""
    folder = request.config.getoption("--glue") or os.environ.get("SEEDBENCH_GLUE")
    if not folder:
        pytest.skip("wants real GLUE data: give its folder with --glue DIR or SEEDBENCH_GLUE")
    path = Path(folder).expanduser().resolve()
    if not path.is_dir():
        pytest.fail(f"--glue / SEEDBENCH_GLUE: no such folder: {path}")
    return path
