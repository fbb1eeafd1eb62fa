"""Loading a strategy: what is accepted, what is refused and how; nothing is carried from campaign to campaign."""

import hashlib
import pickle
import re
from pathlib import Path

import pytest

from seedbench.errors import StrategyFileError
from seedbench.strategy import Strategy, describe, load_strategy, shipped
from seedbench.strategy.frames import author_frames

SHIPPED = (
    "additive_seeds asha divergence_stop extrapolation full_trials good_seeds hyperband last_checkpoint "
    "median_stopping oracle patience patient_halving percentile_stopping race start_many successive_halving thompson "
    "top_k_early"
).split()


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str | bytes, name: str = "mine.py") -> str:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


COUNTER = """
class Counter:
    def __init__(self):
        self.calls = 0
    def __call__(self, campaign):
        self.calls += 1
        return self.calls
strategy = Counter()
def other(campaign):
    return "other"
"""


def test_shipped_names():
    assert list(shipped()) == SHIPPED
    for name in SHIPPED:
        assert load_strategy(name).name == name
        assert describe(name).endswith(".")


def test_a_file_and_another_name_in_it(write):
    path = write(COUNTER)
    assert load_strategy(path).name == "mine.py"
    assert load_strategy(f"{path}:other").name == "mine.py:other"
    assert load_strategy(f"{path}:other").build()(None) == "other"
    assert load_strategy(path).sha256 == hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_an_object_is_fresh_in_every_campaign(write):
    strategy = load_strategy(write(COUNTER))
    assert [strategy.build()(None) for _ in range(3)] == [1, 1, 1]


HOOKED = """
class Hooked:
    copies = 0
    def __deepcopy__(self, memo):
        made = Hooked()
        made.copies = self.copies + 1
        return made
    def __call__(self, campaign): return self.copies
strategy = Hooked()
"""
SLOTTED = """
class Slotted:
    __slots__ = ("seen",)
    def __init__(self): self.seen = []
    def __call__(self, campaign):
        self.seen.append(1)
        return len(self.seen)
strategy = Slotted()
"""


COLLECTED = """
class Collected(dict):
    def __call__(self, campaign):
        self["seen"].append(1)
        return len(self["seen"])
strategy = Collected(seen=[])
"""


@pytest.mark.parametrize("source", [COUNTER, HOOKED, SLOTTED, COLLECTED])
def test_what_holds_something_is_copied_deeply(write, source):
    strategy = load_strategy(write(source))
    assert [strategy.build()(None) for _ in range(3)] == [1, 1, 1]


def test_what_its_maker_may_change_is_copied_deeply():
    class Mine:
        def __call__(self, campaign):
            self.seen.append(1)
            return len(self.seen)

    made = Mine()
    made.seen = ()
    strategy = load_strategy(made)
    strategy.build()
    made.seen = []
    assert [strategy.build()(None) for _ in range(3)] == [1, 1, 1]


def test_it_travels_by_its_source(write):
    path = write(COUNTER)
    strategy = load_strategy(path)
    Path(path).unlink()  # a worker does not read the file again
    arrived = pickle.loads(pickle.dumps(strategy))
    assert arrived == strategy and arrived.build()(None) == 1


def test_a_dataclass_with_postponed_annotations(write):
    path = write(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass(frozen=True)\n"
        "class Mine:\n    top: int = 3\n    def __call__(self, campaign): return self.top\nstrategy = Mine(top=5)\n"
    )
    assert load_strategy(path).build()(None) == 5


def test_line_ends_and_a_byte_order_mark_are_kept_in_the_hash(write):
    text = b"\xef\xbb\xbfdef strategy(campaign):\r\n    return None\r\n"
    strategy = load_strategy(write(text))
    assert strategy.sha256 == hashlib.sha256(text).hexdigest()
    assert strategy.build()(None) is None


def test_a_callable():
    def mine(campaign):
        return None

    strategy = load_strategy(mine)
    assert strategy.name == "mine" and strategy.build() is mine
    assert "def mine(campaign):" in strategy.source
    assert load_strategy(strategy) is strategy
    typed_at_a_prompt = eval("lambda campaign: None", {})
    assert load_strategy(typed_at_a_prompt).sha256 is None


REFUSED = {
    "def strategy(": r"line 1: not Python: .*: 'def strategy\('",
    "a\0b": r"not Python: .*null",
    b"x = '\xff'": r"byte 5 is not UTF-8",
    "other = 3": r"binds no 'strategy'; expected strategy\(campaign\)",
    "def other(campaign): pass": r"binds no 'strategy'.*; it has other: select one with .*mine\.py:other$",
    "def helper(trial): pass\ndef mean(values): pass\ndef other(campaign): pass": r"; it has other: select one with",
    "def helper(trial): pass": r"binds no 'strategy'; expected [^;]*$",
    "strategy = 3": r"must be callable.*found 3 of type int",
    "def strategy(): pass": r"must take one argument.*found \(\)",
    "def strategy(campaign, trials): pass": r"must take one argument.*found \(campaign, trials\)",
    "class strategy:\n    def __call__(self, campaign): pass": r"is a class; bind an object of it",
    "class S:\n    def __call__(self): pass\nstrategy = S()": r"must take one argument.*found \(\)",
    "async def strategy(campaign): pass": r"found a coroutine function",
    "def strategy(campaign): yield": r"found a generator function",
    "import threading\nlock = threading.Lock()\nclass S:\n    lock = lock\n    def __init__(self): self.lock = lock\n"
    "    def __call__(self, campaign): pass\nstrategy = S()": r"cannot be copied anew for each campaign: .*lock",
    "raise SystemExit('bye')": r"line 1: raised SystemExit when loaded: bye",
    "x = 1\nimport no_such_module": r"line 2: raised ModuleNotFoundError when loaded: No module named",
    "raise ValueError('two\\nlines')": r"line 1: raised ValueError when loaded: two lines",
}


@pytest.mark.parametrize("text", REFUSED)
def test_refused_in_one_line(write, text):
    path = write(text)
    with pytest.raises(StrategyFileError, match=REFUSED[text]) as caught:
        load_strategy(path)
    assert str(caught.value).startswith(path) and "\n" not in str(caught.value)


def test_refused_without_a_file(tmp_path):
    folder = tmp_path / "folder.py"
    folder.mkdir()
    for spec, rule in {
        str(tmp_path / "none.py"): "no such file; `seedbench new` writes one",
        str(folder): "cannot be read: Is a directory",
        "asah": "did you mean asha[?]",
        "zzz": "shipped: additive_seeds, asha, .*top_k_early$",
    }.items():
        with pytest.raises(StrategyFileError, match=rule):
            load_strategy(spec)
    with pytest.raises(StrategyFileError, match="a file, a shipped name or a callable; found 3 of type int"):
        load_strategy(3)  # type: ignore[arg-type]
    (tmp_path / "mine.py").write_text("")
    with pytest.raises(StrategyFileError, match=r"did you mean \S*mine.py[?]$"):
        load_strategy(str(tmp_path / "mine"))
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(StrategyFileError, match="name ends in .py"):
        load_strategy(str(tmp_path / "mine.txt"))


def test_an_error_when_loaded_shows_the_authors_lines_only(write):
    path = write("import json\ndef helper():\n    json.loads('{')\nhelper()\n")
    with pytest.raises(StrategyFileError) as caught:
        load_strategy(path)
    lines = re.findall(r'File "(.*)", line (\d+)', caught.value.frames)
    assert lines == [(path, "4"), (path, "3")]
    assert caught.value.frames.endswith("(char 1)") and "helper()" in caught.value.frames


def test_frames_of_a_failing_strategy(write):
    path = write(
        "def strategy(campaign):\n    try:\n        1 / 0\n    except ZeroDivisionError as error:\n"
        "        raise KeyError('cause kept') from error\n"
    )
    strategy = load_strategy(path)
    Path(path).write_text("# changed since\n")
    try:
        strategy.build()(None)
    except KeyError as error:
        frames = author_frames(error, strategy)
    assert re.findall(r'File "(.*)", line (\d+)', frames) == [(path, "3"), (path, "5")]
    assert "1 / 0" in frames and "direct cause" in frames  # the lines that ran, not those of the file now


def test_frames_of_a_callable_and_of_nobody():
    def mine(campaign):
        raise RuntimeError("mine")

    strategy = load_strategy(mine)
    try:
        strategy.build()(None)
    except RuntimeError as error:
        assert 'raise RuntimeError("mine")' in author_frames(error, strategy)
        assert "test_strategy.py" in author_frames(error)
    assert author_frames(RuntimeError("never raised"), strategy) == ""


def test_a_strategy_is_a_value():
    assert load_strategy("asha") == load_strategy("asha") != load_strategy("patience")
    assert isinstance(load_strategy("asha"), Strategy)
