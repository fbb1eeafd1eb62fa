"""Intervals without re-runs: what each seed of a trial table adds to a score, from what campaigns saw of it.

What is sampled in a trial table are its rows (weight-init seeds) and its columns (data-order seeds), not its trials.
Every replicate's pool is a random sub-grid, and of that it sees only what its rule starts; the replicates that never
saw a row tell what the table would be worth without it. So one set of campaigns gives the scores and their errors.

`trial_grid` and `draw_subgrids` describe a table; `baseline` is best-of-n on it, from the data alone; `table_sample`
reduces its campaigns; `score`, `over_best_of_n`, `difference`, `to_win` and `quantity` are linear quantities of one
table; `total` and `gap_closed` put one or more of them together; `interval` and `adjusted_p_values` say what is known.

Sources: Wager, Hastie and Efron 2014 (JMLR 15) for influences from subsamples; Owen 2007 (Annals of Applied Statistics
1) for why resampling the cells of a two-way layout is wrong; Satterthwaite 1946 for degrees of freedom; Holm 1979
(Scandinavian Journal of Statistics 6) for many comparisons. What was found when they were simulated:
tests/simulations/README.md.
"""

from seedbench.influences.baselines import Baseline, Multiplier, baseline, multiplier, summary_multiplier
from seedbench.influences.campaigns import Campaigns, Seen, moments, seen, seen_pairs
from seedbench.influences.grid import (
    SUBGRIDS,
    NoInterval,
    SubGrids,
    TrialGrid,
    draw_subgrids,
    pool_size,
    subgrid_size,
    trial_grid,
)
from seedbench.influences.many import adjust, adjusted_p_values, never_differs, p_value
from seedbench.influences.quantities import (
    Part,
    TableSample,
    best_of_n,
    difference,
    has_signal,
    only_best_of_n,
    over_best_of_n,
    quantity,
    score,
    table_sample,
    to_win,
    unit,
)
from seedbench.influences.ranked import best_of_n_curve
from seedbench.influences.totals import Interval, SeedNames, Total, gap_closed, interval, total

__all__ = [
    "SUBGRIDS",
    "Baseline",
    "Campaigns",
    "Interval",
    "Multiplier",
    "NoInterval",
    "Part",
    "SeedNames",
    "Seen",
    "SubGrids",
    "TableSample",
    "Total",
    "TrialGrid",
    "adjust",
    "adjusted_p_values",
    "baseline",
    "best_of_n",
    "best_of_n_curve",
    "difference",
    "draw_subgrids",
    "gap_closed",
    "has_signal",
    "interval",
    "moments",
    "multiplier",
    "never_differs",
    "only_best_of_n",
    "over_best_of_n",
    "p_value",
    "pool_size",
    "quantity",
    "score",
    "seen",
    "seen_pairs",
    "subgrid_size",
    "summary_multiplier",
    "table_sample",
    "to_win",
    "total",
    "trial_grid",
    "unit",
]
