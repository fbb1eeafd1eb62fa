"""Every attack is tried for real on a sealed process: it must end as its first line says, and leave nothing behind."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from seedbench.errors import StrategyFailed
from seedbench.replay import Deadline, RecordedTrials, prepare, run_campaign
from seedbench.sandbox import VERDICTS, Limits
from seedbench.sandbox.campaigns import Sandbox
from seedbench.strategy import load_strategy
from tests.synthetic import additive_predictions, table_by_hand

ATTACKS = Path(__file__).parent / "attacks"
LEFT_BEHIND = (Path("/tmp/seedbench-was-here"), Path("/dev/shm/seedbench-was-here"))
LIMITS = {"cpu limit": Limits(60, 1, 2**27), "time limit": Limits(1, 60, 2**27)}
ORDINARY = Limits(60, 20, 2**27)


def attacks() -> Iterator[pytest.param]:
    """Every function of the attack files with a docstring; the files themselves are not run here."""
    for file in sorted(ATTACKS.glob("*.py")):
        for function in ast.parse(file.read_text()).body:
            if not isinstance(function, ast.FunctionDef) or [a.arg for a in function.args.args] != ["campaign"]:
                continue
            if expected := ast.get_docstring(function):
                yield pytest.param(file, function.name, expected, id=f"{file.stem}-{function.name}")


@pytest.fixture(scope="module")
def recorded() -> RecordedTrials:
    table = table_by_hand(additive_predictions(3, 3, checkpoints=3, examples=20), [1, 0, 1, 0, 1] * 4)
    return RecordedTrials(prepare(table, seed=0, replicates=range(2)), 0)


def test_there_are_enough_attacks():
    found = list(attacks())
    assert len(found) >= 100
    assert len({attack.id for attack in found}) == len(found)


@pytest.mark.parametrize(("file", "name", "expected"), list(attacks()))
def test_attack(sandbox, recorded, file, name, expected):
    files, of_the_zygote, cores = left_over(sandbox)
    for _ in range(1 if expected in LIMITS else 2):
        verdict, said = ending(sandbox, recorded, f"{file}:{name}", LIMITS.get(expected, ORDINARY))
        assert verdict in VERDICTS
        alternatives = [alternative.partition(":") for alternative in expected.split("; ")]
        assert any(verdict == its and part.strip() in said for its, _, part in alternatives), (verdict, said)
        assert said.replace("\n", "").isprintable() and len(said) < 5000
    after = left_over(sandbox)  # what others forgot here may have been collected meanwhile
    assert after[0] <= files and after[1] <= of_the_zygote and after[2] == cores
    assert not any(path.exists() for path in LEFT_BEHIND)


@pytest.mark.parametrize("file", sorted(ATTACKS.glob("*.py")), ids=lambda file: file.stem)
def test_honest_strategies_of_the_same_files_succeed(sandbox, recorded, file):
    if "def honest" not in file.read_text():
        pytest.skip("has none")
    sandbox.limits = ORDINARY
    strategy = load_strategy(f"{file}:honest", sealed=True)
    sandbox.load(strategy)
    settled = run_campaign(strategy, recorded, 2, deadline=Deadline(0), sandbox=sandbox)
    assert (settled.checkpoint, settled.trials_started) == (0, 1)


ODD = [attack for attack in attacks() if attack.values[0].stem == "errors"]


@pytest.mark.parametrize(("file", "name", "expected"), ODD)
def test_odd_exceptions_end_in_process_as_well(recorded, file, name, expected):
    """No seal: the same first words, and no error of this package's own."""
    strategy = load_strategy(f"{file}:{name}")
    with pytest.raises(StrategyFailed) as failed:
        run_campaign(strategy, recorded, 2, deadline=Deadline(0))
    assert expected.partition(": ")[2] in failed.value.reason


def ending(sandbox: Sandbox, recorded: RecordedTrials, file: str, limits: Limits) -> tuple[str, str]:
    """Verdict and all that is said of one campaign of a strategy, which must fail."""
    sandbox.limits = limits
    strategy = load_strategy(file, sealed=True)
    sandbox.load(strategy)
    with pytest.raises(StrategyFailed) as failed:
        run_campaign(strategy, recorded, 2, deadline=Deadline(0), sandbox=sandbox)
    return failed.value.verdict, f"{failed.value.reason}\n{failed.value.frames}"


def left_over(sandbox: Sandbox) -> tuple[set[str], set[str], set[int]]:
    """Open files of this process and of the zygote, which must have no child left; and this process's cores."""
    zygote = sandbox._zygote._process.pid
    children = Path(f"/proc/{zygote}/task/{zygote}/children").read_text().split()
    assert children == []
    files = [set(os.listdir(f"/proc/{pid}/fd")) for pid in ("self", zygote)]
    return files[0], files[1], os.sched_getaffinity(0)
