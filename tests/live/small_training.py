"""A real training that takes milliseconds: logistic regression by SGD in NumPy, with two seeds, that can be resumed.

As a generator, `train(run)`; as a command, `python small_training.py --seed … --data-seed … --out FOLDER`.
The environment may name a moment at which a process is killed, for the tests of kills: see `moment`.
"""

import argparse
import json
import os
import signal
import time
from pathlib import Path

import numpy as np

STEPS, VALIDATIONS, BATCH = 20, 5, 4


def data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 10))
    y = (x @ rng.normal(size=10) + rng.normal(scale=2.0, size=120) > 0).astype(float)
    return x[:80], y[:80], x[80:], y[80:]


class Model:
    """Weights, the order of the examples, and how far it is; all of it is in its state."""

    def __init__(self, weight_init_seed: int, data_order_seed: int) -> None:
        self.w = np.random.default_rng(weight_init_seed).normal(size=10)
        self.order = np.random.default_rng(data_order_seed)
        self.step, self.losses = 0, []

    def train_step(self) -> None:
        x, y, _, _ = data()
        batch = self.order.choice(len(x), BATCH, replace=False)
        p = 1 / (1 + np.exp(-x[batch] @ self.w))
        self.losses.append(float(-np.mean(np.log(np.where(y[batch] == 1, p, 1 - p)))))
        self.w -= 0.3 * x[batch].T @ (p - y[batch]) / BATCH
        self.step += 1

    def measure(self, state: Path) -> dict:
        _, _, x, y = data()
        p = 1 / (1 + np.exp(-x @ self.w))
        score, loss = float(np.mean((p > 0.5) == y)), float(-np.mean(np.log(np.where(y == 1, p, 1 - p))))
        train_loss = float(np.mean(self.losses[-(STEPS // VALIDATIONS) :]))
        measured = {"step": self.step, "score": score, "validation_loss": loss, "train_loss": train_loss}
        kept = state.with_name(f"step-{self.step}.json")  # its own, and there before the line is
        kept.write_text(json.dumps({"step": self.step, "w": self.w.tolist()}))
        return measured | {"saved": str(kept)}

    def save(self, path: Path) -> None:
        state = {
            "w": self.w.tolist(),
            "order": self.order.bit_generator.state,
            "step": self.step,
            "losses": self.losses,
        }
        text = json.dumps(state)
        part = path.with_suffix(".part")
        part.write_text(text[: len(text) // 2])
        moment("saving", self.step)
        part.write_text(text)
        part.replace(path)

    def load(self, path: Path) -> None:
        state = json.loads(path.read_text())
        self.w, self.step, self.losses = np.array(state["w"]), state["step"], state["losses"]
        self.order.bit_generator.state = state["order"]


def moment(name: str, step: int = 0) -> None:
    """At the moments that KILL_AT names, each once: SIGKILL for the harness (KILL=parent), or for itself."""
    here = f"{name}:{step}"
    if here in os.environ.get("KILL_AT", "").split(","):
        spent = Path(os.environ["KILLED"], here)
        if not spent.exists():
            spent.write_text("")
            os.kill(os.getpid() if os.environ["KILL"] == "self" else os.getppid(), signal.SIGKILL)
            time.sleep(60)  # what is left of this group ends with its harness


def train(run):
    from seedbench.live import Measurement

    model, state = Model(run.weight_init_seed, run.data_order_seed), run.folder / "state.json"
    if state.exists():
        model.load(state)
        yield Measurement(**model.measure(state))  # measured before, unless a kill came between saving and measuring
    while model.step < STEPS:
        model.train_step()
        if model.step % (STEPS // VALIDATIONS) == 0:
            model.save(state)
            yield Measurement(**model.measure(state))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int)
    parser.add_argument("--data-seed", type=int)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--file", action="store_true", help="measurements.jsonl instead of standard output")
    parser.add_argument("--seconds-a-step", type=float, default=0.0)
    args = parser.parse_args()
    moment("starting")
    model, state = Model(args.seed, args.data_seed), args.out / "state.json"
    if state.exists():
        model.load(state)
    while model.step < STEPS:
        model.train_step()
        time.sleep(args.seconds_a_step)
        moment("training", model.step)
        if model.step % (STEPS // VALIDATIONS) == 0:
            line = json.dumps(model.measure(state))
            if args.file:
                with open(args.out / "measurements.jsonl", "a") as file:
                    file.write(line + "\n")
            else:
                print(line, flush=True)
            moment("measured", model.step)
            model.save(state)


if __name__ == "__main__":
    main()
