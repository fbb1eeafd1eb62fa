"""The exceptions, and what each one means.

    SeedbenchError                 anything a user can cause; its text is one line: what is wrong and what to do
    ├── CannotWrite                a file or folder that cannot be written; what was there is as it was
    ├── TrialSetError              a trial set that cannot be read or trusted
    ├── PublishError               a trial set that cannot be published, or a push that died on its way
    ├── SelectionError             a model, task, recipe or budget that the trial set does not have
    ├── StrategyFileError          a strategy file that cannot be used
    ├── StrategyFailed             a campaign that has no result, with the table, budget and replicate it happened in
    │   └── LiveCampaignFailed     the same of one that trains; what was trained is kept
    ├── LiveError                  a live campaign that cannot start or go on
    ├── CannotSeal                 a machine that cannot run a strategy in a sealed process
    └── CampaignError              what a campaign tells a strategy
        ├── BudgetSpent            the next checkpoint costs more than what is left; nothing was charged
        ├── PoolExhausted          no unstarted trial is left there
        ├── UnknownCell            no such seed label, or no such trial in the grid
        ├── TrialComplete          the trial is already at its end
        └── InvalidReturn          what the strategy returned, or paid for, leaves nothing to keep

    StrategyStopped                thrown into a strategy that does not end by itself; no Exception, so that a
                                   strategy's own `except Exception` does not catch it

A strategy that lets `BudgetSpent` or `PoolExhausted` through has ended normally; every other exception that leaves it
fails the evaluation as a `StrategyFailed`.
"""

from __future__ import annotations


class SeedbenchError(Exception):
    """Anything a user can cause. The text is one line: what is wrong, where, the value found, what to do."""


class CannotWrite(SeedbenchError):
    """A file or folder that cannot be written.

    Attributes:
        reason: what the operating system says, without the place and what to do.
    """

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text, reason)
        self.reason = reason

    def __str__(self) -> str:
        return str(self.args[0])


class TrialSetError(SeedbenchError):
    """A trial set that cannot be read or trusted; names file, column and row."""


class PublishError(SeedbenchError):
    """A trial set that cannot be published as it stands, or a push that the Hub refused or that died on its way."""


class SelectionError(SeedbenchError):
    """A model, task, recipe, table or budget that cannot be used, beside those that can."""


class StrategyFileError(SeedbenchError):
    """A strategy file that cannot be used: missing, not Python, or without a callable of the right signature.

    Attributes:
        frames: the author's own traceback where the file raised when it was loaded; else empty.
        verdict: of a sealed process that loaded it, a name in `seedbench.sandbox.VERDICTS`; else empty.
    """

    frames: str = ""
    verdict: str = ""


class StrategyFailed(SeedbenchError):
    """A campaign without a result: the strategy raised, returned something else, paid for nothing, or did not end.

    Attributes:
        reason: what happened, in one line.
        table: name of the trial table, `model/task/recipe`.
        budget: in full trials.
        replicate: number of the replicate.
        frames: the author's own traceback, their lines only; empty where no exception was raised. They are a note of
            the exception as well, so that Python shows them below it.
        verdict: of a sealed process, a name in `seedbench.sandbox.VERDICTS`; empty outside of one.
        strategy: name of the strategy; empty where it is not known.
        again: how to run this one campaign again, to be typed as it is; empty where it is not known.
    """

    strategy: str = ""
    again: str = ""

    def __init__(
        self, reason: str, table: str, budget: int, replicate: int, frames: str = "", verdict: str = ""
    ) -> None:
        super().__init__(reason, table, budget, replicate, frames, verdict)
        if frames:
            self.add_note(frames)
        self.reason = reason
        self.table = table
        self.budget = budget
        self.replicate = replicate
        self.frames = frames
        self.verdict = verdict

    @property
    def campaign(self) -> str:
        """The campaign as `--only` takes it: `TABLE:BUDGET:REPLICATE`."""
        return f"{self.table}:{self.budget}:{self.replicate}"

    def __str__(self) -> str:
        hint = f"; this one campaign again: {self.again}" if self.again else ""
        return f"{self.reason} (table {self.table}, budget {self.budget}, replicate {self.replicate}{hint})"


class LiveCampaignFailed(StrategyFailed):
    """A live campaign without a result, for the same reasons."""

    def __str__(self) -> str:
        return f"{self.reason}; what was trained is kept"


class LiveError(SeedbenchError):
    """A live campaign that cannot start or go on: an option, a command, a log that is another campaign's."""


class CannotSeal(SeedbenchError):
    """This machine cannot run a strategy in a sealed process, and says what is missing."""


class CampaignError(SeedbenchError):
    """What a campaign tells the strategy that runs in it."""


class BudgetSpent(CampaignError):
    """The next checkpoint costs more than what is left. Nothing was charged and nothing revealed."""


class PoolExhausted(CampaignError):
    """No unstarted trial is left: in the grid, or in the row or column that was asked for."""


class UnknownCell(CampaignError):
    """No such seed label in this grid, or the trial of these two labels is missing from it."""


class TrialComplete(CampaignError):
    """The trial is at its last checkpoint; there is nothing to advance to."""


class InvalidReturn(CampaignError):
    """What a strategy returned is no trial and no paid checkpoint of its campaign, or it paid for nothing."""


class StrategyStopped(BaseException):
    """Thrown into a strategy that does not end by itself; a `StrategyFailed` for everybody else."""
