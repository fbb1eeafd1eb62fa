"""A command that is killed wherever it changes the disk: the next reader sees all of it or nothing, and it goes on."""

import os
import signal

import pytest

from seedbench.errors import SeedbenchError
from tests.files.commands import COMMANDS, dies

KILLS = 24 if os.environ.get("SEEDBENCH_SLOW") == "1" else 2  # of each command, at most: it may make fewer calls


@pytest.fixture
def killed(forked):
    """Runs a command in a process of its own; returns how that ended."""

    def run(*arguments):
        process = forked.Process(target=dies, args=arguments)
        process.start()
        process.join(60)
        return process.exitcode

    return run


def points(number_of_calls):
    """Calls to be killed at: spread over all of them, the last and those around the journal among them."""
    last = number_of_calls - 1
    return sorted({round(last * part / (KILLS - 1)) for part in range(KILLS)})


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_is_lost_or_half_written(name, killed, tmp_path):
    command, seen = COMMANDS[name], []
    whole = tmp_path / "whole"
    whole.mkdir()
    command.before(whole)
    before = command.read(whole)
    assert killed(name, str(whole), -1, str(tmp_path / "calls")) == 0
    after, calls = command.read(whole), int((tmp_path / "calls").read_text())
    assert after != before and calls > 1
    for at_call in points(calls):
        folder = tmp_path / str(at_call)
        folder.mkdir()
        command.before(folder)
        assert killed(name, str(folder), at_call) == -signal.SIGKILL
        seen.append(found := command.read(folder))
        assert found in (before, after), at_call
        try:
            command.run(folder)
        except SeedbenchError:
            assert found == after  # what was to be new is there already
        assert command.read(folder) == after
    assert seen == sorted(seen, key=lambda found: found == after)  # once it is there it stays
