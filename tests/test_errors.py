"""The tree of exceptions, and what the one with a traceback carries across processes."""

import pickle

import pytest

import seedbench
from seedbench import errors


def test_everything_a_user_can_cause_is_a_seedbench_error_and_the_hard_stop_is_not_caught_as_one():
    for name in ("TrialSetError", "SelectionError", "StrategyFileError", "StrategyFailed", "CampaignError"):
        assert issubclass(getattr(errors, name), errors.SeedbenchError)
    for name in ("BudgetSpent", "PoolExhausted", "UnknownCell", "TrialComplete", "InvalidReturn"):
        assert issubclass(getattr(errors, name), errors.CampaignError)
    assert not issubclass(errors.StrategyStopped, Exception)


def test_the_docstring_shows_every_exception():
    classes = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert len(classes) > 10
    assert all(name in errors.__doc__ for name in classes)


def test_a_failed_strategy_says_where_and_how_to_see_it_again_and_travels():
    failed = errors.StrategyFailed("strategy mine.py raised KeyError: 3", "mini/sst2/few", 8, 17, "  File mine.py")
    where = "strategy mine.py raised KeyError: 3 (table mini/sst2/few, budget 8, replicate 17"
    assert str(failed) == f"{where})"
    failed.again = "seedbench evaluate 'my file.py' --only mini/sst2/few:8:17"
    again = pickle.loads(pickle.dumps(failed))
    assert str(again) == str(failed) == f"{where}; this one campaign again: {failed.again})"
    assert again.__notes__ == ["  File mine.py"]  # Python shows them below the exception
    assert (again.reason, again.campaign, again.frames) == (failed.reason, "mini/sst2/few:8:17", "  File mine.py")


def test_the_package_offers_what_it_lists_and_nothing_by_accident():
    for name in seedbench.__all__:
        assert getattr(seedbench, name) is not None
    assert set(seedbench.__all__) <= set(dir(seedbench))
    with pytest.raises(AttributeError, match="module 'seedbench' has no attribute 'no_such_thing'"):
        _ = seedbench.no_such_thing
