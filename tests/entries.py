"""Entries made for tests: honest ones as `seedbench submit` writes them, others with claims that nobody measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from leaderboard.results import Result
from seedbench import evaluate
from seedbench.evaluation import Evaluation
from seedbench.submission import Submission, write_submission
from seedbench.trialset import TrialSet

REPLICATES = 4

HONEST = '''"""The first trial."""


def strategy(campaign):
    trial = campaign.start()
    while not trial.complete:
        trial.advance()
    return trial
'''
RAISES = """def strategy(campaign):
    raise ValueError(f'saw {campaign.start().advance().score}')
"""


def claim(trials: TrialSet, track: str = "cold") -> Evaluation:
    """What the honest strategy scores."""
    scored = evaluate(_first_trial, trials, replicates=REPLICATES, track=track)
    return replace(scored, campaigns=None)


def _first_trial(campaign):
    trial = campaign.start()
    while not trial.complete:
        trial.advance()
    return trial


def enter(folder: Path, slug: str, source: str, claimed: Evaluation, **parameters: Any) -> Path:
    """Writes an entry that claims this result for its source with these parameters."""
    folder.mkdir(parents=True, exist_ok=True)
    entry = Submission(
        slug, slug.replace("-", " "), ("Somebody",), None, "MIT", "strategy", source, claimed, parameters
    )
    identity = replace(claimed.strategy, name="strategy.py", sha256=entry.source_sha256, parameters=parameters)
    return write_submission(folder, replace(entry, claimed=replace(claimed, strategy=identity)))


def same_campaigns(one: Result, other: Result) -> bool:
    """Whether two verified results are of the same campaigns, which are no part of what makes results equal."""
    assert one.campaigns is not None and other.campaigns is not None
    return all(np.array_equal(one.campaigns[name], other.campaigns[name]) for name in one.campaigns)
