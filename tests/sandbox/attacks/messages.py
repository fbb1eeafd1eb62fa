"""Forged, oversize, nested, early and late messages. See `files` for how an attack is written."""

import os
import pickle
import struct

from seedbench.sandbox.messages import (
    START,
    Advance,
    AskHistory,
    Calls,
    Failed,
    Imports,
    Keep,
    Loaded,
    Sealed,
    Start,
    encode,
)


def say(content):
    """Sends something and waits for an answer, as long as there is one."""
    os.write(4, content)
    return os.read(3, 4096)


def start():
    return say(encode(Start(None, None)))


def keep_what_was_not_started(campaign):
    """not paid for"""
    say(encode(Keep(0, 0)))


def keep_what_was_not_paid_for(campaign):
    """not paid for"""
    start()
    say(encode(Keep(0, 0)))


def advance_what_was_not_started(campaign):
    """not paid for"""
    say(encode(Advance(0)))


def spend_more_than_there_is(campaign):
    """not paid for"""
    for number in range(campaign.budget + 1):
        start()
        for _ in range(campaign.checkpoints_per_trial):
            say(encode(Advance(number)))


def train_beyond_the_end(campaign):
    """not paid for"""
    start()
    for _ in range(campaign.checkpoints_per_trial + 1):
        say(encode(Advance(0)))


def many_calls_that_are_not_paid_for(campaign):
    """not paid for: its budget does not pay for"""
    say(encode(Calls([(START, 0), *[(0, 1)] * campaign.checkpoints_per_trial * (campaign.budget + 1)])))


def more_checkpoints_at_once_than_a_trial_has(campaign):
    """not paid for: its budget does not pay for"""
    say(encode(Calls([(START, 0), (0, campaign.checkpoints_per_trial + 1)])))


def more_checkpoints_at_once_than_the_budget_pays_for(campaign):
    """not paid for: its budget does not pay for"""
    trials = range(campaign.budget + 1)
    say(encode(Calls([*[(START, 0) for _ in trials], *[(trial, campaign.checkpoints_per_trial) for trial in trials]])))


def no_checkpoint_at_a_time(campaign):
    """malformed message"""
    say(encode(Calls([(START, 0), (0, 0)])))
    say(encode(Calls([(0, -1)])))


def many_calls_of_trials_that_were_not_started(campaign):
    """not paid for: trained a trial that it has not started"""
    say(encode(Calls([(START, 0), (0, 1), (1, 1)])))


def more_trials_than_there_are(campaign):
    """not paid for: started a trial where there is none left"""
    say(encode(Calls([(START, 0)] * (campaign.unstarted + 1))))


def one_trial_started_again(campaign):
    """out of turn: it had started before"""
    while True:
        say(encode(Start(0, 0)))


def too_many_calls(campaign):
    """malformed message"""
    say(encode(Calls([(START, 0)] * 401)))


def call_of_another_kind(campaign):
    """malformed message"""
    say(encode(Calls([(-2, 1)])))


def label_beyond_the_grid(campaign):
    """raised: UnknownCell"""
    answer = say(encode(Start(2**30, 0)))
    if b"must be a whole number from 0" in answer:
        campaign.start(weight_init_seed=2**30)
    return campaign.start()


def negative_label(campaign):
    """malformed message"""
    say(b"\x93\x01\xff\xc0")


def label_that_is_no_number(campaign):
    """malformed message"""
    say(b"\x93\x01\xcb" + struct.pack(">d", float("nan")) + b"\xc0")


def number_that_is_too_large(campaign):
    """malformed message"""
    say(b"\x92\x02\xcf" + b"\xff" * 8)


def unknown_kind(campaign):
    """malformed message"""
    say(b"\x92\x63\x00")


def one_field_too_many(campaign):
    """malformed message"""
    say(b"\x94\x01\xc0\xc0\xc0")


def map_in_place_of_a_list(campaign):
    """malformed message"""
    say(b"\x81\xa4type\x02")


def empty_text(campaign):
    """malformed message"""
    say(b"\xa0")


def nested(campaign):
    """malformed message"""
    say(b"\x91" * 4096)


def promise_of_much(campaign):
    """malformed message"""
    say(b"\x94\x07\xdb\xff\xff\xff\xff")


def half_a_message(campaign):
    """malformed message"""
    say(b"\x92")


def two_messages_at_once(campaign):
    """malformed message"""
    start()
    say(encode(Advance(0)) * 2)


def text_that_is_no_text(campaign):
    """malformed message"""
    say(b"\x94\x07\xa6raised\xa1\xff\xa0")


def verdict_of_its_own(campaign):
    """malformed message"""
    say(b"\x94\x07\xa6winner\xa0\xa0")


def pickle_for_the_parent(campaign):
    """malformed message"""

    class Evil:
        def __reduce__(self):
            return os.system, ("touch /tmp/seedbench-was-here",)

    say(pickle.dumps(Evil()))


def json_for_the_parent(campaign):
    """malformed message"""
    say(b'{"trial": NaN}')


def sealed_again(campaign):
    """out of turn"""
    say(encode(Sealed()))


def answer_to_another_question(campaign):
    """out of turn"""
    say(encode(Imports(["torch"])))


def loaded_again(campaign):
    """out of turn"""
    say(encode(Loaded()))


def after_the_end(campaign):
    """out of turn; malformed message; oversize message"""
    start()
    say(encode(Advance(0)))
    os.write(4, encode(Keep(0, 0)))
    while True:
        os.write(4, b"\x00")


def never_to_end_after_the_end(campaign):
    """time limit"""
    start()
    say(encode(Advance(0)))
    say(encode(Keep(0, 0)))


def never_to_hear(campaign):
    """malformed message; oversize message"""
    while True:
        os.write(4, encode(AskHistory()))


def failure_with_escapes(campaign):
    """raised: \\x1b[31mred"""
    say(encode(Failed("raised", "raised \x1b[31mred", "\x1b[31mred")))


def without_pipes(campaign):
    """raised: PermissionError"""
    os.close(3)
