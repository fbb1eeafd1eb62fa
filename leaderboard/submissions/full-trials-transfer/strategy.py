"""Best of n: spend the whole budget on full trials and keep the best one.

What everybody does, and what every other strategy is measured against. Source: Dodge et al. 2020, "Fine-Tuning
Pretrained Language Models: Weight Initializations, Data Orders, and Early Stopping", arXiv 2002.06305.
"""

from seedbench import Campaign, Trial


def strategy(campaign: Campaign) -> Trial:
    trials = [campaign.start() for _ in range(min(campaign.budget, campaign.unstarted))]
    campaign.advance(trials, campaign.checkpoints_per_trial)
    return max(trials, key=lambda trial: trial.best.score)
