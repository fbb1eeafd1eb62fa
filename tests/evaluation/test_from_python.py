"""What a notebook or a prompt shows: short where it is looked at in passing, whole where it is printed."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest

import seedbench
from seedbench import Evaluation, SelectionError, StrategyFailed, TrialSet, evaluate, open_campaign
from seedbench.metrics import best_of_n


@pytest.fixture(scope="module")
def evaluation(trials: TrialSet) -> Evaluation:
    return evaluate("start_many", trials, against=["full_trials", "asha"], budgets=2, replicates=20)


def test_what_is_looked_at_is_one_short_line(trials: TrialSet, evaluation: Evaluation):
    some = {"replicates": 4, "budgets": 2}
    shown = [
        trials,
        trials.tables[0],
        evaluation,
        seedbench.compare("asha", "patience", trials, **some),
        seedbench.advise(2, trials, replicates=4),
        seedbench.findings(trials, permutations=19),
        open_campaign("sst2/few", trials=trials),
    ]
    for one in shown:
        assert len(repr(one)) < 240 and "\n" not in repr(one)
    campaign = shown[-1]
    assert repr(campaign) == "<Campaign: budget 4, 4.00 left, 0 of 5 × 5 trials trained>"
    campaign.start().advance()
    assert repr(campaign) == "<Campaign: budget 4, 3.80 left, 1 of 5 × 5 trials trained>"
    assert repr(trials) == "<TrialSet synthetic 1.0.0: 71 trials of mini in 3 tables>"
    assert len(str(trials).splitlines()) == 4


def test_printed_it_is_the_report_and_a_notebook_shows_the_same(run, trials_folder, evaluation: Evaluation):
    how = ("--against", "full_trials", "--against", "asha", "--budget", "2", "--replicates", "20", "--processes", "1")
    _, out, _ = run("evaluate", "start_many", "--trials", trials_folder, *how)
    assert str(evaluation).splitlines() == [line.rstrip() for line in out.splitlines()]
    for result in (evaluation, seedbench.findings(evaluation_trials(trials_folder), permutations=19)):
        html = result._repr_html_()
        assert html.startswith("<pre") and "<style" not in html
        plain = re.sub(r"<[^>]+>", "", html)
        assert len(plain.splitlines()) > 20


def evaluation_trials(folder):
    return seedbench.load_trials(folder)


def test_pandas_has_the_others_and_how_they_differ(evaluation: Evaluation):
    frame = evaluation.to_pandas()
    assert len(frame) == 3 * len(evaluation.rows)
    own = frame[frame.strategy == "start_many"]
    for other in evaluation.against:
        its = frame[frame.strategy == other.name]
        # To the row's own strategy, on the same replicates: the control variate moves it a little.
        assert np.allclose(its["first_less_it"], own["score"].values - its["score"].values, atol=0.02)
        for end in ("", "_low", "_high", "_p", "_detectable"):
            found = [getattr(difference, f"score{end}") for difference in other.differences]
            assert [None if np.isnan(one) else one for one in its[f"first_less_it{end}"]] == found


def test_a_figure_of_all_and_one_of_a_table(evaluation: Evaluation):
    pytest.importorskip("altair")
    assert "Gap closed at each budget" in evaluation.plot().to_json()
    figure = evaluation.plot("sst2/few").to_json()
    for shown in ("best-of-n, 95%", "start_many", "full_trials", "asha", "oracle", "one full trial"):
        assert f'"{shown}"' in figure
    with pytest.raises(SelectionError, match="0 tables of the evaluation end in 'rte/few'; it has mini/mrpc/few"):
        evaluation.plot("rte/few")


def test_a_strategy_that_raises_shows_its_authors_lines_and_how_to_see_it_again(trials: TrialSet):
    def broken(campaign):
        campaign.start().advance()
        raise LookupError(f"budget {campaign.budget}")

    with pytest.raises(StrategyFailed) as caught:
        evaluate(broken, trials, budgets=2, replicates=4)
    (note,) = caught.value.__notes__
    assert note.endswith("LookupError: budget 2") and "in broken" in note and "seedbench/replay" not in note
    again = caught.value.again
    assert again == "broken(seedbench.open_campaign('mini/mrpc/few', budget=2, replicate=0, trials=trials))"
    with pytest.raises(LookupError, match="budget 2"):
        eval(again, {"broken": broken, "seedbench": seedbench, "trials": trials})


def test_a_campaign_to_play_with_is_the_one_that_an_evaluation_runs(trials: TrialSet):
    seen = []

    def strategy(campaign):
        trial = campaign.start()
        seen.append((campaign.grid, trial.weight_init_seed, trial.data_order_seed, trial.advance().score))
        seen.append(campaign.rng.random())

    evaluate(strategy, trials.select(tasks="sst2", recipes="few"), budgets=4, replicates=3, seed=5)
    played = list(seen)
    seen.clear()
    for replicate in range(3):
        strategy(open_campaign("sst2/few", budget=4, trials=trials, replicate=replicate, seed=5))
    assert seen == played


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("few",), "2 trial tables end in 'few': they are mini/mrpc/few, mini/sst2/few"),
        (("rte/few",), "no trial table 'rte/few': there are mini/mrpc/few"),
        (("sst2/few", 0), "a budget must be a whole number of full trials from 1, found 0"),
    ],
)
def test_what_cannot_be_opened(given, said: str, trials: TrialSet):
    with pytest.raises(SelectionError, match=said):
        open_campaign(*given, trials=trials)


def test_what_is_public_is_documented_and_typed():
    for name in ("advise", "best_of_n", "check", "compare", "evaluate", "findings", "interval", "open_campaign"):
        function = getattr(seedbench, name)
        assert name in seedbench.__all__ and len(inspect.getdoc(function) or "") > 40
        signature = inspect.signature(function)
        assert signature.return_annotation is not inspect.Signature.empty
        assert all(one.annotation is not inspect.Parameter.empty for one in signature.parameters.values()), name
    assert seedbench.best_of_n is best_of_n
    # Of 0.1 and 0.3: the best of one is 0.2 on average, of two 0.3.
    np.testing.assert_allclose(seedbench.best_of_n([0.1, 0.3], [0.1, 0.3]), [0.2, 0.3])
