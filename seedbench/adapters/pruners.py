"""Other libraries' stopping rules as strategies. So far: the pruners of Optuna, shipped or of one's own making.

    # my_strategy.py
    from optuna.pruners import WilcoxonPruner
    from seedbench.adapters import from_pruner

    strategy = from_pruner(WilcoxonPruner(p_threshold=0.1))

Needs the extra `optuna`. Source: Akiba et al. 2019, "Optuna: A Next-generation Hyperparameter Optimization Framework",
arXiv 1907.10902.

A study costs far more than a rule of one's own: 0.1 ms a checkpoint. `WilcoxonPruner` costs a thousand times as much
where scores tie and a trial has 7 to 13 checkpoints so far, since SciPy then goes through all 2^n signs of the test one
by one: evaluate it with few replicates, or give it n_startup_steps=14.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

from seedbench.campaign import Campaign, Trial

try:
    import optuna
except ModuleNotFoundError as error:
    if error.name != "optuna":
        raise
    raise ModuleNotFoundError(
        "seedbench.adapters needs Optuna, which is not installed: pip install 'seedbench[optuna]'", name="optuna"
    ) from None

#: Hyperband's pruner sorts trials into its brackets by a hash of the study's name and the trial's number.
STUDY_NAME = "seedbench"


def from_pruner(pruner: optuna.pruners.BasePruner) -> Callable[[Campaign], Trial]:
    """A strategy that trains one trial after the other and stops those that the pruner prunes.

    It is the loop of Optuna's documentation. Every campaign is a study of its own (in memory, to be maximised) with the
    pruner as it was given; every started trial is a trial of it, which reports its score at every checkpoint, with the
    checkpoint's index, from 0, as the step, and is then pruned if the pruner says so, also at its last checkpoint.
    Otherwise it is told as complete, with its best score as the value. Nothing is suggested, so no sampler takes part.
    Pruners do not resume what they have pruned: only once every trial is started does the rest of the budget go to the
    best of the pruned ones, as in the strategies that ship.

    Args:
        pruner: any; its parameters count steps from 0 to `campaign.checkpoints_per_trial` - 1.

    Returns:
        The strategy. It can be evaluated as it is, or bound to a name in a strategy file.

    Raises:
        TypeError: it is no pruner.
    """
    if not isinstance(pruner, optuna.pruners.BasePruner):
        hint = "; give an object, as in MedianPruner()" if isinstance(pruner, type) else ""
        raise TypeError(f"from_pruner takes a pruner of Optuna, found {str(pruner)[:60]}{hint}")
    return _Pruned(pruner)


@dataclass(frozen=True)
class _Pruned:
    pruner: optuna.pruners.BasePruner

    @property
    def __name__(self) -> str:
        return type(self.pruner).__name__

    def __call__(self, campaign: Campaign) -> Trial:
        study = _new_study(copy.deepcopy(self.pruner), campaign)
        while campaign.remaining > 0 and campaign.unstarted:
            trial, told = campaign.start(), study.ask()
            pruned = False
            while not trial.complete and not pruned:
                checkpoint = trial.advance()
                told.report(checkpoint.score, step=checkpoint.index)
                pruned = told.should_prune()
            if pruned:
                study.tell(told, state=optuna.trial.TrialState.PRUNED)
            else:
                study.tell(told, trial.best.score)
        for trial in sorted(campaign.trials, key=_best_score, reverse=True):
            while not trial.complete:
                trial.advance()
        return max(campaign.trials, key=_best_score)


def _new_study(pruner: optuna.pruners.BasePruner, campaign: Campaign) -> optuna.Study:
    sampler = optuna.samplers.RandomSampler(seed=int(campaign.rng.integers(2**32)))
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # a line for every new study, else
    try:
        return optuna.create_study(study_name=STUDY_NAME, direction="maximize", sampler=sampler, pruner=pruner)
    finally:
        optuna.logging.set_verbosity(verbosity)


def _best_score(trial: Trial) -> float:
    return trial.best.score
