"""A training with the real Trainer: sentences of made-up words, or any, in two classes; a model from a folder.

MODEL names the folder of a transformers model, DATA a JSON file of {"train": [[text, label], …], "validation": …}.
"""

import json
import os
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer

from seedbench.live.transformers import training, training_arguments

torch.set_num_threads(1)


class Sentences(torch.utils.data.Dataset):
    """Sentences and labels."""

    def __init__(self, pairs, tokenizer):
        self.items = [
            {**tokenizer(text, truncation=True, padding="max_length", max_length=24), "labels": label}
            for text, label in pairs
        ]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


class Noting(Trainer):
    """Trainer that writes down which sentences it trains on, in order."""

    trained = None

    def training_step(self, model, inputs, *args, **kwargs):
        if self.trained is not None:
            self.trained.extend(tuple(row) for row in inputs["input_ids"].tolist())
        return super().training_step(model, inputs, *args, **kwargs)


def accuracy(evaluated):
    return {"accuracy": float((evaluated.predictions.argmax(-1) == evaluated.label_ids).mean())}


def make_trainer(run, trained=None, **arguments):
    data = json.loads(Path(os.environ["DATA"]).read_text())
    tokenizer = AutoTokenizer.from_pretrained(os.environ["MODEL"])
    model = AutoModelForSequenceClassification.from_pretrained(os.environ["MODEL"], num_labels=2)
    given = {"max_steps": 12, "per_device_train_batch_size": 4, "learning_rate": 1e-3, **arguments}
    trainer = Noting(
        model,
        training_arguments(run, eval_steps=3, use_cpu=True, dataloader_pin_memory=False, **given),
        train_dataset=Sentences(data["train"], tokenizer),
        eval_dataset=Sentences(data["validation"], tokenizer),
        compute_metrics=accuracy,
    )
    trainer.trained = trained
    return trainer


train = training(make_trainer, metric="eval_accuracy")
