"""`--allowed-skips FILE`: a run fails where a test is skipped for a reason that the file does not list."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--allowed-skips", type=Path, help="a reason a line; * stands for anything; # begins a comment")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    allowed = session.config.getoption("--allowed-skips")
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if allowed is None or reporter is None or hasattr(session.config, "workerinput"):
        return
    lines = allowed.read_text(encoding="utf-8").splitlines()
    reasons = [line for line in lines if line and not line.startswith("#")]
    astray = {why for why in map(_why, reporter.stats.get("skipped", ())) if not _is_one_of(why, reasons)}
    for why in sorted(astray):
        reporter.write_line(f"skipped, and not in {allowed}: {why}", red=True)
    if astray and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _why(report: pytest.CollectReport | pytest.TestReport) -> str:
    assert isinstance(report.longrepr, tuple)  # path, line, reason
    return str(report.longrepr[2]).removeprefix("Skipped: ")


def _is_one_of(why: str, reasons: list[str]) -> bool:
    return any(fnmatchcase(why, reason.replace("[", "[[]")) for reason in reasons)
