"""Too much of everything. See `files` for how an attack is written."""

import os
import re
import sys


def honest(campaign):
    trial = campaign.start()
    trial.advance()
    return trial


def loop(campaign):
    """cpu limit"""
    while True:
        pass


def loop_that_catches_everything(campaign):
    """stopped: calls in a row that paid for nothing"""
    while True:
        try:
            campaign.start().advance()
        except BaseException:
            continue


def one_long_call(campaign):
    """cpu limit"""
    re.match("(a+)+$", "a" * 60 + "b")
    return honest(campaign)


def huge_number(campaign):
    """cpu limit"""
    str(7 ** (7**9))
    return honest(campaign)


def wait(campaign):
    """time limit"""
    os.read(3, 1)  # nothing comes
    return honest(campaign)


def memory(campaign):
    """raised: MemoryError"""
    kept = []
    while True:
        kept.append(bytes(2**24))


def memory_at_once(campaign):
    """raised: MemoryError"""
    bytearray(2**40)
    return honest(campaign)


def stack(campaign):
    """crashed: SIGSEGV; raised: RecursionError"""
    sys.setrecursionlimit(10**9)

    class Deep:
        def __getattr__(self, name):
            return getattr(self, name)

    return Deep().x


def nesting(campaign):
    """raised: Error"""
    eval("(" * 10**5)
    return honest(campaign)


def prints(campaign):
    """cpu limit"""
    while True:
        print("x" * 2**16)


def warnings(campaign):
    """raised: nothing found"""
    os.write(2, b"x" * 2**17)  # more than a pipe holds
    raise LookupError("nothing found")


def output(campaign):
    """oversize message"""
    while True:
        os.write(4, b"\x92\x02" * 2**15)


def long_error(campaign):
    """raised: ValueError: xxx"""
    raise ValueError("x" * 10**7)


def long_traceback(campaign):
    """raised: RecursionError"""
    exec("def f(n):\n    " + "x" * 10**5 + " = n\n    f(n + 1)\nf(0)", {})


def error_that_takes_forever(campaign):
    """cpu limit"""

    class Slow(Exception):
        def __str__(self):
            while True:
                pass

    raise Slow


def error_that_raises(campaign):
    """raised: an exception that cannot be shown"""

    class Bad(Exception):
        def __str__(self):
            raise self

        __repr__ = __str__

    raise Bad


def error_for_the_terminal(campaign):
    """raised: \\x1b[2J"""
    raise ValueError("\x1b[2J\x1b]0;owned\x07\u202e")


def idle_calls(campaign):
    """stopped: calls in a row that paid for nothing"""
    trial = campaign.start(weight_init_seed=0, data_order_seed=0)
    while True:
        campaign.start(trial.weight_init_seed, trial.data_order_seed)


def end(campaign):
    """no answer: exit code 0"""
    os._exit(0)


def end_by_an_exception(campaign):
    """raised: SystemExit"""
    sys.exit(0)


def abort(campaign):
    """forbidden system call"""
    os.abort()  # sends itself a signal, as all signals are sent
