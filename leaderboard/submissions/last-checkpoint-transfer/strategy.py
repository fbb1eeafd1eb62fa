"""Best of n without early stopping: full trials, judged by and kept at their last checkpoint.

What a training script does that saves its model at the end only; the distance to `full_trials` is what keeping the best
validation point is worth. A baseline: on no bundled table is it better than best-of-n. Source: the end-of-training
scores of Dodge et al. 2020, arXiv 2002.06305, and of Mosbach et al. 2021, "On the Stability of Fine-Tuning BERT", arXiv
2006.04884.
"""

from seedbench import Campaign, Checkpoint


def strategy(campaign: Campaign) -> Checkpoint:
    trials = [campaign.start() for _ in range(min(campaign.budget, campaign.unstarted))]
    return max(campaign.advance(trials, campaign.checkpoints_per_trial), key=lambda checkpoint: checkpoint.score)
