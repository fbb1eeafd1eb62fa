"""A strategy on trials that are trained while it decides: the file that `seedbench evaluate` replays, your training.

contract      what a training is given, what it gives back, what a session asks for
session       the campaign as questions and answers (ask and tell); `thread` runs its strategy, `log` what is
              saved, `grid` its seeds, `book` the trials that it asked for, `trial` one of them
loop          a session and whoever trains for it; `interruption` holds Ctrl-C back meanwhile
generator     trainings that are generators; `__main__` runs one as a command
command       trainings that are commands, on this machine; `process` one of them, `lines` what it wrote,
              `watchdog` what ends it where this process is killed
slurm         the same as SLURM jobs
transformers  a `Trainer` as a training; the one place that imports transformers
campaign      all of it: a strategy, a training, a folder; `progress`, `folder`, `report`, `tested`, `export` are its
              parts

Which trial is started next, what the seeds are called, what is charged and what is kept are decided by the code that
replays; only where a replay looks a checkpoint up, this one has it trained. So *replay equals life*: a campaign here is
replicate 0 of a recorded table of the same name and seed with nothing held back.
"""

from seedbench.live.campaign import LiveOptions, dry_run, run_live
from seedbench.live.contract import Ended, Failed, Measurement, Outcome, Request, Run
from seedbench.live.generator import Generators
from seedbench.live.grid import fresh_seeds, parse_grid
from seedbench.live.interruption import Interruption
from seedbench.live.loop import Workers, train_for
from seedbench.live.progress import LiveProgress
from seedbench.live.report import LiveReport, stopping_words, text
from seedbench.live.session import Session
from seedbench.live.trial import Kept, LiveTrial

__all__ = [
    "Ended",
    "Failed",
    "Generators",
    "Interruption",
    "Kept",
    "LiveOptions",
    "LiveProgress",
    "LiveReport",
    "LiveTrial",
    "Measurement",
    "Outcome",
    "Request",
    "Run",
    "Session",
    "Workers",
    "dry_run",
    "fresh_seeds",
    "parse_grid",
    "run_live",
    "stopping_words",
    "text",
    "train_for",
    "transformers",
]
