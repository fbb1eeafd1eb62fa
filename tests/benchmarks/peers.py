"""One campaign of 600 checkpoints in other tools, and in bare Python: on the same curves, by the same rules.

Each function takes the curves of the trials in the order in which they are started, float lists [trials][checkpoints],
and returns how many checkpoints each started trial was trained for. The tools are at their leanest: in memory, no
sleep, no log, nothing printed, nothing suggested, nothing kept that a decision does not need.
"""

from __future__ import annotations

import logging
from bisect import bisect, insort
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from tests.benchmarks.rules import FACTOR, RUNGS

CHECKPOINTS = 600  # of a campaign
Curves = Sequence[Sequence[float]]


def bare_halving(curves: Curves, top: Callable[[int], int]) -> list[int]:
    """The rule of `rules.StopAtRungs` in a plain loop: no accounts, and nothing hidden."""
    rungs: dict[int, list[float]] = {rung - 1: [] for rung in RUNGS}
    trained, left = [], CHECKPOINTS
    for curve in curves:
        for index, score in enumerate(islice(curve, left)):
            if index in rungs:
                seen = rungs[index]
                insort(seen, score)
                if len(seen) - bisect(seen, score) >= top(len(seen)):
                    break
        trained.append(index + 1)
        left -= index + 1
        if not left:
            break
    return trained


def optuna(curves: Curves, pruner: object) -> list[int]:
    """A study in memory with this pruner, by ask and tell."""
    from optuna import create_study, logging
    from optuna.trial import TrialState

    logging.set_verbosity(logging.ERROR)
    study = create_study(direction="maximize", pruner=pruner)
    trained, left = [], CHECKPOINTS
    for curve in curves:
        trial = study.ask()
        for step, score in enumerate(islice(curve, left), start=1):
            trial.report(score, step)
            if trial.should_prune():
                study.tell(trial, state=TrialState.PRUNED)
                break
        else:
            study.tell(trial, max(curve))
        trained.append(step)
        left -= step
        if not left:
            break
    return trained


def syne_tune(curves: Curves, poll: int) -> list[int]:
    """ASHA on the simulator with one worker, whose clock goes on by `poll` checkpoints between two looks at results.

    With 1 a decision comes before the next checkpoint, as in training. With a whole trial at once it is the same, since
    results after a stop are ignored, and costs least.
    """
    from syne_tune import Tuner, tuner
    from syne_tune.backend.simulator_backend.simulator_backend import SimulatorBackend
    from syne_tune.backend.trial_status import Status
    from syne_tune.optimizer.schedulers.asha import AsynchronousSuccessiveHalving
    from syne_tune.tuner_callback import TunerCallback
    from syne_tune.tuner_logger import TunerLogger

    length, seconds = len(curves[0]), 100  # of a checkpoint: real time, which the simulator adds, is nothing beside it
    trained: dict[int, int] = {}
    left = CHECKPOINTS

    class Simulator(SimulatorBackend):
        def _run_job_and_collect_results(self, trial_id, config=None):
            scores = curves[trial_id][:left]
            return Status.completed, [
                {"score": score, "step": step, "seconds": seconds * step} for step, score in enumerate(scores, start=1)
            ]

    class Clock(TunerCallback):
        def on_tuning_start(self, tuner):
            self.time = tuner.trial_backend.time_keeper
            self.time.start_of_time()

        def on_tuning_sleep(self, sleep_time):
            self.time.advance(seconds * poll)

        def on_trial_result(self, trial, status, result, decision):
            nonlocal left
            trained[trial.trial_id] = result["step"]
            left -= 1

    class FirstCome:
        def suggest(self):
            return {}

        def on_trial_result(self, *_, **__):
            pass

        on_trial_complete = on_trial_error = on_trial_result

    class InMemory(Tuner):
        def _save_metadata(self):
            pass

    silent = type("Silent", (TunerLogger,), {n: lambda *_, **__: None for n in dir(TunerLogger) if n[:6] == "print_"})
    tuner.print_best_metric_found = lambda **_: None
    logging.getLogger("syne_tune").setLevel(logging.ERROR)
    logging.getLogger("syne_tune.backend.simulator_backend.simulator_backend").setLevel(logging.ERROR)
    scheduler = AsynchronousSuccessiveHalving(
        {}, "score", do_minimize=False, searcher=FirstCome(), time_attr="step", max_t=length,
        grace_period=RUNGS[0], reduction_factor=FACTOR,
    )  # fmt: skip
    simulated = InMemory(
        trial_backend=Simulator(entry_point=__file__, elapsed_time_attr="seconds"),
        scheduler=scheduler,
        stop_criterion=lambda status: left <= 0,
        n_workers=1,
        sleep_time=0,
        print_update_interval=float("inf"),
        callbacks=[Clock()],
        save_tuner=False,
        output_logger=silent(),
    )
    simulated.tuner_path = Path(__file__).parent  # it makes sure of its folder, and has nothing to write there
    simulated.run()
    return list(trained.values())
