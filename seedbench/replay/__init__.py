"""Strategies through recorded trials: the protocol, the replicates, and what came out of every campaign.

protocol      what may be asked for: protocols and budgets
replicates    the hidden side: halves, labels, order, and all scores on the halves
source        one replicate of a recorded table, as the source of campaigns
transfer      which other tables campaigns are shown
deadline      the limit on a strategy's time
run           one campaign, to its end
batch         all campaigns of some replicates of one table
workers       batches in other processes
replay        strategies × tables × budgets × replicates
decisions     what a strategy decides on the way, and where two part
"""

from seedbench.replay.deadline import Deadline
from seedbench.replay.decisions import Decision, Decisions, Kind, decision, parting, record_campaigns, steps_before
from seedbench.replay.protocol import PROTOCOLS, admitted_budgets, whole_number
from seedbench.replay.replay import Deletion, Replay, TableReplay, replay, replay_one
from seedbench.replay.replicates import Replicates, prepare, undefined_share
from seedbench.replay.run import run_campaign
from seedbench.replay.source import RecordedSource, RecordedTrials
from seedbench.replay.transfer import TRACKS, History, history_of_track

__all__ = [
    "PROTOCOLS",
    "TRACKS",
    "Deadline",
    "Decision",
    "Decisions",
    "Deletion",
    "History",
    "Kind",
    "RecordedSource",
    "RecordedTrials",
    "Replay",
    "Replicates",
    "TableReplay",
    "admitted_budgets",
    "decision",
    "history_of_track",
    "parting",
    "prepare",
    "record_campaigns",
    "replay",
    "replay_one",
    "run_campaign",
    "steps_before",
    "undefined_share",
    "whole_number",
]
