"""Writes the files of this folder, each by the library whose layout it is: `python tests/trialset/layouts/write.py`.

Needs accelerate, keras, lightning, mlflow-skinny with sqlalchemy and alembic, tensorboardX, torch and transformers.
Every layout holds the same three runs, which are easy to know by heart: seed s scores 0.5 + 0.1 s + 0.01 n at its n-th
validation, at steps 10, 20 and 30; seed 3 is stopped after the second. The validation loss is 1 - score.
"""

from __future__ import annotations

import csv
import os
import shutil
import sqlite3
from pathlib import Path

HERE = Path(__file__).parent
RUNS = {1: 3, 2: 3, 3: 2}  # seed -> validations


def score(seed: int, number: int) -> float:
    return round(0.5 + 0.1 * seed + 0.01 * number, 2)


def points():
    for seed, last in RUNS.items():
        for number in range(1, last + 1):
            yield seed, number, 10 * number, score(seed, number)


def new(name: str) -> Path:
    shutil.rmtree(HERE / name, ignore_errors=True)
    (HERE / name).mkdir()
    return HERE / name


def trainer() -> None:
    """trainer_state.json of real Trainers, whose metric is the known score."""
    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(1, 2)

        def forward(self, x, labels):
            logits = self.linear(x)
            return torch.nn.functional.cross_entropy(logits, labels), logits

    data = [{"x": torch.ones(1), "labels": torch.tensor(0)}] * 60
    folder = new("trainer")
    for seed, last in RUNS.items():
        done = []

        def metric(_, seed=seed, done=done):
            done.append(score(seed, len(done) + 1))
            return {"accuracy": done[-1]}

        class Stop(TrainerCallback):
            def on_evaluate(self, args, state, control, done=done, last=last, **_):
                control.should_training_stop = len(done) == last

        arguments = TrainingArguments(
            output_dir=str(folder / f"run-seed{seed}"),
            seed=seed,
            per_device_train_batch_size=2,
            num_train_epochs=1,
            logging_steps=5,
            eval_strategy="steps",
            eval_steps=10,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
        )
        made = Trainer(
            Model(), arguments, train_dataset=data, eval_dataset=data[:4], compute_metrics=metric, callbacks=[Stop()]
        )
        made.train()
        made.save_state()


def events() -> None:
    from tensorboardX import SummaryWriter

    folder = new("events")
    writers = {seed: SummaryWriter(str(folder / f"seed_{seed}"), filename_suffix=".small") for seed in RUNS}
    for seed, _, step, value in points():
        writers[seed].add_scalar("eval/accuracy", value, step)
        writers[seed].add_scalar("eval/loss", 1 - value, step)
    for writer in writers.values():
        writer.close()


def mlflow() -> None:
    """MLflow's own database, of which three tables are kept, and its metrics as CSV."""
    import mlflow as library

    folder = new("mlflow")
    whole = folder / "whole.db"
    library.set_tracking_uri(f"sqlite:///{whole}")
    library.create_experiment("e", artifact_location=str(folder))
    library.set_experiment("e")
    for seed in RUNS:
        with library.start_run():
            library.log_param("seed", seed)
            for its, _, step, value in points():
                if its == seed:
                    library.log_metric("eval_accuracy", value, step=step)
                    library.log_metric("eval_loss", 1 - value, step=step)
    with sqlite3.connect(whole) as all_, sqlite3.connect(folder / "mlflow.db") as small:
        for table in ("runs", "metrics", "params"):
            names = [row[1] for row in all_.execute(f"PRAGMA table_info({table})")]
            small.execute(f"CREATE TABLE {table} ({', '.join(names)})")
            rows = all_.execute(f"SELECT * FROM {table}").fetchall()
            small.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(names))})", rows)
        small.execute("UPDATE runs SET user_id = 'somebody', artifact_uri = run_uuid")  # of the machine that wrote it
        with open(folder / "metrics.csv", "w", newline="") as file:
            cursor = all_.execute("SELECT * FROM metrics")
            csv.writer(file).writerows([[column[0] for column in cursor.description], *cursor])
    whole.unlink()


def keras() -> None:
    os.environ["KERAS_BACKEND"] = "torch"
    from keras.callbacks import CSVLogger

    folder = new("keras")
    for seed, last in RUNS.items():
        logger = CSVLogger(str(folder / f"seed{seed}.csv"))
        logger.set_model(type("Model", (), {"stop_training": False})())
        logger.on_train_begin()
        for number in range(1, last + 1):
            value = score(seed, number)
            logger.on_epoch_end(
                number - 1, {"accuracy": 0.99, "loss": 0.5, "val_accuracy": value, "val_loss": 1 - value}
            )
        logger.on_train_end()


def lightning() -> None:
    from lightning.pytorch.loggers import CSVLogger

    folder = new("lightning")
    loggers = {seed: CSVLogger(str(folder), name=f"seed{seed}", version=0) for seed in RUNS}
    for seed, number, step, value in points():
        loggers[seed].log_metrics({"train_loss": 0.5, "epoch": number - 1}, step - 5)
        loggers[seed].log_metrics({"val_acc": value, "epoch": number - 1}, step)
    for logger in loggers.values():
        logger.save()


if __name__ == "__main__":
    for write in (trainer, events, mlflow, keras, lightning):
        write()
