"""Clocks, and randomness that is not the campaign's. See `files` for how an attack is written."""

import ctypes
import datetime
import os
import random
import resource
import select
import time

import numpy as np


def honest(campaign):
    trial = campaign.start()
    trial.advance()
    return trial


def time_of_day(campaign):
    """raised: PermissionError"""
    time.time()
    return honest(campaign)


def monotonic(campaign):
    """raised: PermissionError"""
    time.monotonic()
    return honest(campaign)


def fine(campaign):
    """raised: PermissionError"""
    time.perf_counter_ns()
    return honest(campaign)


def coarse(campaign):
    """raised: PermissionError"""
    time.clock_gettime(6)  # CLOCK_MONOTONIC_COARSE
    return honest(campaign)


def cpu_time(campaign):
    """forbidden system call"""
    time.process_time()  # ends at times(), which the C library takes for a success when it is refused
    return honest(campaign)


def usage(campaign):
    """raised: Error"""
    resource.getrusage(resource.RUSAGE_SELF)
    return honest(campaign)


def date(campaign):
    """raised: nothing found"""
    if datetime.datetime.now().year == 1970:
        raise LookupError("nothing found")
    return honest(campaign)


def sleep(campaign):
    """raised: PermissionError"""
    time.sleep(0.01)
    return honest(campaign)


def wait_for_the_answer(campaign):
    """forbidden system call"""
    select.select([3], [], [], 0.001)
    return honest(campaign)


def poll_for_the_answer(campaign):
    """forbidden system call"""
    poll = select.poll()
    poll.register(3)
    poll.poll(1)
    return honest(campaign)


def uptime(campaign):
    """raised: PermissionError"""
    open("/proc/uptime").read()
    return honest(campaign)


def the_kernel_s_own_page(campaign):
    """raised: nothing found"""
    seconds = ctypes.c_long()
    libc = ctypes.CDLL(None)
    now = libc.time(ctypes.byref(seconds))
    if now <= 0:
        raise LookupError("nothing found")
    return honest(campaign)


def cycle_counter(campaign):
    """crashed: SIGSEGV"""
    start = ctypes.cast(ctypes.CDLL(None).printf, ctypes.c_void_p).value & -4096
    code = ctypes.string_at(start, 2**20)
    if (at := code.find(bytes.fromhex("0f31c0c3660f1f440000b8"))) < 0:  # rdtsc, and soon a return
        ctypes.string_at(0)  # another C library
    ctypes.CFUNCTYPE(None)(start + at)()
    return honest(campaign)


def clock_by_interruptions(campaign):
    """raised: nothing found; raised: undefined symbol"""
    libc = ctypes.CDLL(None)
    libc.pthread_self.restype = ctypes.c_void_p
    area = libc.pthread_self() + ctypes.c_long.in_dll(libc, "__rseq_offset").value
    if ctypes.c_int.from_address(area + 4).value < 0:  # struct rseq: on which core; it is not registered
        raise LookupError("nothing found")
    return honest(campaign)


def process_number(campaign):
    """raised: nothing found"""
    if os.getpid() < 0 and os.getppid() < 0:
        raise LookupError("nothing found")
    return honest(campaign)


def true_randomness(campaign):
    """raised: PermissionError"""
    os.urandom(8)
    return honest(campaign)


def generator_without_a_seed(campaign):
    """raised: PermissionError"""
    np.random.default_rng()
    return honest(campaign)


def random_without_a_seed(campaign):
    """raised: PermissionError"""
    random.SystemRandom().random()
    return honest(campaign)
