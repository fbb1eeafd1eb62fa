"""Parameters where a strategy is named: what they give, what is refused and in which words."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable

import numpy as np
import pytest

from seedbench import evaluate
from seedbench.advice import advise
from seedbench.checks import check_strategy
from seedbench.errors import StrategyFileError
from seedbench.evaluation import Evaluation
from seedbench.strategy import file_of, load_strategy, parameters_of, parse_settings
from tests.curves import Curves, run, trained

EARLY = '''
from dataclasses import dataclass

@dataclass(frozen=True)
class Early:
    """Trains a few trials a little way.

    Args:
        trials: how many
            are started.
        checkpoints: how far each is trained.
    """
    trials: int = 2
    checkpoints: int = 1
    notes: object = ()

    def __post_init__(self):
        if self.trials < 1:
            raise ValueError(f"Early: trials must be at least 1, got {self.trials!r}")

    def __call__(self, campaign):
        for _ in range(self.trials):
            trial = campaign.start()
            for _ in range(self.checkpoints):
                trial.advance()

strategy = Early()
other = Early(trials=3)
def plain(campaign): return campaign.start()
class Bare:
    def __call__(self, campaign): return campaign.start()
bare = Bare()
'''


@pytest.fixture
def write(tmp_path) -> Callable[[str], str]:
    def write_file(text: str) -> str:
        (tmp_path / "mine.py").write_text(text)
        return str(tmp_path / "mine.py")

    return write_file


@pytest.fixture
def file(write) -> str:
    return write(EARLY)


def trains(strategy) -> list[int]:
    """Checkpoints of each trial under a budget of two full trials of four checkpoints."""
    source = Curves([[0.1, 0.2, 0.3, 0.4]] * 6)
    run(strategy, source, 2)
    return trained(source)


# --- what they give ---------------------------------------------------------------------------------------------------


def test_what_is_given_is_what_is_trained(file):
    assert trains(file) == [1, 1]
    assert trains(f"{file}(trials=4)") == [1, 1, 1, 1]
    assert trains(f"{file}:other") == [1, 1, 1]
    assert trains(f"{file}:other(checkpoints=2)") == [2, 2, 2]  # what the file binds, but for what is given
    assert trains(load_strategy(file, parameters={"trials": 1, "checkpoints": 3})) == [3]
    assert trains(load_strategy(f"{file}(trials=1)", parameters=parse_settings(["checkpoints=4"]))) == [4]
    # Half a trial each for two, then what is left to finish them: 2 × 2 + 2 × 2 checkpoints.
    assert trains("start_many(started=2, fraction=0.5)") == [4, 4]


def test_a_callable_of_a_dataclass_takes_them_too():
    built = load_strategy("start_many").build()
    assert load_strategy(built, parameters={"fraction": 0.5}).build().fraction == 0.5
    assert built.fraction == 0.2


def test_names_and_values(file):
    strategy = load_strategy(f"{file}(trials=3, checkpoints=2)")
    assert strategy.name == "mine.py(checkpoints=2, trials=3)" and strategy.base_name == "mine.py"
    assert strategy.parameters == {"checkpoints": 2, "trials": 3}
    assert load_strategy(f"{file}:other(trials=3)").name == "mine.py:other(trials=3)"
    assert load_strategy("start_many()").name == "start_many"
    literals = "[(1, -2.5), {'a': None}, True, 'é(', \"=\"]"
    notes = load_strategy(f"{file}(notes={literals})").build().notes
    assert notes == [[1, -2.5], {"a": None}, True, "é(", "="]
    assert parse_settings(["a=1", "b = 'c=d'"]) == {"a": 1, "b": "c=d"}
    assert load_strategy("start_many", parameters={"fraction": np.float64(0.5)}).name == "start_many(fraction=0.5)"


def test_brackets_in_a_folder_s_name_are_no_parameters(tmp_path):
    folder = tmp_path / "my (old)"
    folder.mkdir()
    (folder / "mine.py").write_text(EARLY)
    assert load_strategy(folder / "mine.py").parameters == {}
    assert load_strategy(f"{folder}/mine.py(trials=4)").build().trials == 4
    assert file_of(f"{folder}/mine.py:other(trials=4)") == f"{folder}/mine.py"
    assert file_of("start_many(fraction=0.5)") == "start_many"


def test_identity_is_name_source_and_parameters(file, tmp_path):
    one, same = load_strategy(f"{file}(trials=3, checkpoints=1)"), load_strategy(f"{file}(checkpoints=1,trials=3)")
    assert one == same and hash(one) == hash(same) and one.sha256 == load_strategy(file).sha256
    assert one != load_strategy(file) != load_strategy(f"{file}(trials=3)") != one
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "mine.py").write_text(EARLY)
    assert load_strategy(tmp_path / "elsewhere" / "mine.py") == load_strategy(file)


def test_they_travel_to_another_process(file):
    strategy = pickle.loads(pickle.dumps(load_strategy(f"{file}(trials=4)")))
    assert strategy.parameters == {"trials": 4} and strategy.build().trials == 4


def test_a_list_is_not_shared_between_campaigns(file):
    strategy = load_strategy(f"{file}(notes=[1])")
    strategy.build().notes.append(2)
    assert strategy.build().notes == [1] and strategy.parameters == {"notes": [1]}


def test_its_parameters_are_listed(file):
    listed = [(each.name, each.value, each.said) for each in parameters_of(load_strategy(f"{file}:other"))]
    assert listed == [
        ("trials", 3, "how many are started."),
        ("checkpoints", 1, "how far each is trained."),
        ("notes", (), ""),
    ]
    assert parameters_of(load_strategy("full_trials")) == ()


# --- the same everywhere ----------------------------------------------------------------------------------------------


def test_the_same_bytes_sealed_or_not_and_in_other_processes(sealing, file, trials):
    given = f"{file}(trials=4, checkpoints=2)"
    found = [
        evaluate(given, trials, replicates=4, budgets=[2], recipes="few", against="start_many(fraction=0.5)", **options)
        for options in ({}, {"sandbox": True}, {"processes": 2}, {"processes": 2, "sandbox": True})
    ]
    assert len({each.to_json() for each in found}) == 1
    assert found[0].strategy.parameters == {"checkpoints": 2, "trials": 4}
    assert found[0].against[0].parameters == {"fraction": 0.5}
    assert Evaluation.from_json(found[0].to_json()) == found[0]


def test_given_or_bound_in_the_file_is_the_same_result(write, trials):
    options = {"replicates": 4, "budgets": [2], "recipes": "few"}
    given = evaluate(write(EARLY) + "(trials=3)", trials, **options)
    bound = evaluate(write(EARLY.replace("strategy = Early()", "strategy = Early(trials=3)")), trials, **options)
    assert given.rows == bound.rows and '"parameters"' in given.to_json()
    assert '"parameters"' not in bound.to_json()  # where none are given, a result has the bytes that it always had


def test_check_and_advise_take_them(trials):
    assert all(finding.passed for finding in check_strategy(load_strategy("start_many(fraction=0.5)"), trials))
    settings = [("start_many", {"fraction": 0.5}), ("start_many", {})]
    labels = {each.label for each in advise(2, trials, replicates=4, candidates=settings).candidates}
    assert labels == {"start_many(fraction=0.5)", "start_many"}


# --- what is refused --------------------------------------------------------------------------------------------------

REFUSED = {
    "start_many(fractoin=0.5)": "start_many has no parameter fractoin; did you mean fraction?",
    "start_many(x=1)": "start_many has no parameter x; it has started, fraction, continued, rank_by",
    "strt_many(fraction=1)": "no strategy 'strt_many': neither a .py file nor a shipped name; did you mean start_many?",
    "full_trials(x=1)": "full_trials(x=1): a function has no parameters; a file that binds a frozen dataclass does",
    "start_many(fraction=7)": (
        "start_many(fraction=7): StartMany: fraction must be above 0 and at most 1, got 7"
    ),
    "start_many(fraction=)": "start_many(fraction=): column 21: not Python: invalid syntax",
    "start_many(fraction=1": "start_many(fraction=1: column 11: not Python: '(' was never closed",
    "start_many(0.5)": "start_many(0.5): column 12: a parameter is given by its name, as in fraction=0.5",
    "start_many(**{})": "start_many(**{}): column 12: a parameter is given by its name, as in fraction=0.5",
    "start_many(a=1, a=2)": "start_many(a=1, a=2): column 17: a is given twice",
    "start_many(a=abs(1))": "start_many(a=abs(1)): column 14: a must be a Python literal, got abs(1)",
    "thompson(over=rows)": (
        "thompson(over=rows): column 15: over must be a Python literal, got rows; text stands in quotes: over='rows'"
    ),
    "start_many(a='é', b=c+d)": "start_many(a='é', b=c+d): column 21: b must be a Python literal, got c+d",
    "start_many(a=1)(b=2)": (
        "start_many(a=1)(b=2): column 20: what is given is one pair of brackets with name=value, name=value"
    ),
    "start_many(a=1,\nb=2)": "start_many(a=1, b=2): column 16: parameters stand in one line",
    r"start_many(a='\d')": r"start_many(a='\d'): column 14: not Python: invalid escape sequence '\d'",
    # hostile values
    "start_many(a=1e999)": "start_many: a must be a finite number, got inf",
    f"start_many(a={9**99})": "start_many: a must be a whole number of 64 bits, got one of 314",
    "start_many(a={1})": (
        "start_many: a must be what JSON holds (None, a bool, a number, text, a list, a dict), got {1}"
    ),
    "start_many(a=b'1')": (
        "start_many: a must be what JSON holds (None, a bool, a number, text, a list, a dict), got b'1'"
    ),
    "start_many(a={1: 2})": "start_many: a must be a dict of names that are text, got 1",
    r"start_many(a='\ud800')": r"start_many: a must be text that has UTF-8, got '\ud800'",
    f"start_many(a={'[' * 9}{']' * 9})": (
        "start_many: a must have at most 8 lists and dictionaries in each other, got more"
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_refused_and_how(text):
    with pytest.raises(StrategyFileError) as refusal:
        load_strategy(text)
    assert str(refusal.value) == REFUSED[text]
    assert refusal.value.frames == ""


@pytest.mark.parametrize(
    "value", ["'" + "a" * 2000 + "'", "[" * 400, "9" * 5000, "-" * 900 + "1", "(" * 150 + ")" * 150]
)
def test_whatever_is_huge_is_refused_in_one_short_line(value):
    with pytest.raises(StrategyFileError) as refusal:
        load_strategy(f"start_many(fraction={value})")
    assert "\n" not in str(refusal.value) and len(str(refusal.value)) < 250


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (math.nan, "fraction must be a finite number, got nan"),
        (object, "fraction must be what JSON holds"),
        (["a" * 999], "parameters must have at most 1,000 characters together, got 1,014"),
    ],
)
def test_values_from_python_are_refused_likewise(value, said):
    with pytest.raises(StrategyFileError, match=said):
        load_strategy("start_many", parameters={"fraction": value})


def test_a_list_that_holds_itself_is_refused():
    circular: list[object] = []
    circular.append(circular)
    with pytest.raises(StrategyFileError, match="at most 8 lists"):
        load_strategy("start_many", parameters={"fraction": circular})


def test_given_twice():
    with pytest.raises(StrategyFileError, match="fraction=0.5.: fraction is given twice"):
        load_strategy("start_many(fraction=0.5)", parameters={"fraction": 0.4})
    with pytest.raises(StrategyFileError, match="--set a=2: a is given twice"):
        parse_settings(["a=1", "a=2"])


def test_what_is_no_dataclass_has_none(file):
    with pytest.raises(StrategyFileError, match="an object of Bare, no dataclass, has no parameters"):
        load_strategy(f"{file}:bare(x=1)")
    with pytest.raises(StrategyFileError, match="a function has no parameters"):
        load_strategy(f"{file}:plain(x=1)")


def test_what_the_author_did_not_foresee_comes_with_their_own_line(file):
    with pytest.raises(StrategyFileError, match="raised TypeError: '<' not supported") as refusal:
        load_strategy(f"{file}(trials='many')")
    assert "if self.trials < 1:" in refusal.value.frames and "binding.py" not in refusal.value.frames


@pytest.mark.parametrize(
    "given", ["{}(trials=0)", "{}(trails=1)", "{}:plain(x=1)", "{}(trials='many')", "start_many(fraction=7)"]
)
def test_a_sealed_process_refuses_the_same(sealing, file, trials, given):
    said = []
    for sandbox in (False, True):
        with pytest.raises(StrategyFileError) as refusal:
            evaluate(given.format(file), trials, replicates=4, budgets=[2], recipes="few", sandbox=sandbox)
        said.append(str(refusal.value))
    assert said[0] == said[1]


def test_an_object_is_told_apart_by_what_it_was_made_with():
    """Two of one class differ in name and identity; what is as the class has it is not said."""
    from seedbench.strategies.start_many import StartMany

    half, most, plain = (load_strategy(StartMany(**given)) for given in ({"fraction": 0.5}, {"fraction": 0.9}, {}))
    assert half.name == "StartMany(fraction=0.5)" and half.parameters == {"fraction": 0.5}
    assert plain.name == "StartMany" and plain.parameters == {}
    assert half != most and half.build() == StartMany(fraction=0.5)
