"""Optuna's pruners as strategies: the real ones, on campaigns small enough to follow on paper."""

import copy
import pickle
import sys
import warnings

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna import pruners

from seedbench import evaluate
from seedbench.adapters import from_pruner
from seedbench.checks import check_strategy
from seedbench.cli import main
from seedbench.errors import StrategyFailed, StrategyFileError
from seedbench.strategy import load_strategy
from tests.curves import Curves, Kept, made, run, trained

with warnings.catch_warnings():
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    EVERY = {
        "nop": pruners.NopPruner(),
        "median": pruners.MedianPruner(n_startup_trials=2),
        "percentile": pruners.PercentilePruner(25.0, n_startup_trials=1, n_warmup_steps=1),
        "successive halving": pruners.SuccessiveHalvingPruner(),
        "hyperband": pruners.HyperbandPruner(),
        "patient": pruners.PatientPruner(pruners.MedianPruner(n_startup_trials=1), patience=1),
        "threshold": pruners.ThresholdPruner(lower=0.3),
        "wilcoxon": pruners.WilcoxonPruner(p_threshold=0.1),
        "patience alone": pruners.PatientPruner(None, patience=2),
    }


def decisions(strategy, curves, budget):
    """Every advance, by trial, and what was kept."""
    source = Curves(curves)
    return run(strategy, source, budget), source.log


def pools(ties):
    """24 trials of 6 checkpoints, 40 times; scores of a few steps, so that they tie, or of many."""
    for seed in range(40):
        random = np.random.default_rng(seed)
        level = random.normal(0, 1, (24, 1)) + random.normal(0, 1, (24, 6)) + np.arange(6)
        yield (level.round(0 if ties else 9) / 10).tolist()


# --- each pruner does what it says --------------------------------------------------------------------------------


def test_threshold_stops_at_the_first_score_below_it():
    source = Curves([[0.5, 0.5, 0.5], [0.5, 0.2, 0.9], [0.2, 0.9, 0.9], [0.4, 0.4, 0.4]])
    run(from_pruner(pruners.ThresholdPruner(lower=0.3)), source, 3)
    assert trained(source) == [3, 2, 1, 3]


def test_wilcoxon_is_sure_at_the_fourth_checkpoint():
    # All differences have the same sign with probability 2**-n: 1/8 at the third checkpoint, 1/16 at the fourth.
    best, worse = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95], [0.49, 0.58, 0.67, 0.76, 0.85, 0.89]
    source = Curves([best, worse, best, worse])
    run(from_pruner(EVERY["wilcoxon"]), source, 3)
    assert trained(source) == [6, 4, 6, 2]  # the budget's end


def test_median_compares_with_the_scores_there():
    curves = [2, 4, 6], [4, 6, 8], [2, 8, 8], [3, 4, 8], [3, 5, 7]
    source = Curves([[point / 8 for point in curve] for curve in curves])
    run(from_pruner(EVERY["median"]), source, 4)
    assert trained(source) == [3, 3, 1, 2, 3]


def test_patient_lets_the_other_pruner_judge_after_two_checkpoints_without_improvement():
    source = Curves([[0.5] * 6, [0.1, 0.2, 0.2, 0.1, 0.1, 0.9], [0.6, 0.5, 0.5, 0.4, 0.3, 0.2], [0.0] * 6])
    run(from_pruner(EVERY["patient"]), source, 3)
    assert trained(source) == [6, 5, 6, 1]  # 0.2 is best until two lower ones follow; 0.6 never falls below the median


def test_successive_halving_keeps_the_first_of_a_rung_and_never_resumes():
    # Rungs at steps 1 and 3, so at the second and the fourth checkpoint. The first trial is the best there so far; the
    # second is not; the third is. ASHA as published, which ships, waits for three trials and then resumes the best.
    curves = [[score / 10] * 9 for score in (5, 3, 6, 4)]
    source = Curves(curves)
    run(from_pruner(pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)), source, 2)
    assert trained(source) == [9, 2, 7]
    source = Curves(curves)
    run("asha", source, 2)
    assert source.log[:5] == [0, 1, 2, 2, 2]


def test_hyperband_prunes_within_its_brackets():
    # Nine checkpoints make three brackets, with rungs from step 1, 3 and 9 on: the last never prunes. Which bracket a
    # trial is in is a hash of the study's name and its number.
    curves = [[0.9 - 0.01 * number] * 9 for number in range(24)]
    source = Curves(curves)
    run(from_pruner(pruners.HyperbandPruner(reduction_factor=3)), source, 6)
    assert trained(source)[0] == 9
    assert set(trained(source)[:-1]) == {2, 4, 9}


# --- where the rules coincide, so do the decisions -----------------------------------------------------------------


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(
    ("pruner", "shipped"),
    [
        (pruners.PercentilePruner(25.0), ("percentile_stopping", {})),
        (pruners.PercentilePruner(40.0, n_startup_trials=2), ("percentile_stopping", {"percentile": 40, "peers": 2})),
        (pruners.MedianPruner(), ("percentile_stopping", {"percentile": 50})),
        (pruners.NopPruner(), ("full_trials", {})),
    ],
)
def test_the_same_rule_makes_the_same_decisions(pruner, shipped, ties):
    name, parameters = shipped
    strategy = made(name, **parameters) if parameters else name
    for curves in pools(ties):
        assert decisions(from_pruner(pruner), curves, 8) == decisions(strategy, curves, 8)


def test_patience_is_counted_from_the_checkpoint_after():
    for curves in pools(ties=False):  # with ties it waits for a lower score, and the shipped one does not
        mine = made("patience", patience=3 / len(curves[0]))
        assert decisions(from_pruner(EVERY["patience alone"]), curves, 8) == decisions(mine, curves, 8)


def test_median_stopping_in_the_form_of_vizier_is_another_rule():
    # It compares with the median of running averages, 3 and 4, not of scores, 3 and 5.
    curves = [[point / 8 for point in curve] for curve in ([2, 4, 6], [4, 6, 8], [3, 4, 8], [0, 0, 0])]
    assert decisions(from_pruner(EVERY["median"]), curves, 3)[0].steps_spent == 9
    for strategy, expected in ((from_pruner(EVERY["median"]), 2), (made("median_stopping", peers=2), 3)):
        source = Curves(curves)
        run(strategy, source, 3)
        assert trained(source)[2] == expected


# --- campaigns -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in EVERY if name != "wilcoxon"])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_budget_and_any_pool(name, data):
    """Spends the whole budget, or trains the whole pool."""
    budget, trials = data.draw(st.sampled_from([1, 2, 4, 8])), data.draw(st.integers(1, 40))
    length = data.draw(st.integers(1, 12))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    source = Curves(random.random((trials, length)).round(1).tolist())
    assert run(from_pruner(EVERY[name]), source, budget).steps_spent == length * min(budget, trials)


def test_what_is_left_goes_to_the_best_of_those_pruned():
    curves = [[0.9] * 4, [0.1, 0.1, 0.1, 1.0], [0.2, 0.2, 0.2, 0.8]]
    pruner = pruners.ThresholdPruner(lower=0.3)
    assert run(from_pruner(pruner), Curves(curves), 2) == Kept(0, 0, 0, 8, 3)  # 4 + 1 + 1, and 2 more
    assert run(from_pruner(pruner), Curves(curves), 3) == Kept(1, 0, 3, 12, 3)


class Weary(pruners.BasePruner):
    """Keeps count over its lifetime, and prunes from its third question on."""

    def __init__(self):
        self.asked = 0

    def prune(self, study, trial):
        self.asked += 1
        return self.asked >= 3


@pytest.mark.parametrize("pruner", [Weary(), *EVERY.values()], ids=["weary", *EVERY])
def test_nothing_is_carried_from_campaign_to_campaign(pruner):
    """Optuna's own remember the length of the trials; here the campaign before had longer ones."""
    before = copy.deepcopy(vars(pruner))
    strategy = load_strategy(from_pruner(pruner)).build()
    curves = next(pools(ties=True))
    alone = decisions(from_pruner(copy.deepcopy(pruner)), curves, 4)
    run(strategy, Curves([[0.1 * number] * 8 for number in range(8)]), 2)
    assert decisions(strategy, curves, 4) == alone == decisions(strategy, curves, 4)
    assert {name: value for name, value in vars(pruner).items() if not isinstance(value, pruners.BasePruner)} == {
        name: value for name, value in before.items() if not isinstance(value, pruners.BasePruner)
    }


def test_nothing_is_said(capfd):
    before = optuna.logging.get_verbosity()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for pruner in EVERY.values():
            decisions(from_pruner(pruner), next(pools(ties=True)), 4)
    assert capfd.readouterr() == ("", "")
    assert optuna.logging.get_verbosity() == before


# --- from a file, and from Python ----------------------------------------------------------------------------------

FILE = """
from optuna.pruners import HyperbandPruner

from seedbench.adapters import from_pruner

strategy = from_pruner(HyperbandPruner(max_resource=5))
"""


def test_a_strategy_file(tmp_path, trials, trials_folder, monkeypatch, capsys):
    file = tmp_path / "my_strategy.py"
    file.write_text(FILE)
    findings = check_strategy(load_strategy(str(file)), trials)  # in other processes with other hash seeds
    assert [finding.passed for finding in findings] == [True, True, True, None]  # the last: whether it can be sealed
    told = ["seedbench", "evaluate", str(file), "--trials", str(trials_folder), "--replicates", "4", "--processes", "1"]
    monkeypatch.setattr(sys, "argv", told)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "my_strategy.py" in capsys.readouterr().out


def test_from_python_it_has_the_pruners_name_and_travels(trials):
    strategy = load_strategy(from_pruner(pruners.MedianPruner()))
    assert evaluate(strategy, trials, replicates=4).strategy.name == "MedianPruner"
    curves = next(pools(ties=True))
    there = pickle.loads(pickle.dumps(strategy)).build()
    assert decisions(there, curves, 8) == decisions(strategy.build(), curves, 8)


def test_what_is_no_pruner():
    with pytest.raises(TypeError, match="takes a pruner of Optuna, found .*MedianPruner.*; give an object, as in Med"):
        from_pruner(pruners.MedianPruner)
    with pytest.raises(TypeError, match="takes a pruner of Optuna, found median$"):
        from_pruner("median")


def test_a_pruner_of_ones_own_that_fails_shows_its_own_line(tmp_path, trials):
    file = tmp_path / "mine.py"
    file.write_text(
        "from optuna.pruners import BasePruner\nfrom seedbench.adapters import from_pruner\n\n\n"
        "class Mine(BasePruner):\n    def prune(self, study, trial):\n        return trial.number / 0 > 1\n\n\n"
        "strategy = from_pruner(Mine())\n"
    )
    with pytest.raises(StrategyFailed, match="mine.py raised ZeroDivisionError") as failed:
        evaluate(str(file), trials, replicates=4)
    assert "line 7" in failed.value.frames and "seedbench/adapters" not in failed.value.frames


def test_without_optuna_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "seedbench.adapters")
    monkeypatch.delitem(sys.modules, "seedbench.adapters.pruners")
    file = tmp_path / "mine.py"
    file.write_text("from seedbench.adapters import from_pruner\n\nstrategy = from_pruner(None)\n")
    needs = r"mine.py, line 1: .*seedbench.adapters needs Optuna.*: pip install 'seedbench\[optuna\]'$"
    with pytest.raises(StrategyFileError, match=needs) as refused:
        load_strategy(str(file))
    assert "\n" not in str(refused.value)
