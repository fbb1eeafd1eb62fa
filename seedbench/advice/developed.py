"""On which recorded tables a shipped rule was developed: there its score flatters it."""

from __future__ import annotations

from seedbench.advice.result import Advice, Candidate
from seedbench.text import counted

#: The trial set of these tables, and the tables by strategy, as task/recipe.
TRIAL_SET = "seedbench/bert-glue-trials"
DEVELOPED_ON = {
    "patient_halving": (
        "cola/dodge2020-lr1e-4-all",
        "mrpc/dodge2020-lr1e-4-all",
        "mrpc/few256-all",
        "rte/dodge2020-lr1e-4-all",
        "sst2/few64-all",
        "sst2/few128-all",
        "sst2/few256-all",
        "sst2/few64-5-epochs-no-bias-correction-lr4e-4",
        "sst2/few128-5-epochs-no-bias-correction-lr3e-4",
    )
}


def developed_words(advice: Advice, candidate: Candidate) -> str:
    """On how many of an advice's tables a candidate was developed, as a sentence; "" where on none."""
    known = DEVELOPED_ON.get(candidate.name, ()) if advice.trials.name == TRIAL_SET else ()
    there = sum(f"{table.task}/{table.recipe}" in known for table in advice.tables)
    if not there:
        return ""
    of = "this table" if len(advice.tables) == 1 else f"{there} of these {counted(len(advice.tables), 'table')}"
    return f"{candidate.label} was developed on {of}, where its score flatters it."
