"""Processes that are forked from one that has imported everything and done nothing: a kill then costs no start."""

import multiprocessing
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def forked():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.files.commands"])
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", str(Path(__file__).parents[2]))  # preloading knows no other path
        starts_the_server = context.Process(target=int)
        starts_the_server.start()
    starts_the_server.join()
    return context
