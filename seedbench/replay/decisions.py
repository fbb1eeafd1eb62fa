"""What a strategy decides in a campaign, checkpoint by checkpoint, and where the decisions of two of them part.

Starting a trial costs nothing and shows nothing, so what counts as a decision is what is paid for: which trial is
trained to its next checkpoint. A campaign's decisions are that sequence, and the checkpoint kept in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from seedbench.campaign import Around, Labels, Measurements, Settlement, Source
from seedbench.replay.replicates import Replicates
from seedbench.replay.source import RecordedTrials
from seedbench.trialset import as_measured

Seeds = tuple[int, int]  # weight-init seed and data-order seed
Paid = tuple[Labels, float]  # a checkpoint: the labels of its trial, and its score

#: `starts` a trial; `trains` the same one on; goes `back` to one that it left before; `ends` the campaign.
Kind = Literal["starts", "trains", "back", "ends"]


@dataclass(frozen=True)
class TrainedTrial:
    """A trial that a campaign paid for.

    Attributes:
        weight_init_seed: the real seed, not the label that the strategy saw.
        data_order_seed: likewise.
        validation_score: of each checkpoint paid for, as the strategy saw it.
        label: what its user calls it; empty: by its seeds.
    """

    weight_init_seed: int
    data_order_seed: int
    validation_score: tuple[float, ...]
    label: str = ""

    @property
    def name(self) -> str:
        """Its label, or its seeds, as `3/7`."""
        return self.label or f"{self.weight_init_seed}/{self.data_order_seed}"

    @property
    def seeds(self) -> Seeds:
        return self.weight_init_seed, self.data_order_seed


@dataclass(frozen=True)
class Decisions:
    """One campaign of one strategy on recorded trials.

    Attributes:
        strategy: its name.
        table: `model/task/recipe`.
        budget: in full trials.
        replicate: its number.
        steps: training steps done at each checkpoint of a trial.
        trials: those with a checkpoint paid for, in the order of their first.
        stretches: what was paid for, in order: a trial (its place in `trials`), and how many checkpoints in a row.
        kept_trial: place in `trials` of the trial that was kept.
        kept_checkpoint: index of the checkpoint that was kept.
        score: of that checkpoint on the test set, or on the dev set where that is reported.
        steps_spent: training steps paid for.
        sign: -1 where scores are the negative of what was measured, which is better low; `measured` turns them.
    """

    strategy: str
    table: str
    budget: int
    replicate: int
    steps: tuple[int, ...]
    trials: tuple[TrainedTrial, ...]
    stretches: tuple[tuple[int, int], ...]
    kept_trial: int
    kept_checkpoint: int
    score: float
    steps_spent: int
    sign: Literal[-1, 1] = 1

    def measured(self, score: float) -> float:
        """A score as it was measured."""
        return as_measured(score, self.sign)

    def name_of(self, seeds: Seeds) -> str:
        """What the trial of these seeds is called."""
        return next((trial.name for trial in self.trials if trial.seeds == seeds), f"{seeds[0]}/{seeds[1]}")

    @property
    def kept(self) -> tuple[Seeds, int]:
        """The kept trial's seeds, and the checkpoint's index."""
        return self.trials[self.kept_trial].seeds, self.kept_checkpoint

    @property
    def validation_score(self) -> float:
        """What the kept checkpoint was chosen for."""
        return self.trials[self.kept_trial].validation_score[self.kept_checkpoint]

    @property
    def full_trials_spent(self) -> float:
        """What was paid for, in full trials."""
        return self.steps_spent / self.steps[-1]

    def trained(self, seeds: Seeds) -> int:
        """Checkpoints paid for of a trial; 0 where it was not started."""
        return next((len(trial.validation_score) for trial in self.trials if trial.seeds == seeds), 0)

    def paid(self) -> list[int]:
        """The trial (its place in `trials`) of every checkpoint paid for, in order."""
        return [trial for trial, count in self.stretches for _ in range(count)]


@dataclass(frozen=True)
class Decision:
    """One decision, and what it left.

    Attributes:
        kind: what was done; see `Kind`.
        seeds: of the trial that is trained, or kept where the campaign ends.
        checkpoint: index of the one it is trained to, or of the one that is kept.
        left: seeds of the trial that was trained just before, where it is not complete and something else is done now.
        left_at: index of that trial's last checkpoint.
    """

    kind: Kind
    seeds: Seeds
    checkpoint: int
    left: Seeds | None = None
    left_at: int | None = None


def parting(one: Decisions, other: Decisions) -> int | None:
    """How many checkpoints two strategies pay for alike before their decisions part.

    Args:
        one: a campaign.
        other: the same replicate, by another strategy.

    Returns:
        The number of checkpoints, all of those paid for where only the one that is kept differs; None where nothing
        differs.
    """
    pairs = list(zip(_paid_seeds(one), _paid_seeds(other), strict=False))
    for at, (first, second) in enumerate(pairs):
        if first != second:
            return at
    same = len(one.paid()) == len(other.paid()) and one.kept == other.kept
    return None if same else len(pairs)


def decision(decisions: Decisions, at: int) -> Decision:
    """What a strategy decides once it has paid for `at` checkpoints."""
    paid = decisions.paid()
    trained = [0] * len(decisions.trials)
    for trial in paid[:at]:
        trained[trial] += 1
    before = paid[at - 1] if at else None
    going_on = at < len(paid)
    now = paid[at] if going_on else None
    left, left_at = None, None
    if before is not None and before != now and trained[before] < len(decisions.steps):
        left, left_at = decisions.trials[before].seeds, trained[before] - 1
    if now is None:
        return Decision("ends", *decisions.kept, left, left_at)
    kind: Kind = "starts" if not trained[now] else "trains" if now == before else "back"
    return Decision(kind, decisions.trials[now].seeds, trained[now], left, left_at)


def steps_before(decisions: Decisions, at: int) -> int:
    """Training steps of the first `at` checkpoints that were paid for."""
    trained = [0] * len(decisions.trials)
    for trial in decisions.paid()[:at]:
        trained[trial] += 1
    return sum(decisions.steps[count - 1] for count in trained if count)


def _paid_seeds(decisions: Decisions) -> list[Seeds]:
    return [decisions.trials[trial].seeds for trial in decisions.paid()]


# --- recording --------------------------------------------------------------------------------------------------------


def watched(source: Source) -> tuple[Source, list[Paid]]:
    """A source that goes around another one, and the list that it fills: what is paid for, in order."""
    paid: list[Paid] = []

    def train(labels: Labels, advance: Callable[[], Measurements]) -> Measurements:
        measured = advance()
        paid.append((labels, measured.score))
        return measured

    return Around(source, train), paid


def decisions_of(
    name: str, batch: Replicates, recorded: RecordedTrials, budget: int, paid: Sequence[Paid], settled: Settlement
) -> Decisions:
    """Puts together what a campaign paid for and how it ended.

    Args:
        name: of the strategy.
        batch: prepared replicates.
        recorded: the one of them that the campaign ran on.
        budget: in full trials.
        paid: what `watched` saw.
        settled: how it ended.
    """
    table = batch.table
    places: dict[Labels, int] = {}
    scores: list[list[float]] = []
    order = []
    for labels, score in paid:
        place = places.setdefault(labels, len(places))
        if place == len(scores):
            scores.append([])
        scores[place].append(score)
        order.append(place)
    trials = []
    for labels, its_scores in zip(places, scores, strict=True):
        trial = recorded.trial(*labels)
        row, column = table.weight_init_seeds[table.row[trial]], table.data_order_seeds[table.column[trial]]
        label = table.trial_name(int(trial)) if any(table.seed_labels) else ""
        trials.append(TrainedTrial(int(row), int(column), tuple(its_scores), label))
    kept = (settled.weight_init_seed, settled.data_order_seed)
    return Decisions(
        strategy=name,
        table=table.name,
        budget=budget,
        replicate=recorded.replicate,
        steps=tuple(table.step.tolist()),
        trials=tuple(trials),
        stretches=tuple((place, len(list(group))) for place, group in groupby(order)),
        kept_trial=places[kept],
        kept_checkpoint=settled.checkpoint,
        score=float(batch.test_score[recorded.trial(*kept), settled.checkpoint]),
        steps_spent=settled.steps_spent,
        sign=-1 if table.sign < 0 else 1,
    )
