"""Other libraries' rules as strategies. So far: the pruners of Optuna, shipped or of one's own making."""

from seedbench.adapters.pruners import from_pruner

__all__ = [
    "from_pruner",
]
