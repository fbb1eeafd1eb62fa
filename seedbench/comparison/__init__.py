"""Two strategies on the same replicates: how they differ in score, and where their decisions part.

compare             the call, and what it found
report              what a person sees of it
page                the same as an HTML page
decisions_figure    one campaign's decisions as a figure
"""

from seedbench.comparison.compare import Comparison, compare, compare_selected
from seedbench.comparison.decisions_figure import decisions_figure

__all__ = [
    "Comparison",
    "compare",
    "compare_selected",
    "decisions_figure",
    "page",
    "report",
]
