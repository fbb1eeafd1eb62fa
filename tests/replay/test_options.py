"""How campaigns are replayed: every rule is said with the value found, and keywords become two objects."""

import numpy as np
import pytest

from seedbench.errors import SelectionError
from seedbench.evaluation import evaluate
from seedbench.replay import EvaluationKeywords, ReplayKeywords, ReplayOptions, from_keywords
from seedbench.trialset import Selection


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"replicates": 2}, "replicates must be at least 3, or nothing is known of their noise; found 2"),
        ({"replicates": 4.0}, "replicates must be at least 3, or nothing is known of their noise; found 4.0"),
        ({"seed": 0.5}, "seed must be an integer, found 0.5"),
        ({"seed": True}, "seed must be an integer, found True"),
        ({"processes": 0}, "processes must be at least 1, found 0"),
        ({"processes": "2"}, "processes must be at least 1, found '2'"),
        ({"protocol": "held-in"}, "unknown protocol 'held-in': there are held-out-2, dodge2020"),
        ({"track": "warm"}, "unknown track 'warm': there are cold, transfer"),
        ({"time_limit": 0}, "time_limit must be above 0 seconds and at most 86,400, found 0"),
        ({"time_limit": 86_401}, "time_limit must be above 0 seconds and at most 86,400, found 86401"),
        ({"time_limit": float("nan")}, "time_limit must be above 0 seconds and at most 86,400, found nan"),
        ({"time_limit": "1"}, "time_limit must be above 0 seconds and at most 86,400, found '1'"),
    ],
)
def test_what_cannot_be_asked_for(given, said):
    with pytest.raises(SelectionError) as caught:
        ReplayOptions(**given)
    assert str(caught.value) == said


def test_numpy_s_integers_are_integers():
    options = ReplayOptions(replicates=np.int64(4), seed=np.int32(-3), processes=np.int8(2))
    assert options == ReplayOptions(replicates=4, seed=-3, processes=2)
    assert {type(options.replicates), type(options.seed), type(options.processes)} == {int}


def test_keywords_become_two_objects():
    given = {"revision": "v1", "tasks": "rte", "budgets": 4, "seed": 3, "track": "transfer"}
    selection, options = from_keywords("a/b", given, EvaluationKeywords)
    assert selection == Selection(trials="a/b", revision="v1", tasks=("rte",), budgets=(4,))
    assert options == ReplayOptions(seed=3, track="transfer")
    assert from_keywords(None, {}, ReplayKeywords, budgets=(8,)) == (Selection(budgets=(8,)), ReplayOptions())


def test_an_unknown_keyword_is_refused_beside_those_that_there_are():
    with pytest.raises(TypeError, match="unexpected keyword argument 'replicate': there are budgets, models, "):
        evaluate("full_trials", replicate=4)
    with pytest.raises(TypeError, match="unexpected keyword argument 'track': there are models, "):
        from_keywords(None, {"track": "cold"}, ReplayKeywords)


def test_every_keyword_is_a_field_and_every_field_a_keyword():
    """`tables` is `table` of `advise`, `trials` every function's own, `apart` and `resume` the command line's."""
    fields = {*Selection.__dataclass_fields__, *ReplayOptions.__dataclass_fields__}
    assert EvaluationKeywords.__annotations__.keys() == fields - {"trials", "tables", "apart", "resume"}
    assert ReplayKeywords.__annotations__.keys() == EvaluationKeywords.__annotations__.keys() - {
        "budgets",
        "track",
        "sandbox",
    }
