"""What only the card says of the tasks of `seedbench.tasks`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TaskFacts:
    """A GLUE task on a card.

    Attributes:
        title: as its authors write it.
        kind: the Hub's `task_ids`.
        source: where its texts come from, and on what terms as far as they are stated.
        test_rows: how the SHA-256 of the test set's rows, as little-endian int64, begins; None: not known.
        shared_sentences: in percent, examples of the test set that share a sentence with the rest of the training file,
            and examples of GLUE's own dev set that share one with the whole of it; None: not measured. Measured as
            tests/runners/data/test_held_out.py does again.
    """

    title: str
    kind: str
    source: str
    test_rows: str | None = None
    shared_sentences: tuple[float, float] | None = None


_INFERENCE = "natural-language-inference"
_SIMILARITY = "semantic-similarity-classification"

TASKS = {
    "cola": TaskFacts(
        "CoLA",
        "acceptability-classification",
        "Corpus of Linguistic Acceptability (Warstadt et al. 2019): from books and articles on linguistics",
        "3c4a4e9d",
        (0.3, 1.5),
    ),
    "mnli": TaskFacts(
        "MNLI",
        _INFERENCE,
        "Multi-Genre Natural Language Inference (Williams et al. 2018): from the Open American National Corpus and "
        "works of fiction; the dev set is the matched one",
    ),
    "mrpc": TaskFacts(
        "MRPC",
        _SIMILARITY,
        "Microsoft Research Paraphrase Corpus (Dolan and Brockett 2005): a research licence that does not allow "
        "redistribution",
        "2609db1d",
        (12.9, 10.5),
    ),
    "qnli": TaskFacts(
        "QNLI",
        _INFERENCE,
        "Stanford Question Answering Dataset (Rajpurkar et al. 2016), made into sentence pairs by Wang et al. (2019): "
        "from Wikipedia",
    ),
    "qqp": TaskFacts("QQP", _SIMILARITY, "Quora Question Pairs: questions of users, on Quora's terms"),
    "rte": TaskFacts(
        "RTE",
        _INFERENCE,
        "the challenges RTE 1, 2, 3 and 5 (Dagan et al. 2006 and following), on the organisers' terms",
        "adbde5a6",
        (26.7, 37.2),
    ),
    "sst2": TaskFacts(
        "SST-2",
        "sentiment-classification",
        "Stanford Sentiment Treebank (Socher et al. 2013): film reviews, on the terms of its authors",
        "28d3f3a8",
        (0.0, 0.0),
    ),
    "wnli": TaskFacts(
        "WNLI",
        _INFERENCE,
        "Winograd Schema Challenge (Levesque et al. 2011), made into sentence pairs by Wang et al. (2019)",
    ),
}
