"""My strategy: train two trials a little way, finish the better one, and so on until the budget is spent.

Check it:     seedbench check FILE
Score it:     seedbench evaluate FILE
Compare it:   seedbench evaluate FILE --against full_trials --against start_many

A strategy gets a campaign and returns what to keep: a trial (meaning its best checkpoint) or a checkpoint.

    campaign.start()                  a fresh trial, at random; start(weight_init_seed=3, data_order_seed=7) picks one
    campaign.budget                   in full trials; campaign.remaining is what is left of it
    campaign.trials                   those with a checkpoint; campaign.unstarted counts the trials not yet started
    campaign.grid                     numbers of weight-init and of data-order seeds; labels count from 0
    campaign.checkpoints_per_trial    validation points of a full trial; campaign.steps: the training steps at each
    campaign.checkpoints_at(0.3)      how many of them a trial has had after about 0.3 of its training
    campaign.majority_score           what predicting the majority class scores; NaN where unknown
    campaign.metric                   name of the score; campaign.dev_examples, campaign.labels: how many, or None
    campaign.history                  on the transfer track: complete trials of other tasks, under the same seed labels
    campaign.rng                      a numpy Generator: the only randomness that can be replayed
    trial.advance()                   trains to the next validation point, pays for it, returns the checkpoint
    campaign.advance(trials, 3)       the same for several trials together, up to three points each
    trial.checkpoints, trial.best, trial.complete, trial.weight_init_seed, trial.data_order_seed
    checkpoint.score, .validation_loss, .train_loss, .index, .step, .fraction (of a full trial), .trial
    checkpoint.repeated               whether the trial had ended before: what follows only repeats, and costs the same

An advance that costs more than what is left raises BudgetSpent and costs nothing; with no trial left to start, start
raises PoolExhausted. Either may simply end the strategy: the best checkpoint it has seen is kept then.
"""

from dataclasses import dataclass

from seedbench import Campaign, Trial, check_number


@dataclass(frozen=True)
class MyStrategy:
    """Parameters live here and are set in the last line."""

    fraction: float = 0.3  # how far the two are trained before the choice

    def __post_init__(self) -> None:
        check_number("MyStrategy: fraction", self.fraction, above=0, most=1)

    def __call__(self, campaign: Campaign) -> Trial:
        stop = campaign.checkpoints_at(self.fraction)
        while campaign.remaining > 0 and campaign.unstarted >= 2:
            pair = [campaign.start(), campaign.start()]
            campaign.advance(pair, stop)
            better = max(pair, key=lambda trial: trial.best.score)
            while not better.complete:
                better.advance()
        return max(campaign.trials, key=lambda trial: trial.best.score)


strategy = MyStrategy(fraction=0.3)
