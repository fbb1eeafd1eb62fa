"""The tasks that seedbench knows: those of GLUE that are classification (Wang et al. 2019, arXiv 1804.07461).

The one list of them. Trials of a task of any other name are as welcome; what their score is stands in `score_name`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """A GLUE task.

    Attributes:
        name: as in GLUE, and the name of the split.
        labels: their names, from label 0 on; of two, label 1 is the positive class of F1.
        metric: what `score` is, a key of `seedbench.metrics.METRICS`: GLUE's, and of its two for MRPC and QQP the mean.
    """

    name: str
    labels: tuple[str, ...]
    metric: str


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task("cola", ("unacceptable", "acceptable"), "matthews_correlation"),
        Task("mnli", ("entailment", "neutral", "contradiction"), "accuracy"),
        Task("mrpc", ("not_equivalent", "equivalent"), "mean_of_accuracy_and_f1"),
        Task("qnli", ("entailment", "not_entailment"), "accuracy"),
        Task("qqp", ("not_duplicate", "duplicate"), "mean_of_accuracy_and_f1"),
        Task("rte", ("entailment", "not_entailment"), "accuracy"),
        Task("sst2", ("negative", "positive"), "accuracy"),
        Task("wnli", ("not_entailment", "entailment"), "accuracy"),
    )
}
