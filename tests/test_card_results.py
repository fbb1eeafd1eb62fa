"""What a card says of trials that were trained again, and of strategies."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dataset_card.build import build_card
from seedbench import evaluate
from seedbench.documents import to_json
from seedbench.errors import TrialSetError
from seedbench.trialset import (
    Reproduction,
    TableDrawnFrom,
    TrainedAgain,
    load_trials,
    validate_folder,
)
from tests.synthetic import split_like_training, split_of, write


def trained_again(folder: Path, changed: list[int], score: list[float], spread: float | None = 0.025) -> None:
    """Writes what runners.reproduce would of a folder's first trial; its own file is tested in tests/runners."""
    (table, *_) = load_trials(folder).tables
    by = {"engine": "reference", "device": "a core"}
    trial = TrainedAgain(
        model=table.model,
        task=table.task,
        recipe=table.recipe,
        trial_id=table.trial_id[0],
        weight_init_seed=0,
        data_order_seed=0,
        equal=not any(changed),
        recorded_status="finished",
        status="finished",
        recorded_score=table.score[0].tolist(),
        score=score,
        predictions_changed=changed,
        validation_loss=None,
        train_loss=None,
        step_train_loss=None,
        recorded_by=by | {"engine": "stacked"},
        by=by,
    )
    drawn_from = TableDrawnFrom(table.model, table.task, table.recipe, trials=9, best_score_sd=spread)
    draw = Reproduction("set", "1.0.0", [drawn_from], seed=7, engine="reference", trials=[trial])
    (folder / "reproduced.json").write_text(to_json([draw]))


def test_the_card_says_what_became_of_trials_that_were_trained_again(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", split_like_training(3, 3, seed=1))
    assert "None has been trained again to be compared yet." in build_card(folder)
    recorded = load_trials(folder).tables[0].score[0]
    trained_again(folder, [0] * len(recorded), recorded.tolist())
    how = "One trial of sst2 few, drawn from 9 (seed 7), by the reference engine on a core, recorded by the stacked"
    card = build_card(folder)
    assert f"- {how} engine on a core: 1 of 1 equal in every prediction, score and loss recorded.\n" in card
    other = (recorded - 0.01).tolist()
    trained_again(folder, [0, 3, *[1] * (len(recorded) - 2)], other)
    card = build_card(folder)
    assert (
        f"the same at 1 of {len(recorded)} checkpoints, at the others all but 3 at most; best scores are off by" in card
    )
    assert "off by 1.0 points at most, where seeds differ by 2.5 (sd)." in card
    twice = json.loads((folder / "reproduced.json").read_text())
    ((trial,),) = (draw["trials"] for draw in twice)
    twice[0]["trials"].append({**trial, "equal": True, "recorded_by": trial["by"] | {"torch_version": "1"}})
    (folder / "reproduced.json").write_text(json.dumps(twice))
    said = "1 of 2 equal in every prediction, score and loss recorded (of those recorded by the same engine on"
    assert f"{said} the same device: 1 of 1); every dev example" in build_card(folder)
    write(folder, split_like_training(3, 3, seed=1), replace=True)  # stays, as does what it is about
    assert "off by 1.0 points at most" in build_card(folder)
    write(folder, split_like_training(3, 3, seed=2), replace=True)
    with pytest.raises(TrialSetError, match="is not recorded so here; make reproduced.json anew"):
        build_card(folder)
    (folder / "reproduced.json").write_text("[1]")
    with pytest.raises(TrialSetError, match="not what runners.reproduce writes"):
        build_card(folder)


def test_the_card_shows_the_figure_of_its_own_trials_only(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", split_like_training(3, 3, seed=1))
    assert "gap-closed.svg" not in build_card(folder)
    (folder / "gap-closed.svg").write_text(f"<svg><text>set 1.0.0, {load_trials(folder).sha256[:12]}</text></svg>")
    assert "](gap-closed.svg)" in build_card(folder) and validate_folder(folder) == []
    (folder / "gap-closed.svg").write_text("<svg><text>set 1.0.0, 0123456789ab</text></svg>")
    with pytest.raises(TrialSetError, match="gap-closed.svg: made from another version of the trials; make it again"):
        build_card(folder)


def test_the_card_has_the_strategies_of_an_evaluation_of_its_own_trials(tmp_path: Path) -> None:
    """The numbers are those of the evaluation; the difference is the first one minus it."""
    folder = write(tmp_path / "set", split_like_training(5, 5, seed=2, checkpoints=3, examples=20, test_examples=200))
    found = evaluate("full_trials", folder, against=["last_checkpoint"], replicates=20)
    (folder / "evaluation.json").write_text(found.to_json())
    card = build_card(folder)
    (header,) = (line for line in card.splitlines() if line.startswith("| gap closed"))
    assert header == "| gap closed | 2 | 4 | all budgets | compute | full_trials less it |"
    (line,) = (line for line in card.splitlines() if line.startswith("| `last_checkpoint`"))
    (other,) = found.against
    shares = [f"{100 * at.gap_closed:.0f}%" for at in other.summary.budgets]
    assert [cell.strip() for cell in line.strip("|").split("|")][1:3] == shares
    less = other.differences and other.summary_difference.gap_closed
    assert line.split("|")[-2].split()[0] == f"{round(100 * less):+d}"
    assert validate_folder(folder) == []
    (folder / "evaluation.json").write_text(found.to_json().replace(load_trials(folder).sha256, "0" * 64))
    with pytest.raises(TrialSetError, match="evaluation.json: made from another version of the trials; .* --json"):
        build_card(folder)
    (folder / "evaluation.json").write_text("[]")
    with pytest.raises(TrialSetError, match="evaluation.json: Expected .*; not what seedbench evaluate writes"):
        build_card(folder)


def test_the_spread_of_seeds_is_not_said_where_one_trial_has_none(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", split_like_training(1, 1, seed=1))
    recorded = load_trials(folder).tables[0].score[0]
    trained_again(folder, [3] * len(recorded), (recorded - 0.01).tolist(), spread=None)
    assert "best scores are off by 1.0 points at most.\n" in build_card(folder)


def test_the_best_scores_stand_in_the_card_by_row_and_column(tmp_path: Path) -> None:
    """Four examples; the trials of row 1 have 4 and 3 right at best, of row 0 one has 2 and the other is missing."""
    label = np.array([1, 1, 1, 0], dtype=np.int8)
    four, three, two = label, np.array([1, 1, 0, 0], np.int8), np.array([1, 0, 0, 0], np.int8)
    card = build_card(
        write(tmp_path / "set", split_of([[[two], [two]], [[four], [three]]], label=label, missing=[(0, 1)]))
    )
    assert "|  | 0 | 1 |\n|---|---|---|\n| **0** | 0.500 |  |\n| **1** | 1.000 | 0.750 |\n\n</details>" in card
