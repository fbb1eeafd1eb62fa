"""Which shipped strategy to use for a budget, and what plain best-of-n gives, judged on recorded trials.

advise    the call
result    what it found
report    what a person sees of it
"""

from seedbench.advice.advise import advise, advise_selected
from seedbench.advice.result import Advice

__all__ = [
    "Advice",
    "advise",
    "advise_selected",
    "report",
]
