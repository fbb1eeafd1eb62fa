"""What only the runners know of the tasks of `seedbench.tasks`: where texts stand, and how large a test set is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GlueTask:
    """A GLUE task's files.

    Attributes:
        text: the columns of its texts, one or two.
        test_examples: held out of its training file; None: as many as of any data set (`held_out.split_sizes`).
        validation: the split that is its dev set.
    """

    text: tuple[str, ...]
    test_examples: int | None = None
    validation: str = "validation"


GLUE = {
    "cola": GlueTask(("sentence",), 1500),
    "mnli": GlueTask(("premise", "hypothesis"), validation="validation_matched"),
    "mrpc": GlueTask(("sentence1", "sentence2"), 1000),
    "qnli": GlueTask(("question", "sentence")),
    "qqp": GlueTask(("question1", "question2")),
    "rte": GlueTask(("sentence1", "sentence2"), 600),
    "sst2": GlueTask(("sentence",), 1000),
    "wnli": GlueTask(("sentence1", "sentence2")),
}
