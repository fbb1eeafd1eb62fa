"""`seedbench check`: does a strategy do the same when run again, and does it depend on nothing but what it paid for?

What it does is the list of its calls (which trials it starts, what it trains, what it keeps), compared call by call:
in other processes with other hash seeds and the campaigns in another order; and with the same random numbers after
everything it had not paid for, and every test score, was replaced; and what it keeps, in sealed processes, as a
leaderboard runs it. Passing is no proof: a strategy that has learnt the published records by heart, say, would pass.

promises    the checks, one after the other
traces      what a strategy does in one campaign, and where two of them part
elsewhere   the same campaigns in another process
"""

from seedbench.checks.promises import CheckKeywords, CheckResult, check, check_selected, check_strategy

__all__ = ["CheckKeywords", "CheckResult", "check", "check_selected", "check_strategy"]
