"""A two-layer BERT with random weights and GLUE-shaped tasks of made-up words, small enough to train in a second."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch", reason="the runners need the group 'runners'")

WORDS = [f"word{number}" for number in range(200)]


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A transformers folder: BERT of 2 layers, 32 wide, and its tokenizer."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    folder = tmp_path_factory.mktemp("models") / "tiny-bert"
    folder.mkdir()
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def tiny_glue(tmp_path_factory: pytest.TempPathFactory) -> str:
    """sst2 and mrpc in GLUE's layout, label 1 where words of the second half prevail: 20 dev examples each.

    Of mrpc's 90 training examples 30 are the test set, of sst2's 60 it is 6 of the 18 that are as long as a sentence.
    """
    folder = tmp_path_factory.mktemp("glue")
    rng = np.random.default_rng(0)
    for task, columns in (("sst2", ["sentence"]), ("mrpc", ["sentence1", "sentence2"])):
        for split, size in (("train", 90 if task == "mrpc" else 60), ("validation", 20)):
            lengths = [(10, 13) if (task, split) == ("sst2", "train") and n < 18 else (3, 9) for n in range(size)]
            numbers = [rng.integers(0, len(WORDS), rng.integers(*length)) for length in lengths]
            frame = pd.DataFrame({column: [" ".join(WORDS[n] for n in row) for row in numbers] for column in columns})
            frame["label"] = [int(row.mean() > 100) for row in numbers]
            frame["idx"] = range(size)
            path = Path(folder, task, f"{split}-00000-of-00001.parquet")
            path.parent.mkdir(exist_ok=True)
            frame.to_parquet(path)
    return str(folder)


@pytest.fixture
def quick_workers(forked: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep in this process has workers that need not import torch and transformers, which takes seconds each."""
    monkeypatch.setattr("runners.workers.START_METHOD", "forkserver")


@pytest.fixture(scope="session")
def glue_folder() -> Path:
    """Real GLUE data, from the folder that SEEDBENCH_GLUE names."""
    folder = os.environ.get("SEEDBENCH_GLUE")
    if not folder:
        pytest.skip("needs real GLUE data: SEEDBENCH_GLUE=<folder in the layout of nyu-mll/glue>")
    return Path(folder)
