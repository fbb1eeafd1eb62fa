"""Parameters of the shipped strategies: each says its rule and the value it got, by `check_number`."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from fractions import Fraction
from math import inf, nan
from typing import Any

import numpy as np
import pytest

from seedbench import check_choice, check_number
from seedbench.errors import StrategyFileError
from seedbench.strategy import load_strategy, shipped, tried_settings
from tests.curves import made

# Every parameter of every shipped strategy: values out of its range, and the ends of it.
WHOLE_FROM_1, WHOLE_FROM_2 = ([0, -3, 1.5, 2.0], [1, 10**6]), ([1, 0, -3, 3.5], [2, 10**6])
RANK_BY = (["rank", 1, ["score"]], ["score", "loss", "both"])
SHARE, SHARE_OR_0 = ([0, -0.1, 7, 1.001, inf], [1e-9, 1]), ([-0.1, 7, 1.001, inf], [0, 1])
RANGES: dict[str, dict[str, tuple[list[Any], list[Any]]]] = {
    "additive_seeds": {
        "explore": SHARE_OR_0,
        "ratios": ([(), 1.0, (1.0, -1.0), (nan,), (inf,), (True,), ("1",)], [(0,), [0.5, 2]]),
    },
    "asha": {"reduction_factor": WHOLE_FROM_2, "rungs": WHOLE_FROM_1, "rank_by": RANK_BY},
    "divergence_stop": {"fraction": SHARE_OR_0},
    "extrapolation": {"delta": SHARE_OR_0, "points": ([2, 0, 3.5], [3, 100]), "noise": ([0, -1, inf], [1e-9, 5])},
    "good_seeds": {"shrinkage": ([0, -1, inf], [1e-9, 5])},
    "hyperband": {"reduction_factor": WHOLE_FROM_2, "brackets": WHOLE_FROM_1, "rank_by": RANK_BY},
    "median_stopping": {"peers": (WHOLE_FROM_1[0], [None, 1, 10])},
    "patience": {"patience": SHARE},
    "patient_halving": {
        "patience": SHARE,
        "power": ([-1, 101], [0, 100]),
        "learnt": (SHARE_OR_0[0], [None, *SHARE_OR_0[1]]),
        "first": SHARE,
        "rank_by": RANK_BY,
    },
    "percentile_stopping": {"percentile": ([400, -1, 100.1], [0, 100]), "peers": WHOLE_FROM_1},
    "race": {"bound": (["normal", 3], ["hoeffding", "binomial"]), "confidence": ([0.4, 1, 7], [0.5, 0.999])},
    "start_many": {
        "started": (WHOLE_FROM_1[0], [None, 1, 10]),
        "fraction": SHARE,
        "continued": ([-1, 1.5], [None, 0, 10]),
        "rank_by": RANK_BY,
    },
    "successive_halving": {"reduction_factor": WHOLE_FROM_2, "rungs": WHOLE_FROM_1, "rank_by": RANK_BY},
    "thompson": {"over": (["cells", "", ["rows"], 3], ["rows", "columns", "trials"])},
    "top_k_early": {"fraction": SHARE_OR_0, "top": ([-1, 1.5], [None, 0, 10])},
}
FIELDS = [(name, field) for name, ranges in RANGES.items() for field in ranges]


def test_every_parameter_of_every_shipped_strategy_is_here():
    built = {name: load_strategy(name).build() for name in shipped()}
    assert [(name, item.name) for name in built if is_dataclass(built[name]) for item in fields(built[name])] == FIELDS


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_a_parameter_out_of_its_range_is_refused_with_its_rule_and_value(name, field):
    class_name = type(load_strategy(name).build()).__name__
    out_of_range, _ = RANGES[name][field]
    for value in (*out_of_range, nan, True, "nonsense", b"1", object()):
        with pytest.raises(ValueError) as refusal:
            made(name, **{field: value})
        said = str(refusal.value)
        assert said.startswith(f"{class_name}: ") and f"{field} must be " in said and ", got " in said, said
        assert said.endswith(repr(value)) or field == "ratios", said
        assert "\n" not in said


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_a_parameter_at_the_ends_of_its_range_is_taken(name, field):
    for value in RANGES[name][field][1]:
        assert getattr(made(name, **{field: value}), field) == value


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("start_many", {"fraction": 7}, "StartMany: fraction must be above 0 and at most 1, got 7"),
        ("percentile_stopping", {"percentile": 400}, "percentile must be at least 0 and at most 100, got 400"),
        ("patience", {"patience": -3}, "Patience: patience must be above 0 and at most 1, got -3"),
        ("asha", {"reduction_factor": 0}, "Asha: reduction_factor must be a whole number, at least 2, got 0"),
        ("extrapolation", {"noise": inf}, "Extrapolation: noise must be a finite number, above 0, got inf"),
    ],
)
def test_what_is_said(name, parameters, said):
    with pytest.raises(ValueError, match=said):
        made(name, **parameters)


def test_in_a_file_it_is_said_with_the_authors_own_line(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("from seedbench.strategies.start_many import StartMany\n\nstrategy = StartMany(fraction=7)\n")
    with pytest.raises(StrategyFileError) as refusal:
        load_strategy(str(file))
    said = "raised ValueError when loaded: StartMany: fraction must be above 0 and at most 1, got 7"
    assert str(refusal.value) == f"{file}, line 3: {said}"
    assert "strategy = StartMany(fraction=7)" in refusal.value.frames


def test_numbers_of_other_libraries_are_numbers():
    for value in (np.float32(0.5), np.float64(0.5), np.int8(1), Fraction(1, 2)):
        check_number("Mine: share", value, above=0, most=1)
    check_number("Mine: number", np.int64(3), whole=True, least=3)
    for value in (np.array(0.5), np.bool_(True), np.float64(nan), 0.5j):
        with pytest.raises(ValueError, match="Mine: share must be above 0 and at most 1, got "):
            check_number("Mine: share", value, above=0, most=1)


def test_the_settings_that_are_tried_are_in_range_and_no_two_the_same():
    """Every strategy with parameters says some, but for those that nobody is to be advised."""
    settings = tried_settings()
    built = [made(name, **parameters) for name, parameters in settings]
    assert len(set(map(repr, built))) == len(built)
    silent = set(RANGES) - {name for name, _ in settings}
    assert silent == {"good_seeds"}  # without other tasks' records it is full_trials
    assert not {name for name, _ in settings} - RANGES.keys()


def test_one_of_some_words():
    check_choice("Mine: by", "score", ("score", "loss", "both"))
    for value in ("scores", None, ["score"], 1):
        with pytest.raises(ValueError, match="^Mine: by must be 'score', 'loss' or 'both', got "):
            check_choice("Mine: by", value, ("score", "loss", "both"))
