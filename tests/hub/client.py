"""`Client`: a Python process for which a local Hub is the real one; one for many steps, as imports are slow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

ROOT = Path(__file__).parents[2]
OWN = "the client's own token"

# Answers go to the standard output that the process was started with; whatever the code prints does not.
_WORKER = """
import json, os, sys, traceback
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

def seedbench(arguments):
    from seedbench.cli import main
    sys.argv, out, err = ["seedbench", *arguments], StringIO(), StringIO()
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as ended:
        return ended.code, out.getvalue(), err.getvalue()

for line in sys.stdin:
    step = json.loads(line)
    os.environ.pop("HF_TOKEN", None)
    if step["token"]:
        os.environ["HF_TOKEN"] = step["token"]
    names = {"seedbench": seedbench, "result": None, **step["values"]}
    try:
        exec(compile(step["code"], "client", "exec"), names)
        answer = {"result": names["result"]}
    except Exception:
        answer = {"error": traceback.format_exc()}
    print(json.dumps(answer, default=str), file=answers, flush=True)
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def environment(url: str, home: Path, *, token: str | None = None, xet: bool = False, offline: bool = False) -> dict:
    """The environment of a process for which the Hub is at `url`, with its own caches and its own token or none."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    settings = {
        "HF_ENDPOINT": url,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",
        "HF_HUB_DISABLE_XET": "0" if xet else "1",
        "HF_HUB_OFFLINE": str(int(offline)),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "PYTHONPATH": str(ROOT),
    }
    return {**kept, **settings, **({"HF_TOKEN": token} if token else {})}


class Client:
    """A user of the Hub: a process that runs code and commands, one after the other.

    Args:
        url: of the Hub.
        home: folder for the caches and for what the process says (`said`).
        token: the user's; a single step may be another user's, or nobody's.
        xet: whether to upload and download through xet.
        offline: whether to go without the Hub.
    """

    def __init__(
        self, url: str, home: Path, *, token: str | None = None, xet: bool = False, offline: bool = False
    ) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._said = home / "said.txt"
        self._token = token
        # No bars: the process imports the Hub's client before it runs a command.
        quiet = {"HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        with self._said.open("w") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-u", "-c", _WORKER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                cwd=home,
                env=environment(url, home, token=token, xet=xet, offline=offline) | quiet,
            )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=300)

    @property
    def said(self) -> str:
        """Everything that the process printed, but for the output of `seedbench` commands."""
        return self._said.read_text()

    def run(self, code: str, *, token: str | None = OWN, **values: Any) -> Any:
        """Runs Python code, which finds `values` as names; returns, through JSON, what it assigns to `result`."""
        assert self._process.stdin and self._process.stdout
        step = {"code": dedent(code), "values": values, "token": self._token if token == OWN else token}
        self._process.stdin.write(json.dumps(step, default=str) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the client ended: {self.said}"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def seedbench(self, *arguments: object, token: str | None = OWN) -> Ended:
        """Runs a `seedbench` command."""
        words = [str(argument) for argument in arguments]
        return Ended(*self.run("result = seedbench(arguments)", token=token, arguments=words))
