"""Commands take one selection and one set of options, whatever of them is on the command line."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from seedbench.cli.options import with_options
from seedbench.replay import ReplayOptions
from seedbench.trialset import Selection


def called(selection: str, options: str, *arguments: str) -> tuple[Selection, ReplayOptions]:
    """What a command with these options is called with."""
    found = []
    app = typer.Typer()

    @app.command()
    @with_options(selection=selection, options=options)
    def command(name: str, selection: Selection, other: int = 3, *, options: ReplayOptions) -> None:
        found.append((name, selection, other, options))

    result = CliRunner().invoke(app, ["me", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    ((name, chosen, other, how),) = found
    assert (name, other) == ("me", 3)
    return chosen, how


def test_all_of_them():
    selection, options = called(
        "trials revision table model task recipe budget",
        "replicates seed protocol track processes sandbox time_limit",
        *"--trials d --revision v1 --table m/t/r --model m --task t --task u --recipe r --budget 4 --budget 2".split(),
        *"--replicates 6 --seed -5 --protocol dodge2020 --track transfer --processes 2 --sandbox".split(),
        *"--time-limit 2.5".split(),
    )
    assert selection == Selection(
        trials="d", revision="v1", tables="m/t/r", models="m", tasks=("t", "u"), recipes="r", budgets=(2, 4)
    )
    assert options == ReplayOptions(
        replicates=6,
        seed=-5,
        protocol="dodge2020",
        track="transfer",
        processes=2,
        sandbox=True,
        time_limit=2.5,
        apart=True,
        resume=True,
    )


def test_what_is_not_given_is_the_default_but_processes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("seedbench.cpus.usable_cpus", lambda: 7)
    every = "replicates seed protocol track processes sandbox time_limit"
    assert called("trials budget", every) == (Selection(), ReplayOptions(processes=7, apart=True, resume=True))
    assert called("trials", "track") == (Selection(), ReplayOptions())


def test_an_option_that_is_not_taken_is_unknown():
    with pytest.raises(AssertionError, match="No such option"):
        called("trials", "seed", "--track", "cold")
