"""What to do with a budget: recipe, number of seeds, strategy, judged on recorded trials.

advise    the call
recipes   pairs of recipes, of which one mends a fault of the other
gains     what choosing among full trials is expected to win
budgets   which budget
settings  which settings are tried, and which are followed
nearest   which tables are nearest to what is trained next
result    what it found
report    what a person sees of it; words and recipe_words say it in sentences
"""

from seedbench.advice.advise import advise, advise_selected
from seedbench.advice.nearest import situation_of
from seedbench.advice.result import Advice

__all__ = [
    "Advice",
    "advise",
    "advise_selected",
    "report",
    "situation_of",
]
