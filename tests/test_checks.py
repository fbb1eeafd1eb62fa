"""`seedbench check` passes what can be trusted, and names what cannot be."""

from pathlib import Path

import pytest

from seedbench.checks import check_strategy
from seedbench.errors import SeedbenchError, SelectionError, StrategyFailed, StrategyFileError
from seedbench.strategy import load_strategy, shipped

OWN_RANDOMNESS = """
import random
def strategy(campaign):
    while campaign.remaining > 0:
        trial = campaign.start()
        for _ in range(random.randint(1, 3)):
            trial.advance()
"""
CAMPAIGN_RNG = OWN_RANDOMNESS.replace("random.randint(1, 3)", "campaign.rng.integers(1, 4)")
OS_RANDOMNESS = OWN_RANDOMNESS.replace("import random", "import os").replace(
    "random.randint(1, 3)", "1 + os.urandom(1)[0] % 3"
)
STATE = """
seen = []
def strategy(campaign):
    seen.append(campaign)
    trial = campaign.start()
    for _ in range(1 + len(seen) % 3):
        trial.advance()
    return trial
"""
STATE_ON_THE_OBJECT = """
class Counting:
    def __init__(self):
        self.seen = 0
    def __call__(self, campaign):
        self.seen += 1
        trial = campaign.start()
        for _ in range(1 + self.seen % 3):
            trial.advance()
        return trial
strategy = Counting()
"""
HASH_ORDER = """
NAMES = {"alpha", "beta", "gamma", "delta", "epsilon"}
def strategy(campaign):
    trial = campaign.start()
    for _ in range(1 + list(NAMES).index("alpha")):
        trial.advance()
    return trial
"""
PEEKS_AT_THE_FUTURE = """
import gc
from seedbench.replay import Replicates
def strategy(campaign):
    block = [found for found in gc.get_objects() if isinstance(found, Replicates)][-1]
    trial = campaign.start(0, 0)
    trial.advance()
    at = block.score.mean(axis=1).argmax()
    for _ in range(int(at) % 5):
        trial.advance()
    return trial
"""
PEEKS_AT_THE_TEST_SCORES = PEEKS_AT_THE_FUTURE.replace(
    "block.score.mean(axis=1).argmax()", "100 * block.test_score.max()"
)
PRINTS = """
def strategy(campaign):
    print("chatter on stdout")
    trial = campaign.start()
    trial.advance()
    return trial
"""


def check(tmp_path: Path, text: str, trials):
    path = tmp_path / "mine.py"
    path.write_text(text)
    return check_strategy(load_strategy(str(path)), trials)


@pytest.mark.parametrize("name", [*(name for name in shipped() if name != "oracle"), "template"])
def test_everything_that_ships_passes(name, trials, tmp_path):
    if name == "template":
        from importlib.resources import files

        findings = check(tmp_path, (files("seedbench.strategies") / "_template.py").read_text(), trials)
    else:
        findings = check_strategy(load_strategy(name), trials, campaigns=8)
    assert [finding.passed for finding in findings] == [True, True, True, True]
    assert [finding.text.split(":")[0] for finding in findings] == ["runs", "reproducible", "blind", "sealed"]


@pytest.mark.parametrize("text", [CAMPAIGN_RNG, STATE_ON_THE_OBJECT, PRINTS])
def test_what_is_allowed_passes(text, trials, tmp_path):
    assert [finding.passed for finding in check(tmp_path, text, trials)] == [True, True, True, True]


@pytest.mark.parametrize("text", [OWN_RANDOMNESS, OS_RANDOMNESS, STATE, HASH_ORDER])
def test_not_reproducible(text, trials, tmp_path):
    runs, finding = check(tmp_path, text, trials)
    assert runs.passed and not finding.passed
    assert finding.text.startswith("not reproducible: table mini/")
    assert "in one run and" in finding.text and "use campaign.rng alone" in finding.text


@pytest.mark.parametrize("text", [PEEKS_AT_THE_FUTURE, PEEKS_AT_THE_TEST_SCORES])
def test_not_blind(text, trials, tmp_path):
    *before, finding = check(tmp_path, text, trials)
    assert [found.passed for found in before] == [True, True]
    assert finding.text.startswith("not blind: table mini/") and not finding.passed


def test_how_much_was_tried_and_spent(trials):
    # Budgets 2 and 4 on pools of 25 trials of one table, 2 on pools of 9 and 11 of the others: 4 campaigns a round.
    runs, _, blind, _ = check_strategy(load_strategy("full_trials"), trials)
    assert runs.text == "runs: 20 campaigns on 3 trial tables, 100% of budget spent"
    assert blind.text.endswith("3 ways × 20 campaigns")


def test_what_the_budget_ended_is_said(trials, tmp_path):
    """Of all 20 campaigns; a strategy that looks at what is left, or returns before, is not ended by it."""
    greedy = (
        "def strategy(campaign):\n    while campaign.unstarted:\n        campaign.advance([campaign.start()], 99)\n"
    )
    (tmp_path / "greedy.py").write_text(greedy)
    runs, *_ = check_strategy(load_strategy(str(tmp_path / "greedy.py")), trials)
    assert runs.text.endswith("100% of budget spent; the budget ended it, before it returned, in 20 of them")


def test_one_is_no_plural(trials):
    runs, *_ = check_strategy(load_strategy("full_trials"), trials.select(tasks="sst2", recipes="few"))
    assert " campaigns on 1 trial table, " in runs.text


@pytest.mark.parametrize("number", [0, -1, 2.0, True])
def test_a_number_of_campaigns_that_is_none(trials, number):
    with pytest.raises(SelectionError, match=f"campaigns must be a whole number from 1 on, found {number}"):
        check_strategy(load_strategy("full_trials"), trials, campaigns=number)


def test_a_failure_is_the_authors_own(trials, tmp_path):
    with pytest.raises(StrategyFailed, match="ZeroDivisionError") as caught:
        check(tmp_path, "def strategy(campaign):\n    campaign.start().advance()\n    return 1 / 0\n", trials)
    assert caught.value.frames.count('File "') == 1 and "return 1 / 0" in caught.value.frames


def test_the_first_failure_is_enough(trials, tmp_path):
    """What loops for a minute in its first campaign is not run in the other twenty."""
    log = tmp_path / "runs"
    text = f"def strategy(campaign):\n    open({str(log)!r}, 'a').write('x')\n    return 1 / 0\n"
    with pytest.raises(StrategyFailed, match="ZeroDivisionError"):
        check(tmp_path, text, trials)
    assert log.read_text() == "x"


def test_a_process_that_ends_itself(trials, tmp_path):
    with pytest.raises(
        SeedbenchError,
        match=r"mine.py ended its process, with exit code 0, .* \(table mini/mrpc/few, budget 2, replicate 0\)",
    ):
        check(tmp_path, "import os\ndef strategy(campaign):\n    os._exit(0)\n", trials)


RAISES_AND_THEN_ENDS = """
import os
seen = []
def strategy(campaign):
    seen.append(campaign)
    trial = campaign.start()
    trial.advance()
    if os.environ["PYTHONHASHSEED"] == "2" and len(seen) == 3:
        raise ValueError
    if os.environ["PYTHONHASHSEED"] == "2" and len(seen) == 4:
        os._exit(0)
    return trial
"""


def test_a_process_that_ends_after_a_campaign_without_result(trials, tmp_path):
    """The campaign that is named is the one in which it ended: the fourth of the second run, which is in reverse."""
    selected = trials.select(tasks="sst2", recipes="few")  # budgets 2 and 4 in turn, ten replicates
    with pytest.raises(SeedbenchError, match=r"ended its process, .* \(table mini/sst2/few, budget 2, replicate 8\)"):
        check(tmp_path, RAISES_AND_THEN_ENDS, selected)


def test_a_file_called_like_a_module_of_pythons(trials, tmp_path, monkeypatch):
    """Random search is random.py to many; where it lies must not be where the other process finds its modules."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "random.py").write_text("def strategy(campaign):\n    campaign.start().advance()\n")
    assert all(finding.passed for finding in check_strategy(load_strategy("random.py"), trials))


def test_a_module_beside_it_at_a_prompt(trials, tmp_path, monkeypatch):
    """At Python's prompt the current folder is on the path, as ''."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    (tmp_path / "helper.py").write_text("def strategy(campaign):\n    campaign.start().advance()\n")
    *findings, sealed = check(tmp_path, "from helper import strategy\n", trials)
    assert all(finding.passed for finding in findings) and sealed.passed is None


def test_what_cannot_be_checked(trials, write_set):
    with pytest.raises(StrategyFileError, match="cannot be sent to another process.*give a file"):
        check_strategy(load_strategy(lambda campaign: None), trials)

    from seedbench.trialset import load_trials
    from tests.synthetic import split_like_training

    small = load_trials(write_set(split_like_training(1, 7)))
    with pytest.raises(SelectionError):
        check_strategy(load_strategy("full_trials"), small)
