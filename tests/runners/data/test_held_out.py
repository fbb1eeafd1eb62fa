"""The test set: drawn once for ever, apart from all that is trained on."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dataset_card.tasks import TASKS as OF_TASKS
from runners.block import load_tokenizer
from runners.data import seeds
from runners.data.glue import load_task
from runners.data.held_out import parts, split
from runners.data.recipe import get_recipe
from runners.data.tasks import GLUE


def test_the_rest_is_trained_on() -> None:
    drawn = split("mrpc", ["same"] * 30)
    assert len(drawn.test) == 10
    assert sorted([*drawn.test, *drawn.train]) == list(range(30))


def test_a_data_set_gives_a_tenth_and_a_thousand_at_most() -> None:
    """MNLI has 392,702 training examples, WNLI 635; nine rows have no tenth."""
    assert len(split("mnli", ["same"] * 392_702).test) == 1000
    assert [len(split(task, ["same"] * rows).test) for task, rows in (("wnli", 635), ("mine", 40), ("mine", 9))] == [
        63,
        4,
        0,
    ]
    drawn = split("mine", ["same"] * 40)
    assert drawn.test.tolist() == np.sort(seeds.stream("test", 0).choice(np.arange(40), 4, replace=False)).tolist()
    assert sorted([*drawn.test, *drawn.train]) == list(range(40))


def test_a_phrase_is_part_of_a_sentence_word_for_word() -> None:
    """A whole sentence is no part of itself, nor of its double; letters do not count, words do."""
    sentences = ["a film about film", "a film"]
    phrases = ["a film about film", "about film", "film a", "a fil", "a film", "a film about film", ""]
    found = parts([phrase.split() for phrase in phrases], [sentence.split() for sentence in sentences])
    assert found.tolist() == [False, True, False, False, True, False, False]


def test_sst2_is_tested_on_whole_sentences_and_trains_on_none_of_their_phrases() -> None:
    """Three sentences of ten words, of which one is tested; each has a phrase, and one phrase is long."""
    sentences = [" ".join(f"{letter}{number}" for number in range(11)) for letter in "abc"]
    phrases = [sentence.partition(" ")[2] for sentence in sentences]  # ten words each, but part of a sentence
    drawn = split("sst2", [*sentences, *phrases])
    (test,) = drawn.test
    assert test < 3
    assert drawn.train.tolist() == [row for row in range(6) if row % 3 != test]


def test_few_sample_recipes_draw_from_the_rest_and_the_hash_covers_all_three(tiny_model: str, tiny_glue: str) -> None:
    tokenizer = load_tokenizer(tiny_model)
    few, all_ = (load_task("sst2", tiny_glue, tokenizer, get_recipe("stable", train_examples=n)) for n in (54, None))
    assert few.train.sha256 == all_.train.sha256 and few.sha256 == all_.sha256
    frame = pd.read_parquet(Path(tiny_glue, "sst2", "train-00000-of-00001.parquet"))
    assert few.test.label.tolist() == frame.label[few.test_rows].tolist()
    assert few.evaluated.label.tolist() == [*few.validation.label, *few.test.label]
    last = few.evaluated.token_ids[few.evaluated.start[-2] :]
    assert tokenizer.decode(last, skip_special_tokens=True) == frame.sentence[few.test_rows[-1]]
    parts_of_it = "".join(part.sha256 for part in (few.train, few.validation, few.test))
    assert few.sha256 == hashlib.sha256(parts_of_it.encode()).hexdigest()


@pytest.mark.glue
@pytest.mark.parametrize(
    ("task", "size", "rest", "sha256"),
    [
        ("cola", 1500, 7051, "3c4a4e9d"),
        ("mrpc", 1000, 2668, "2609db1d"),
        ("rte", 600, 1890, "adbde5a6"),
        ("sst2", 1000, 54973, "28d3f3a8"),
    ],
)
def test_the_published_rows(glue_folder: Path, task: str, size: int, rest: int, sha256: str) -> None:
    frame = pd.read_parquet(glue_folder / task / "train-00000-of-00001.parquet")
    drawn = split(task, frame[GLUE[task].text[0]].tolist())
    assert (len(drawn.test), len(drawn.train)) == (size, rest)
    assert hashlib.sha256(drawn.test.astype("<i8").tobytes()).hexdigest().startswith(sha256)
    assert OF_TASKS[task].test_rows == sha256


@pytest.mark.glue
def test_sst2_has_5825_whole_sentences(glue_folder: Path) -> None:
    frame = pd.read_parquet(glue_folder / "sst2" / "train-00000-of-00001.parquet")
    phrases = frame.sentence.str.split().tolist()
    long = np.array([len(words) >= 10 for words in phrases])
    assert np.count_nonzero(long & ~parts(phrases, phrases)) == 5825


@pytest.mark.glue
@pytest.mark.parametrize("task", [task for task, its in OF_TASKS.items() if its.shared_sentences])
def test_shared_sentences_are_as_the_card_says(glue_folder: Path, task: str) -> None:
    train, dev = (
        pd.read_parquet(glue_folder / task / f"{part}-00000-of-00001.parquet") for part in ("train", "validation")
    )
    texts = list(GLUE[task].text)
    drawn = split(task, train[texts[0]].tolist())

    def share(examples: pd.DataFrame, of: pd.DataFrame) -> float:
        sentences = set(of[texts].to_numpy().ravel())
        return round(100 * float(examples[texts].isin(sentences).any(axis=1).mean()), 1)

    shares = share(train.iloc[drawn.test], train.iloc[drawn.train]), share(dev, train)
    assert shares == OF_TASKS[task].shared_sentences
