"""What is run on a card, here with a small model on the CPU: that it works, not how fast."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import typer

from runners import card
from runners.data.glue import Examples

torch.set_num_threads(1)


def test_made_up_examples_are_as_long_as_the_task_s() -> None:
    """CoLA's mean is 11.3 tokens, MRPC's 53."""
    data: Examples = card.made_up_data("cola", 2000, 1).train
    assert len(data) == 2000 and data.length.mean() == pytest.approx(11.3, abs=1)
    assert card.made_up_data("mrpc", 2000, 1).train.length.mean() == pytest.approx(53.2, abs=2)


def test_the_whole_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(card.EVALUATED, "cola", 8)
    out = tmp_path / "card.json"
    card.main(out, "cpu", hidden=32, layers=1, trials=2, steps=2, tasks="cola", trainer=False)
    found = json.loads(out.read_text())
    (row,) = found["tasks"]
    assert found["largest_difference"] < 1e-5
    assert row["trials_per_hour"] > 0 and row["share_of_floor"] > 0


def test_bits_that_change_are_no_small_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = iter((1.0, 1.0, 1.1))
    run = card.StackedEngine.run

    def changing(engine, cells):
        factor = next(runs)
        outcomes = run(engine, cells)
        for outcome in outcomes:
            outcome.logits[:] *= factor
        return outcomes

    monkeypatch.setattr(card.StackedEngine, "run", changing)
    assert card.largest_difference(card.made_up_model(32, 1), "cpu") == float("inf")


@pytest.mark.parametrize(
    ("options", "there", "message"),
    [
        ({}, 0, "--device 'cuda': torch finds no CUDA device here; give --device cpu"),
        ({"device": "cuda:2"}, 2, "--device 'cuda:2': torch finds 2 CUDA devices here, the last is cuda:1; give one"),
        ({"device": "gpu"}, 2, "--device 'gpu': expected cpu, cuda, cuda:0, …"),
        ({"device": "cuda:01"}, 2, "--device 'cuda:01': expected cpu, cuda, cuda:0, …"),
        ({"device": "cpu", "tasks": "cola,qnli"}, 0, "--tasks 'cola,qnli': expected some of cola, mrpc, rte, sst2"),
    ],
)
def test_a_device_that_is_not_there_or_an_unknown_task_is_one_line(
    options: dict[str, str],
    there: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: there)
    with pytest.raises(typer.Exit) as ended:
        card.main(tmp_path / "card.json", **options)
    (line,) = capsys.readouterr().err.splitlines()
    assert ended.value.exit_code == 2 and line.startswith(f"error: {message}")
