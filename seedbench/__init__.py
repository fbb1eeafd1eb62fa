"""seedbench: how good is a rule for choosing among fine-tuning trials that differ only in their random seeds?

Everything public is here and is imported when first used, so that `import seedbench` is instant.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seedbench.advice import Advice
    from seedbench.advice.advise import advise
    from seedbench.analyses import Findings, findings
    from seedbench.campaign import Campaign, Checkpoint, OracleCampaign, PastTable, Trial, ranked
    from seedbench.checks import CheckResult, check
    from seedbench.comparison import Comparison
    from seedbench.comparison.compare import compare
    from seedbench.errors import (
        BudgetSpent,
        CampaignError,
        CannotSeal,
        PoolExhausted,
        SeedbenchError,
        SelectionError,
        StrategyFailed,
        StrategyFileError,
        TrialComplete,
        TrialSetError,
        UnknownCell,
    )
    from seedbench.evaluation import Evaluation
    from seedbench.evaluation.evaluate import evaluate
    from seedbench.influences import interval
    from seedbench.metrics import best_of_n
    from seedbench.parameters import check_choice, check_number
    from seedbench.replay import open_campaign
    from seedbench.trialset import TrialSet, TrialTable, load_trials

__version__ = "0.2.0"

_HOME = {
    **dict.fromkeys(("Campaign", "Checkpoint", "OracleCampaign", "PastTable", "Trial", "ranked"), "campaign"),
    **dict.fromkeys(("Evaluation", "evaluate"), "evaluation"),
    **dict.fromkeys(("Advice", "advise"), "advice"),
    **dict.fromkeys(("Findings", "findings"), "analyses"),
    **dict.fromkeys(("CheckResult", "check"), "checks"),
    **dict.fromkeys(("Comparison", "compare"), "comparison"),
    "best_of_n": "metrics",
    **dict.fromkeys(("check_choice", "check_number"), "parameters"),
    "interval": "influences",
    "open_campaign": "replay",
    **dict.fromkeys(("TrialSet", "TrialTable", "load_trials"), "trialset"),
    **dict.fromkeys(
        (
            "BudgetSpent",
            "CampaignError",
            "CannotSeal",
            "PoolExhausted",
            "SeedbenchError",
            "SelectionError",
            "StrategyFailed",
            "StrategyFileError",
            "TrialComplete",
            "TrialSetError",
            "UnknownCell",
        ),
        "errors",
    ),
}

__all__ = [
    "Advice",
    "BudgetSpent",
    "Campaign",
    "CampaignError",
    "CannotSeal",
    "CheckResult",
    "Checkpoint",
    "Comparison",
    "Evaluation",
    "Findings",
    "OracleCampaign",
    "PastTable",
    "PoolExhausted",
    "SeedbenchError",
    "SelectionError",
    "StrategyFailed",
    "StrategyFileError",
    "Trial",
    "TrialComplete",
    "TrialSet",
    "TrialSetError",
    "TrialTable",
    "UnknownCell",
    "__version__",
    "advise",
    "best_of_n",
    "check",
    "check_choice",
    "check_number",
    "compare",
    "evaluate",
    "findings",
    "interval",
    "load_trials",
    "open_campaign",
    "ranked",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'seedbench' has no attribute {name!r}")
    value = getattr(import_module(f"seedbench.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
