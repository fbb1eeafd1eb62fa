"""What the card says of the scores of each table."""

from __future__ import annotations

import numpy as np

from dataset_card.markdown import markdown_table
from seedbench.metrics import best_checkpoint
from seedbench.trialset import TrialSet, TrialTable, curve_words, diverged_words, seeds_words


def score_table(trials: TrialSet) -> str:
    """A row a table: its trials, and the scores of each at its best checkpoint."""
    header = ["model", "task", "recipe", "grid", "trials", "diverged", "checkpoints", "best: mean", "range", "majority"]
    rows = []
    for table in trials.tables:
        best, majority = map(table.as_measured, (table.score.max(axis=1), np.array(table.majority_score)))
        row = [
            table.model,
            table.task,
            table.recipe,
            seeds_words(*table.grid, table.num_trials),
            str(table.num_trials),
            diverged_words(table),
            str(table.num_checkpoints),
            f"{best.mean():.3f}",
            f"{best.min():.3f}–{best.max():.3f}",
            "not known" if np.isnan(majority) else f"{majority:.3f}",
        ]
        rows.append([*row, "none" if table.test_score is None else f"{table.as_measured(_chosen(table)).mean():.3f}"])
    return markdown_table([*header, "test: mean"], rows)


def worth(trials: TrialSet) -> str:
    """One line a table: what there is to be learned, and from which checkpoint on."""
    lines = []
    for table in trials.tables:
        scale, unit, digits = (100, " points", 1) if in_points(table) else (1, "", 2)
        best, majority = table.score.max(axis=1) * scale, table.majority_score * scale
        parts = []
        if not np.isnan(majority):
            above = best.mean() - majority
            side = "above" if above * table.sign >= 0 else "below"
            parts.append(f"the mean best score lies {abs(above):.{digits}f}{unit} {side} the majority class")
        if table.num_trials > 1:
            parts.append(
                f"best scores have a standard deviation of {best.std(ddof=1):.{digits}f}{unit} over the seeds and a "
                f"range of {np.ptp(best):.{digits}f}"
            )
            parts.append(_first_difference(table))
        else:
            parts.append("there is one trial, and nothing to choose")
        lines.append(f"- {table.model}, {table.task}, {table.recipe}: {'; '.join(parts)}. {curve_words(table)}")
    return "\n".join(lines)


def two_way(table: TrialTable) -> str:
    """The best score of every trial, folded away: rows are weight-init seeds, columns data-order seeds; a list of seeds
    where no two trials share one."""
    best = table.as_measured(table.score.max(axis=1))
    weight_inits, data_orders = table.seed_labels
    if table.diagonal:
        columns, cells = ["best"], np.arange(table.num_trials)[:, None]
    else:
        columns, cells = [data_orders.get(seed, str(seed)) for seed in table.data_order_seeds.tolist()], table.cell
    rows = [
        [f"**{weight_inits.get(seed, str(seed))}**", *("" if trial < 0 else f"{best[trial]:.3f}" for trial in of_row)]
        for seed, of_row in zip(table.weight_init_seeds.tolist(), cells, strict=True)
    ]
    shown = markdown_table(["", *columns], rows)
    return f"<details><summary>{table.model}, {table.task}, {table.recipe}</summary>\n\n{shown}\n\n</details>"


def in_points(table: TrialTable) -> bool:
    """Whether scores are shares of 1, of which a hundredth is a point."""
    return bool(np.abs(table.score).max() <= 1)


def _chosen(table: TrialTable) -> np.ndarray:
    """The test score [trials] at each trial's best checkpoint on the dev set."""
    assert table.test_score is not None
    return table.test_score[np.arange(table.num_trials), best_checkpoint(table.score)]


def _first_difference(table: TrialTable) -> str:
    differ = (table.score != table.score[0]).any(axis=0)
    if table.predicted_label is not None:  # other predictions may have the same score on the whole dev set
        differ |= (table.predicted_label != table.predicted_label[0]).any(axis=(0, 2))
    what = "scores" if table.predicted_label is None else "predictions"
    number = table.num_checkpoints
    if not differ.any():
        return f"the {what} of all trials are the same at every checkpoint: nothing can be decided by them"
    first = int(np.argmax(differ))
    if first == 0:
        return f"trials differ in their {what} from the first of {number} checkpoints on"
    which = f"checkpoint, of {number}, is" if first == 1 else f"{first} of {number} checkpoints are"
    return f"the first {which} the same for all trials, in {what}: nothing can be decided there"
