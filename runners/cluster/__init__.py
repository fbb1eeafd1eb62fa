"""Fills seed grids on a cluster: ``python -m runners.cluster submit | status | collect | cancel --help``.

Blocks of trials go out as SLURM array jobs, or as processes of this machine. Every finished trial is one log file, so
each command may be interrupted and given again, and a job that dies loses at most the trials it was training.

state (what was sent) <- standing (what follows), jobs (blocks as jobs) <- rounds (look, send, wait) <- show,
checks (what is refused before that) <- __main__
"""
