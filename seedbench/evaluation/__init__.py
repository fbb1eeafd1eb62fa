"""How good a strategy is: `evaluate` replays it and scores what it kept, `Evaluation` holds the result.

evaluate    the call
replayed    strategies replayed on what is selected, with the scores of each on each table
columns     what came out of each campaign, as columns, and back
scores      from campaigns to linear quantities with intervals
rows        those as the rows of a result
apart       strategies that were evaluated apart, compared
numbers     what those are: a table's, and all tables' together
result      the result, to and from JSON
report      what a person sees of it; words says it in sentences
figure      the same as a picture; table_figure one of a single table
page        all of it as an HTML page
"""

from seedbench.evaluation.apart import Apart, compared_apart, held_together
from seedbench.evaluation.columns import Columns, outcomes_by_table, refuse_others
from seedbench.evaluation.evaluate import Given, evaluate, evaluate_selected, named_apart, scored
from seedbench.evaluation.numbers import Difference, Row, Summary
from seedbench.evaluation.replayed import Replayed, left_out_of, replay_selected, replayed_again
from seedbench.evaluation.result import Evaluation, LeftOut, parameters_field

__all__ = [
    "Apart",
    "Columns",
    "Difference",
    "Evaluation",
    "Given",
    "Replayed",
    "LeftOut",
    "Row",
    "Summary",
    "compared_apart",
    "evaluate",
    "evaluate_selected",
    "figure",
    "held_together",
    "left_out_of",
    "named_apart",
    "outcomes_by_table",
    "page",
    "parameters_field",
    "refuse_others",
    "replay_selected",
    "replayed_again",
    "report",
    "rows",
    "scored",
    "scores",
    "table_figure",
    "words",
]
