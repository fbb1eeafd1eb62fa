"""What a training wrote down: which lines are measurements, and what stands where a process was killed."""

from __future__ import annotations

import math

import pytest

from seedbench.live import Failed, Measurement
from seedbench.live.lines import MEASUREMENTS, STDOUT, Lines, parse, write_line

WHOLE = "it must be a whole number from 0 to 2,147,483,647"


@pytest.mark.parametrize(
    ("line", "measured"),
    [
        ('{"step": 3, "score": 0.5}', Measurement(3, 0.5)),
        (' {"step": 3.0, "score": 1, "validation_loss": 0.25, "saved": "a"}', Measurement(3, 1.0, 0.25, saved="a")),
        ('{"step": 3, "score": 0.5, "epoch": 1, "train_loss": null}', Measurement(3, 0.5)),
        ("step 3: 0.5", None),
        ('{"loss": 0.5}', None),
        ('{"step": 3, "sco', None),
        ("[3]", None),
        ('{"a":' * 100_000, None),
        ('{"step": 3, "score": 1' + "0" * 400 + "}", Measurement(3, math.inf)),
        (
            '{"step": -1, "score": 0.5}',
            Failed(f"its line has step -1; {WHOLE}"),
        ),
        (
            '{"step": NaN, "score": 0.5}',
            Failed(f"its line has step NaN; {WHOLE}"),
        ),
        (
            '{"step": true, "score": 0.5}',
            Failed(f"its line has step true; {WHOLE}"),
        ),
        ('{"step": 3, "score": true}', Failed("its line has score true; it must be a number")),
        (
            '{"step": 3, "score": 0.5, "train_loss": "x"}',
            Failed('its line has train_loss "x"; it must be a number'),
        ),
        ('{"step": 3, "score": 0.5, "saved": 7}', Failed("its line has saved 7; it must be a path")),
    ],
)
def test_which_lines_are_measurements(line, measured) -> None:
    assert repr(parse(line)) == repr(measured) == repr(parse(line.encode()))


def test_a_score_that_is_no_number_ends_a_training(tmp_path) -> None:
    (tmp_path / STDOUT).write_text('{"step": 1, "score": 0.5}\n{"step": 2, "score": null}\n{"step": 3, "score": 0.5}\n')
    lines = Lines(tmp_path)
    assert lines.read() == 2
    assert lines.found[1] == Failed("score nan at step 2") and lines.last.step == 1


def test_what_a_kill_left_half_written_is_measured_again(tmp_path) -> None:
    """A line without its end is not read; the next process begins a new one, and may repeat a step."""
    path = tmp_path / STDOUT
    path.write_text('noise\n{"step": 1, "score": 0.5}\n{"step": 2, "sco')
    lines = Lines(tmp_path)
    assert lines.read() == 1
    lines.finish()
    with path.open("a") as file:
        file.write('{"step": 1, "score": 0.9}\n{"step": 2, "score": 0.75}\n')
    assert lines.read() == 2
    assert [one.score for one in lines.found] == [0.5, 0.75]
    again = Lines(tmp_path)
    assert again.read() == 2 and repr(again.found) == repr(lines.found)


def test_what_was_told_holds_whatever_has_become_of_the_file(tmp_path) -> None:
    told = (Measurement(1, 0.5), Measurement(2, 0.75))
    (tmp_path / STDOUT).write_text('{"step": 2, "score": 0.9}\n{"step": 3, "score": 1}\n')
    lines = Lines(tmp_path, told)
    assert lines.read() == 3 and [(one.step, one.score) for one in lines.found] == [(1, 0.5), (2, 0.75), (3, 1.0)]


def test_a_file_that_was_emptied_is_read_from_its_start(tmp_path) -> None:
    path, lines = tmp_path / STDOUT, Lines(tmp_path)
    path.write_text("noise " * 100 + '\n{"step": 1, "score": 0.5}\n')
    assert lines.read() == 1
    path.write_text("")
    assert lines.read() == 1
    path.write_text('{"step": 2, "score": 0.75}\n')
    assert lines.read() == 2 and lines.last == Measurement(2, 0.75)


def test_what_is_printed_and_written_counts_once(tmp_path) -> None:
    measured = Measurement(4, 0.5, math.nan, 0.25, "here")
    write_line(tmp_path, measured)
    (tmp_path / STDOUT).write_text('{"step": 4, "score": 0.5}\n')
    lines = Lines(tmp_path)
    assert lines.read() == 1 and repr(lines.last) == repr(measured)
    assert "NaN" not in (tmp_path / MEASUREMENTS).read_text()
