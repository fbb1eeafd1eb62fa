"""Strategies through recorded trials: the protocol, the replicates, and what came out of every campaign.

protocol      what may be asked for: protocols, pools and budgets
options       how campaigns are replayed, as one object, and from the keywords of public functions
replicates    the hidden side: pools, labels, order, and what was measured
source        one replicate of a recorded table, as the source of campaigns
transfer      which other tables campaigns are shown
deadline      the limit on a strategy's time
run           one campaign, to its end
batch         all campaigns of some replicates of one table
workers       batches in this process, in a fork of it, or in others
pool          the other processes, and what they run
marks         which campaign a process is in, for whoever outlives it
content       what of a table its campaigns depend on, as one number
kept          what is done, kept until all is
replay        strategies × tables × budgets × replicates
decisions     what a strategy decides on the way, and where two part
again         how one campaign is run again
play          a campaign to play with
"""

from seedbench.replay.again import saying_how
from seedbench.replay.batch import BATCH, Outcomes
from seedbench.replay.content import table_sha256
from seedbench.replay.deadline import Deadline
from seedbench.replay.decisions import Decision, Decisions, Kind, decision, parting, steps_before
from seedbench.replay.options import EvaluationKeywords, ReplayKeywords, ReplayOptions, from_keywords
from seedbench.replay.play import open_campaign
from seedbench.replay.pool import same_workers
from seedbench.replay.protocol import (
    BUDGETS,
    PROTOCOLS,
    TRIALS_PER_BUDGET,
    PoolSize,
    admitted_budgets,
    pool_size_of,
    scored_tables,
    subgrids_of,
    unscored,
)
from seedbench.replay.replay import NOTHING_KNOWN, Replay, TableReplay, replay, replay_one
from seedbench.replay.replicates import Replicates, prepare, whole_table
from seedbench.replay.run import run_campaign
from seedbench.replay.source import RecordedTrials
from seedbench.replay.transfer import TRACKS, ShownTables, without_secrets

__all__ = [
    "BATCH",
    "BUDGETS",
    "PROTOCOLS",
    "TRIALS_PER_BUDGET",
    "TRACKS",
    "Deadline",
    "Decision",
    "Decisions",
    "EvaluationKeywords",
    "ShownTables",
    "Kind",
    "NOTHING_KNOWN",
    "Outcomes",
    "PoolSize",
    "RecordedTrials",
    "Replay",
    "ReplayKeywords",
    "ReplayOptions",
    "Replicates",
    "TableReplay",
    "admitted_budgets",
    "decision",
    "from_keywords",
    "open_campaign",
    "parting",
    "pool_size_of",
    "prepare",
    "replay",
    "replay_one",
    "run_campaign",
    "same_workers",
    "saying_how",
    "scored_tables",
    "steps_before",
    "subgrids_of",
    "table_sha256",
    "unscored",
    "whole_table",
    "without_secrets",
]
