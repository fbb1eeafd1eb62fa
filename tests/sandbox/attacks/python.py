"""The interpreter from within: frames, objects, closures, imports. See `files` for how an attack is written."""

import ctypes
import gc
import importlib
import os
import sys

import numpy as np

import seedbench.campaign.ledger
import seedbench.campaign.objects
from seedbench import Trial
from seedbench.sandbox import late
from seedbench.sandbox.messages import Keep


def honest(campaign):
    trial = campaign.start()
    trial.advance()
    return trial


def future_in_the_objects(campaign):
    """raised: nothing found"""
    names = {"RecordedTrials", "Replicates", "TrialTable", "TrialSet", "ShownTables"}
    trials = campaign.grid[0] * campaign.grid[1]
    for thing in gc.get_objects():
        if type(thing).__name__ in names:
            return honest(campaign)
        if isinstance(thing, np.ndarray) and trials in thing.shape:
            return honest(campaign)
    raise LookupError("nothing found")


def future_in_the_frames(campaign):
    """raised: nothing found"""
    frame = sys._getframe()
    while frame := frame.f_back:
        for value in list(frame.f_locals.values()):
            if hasattr(value, "test_score") or hasattr(value, "validation_score"):
                return honest(campaign)
    raise LookupError("nothing found")


def future_in_the_modules(campaign):
    """raised: nothing found"""
    if {"pyarrow", "pandas", "seedbench.trialset", "seedbench.replay", "seedbench.evaluation"} & set(sys.modules):
        return honest(campaign)
    raise LookupError("nothing found")


def future_beyond_an_array(campaign):
    """crashed: SIG"""
    near = np.zeros(1)
    far = np.lib.stride_tricks.as_strided(near, shape=(2**40,))
    far[:: 2**18].sum()
    return honest(campaign)


def future_at_address_zero(campaign):
    """crashed: SIGSEGV"""
    ctypes.string_at(0)
    return honest(campaign)


def seed_of_the_others(campaign):
    """raised: nothing found"""
    seeds = campaign.rng.bit_generator.seed_seq
    if seeds.spawn_key:  # then it is a child, and there are brothers
        return honest(campaign)
    raise LookupError("nothing found")


def larger_budget_in_the_books(campaign):
    """not paid for"""
    advance = campaign._advance_by
    cells = dict(zip(advance.__code__.co_freevars, advance.__closure__, strict=True))
    cells["remaining"].cell_contents = 10**9
    while True:
        trial = campaign.start()
        while not trial.complete:
            trial.advance()


def cheaper_checkpoints_in_the_books(campaign):
    """not paid for"""
    advance = campaign._advance_by
    cells = dict(zip(advance.__code__.co_freevars, advance.__closure__, strict=True))
    cells["done"].cell_contents = (0,) * len(cells["done"].cell_contents)
    while True:
        trial = campaign.start()
        while not trial.complete:
            trial.advance()


def settle_otherwise(campaign):
    """not paid for"""
    late.Keep = lambda trial, checkpoint: Keep(trial, checkpoint + 1)
    return honest(campaign)


def patched_interface(campaign):
    """invalid return"""
    seedbench.campaign.Trial.best = property(lambda trial: 1)
    seedbench.campaign.ledger.open_campaign = None
    return campaign.start()


def trial_of_its_own(campaign):
    """invalid return"""
    trial = Trial()
    trial.weight_init_seed = trial.data_order_seed = 0
    return trial


def returned_equal_to_everything(campaign):
    """invalid return"""

    class Everything:
        def __eq__(self, other):
            return True

        __class__ = Trial

    honest(campaign)
    return Everything()


def returned_not_a_number(campaign):
    """invalid return: returned nan"""
    honest(campaign)
    return float("nan")


def not_paid_for_anything(campaign):
    """invalid return: paid for no checkpoint"""
    return campaign.start()


def import_of_a_library(campaign):
    """raised: No module named 'pyarrow' in a sealed process"""
    importlib.import_module("pyarrow")
    return honest(campaign)


def import_with_a_path_of_its_own(campaign):
    """raised: No module named 'pandas'"""
    sys.path += [folder for folder in map(os.path.dirname, [np.__path__[0]])]
    sys.meta_path[-1:] = [importlib.machinery.PathFinder]
    import pandas  # noqa: F401

    return honest(campaign)


def import_of_the_evaluation(campaign):
    """raised: No module named 'seedbench.evaluation'"""
    from seedbench import evaluate

    evaluate("full_trials")
    return honest(campaign)


def reload_a_module(campaign):
    """raised: Error"""
    importlib.reload(np)
    return honest(campaign)


def state_from_the_campaign_before(campaign):
    """raised: nothing found"""
    if hasattr(seedbench, "remembered"):
        return honest(campaign)
    seedbench.remembered = np.remembered = honest(campaign).best.score
    raise LookupError("nothing found")
