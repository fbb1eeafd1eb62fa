"""One search by one strategy on one trial table under one budget.

objects    what a strategy sees: the campaign, its trials, their checkpoints
ledger     the other side: the source of trials, the budget, the books, what is kept in the end
history    what a strategy is shown of other tables on the transfer track
"""

from seedbench.campaign.history import PastTable, TableRecord, records
from seedbench.campaign.ledger import (
    AXES,
    Measurements,
    Settlement,
    Source,
    check_label,
    chosen,
    marks_of,
    not_paid_for,
    open_campaign,
    refusal,
    stop_if_idle,
)
from seedbench.campaign.objects import Campaign, Checkpoint, OracleCampaign, Trial

__all__ = [
    "AXES",
    "Campaign",
    "Checkpoint",
    "Measurements",
    "OracleCampaign",
    "PastTable",
    "Settlement",
    "Source",
    "TableRecord",
    "Trial",
    "check_label",
    "chosen",
    "marks_of",
    "not_paid_for",
    "open_campaign",
    "records",
    "refusal",
    "stop_if_idle",
]
