"""The analyses of Dodge et al. 2020 (arXiv 2002.06305) for any trial set.

`findings` computes them, `Findings` holds them, `findings_report` prints them. One module per question:

    expected            the best of n trials, n = 1 ... N
    factors             weight initialisation against data order
    shared              seeds that do well on every task
    diverged            diverged trials
    early               early against late
    search, started     start many, stop early, continue some
    common              what they share: the trials that have scores, and errors over seeds

All of it is about the whole dev set, where choosing and scoring are done on the same examples, as in the paper: the
best of many is too good to be true. What a rule is worth on examples that it has not seen is for `seedbench.evaluate`.
"""

from seedbench.analyses.analysis import findings, findings_selected
from seedbench.analyses.report import findings_report
from seedbench.analyses.result import Findings

__all__ = ["Findings", "findings", "findings_report", "findings_selected", "html"]
