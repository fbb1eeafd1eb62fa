"""A strategy on trials that are trained while it decides: the file that `seedbench evaluate` replays, and your training.

contract      what a training is given, what it gives back, what a session asks for
session       the campaign as questions and answers (ask and tell); `log` what it is saved as, `grid` the seeds
loop          a session and whoever trains for it
generator     trainings that are generators of this process
lines         what a training writes down

Which trial is started next, what the seeds are called, what is charged and what is kept are decided by the code that
replays; only where a replay looks a checkpoint up, this one has it trained. So *replay equals life*: a campaign here is
replicate 0 of a recorded table of the same name and seed with nothing held back.
"""

from seedbench.live.contract import Ended, Failed, Measurement, Outcome, Request, Run
from seedbench.live.generator import Generators
from seedbench.live.grid import fresh_seeds
from seedbench.live.loop import Workers, train_for
from seedbench.live.session import Kept, LiveTrial, Session

__all__ = [
    "Ended",
    "Failed",
    "Generators",
    "Kept",
    "LiveTrial",
    "Measurement",
    "Outcome",
    "Request",
    "Run",
    "Session",
    "Workers",
    "fresh_seeds",
    "train_for",
]
