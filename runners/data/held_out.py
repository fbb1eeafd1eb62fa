"""The test set: rows of the training file that nobody trains on and nobody selects on.

It is the same for every table of a task. Recipes train on what is left, few-sample recipes on a subset of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from runners.data import seeds
from runners.data.tasks import GLUE

#: Test examples of a data set, unless they are a tenth of its training file or more; `GLUE` says which tasks differ.
TEST_EXAMPLES = 1000
#: A phrase of SST-2 with fewer words is not taken for a sentence.
SENTENCE_WORDS = 10


@dataclass(frozen=True)
class Split:
    """A training file in two parts: int64 row numbers, ascending.

    Attributes:
        test: the test set.
        train: what recipes train on; in SST-2 some rows are in neither part.
    """

    test: np.ndarray
    train: np.ndarray


def split(task: str, sentences: Sequence[str]) -> Split:
    """Which rows of the training file are the test set, and which are trained on.

    SST-2's training file has the phrases of its sentences as examples of their own. Its test examples are drawn from
    whole sentences, phrases of ten words or more that are part of no other, and what is part of a test example is not
    trained on: a test set drawn from all phrases would mostly have near twins in training.

    Args:
        task: a GLUE task, or another.
        sentences: the first text of every row, in the order of the file.
    """
    rows = np.arange(len(sentences))
    if task != "sst2":
        test = _draw(rows, split_sizes(task, len(rows))[1])
        return Split(test, np.setdiff1d(rows, test))
    phrases = [sentence.split() for sentence in sentences]
    long = np.array([len(words) >= SENTENCE_WORDS for words in phrases])
    whole = rows[long & ~parts(phrases, phrases)]
    test = _draw(whole, split_sizes(task, len(whole))[1])
    train = rows[~parts(phrases, [phrases[row] for row in test])]
    return Split(test, np.setdiff1d(train, test))


def split_sizes(task: str, able: int) -> tuple[int, int]:
    """How many of so many rows are trained on, and how many are the test set.

    A tenth of a small file is little to tell trials apart by; where a task is known to need more, `GLUE` says how many.
    Of a training file made up for a test that is a third where that is less.
    """
    known = GLUE[task].test_examples if task in GLUE else None
    test = min(TEST_EXAMPLES, able // 10) if known is None else min(known, able // 3)
    return able - test, test


def _draw(able: np.ndarray, size: int) -> np.ndarray:
    return np.sort(seeds.stream("test", 0).choice(able, size, replace=False))


def parts(phrases: Sequence[list[str]], sentences: Sequence[list[str]]) -> np.ndarray:
    """Which phrases are, word for word, a proper part of a sentence: bool [phrases]."""
    texts = [f" {' '.join(words)} " for words in sentences]
    holders: dict[str, list[int]] = {}  # of every word
    for number, words in enumerate(sentences):
        for word in set(words):
            holders.setdefault(word, []).append(number)
    is_part = np.zeros(len(phrases), bool)
    for number, words in enumerate(phrases):
        text = f" {' '.join(words)} "
        # Only a sentence with the phrase's rarest word can contain it.
        candidates = min((holders.get(word, []) for word in words), key=len, default=[])
        is_part[number] = any(len(texts[i]) > len(text) and text in texts[i] for i in candidates)
    return is_part
