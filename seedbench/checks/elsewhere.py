"""The same campaigns again, in a fresh interpreter with another hash seed."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from io import BytesIO

from seedbench.checks.traces import Case, Trace, traced
from seedbench.errors import SeedbenchError, StrategyFailed, StrategyFileError
from seedbench.processes import end_with
from seedbench.sandbox import breach_of_exit
from seedbench.strategy import Strategy
from seedbench.text import counted

PROCESS_TIME_LIMIT = 300.0  # seconds for all campaigns in another process


def in_another_process(
    strategy: Strategy, cases: Sequence[Case], *, hash_seed: int, to_first_failure: bool = False
) -> list[Trace]:
    """Runs all campaigns, or those up to one that fails, in a fresh interpreter, one after the other.

    The records of one at a time are in its memory.
    """
    try:
        order = b"".join(map(pickle.dumps, (len(cases), to_first_failure, strategy, *cases)))
    except Exception as error:  # whatever a callable's own pickling raises  # noqa: BLE001
        raise StrategyFileError(f"{strategy.name} cannot be sent to another process ({error}); give a file") from None
    own = [os.getcwd()] if "" in sys.path else []  # from a prompt; last, as no module there is to be Python's own
    paths = os.pathsep.join([path for path in sys.path if path] + own)
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": paths}
    # -P: no module of the folder that this is called from takes the place of one of Python's own.
    command = [sys.executable, "-P", "-c", f"from seedbench.checks.elsewhere import _answer; _answer({os.getpid()})"]
    try:
        done = subprocess.run(
            command,
            input=order,
            stdout=subprocess.PIPE,
            env=environment,
            timeout=PROCESS_TIME_LIMIT,
            check=False,
            start_new_session=True,  # Ctrl-C is for this process to hear, which ends the other
        )
    except subprocess.TimeoutExpired:
        limit = f"{PROCESS_TIME_LIMIT:.0f} seconds"
        ran = counted(len(cases), "campaign")
        raise SeedbenchError(f"{strategy.name}: {ran} in another process took over {limit}") from None
    traces: list[Trace] = []
    with BytesIO(done.stdout) as answers:
        while answers.tell() < len(done.stdout):
            try:
                traces.append(pickle.load(answers))
            except (EOFError, pickle.UnpicklingError):  # of one that was not written to its end
                break
    if len(traces) == len(cases) or (to_first_failure and traces and traces[-1].failed):
        return traces
    case, said = cases[len(traces)], breach_of_exit(done.returncode)
    where = case.batch.table.name, case.budget, case.replicate
    failed = StrategyFailed(f"strategy {strategy.name} {said}", *where)
    failed.strategy = strategy.name
    raise failed


def _answer(parent: int) -> None:
    """The other process: cases from stdin, their traces to stdout; what the strategy prints goes to stderr."""
    end_with(parent)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    orders = sys.stdin.buffer
    count, to_first_failure, strategy = pickle.load(orders), pickle.load(orders), pickle.load(orders)
    for _ in range(count):
        trace = traced(strategy, pickle.load(orders))
        pickle.dump(trace, answers)  # one by one, so that it is known how far a process came that ended
        answers.flush()
        if to_first_failure and trace.failed:
            break
