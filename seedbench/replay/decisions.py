"""What a strategy decides in a campaign, checkpoint by checkpoint, and where the decisions of two of them part.

Starting a trial costs nothing and shows nothing, so what counts as a decision is what is paid for: which trial is
trained to its next checkpoint. A campaign's decisions are that sequence, and the checkpoint kept in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from threadpoolctl import threadpool_limits

from seedbench.campaign import Measurements, Settlement, Source
from seedbench.replay.batch import BLOCK, Work, rarely_collected, sandbox_for
from seedbench.replay.deadline import Deadline
from seedbench.replay.protocol import admitted_budgets
from seedbench.replay.replay import TIME_LIMIT
from seedbench.replay.replicates import Replicates, prepare
from seedbench.replay.run import run_campaign
from seedbench.replay.source import RecordedTrials
from seedbench.replay.transfer import History
from seedbench.strategy import Strategy
from seedbench.trialset import TrialTable

if TYPE_CHECKING:
    from seedbench.sandbox.campaigns import Sandbox

Seeds = tuple[int, int]  # weight-init seed and data-order seed

#: `starts` a trial; `trains` the same one on; goes `back` to one that it left before; `ends` the campaign.
Kind = Literal["starts", "trains", "back", "ends"]


@dataclass(frozen=True)
class TrainedTrial:
    """A trial that a campaign paid for.

    Attributes:
        weight_init_seed: the real seed, not the label that the strategy saw.
        data_order_seed: likewise.
        validation_score: of each checkpoint paid for, as the strategy saw it.
    """

    weight_init_seed: int
    data_order_seed: int
    validation_score: tuple[float, ...]

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
        score: of that checkpoint on the test half.
        steps_spent: training steps paid for.
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


class Recorder:
    """A source of trials that goes around another one and writes down what is paid for.

    Attributes:
        paid: of every checkpoint paid for, in order: the labels of its trial, and its score.
    """

    def __init__(self, source: Source) -> None:
        self.grid, self.steps = source.grid, source.steps
        self.unstarted, self.majority_score = source.unstarted, source.majority_score
        self.paid: list[tuple[Seeds, float]] = []
        self._source = source

    def start(
        self, weight_init_seed: int | None, data_order_seed: int | None
    ) -> tuple[int, int, Callable[[], Measurements]]:
        """See `seedbench.campaign.Source`."""
        row, column, train = self._source.start(weight_init_seed, data_order_seed)

        def advance() -> Measurements:
            measured = train()
            self.paid.append(((row, column), measured[0]))
            return measured

        return row, column, advance


def decisions_of(
    name: str, block: Replicates, recorded: RecordedTrials, budget: int, recorder: Recorder, settled: Settlement
) -> Decisions:
    """Puts together what a recorder saw and how the campaign ended.

    Args:
        name: of the strategy.
        block: prepared replicates.
        recorded: the one of them that the campaign ran on.
        budget: in full trials.
        recorder: the campaign's source.
        settled: how it ended.
    """
    table = block.table
    places: dict[Seeds, int] = {}
    scores: list[list[float]] = []
    order = []
    for labels, score in recorder.paid:
        place = places.setdefault(labels, len(places))
        if place == len(scores):
            scores.append([])
        scores[place].append(score)
        order.append(place)
    trials = []
    for labels, its_scores in zip(places, scores, strict=True):
        trial = recorded.trial(*labels)
        row, column = table.weight_init_seeds[table.row[trial]], table.data_order_seeds[table.column[trial]]
        trials.append(TrainedTrial(int(row), int(column), tuple(its_scores)))
    kept = (settled.weight_init_seed, settled.data_order_seed)
    test_score = block.test_score[block.replicates.index(recorded.replicate)]
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
        score=float(test_score[recorded.trial(*kept), settled.checkpoint]),
        steps_spent=settled.steps_spent,
    )


def record_campaigns(
    strategies: Sequence[Strategy],
    table: TrialTable,
    budgets: Sequence[int],
    replicates: range,
    *,
    seed: int = 0,
    protocol: str = "held-out-1",
    history: Sequence[TrialTable] = (),
    time_limit: float = TIME_LIMIT,
) -> Iterator[tuple[Decisions, ...]]:
    """Runs strategies on the same replicates of a table, as `seedbench.replay.replay` does, and records what they do.

    Args:
        strategies: at least one.
        table: the trial table.
        budgets: in full trials; the table must have enough trials for them.
        replicates: numbers of the replicates.
        seed: of the evaluation.
        protocol: see `seedbench.replay.PROTOCOLS`.
        history: as in `replay`.
        time_limit: wall time in seconds that one campaign may take.

    Yields:
        For each replicate, and in it for each budget, the decisions of every strategy.

    Raises:
        SelectionError: an unknown protocol, a budget that the table does not admit, or no other task in `history`.
        StrategyFailed: a campaign without a result.
        CannotSeal: a sealed strategy on a machine that cannot seal.
    """
    (fitting,) = admitted_budgets([table], budgets, protocol)
    shown = History.of(table, history) if history else None
    work = Work(tuple(strategies), (), seed, protocol, time_limit)
    with sandbox_for(work) as sandbox:
        for start in range(replicates.start - replicates.start % 2, replicates.stop, BLOCK):
            pairs = range(start, min(start + BLOCK, replicates.stop + replicates.stop % 2))
            wanted = range(max(start, replicates.start), min(pairs.stop, replicates.stop))
            yield from _record_block(work, table, fitting, pairs, wanted, shown, sandbox)


def _record_block(
    work: Work,
    table: TrialTable,
    budgets: Sequence[int],
    pairs: range,
    wanted: range,
    history: History | None,
    sandbox: Sandbox | None,
) -> list[tuple[Decisions, ...]]:
    found = []
    deadline = Deadline(work.time_limit)
    with threadpool_limits(limits=1), deadline.installed(), rarely_collected():  # as in a replay, for the same bits
        block = prepare(table, seed=work.seed, replicates=pairs, protocol=work.protocol)
        for replicate in wanted:
            recorded = RecordedTrials(block, replicate, history=history)
            if sandbox is not None:
                recorded.read_ahead()
            for budget in budgets:
                campaigns = []
                for strategy in work.strategies:
                    recorder = Recorder(recorded.source())
                    settled = run_campaign(
                        strategy, recorded, budget, deadline=deadline, source=recorder, sandbox=sandbox
                    )
                    campaigns.append(decisions_of(strategy.name, block, recorded, budget, recorder, settled))
                found.append(tuple(campaigns))
    return found
