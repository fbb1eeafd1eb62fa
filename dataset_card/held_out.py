"""What the card says of the test set."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow.compute as pc

from dataset_card.markdown import markdown_table
from dataset_card.tasks import TASKS
from seedbench.trialset import Manifest, TrialSet, read_split

_GLUE = """\
It is held out of GLUE's training file before anything else, the same for all tables of a task: nobody trains on it, and
nobody should select on it. GLUE's own test labels are not public. Its rows are drawn once, by the runners' stream
`("test", 0)`, without replacement and in the order of the file; recipes train on the rest, few-sample recipes on a
subset of the rest. `examples` has the rows; the file's text is not in this data set."""
_SST2 = """\
 SST-2's training file has the phrases of its sentences as examples of their own. Its test examples are phrases of ten
words or more that are part of no other, and what is part of one of them is not trained on."""
_OTHERS = """\
The test set of {tasks} is the same for all tables of a task: nobody trains on it, and nobody should select on it. It
came with the data, or was drawn from the training examples by the runners' stream `("test", 0)`; which of the two is
not recorded. `examples` has its rows; the texts are not in this data set."""
_FOREIGN = """\
The test set of {tasks} is the same for all tables of a task: nobody should select on it. Where it is from, and whether
trials could train on it, is not recorded. `examples` has its rows; the texts are not in this data set."""


def test_set(folder: Path, manifest: Manifest, trials: TrialSet, *, ours: bool) -> str:
    """Where the test set is from, how large it is, and which tables have none; "" where none has one.

    Args:
        folder: of the trial set.
        manifest: its manifest.
        trials: what is in it.
        ours: whether the runners trained all of them. Theirs is GLUE's where its rows are those that are known.
    """
    tested = sorted({table.task for table in trials.tables if table.test_score is not None})
    if not tested:
        return ""
    if not manifest.shards("examples"):
        return f"Which examples the test scores of {' and '.join(tested)} are of is not recorded here."
    rows, of_glue = [], []
    for task in tested:
        split = read_split(folder, manifest, "examples", manifest.shards("examples")[task])
        of_test = split.filter(pc.equal(split.column("split"), "test"))
        numbers = of_test.column("example").to_numpy().astype("<i8")
        digest = hashlib.sha256(numbers.tobytes()).hexdigest()[:8]
        known = TASKS[task].test_rows if task in TASKS else None
        if ours and task in TASKS and known in (digest, None):
            of_glue.append(task)
        shared = TASKS[task].shared_sentences if digest == known else None
        shares = ["not measured"] * 2 if shared is None else [f"{share} %" for share in shared]
        rows.append([f"`{task}`", f"{len(numbers):,}", *shares, f"`{digest}`"])
    header = ["task", "test examples", "share a sentence with the rest", "the dev set does", "SHA-256 of the rows"]
    others = [task for task in tested if task not in of_glue]
    lines = [_GLUE + (_SST2 if "sst2" in of_glue else "")] if of_glue else []
    lines += [(_OTHERS if ours else _FOREIGN).format(tasks=" and ".join(others))] if others else []
    lines += ["", markdown_table(header, rows)]
    if without := [f"{table.task} {table.recipe}" for table in trials.tables if table.test_score is None]:
        why = ", since their trials could train on all of the training file" if ours else ""
        lines += [
            "",
            f"These tables have no test set{why}: {', '.join(without)}. They serve `seedbench findings` and the "
            "protocol `dodge2020`.",
        ]
    return "\n".join(lines)
