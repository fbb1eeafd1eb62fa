"""How good a strategy is: `evaluate` replays it and scores what it kept, `Evaluation` holds the result.

evaluate    the call
replayed    strategies replayed on what is selected, with the scores of each on each table
scores      from kept checkpoints to scores, gap closed, multipliers and their intervals
paired      strategies that were evaluated apart, compared
result      the result, to and from JSON
report      what a person sees of it
figure      the same as a picture
"""

from seedbench.evaluation.evaluate import Given, evaluate, evaluate_selected, scored
from seedbench.evaluation.paired import paired_difference
from seedbench.evaluation.replayed import Replayed, replay_selected
from seedbench.evaluation.result import Difference, Evaluation, Row, Summary, parameters_field

__all__ = [
    "Difference",
    "Evaluation",
    "Given",
    "Replayed",
    "Row",
    "Summary",
    "evaluate",
    "evaluate_selected",
    "figure",
    "paired_difference",
    "parameters_field",
    "replay_selected",
    "report",
    "scored",
    "scores",
]
