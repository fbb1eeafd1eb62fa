"""One search by one strategy on one trial table under one budget.

objects    what a strategy sees: the campaign, its trials, their checkpoints
ledger     the other side: the budget, the books, what is kept in the end
rules      prices, refusals, what an answer means: for the ledger, and for the sealed end of a campaign
source     where trials come from, and what goes around that
ranking    trials by what was seen of them
history    what a strategy is shown of other tables on the transfer track
"""

from seedbench.campaign.history import PastArrays, PastTable, past_tables
from seedbench.campaign.ledger import Settlement, open_campaign
from seedbench.campaign.objects import Campaign, Checkpoint, OracleCampaign, Trial
from seedbench.campaign.ranking import ranked
from seedbench.campaign.rules import (
    AXES,
    check_label,
    chosen,
    marks_of,
    not_paid_for,
    one_by_one,
    reach,
    refusal,
    stop_if_idle,
)
from seedbench.campaign.source import Around, Labels, Measurements, Source, TaskFacts, shown_loss

__all__ = [
    "AXES",
    "Around",
    "Campaign",
    "Checkpoint",
    "Labels",
    "Measurements",
    "OracleCampaign",
    "PastArrays",
    "Settlement",
    "Source",
    "PastTable",
    "TaskFacts",
    "Trial",
    "check_label",
    "chosen",
    "marks_of",
    "not_paid_for",
    "one_by_one",
    "open_campaign",
    "past_tables",
    "ranked",
    "reach",
    "refusal",
    "shown_loss",
    "stop_if_idle",
]
