"""Campaigns in sealed processes: a fresh one for each, and the books of each on this side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

from seedbench.campaign import Campaign, Checkpoint, Measurements, PastArrays, TaskFacts, Trial
from seedbench.errors import (
    BudgetSpent,
    CannotSeal,
    PoolExhausted,
    StrategyFileError,
    StrategyStopped,
    TrialComplete,
    UnknownCell,
)
from seedbench.sandbox.imports import allowed
from seedbench.sandbox.messages import (
    START,
    Advance,
    Answers,
    AskHistory,
    Calls,
    Failed,
    Imports,
    Keep,
    Labels,
    Load,
    Loaded,
    Refused,
    Run,
    Said,
    Scan,
    Start,
    Started,
    encode,
    encode_history,
    with_length,
)
from seedbench.sandbox.process import SealedProcess, Zygote
from seedbench.sandbox.verdicts import Breach, Limits
from seedbench.strategy import Strategy
from seedbench.text import visible

Answer = TypeVar("Answer", bound=Said)

# What must fail in a process that is sealed, and by which verdict or exception.
_FORBIDDEN = {"import os; os.listdir('/')": "PermissionError", "import os; os.fork()": "forbidden system call"}


class Sandbox:
    """Runs strategies in sealed processes; a context manager, and for one thread.

    Attributes:
        limits: of one campaign; may be changed.

    Raises:
        CannotSeal: a process that does what it must not be able to do, or does not start.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._zygote = Zygote()
        try:
            self._prove()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all its processes."""
        self._zygote.close()

    def load(self, strategy: Strategy) -> None:
        """Has what a strategy imports imported, for all that run from now on, and checks that its file can be used.

        Raises:
            StrategyFileError: it cannot.
        """
        imports = self._ask(Scan(strategy.source, strategy.filename), Imports)
        self._zygote.import_modules(name for name in imports.names if allowed(name))
        self._ask(_file(strategy), Loaded)

    def run(
        self,
        strategy: Strategy,
        campaign: Campaign,
        steps: Sequence[int],
        past: Callable[[], Sequence[PastArrays]] = tuple,
    ) -> Checkpoint:
        """Runs a strategy in a sealed process of its own.

        Args:
            strategy: one that was loaded.
            campaign: takes its calls, so that the books are kept here.
            steps: training steps done at each checkpoint.
            past: what `campaign.history` shows.

        Returns:
            The checkpoint that it keeps, of a trial of `campaign`.

        Raises:
            Breach: it failed, or did what it may not.
        """
        with SealedProcess(self._zygote, self.limits) as process:
            process.tell(with_length(encode(_job(strategy, campaign, steps))))
            try:
                checkpoint = _serve(process, campaign, past)
            except StrategyStopped as stopped:
                raise Breach("stopped", str(stopped)) from None
            process.finish()
        return checkpoint

    def _ask(self, question: Scan | Load, answer: type[Answer]) -> Answer:
        """Has one question answered by a sealed process of its own."""
        try:
            with SealedProcess(self._zygote, self.limits) as process:
                process.tell(with_length(encode(question)))
                heard = process.hear()
                if isinstance(heard, Failed):
                    raise _breach(heard)
                if not isinstance(heard, answer):
                    raise _out_of_turn(heard)
                process.finish()
                return heard
        except Breach as breach:
            file = question.filename
            message = breach.said if breach.verdict == "unusable" else f"{file}: when loaded, it {breach.said}"
            error = StrategyFileError(message)
            error.frames, error.verdict = breach.frames, breach.verdict
            raise error from None

    def _prove(self) -> None:
        """Tries what a sealed process must not be able to do."""
        for source, failure in _FORBIDDEN.items():
            try:
                self._ask(Load("proof", source, "proof.py", "strategy"), Loaded)
            except StrategyFileError as error:
                if failure in (error.verdict, *str(error).replace(":", "").split()):
                    continue
            raise CannotSeal(f"a process that was sealed could still do this: {source}")


def _file(strategy: Strategy) -> Load:
    return Load(strategy.name, strategy.source, strategy.filename, strategy.attribute, dict(strategy.parameters))


def _job(strategy: Strategy, campaign: Campaign, steps: Sequence[int]) -> Run:
    seeding: Any = campaign.rng.bit_generator.seed_seq
    return Run(
        strategy=_file(strategy),
        budget=campaign.budget,
        grid=campaign.grid,
        steps=list(steps),
        unstarted=campaign.unstarted,
        task=TaskFacts(campaign.majority_score, campaign.metric, campaign.dev_examples, campaign.labels),
        entropy=seeding.entropy.to_bytes(32, "little"),
    )


def _serve(process: SealedProcess, campaign: Campaign, past: Callable[[], Sequence[PastArrays]]) -> Checkpoint:
    """Answers a sealed process until it says what it keeps."""
    trials: list[Trial] = []
    single: dict[bytes, Trial] = {}  # by the message that asks for its next checkpoint
    read, tell = process.read, process.tell
    while True:
        content = read()
        if trial := single.get(content):
            tell(encode(_paid(campaign, trial, 1)[0]))
            continue
        message = process.decode(content)
        if isinstance(message, Start):
            try:
                trial = campaign.start(message.weight_init_seed, message.data_order_seed)
            except (UnknownCell, PoolExhausted) as error:
                name: Literal["UnknownCell", "PoolExhausted"] = (
                    "UnknownCell" if isinstance(error, UnknownCell) else "PoolExhausted"
                )
                tell(encode(Refused(name, str(error))))
                continue
            if trial in trials:  # a strategy is given the same one again without asking, however often
                raise Breach("out of turn", "started a trial from its sealed process that it had started before")
            _book(trial, trials, single)
            tell(encode(Started(trial.weight_init_seed, trial.data_order_seed)))
        elif isinstance(message, Calls):
            tell(with_length(encode(_answers(message.calls, campaign, trials, single))))
        elif isinstance(message, AskHistory):
            tell(with_length(encode_history(past())))
        elif isinstance(message, Keep):
            try:
                return trials[message.trial].checkpoints[message.checkpoint]
            except IndexError:
                raise Breach("not paid for", "kept a checkpoint that it has not paid for") from None
        elif isinstance(message, Advance):
            raise Breach("not paid for", "trained a trial that it has not started")
        elif isinstance(message, Failed):
            raise _breach(message)
        else:
            raise _out_of_turn(message)


def _book(trial: Trial, trials: list[Trial], single: dict[bytes, Trial]) -> None:
    single[encode(Advance(len(trials)))] = trial
    trials.append(trial)


def _answers(
    calls: Sequence[tuple[int, int]], campaign: Campaign, trials: list[Trial], single: dict[bytes, Trial]
) -> Answers:
    labels: list[Labels] = []
    measured: list[Measurements] = []
    for number, checkpoints in calls:
        if number == START:
            try:
                trial = campaign.start()
            except PoolExhausted:
                raise Breach("not paid for", "started a trial where there is none left") from None
            _book(trial, trials, single)
            labels.append((trial.weight_init_seed, trial.data_order_seed))
        elif number < len(trials):
            measured += _paid(campaign, trials[number], checkpoints)
        else:
            raise Breach("not paid for", "trained a trial that it has not started")
    return labels, measured


def _paid(campaign: Campaign, trial: Trial, checkpoints: int) -> list[Measurements]:
    try:
        measured = campaign._train(trial, checkpoints)
    except (BudgetSpent, TrialComplete):
        measured = []
    if len(measured) != checkpoints:
        raise Breach("not paid for", "asked for a checkpoint that its budget does not pay for")
    return measured


def _breach(failed: Failed) -> Breach:
    return Breach(failed.verdict, " ".join(visible(failed.said).split()), visible(failed.frames))


def _out_of_turn(message: Said) -> Breach:
    return Breach("out of turn", f"sent a message of a kind that was not due: {type(message).__name__}")
