"""Best of n: spend the whole budget on full trials and keep the best one.

What everybody does, and what every other strategy is measured against. Source: Dodge et al. 2020, "Fine-Tuning
Pretrained Language Models: Weight Initializations, Data Orders, and Early Stopping", arXiv 2002.06305.
"""

from seedbench import Campaign, Trial


def strategy(campaign: Campaign) -> Trial:
    while campaign.remaining >= 1 and campaign.unstarted:
        trial = campaign.start()
        while not trial.complete:
            trial.advance()
    return max(campaign.trials, key=lambda trial: trial.best.score)
