"""How good a strategy is: `evaluate` replays it and scores what it kept, `Evaluation` holds the result.

evaluate    the call
scores      from kept checkpoints to scores, gap closed, multipliers and their intervals
paired      strategies that were evaluated apart, compared
result      the result, to and from JSON
report      what a person sees of it
figure      the same as a picture
"""

from seedbench.evaluation.evaluate import evaluate
from seedbench.evaluation.paired import paired_difference
from seedbench.evaluation.result import Difference, Evaluation, Row, Summary

__all__ = [
    "Difference",
    "Evaluation",
    "Row",
    "Summary",
    "evaluate",
    "figure",
    "paired_difference",
    "report",
    "scores",
]
