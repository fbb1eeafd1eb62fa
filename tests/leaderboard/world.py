"""An open board with results and submissions as verification writes them, for the tests of the site."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from leaderboard.boards import Board, write_board
from leaderboard.build import read_standings
from leaderboard.ranks import keep_comparisons
from leaderboard.results import Key, Result, write_result
from seedbench.evaluation import evaluate
from seedbench.replay import replay_one
from seedbench.strategy import load_strategy
from seedbench.submission import Submission, write_submission
from seedbench.trialset import TrialSet, TrialsIdentity

REPLICATES, VERDICT = 6, "forbidden system call"
POOL = TrialsIdentity("seedbench/hidden-2027", "1.0.0", "1" * 64, None)
HOSTILE = "=</script><script>window.hacked=1</script><b>"
FIRST_ONLY = """# A <b>bold</b> rule: </script> train one trial to its end.
def strategy(campaign):
    trial = campaign.start()
    while not trial.complete:
        trial.advance()
    return trial
"""


@dataclass(frozen=True)
class World:
    """What a build reads, and the results in it."""

    submissions: Path
    results: Path
    trials: TrialSet
    board: Board
    entries: dict[str, Result]

    def standings(self):
        return read_standings(self.submissions, self.results)


def entry(slug: str, name: str, source: Path, trials: TrialSet, submissions: Path, *, organisers: bool) -> Result:
    """An entry measured in process, and its submission's folder."""
    strategy = load_strategy(source)
    measured = evaluate(strategy, trials, replicates=REPLICATES, budgets=2)
    example = replay_one(strategy, trials.tables[0], 2, 0, decisions=True).decisions.item()
    plain = replace(measured, campaigns=None)
    text = source.read_text(encoding="utf-8")
    write_submission(submissions, Submission(slug, name, ("Ada", HOSTILE), None, "MIT", "strategy", text, plain))
    return Result(
        slug,
        Key("0" * 64, trials.sha256, 0, REPLICATES),
        "verified",
        name=name,
        authors=("Ada", HOSTILE),
        license="MIT",
        source_sha256=hashlib.sha256(text.encode()).hexdigest(),
        organisers=organisers,
        claimed=plain,
        measured=plain,
        example=example,
        campaigns=measured.campaigns,
    )


@pytest.fixture(scope="session")
def world(trials: TrialSet, tmp_path_factory) -> World:
    """An open board: two baselines, two entries with their submissions, and one that failed. Do not change it."""
    root = tmp_path_factory.mktemp("leaderboard")
    submissions, results = root / "submissions", root / "results"
    submissions.mkdir()
    (root / "first_only.py").write_text(FIRST_ONLY, encoding="utf-8")
    shipped = Path(load_strategy.__code__.co_filename).parents[1] / "strategies"
    made = [
        entry("full-trials", "full_trials", shipped / "full_trials.py", trials, submissions, organisers=True),
        entry("asha", "asha", shipped / "asha.py", trials, submissions, organisers=True),
        entry("patience", "Patience", shipped / "patience.py", trials, submissions, organisers=False),
        entry("first-only", HOSTILE, root / "first_only.py", trials, submissions, organisers=False),
    ]
    failed = replace(
        made[0],
        slug="bad",
        name="Bad",
        verdict=VERDICT,
        said=f"opened a socket {HOSTILE}",
        frames="line 3",
        measured=None,
        example=None,
        campaigns=None,
        organisers=False,
    )
    identity = TrialsIdentity(trials.name, trials.version, trials.sha256, trials.revision)
    board = Board("held-out-2", "cold", identity, 0, REPLICATES)
    write_board(results, board)
    for result in [*made, failed]:
        write_result(results / board.name / "public", result)
    keep_comparisons(results, board, "public", trials)
    return World(submissions, results, trials, board, {result.slug: result for result in [*made, failed]})
