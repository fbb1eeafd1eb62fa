"""What a sealed process says and is told: typed, bounded messages, as MessagePack.

A sealed process says little: whole numbers, and some text where it has failed. Each of its messages is one write to a
pipe, short enough to arrive in one piece (PIPE_BUF). What it is told comes with its length in front where it may be
long; other answers are short, and each is one write.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from seedbench.campaign import Measurements, PastArrays, TaskFacts
from seedbench.errors import CampaignError, PoolExhausted, UnknownCell

#: The longest message of a sealed process.
MESSAGE_BYTES = 4096

#: Bytes of the two texts of `Failed`, which leave room for the rest of the message.
SAID_BYTES, FRAMES_BYTES = 600, 3300

#: Calls in one message, of 9 bytes each at most; what stands for `campaign.start()`, in place of a trial's number.
CALLS, START = 400, -1

#: Modules and characters of their names in `Imports`.
MODULES, NAME = 100, 60

#: Parameters of a strategy, and characters of their names; `seedbench.strategy` has the bounds of their values.
PARAMETERS, PARAMETER_NAME = 250, 1000

Number = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]


class Message(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """A message is an array: its tag, then its fields."""


# --- what a sealed process says ---------------------------------------------------------------------------------------


class Sealed(Message, tag=0):
    """Comes first, always: from now on this process can do nothing but talk."""


class Start(Message, tag=1):
    """`campaign.start` with these labels."""

    weight_init_seed: Number | None
    data_order_seed: Number | None


class Advance(Message, tag=2):
    """`trial.advance` of a trial, by its number in the order of starting."""

    trial: Number


class Calls(Message, tag=8):
    """Several calls: the number of a trial and how many checkpoints it is trained, or `START` and 0."""

    calls: Annotated[
        list[tuple[Annotated[int, msgspec.Meta(ge=START, lt=2**16)], Number]],
        msgspec.Meta(max_length=CALLS),
    ]


class AskHistory(Message, tag=3):
    """What `campaign.history` shows."""


class Keep(Message, tag=4):
    """Ends a campaign: what the strategy keeps."""

    trial: Number
    checkpoint: Number


class Imports(Message, tag=5):
    """Answers `Scan`: the modules that the source imports."""

    names: Annotated[list[Annotated[str, msgspec.Meta(max_length=NAME)]], msgspec.Meta(max_length=MODULES)]


class Loaded(Message, tag=6):
    """Answers `Load`: the source binds a strategy."""


class Failed(Message, tag=7):
    """How a strategy failed: a reason in one line, and the author's own lines of the traceback."""

    verdict: Literal["raised", "stopped", "invalid return", "unusable"]
    said: str
    frames: str


Said = Sealed | Start | Advance | Calls | AskHistory | Keep | Imports | Loaded | Failed


# --- what it is told --------------------------------------------------------------------------------------------------


class Scan(Message, tag=0):
    """Which modules does this source import?"""

    source: str
    filename: str


class Load(Message, tag=1):
    """Does this file bind a strategy? It is called so, and is given these parameters."""

    name: str
    source: str
    filename: str
    attribute: str
    parameters: Annotated[
        dict[Annotated[str, msgspec.Meta(max_length=PARAMETER_NAME)], Any], msgspec.Meta(max_length=PARAMETERS)
    ] = {}


class Run(Message, tag=2):
    """Run a campaign; see `seedbench.campaign.Source`.

    Attributes:
        strategy: the file.
        budget: in full trials.
        grid: numbers of weight-init and of data-order seeds.
        steps: training steps done at each checkpoint.
        unstarted: trials that can be started.
        task: what is known of the task.
        entropy: what `campaign.rng` is seeded with, 32 bytes.
    """

    strategy: Load
    budget: int
    grid: tuple[int, int]
    steps: list[int]
    unstarted: int
    task: TaskFacts
    entropy: bytes


class Started(Message, tag=0):
    """Answers `Start`: the labels of the trial."""

    weight_init_seed: int
    data_order_seed: int


class Refused(Message, tag=1):
    """Answers `Start`: why there is no such trial."""

    error: Literal["PoolExhausted", "UnknownCell"]
    said: str

    def exception(self) -> CampaignError:
        return (PoolExhausted if self.error == "PoolExhausted" else UnknownCell)(self.said)


Labels = tuple[int, int]  # of a trial that was started
Answers = tuple[list[Labels], list[Measurements]]  # answers `Calls`: the starts', and the advances', in order


# --- between whoever evaluates and the process that forks sealed ones -------------------------------------------------


class Import(Message, tag=0):
    """Import these modules, for processes forked from now on."""

    names: list[str]


class Fork(Message, tag=1):
    """Fork a process and seal it; its two pipes come with the message. Answered by `Ended`, when it has.

    Attributes:
        core: to run on.
        cpu_seconds: limit of its CPU time.
        memory_bytes: limit of its memory, on top of what every process has.
        total_seconds: limit of its life.
    """

    core: int
    cpu_seconds: int
    memory_bytes: int
    total_seconds: float


class Kill(Message, tag=2):
    """Kill the forked process now."""


class Ready(Message, tag=0):
    """Answers `Import`, and comes first."""


class Ended(Message, tag=1):
    """How a forked process ended.

    Attributes:
        how: "exit", "signal", or "time" where its time was over.
        code: the exit status, or the signal's number.
    """

    how: Literal["exit", "signal", "time"]
    code: int


# --- to and from bytes ------------------------------------------------------------------------------------------------

encode = msgspec.msgpack.Encoder().encode
decode_said = msgspec.msgpack.Decoder(Said).decode
decode_job = msgspec.msgpack.Decoder(Scan | Load | Run).decode
decode_started = msgspec.msgpack.Decoder(Started | Refused).decode
decode_order = msgspec.msgpack.Decoder(Import | Fork | Kill).decode
decode_report = msgspec.msgpack.Decoder(Ready | Ended).decode
decode_answers = msgspec.msgpack.Decoder(Answers).decode
decode_measured = msgspec.msgpack.Decoder(Measurements).decode


def encode_history(past: Sequence[PastArrays]) -> bytes:
    """The answer to `AskHistory`."""
    return msgspec.msgpack.encode(list(past), enc_hook=_array_out)


def decode_history(content: bytes) -> list[PastArrays]:
    """What `encode_history` made."""
    return msgspec.msgpack.decode(content, type=list[PastArrays], dec_hook=_array_in)


def _array_out(array: Any) -> tuple[str, tuple[int, ...], bytes]:
    return array.dtype.str, array.shape, array.tobytes()


def _array_in(_: type, parts: Any) -> np.ndarray:
    dtype, shape, content = parts
    return np.frombuffer(content, dtype).reshape(shape)


def with_length(content: bytes) -> bytes:
    """A message of any size, as `read_with_length` reads it."""
    return len(content).to_bytes(8, "little") + content


def read_with_length(file: int) -> bytes:
    """Reads a message that has its length in front.

    Raises:
        EOFError: the other side is gone.
    """
    return _read_exactly(file, int.from_bytes(_read_exactly(file, 8), "little"))


def _read_exactly(file: int, size: int) -> bytes:
    content = bytearray()
    while len(content) < size:
        piece = os.read(file, size - len(content))
        if not piece:
            raise EOFError
        content += piece
    return bytes(content)


def cut(text: str, size: int) -> str:
    """At most so many bytes of a text as UTF-8, the middle left out; whatever has no UTF-8 is escaped."""
    content = text.encode(errors="backslashreplace")
    if len(content) <= size:
        return content.decode()
    half = (size - 5) // 2  # around " ... "
    return f"{content[:half].decode(errors='ignore')} ... {content[-half:].decode(errors='ignore')}"
