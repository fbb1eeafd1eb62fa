"""Other processes, threads, signals, debugging. See `files` for how an attack is written."""

import asyncio
import ctypes
import faulthandler
import fcntl
import os
import resource
import signal
import subprocess
import sys
import threading
from multiprocessing import Process


def honest(campaign):
    trial = campaign.start()
    trial.advance()
    return trial


def syscall(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc.syscall(ctypes.c_long(number), *(ctypes.c_long(value) for value in arguments))


def fork(campaign):
    """forbidden system call"""
    os.fork()
    return honest(campaign)


def fork_bomb(campaign):
    """forbidden system call"""
    while True:
        os.fork()


def vfork(campaign):
    """forbidden system call"""
    syscall(58)
    return honest(campaign)


def clone3(campaign):
    """forbidden system call"""
    arguments = (ctypes.c_uint64 * 8)()
    arguments[4] = signal.SIGCHLD
    syscall(435, ctypes.addressof(arguments), ctypes.sizeof(arguments))
    return honest(campaign)


def execute(campaign):
    """forbidden system call"""
    os.execv(sys.executable, [sys.executable, "-c", "print(1)"])


def shell(campaign):
    """forbidden system call"""
    os.system("cat /etc/passwd")
    return honest(campaign)


def child_process(campaign):
    """forbidden system call"""
    subprocess.run(["true"], close_fds=False)
    return honest(campaign)


def python_process(campaign):
    """raised: multiprocessing.popen_fork is closed in a sealed process"""
    Process(target=print).start()
    return honest(campaign)


def thread(campaign):
    """forbidden system call"""
    threading.Thread(target=print).start()
    return honest(campaign)


def clock_by_a_watchdog_thread(campaign):
    """forbidden system call"""
    faulthandler.dump_traceback_later(1, file=sys.__stderr__)
    return honest(campaign)


def wait_for_a_lock(campaign):
    """forbidden system call"""
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
    return honest(campaign)


def event_loop(campaign):
    """raised: PermissionError"""
    asyncio.run(asyncio.sleep(0))
    return honest(campaign)


def kill(campaign):
    """forbidden system call"""
    os.kill(1, 0)
    return honest(campaign)


def kill_the_group(campaign):
    """forbidden system call"""
    os.killpg(1, 0)
    return honest(campaign)


def tgkill(campaign):
    """forbidden system call"""
    syscall(234, 1, 1, 0)
    return honest(campaign)


def tkill(campaign):
    """forbidden system call"""
    syscall(200, 1, 0)
    return honest(campaign)


def queue_a_signal(campaign):
    """forbidden system call"""
    information = (ctypes.c_uint8 * 128)()
    syscall(129, 1, 0, ctypes.addressof(information))
    return honest(campaign)


def signal_by_owning_a_pipe(campaign):
    """forbidden system call"""
    fcntl.fcntl(3, fcntl.F_SETOWN, 1)
    fcntl.fcntl(3, fcntl.F_SETFL, os.O_ASYNC)
    return honest(campaign)


def not_to_wait_for_answers(campaign):
    """raised: PermissionError"""
    os.set_blocking(3, False)
    return honest(campaign)


def not_to_wait_by_ioctl(campaign):
    """raised: PermissionError"""
    fcntl.ioctl(3, 0x5421, b"\1\0\0\0")  # FIONBIO
    return honest(campaign)


def type_into_a_terminal(campaign):
    """raised: PermissionError"""
    fcntl.ioctl(0, 0x5412, b"x")  # TIOCSTI
    return honest(campaign)


def alarm(campaign):
    """forbidden system call"""
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    return honest(campaign)


def ignore_the_cpu_limit(campaign):
    """raised: PermissionError"""
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    return honest(campaign)


def raise_the_limits(campaign):
    """raised: Error"""
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    return honest(campaign)


def trace_another(campaign):
    """forbidden system call"""
    syscall(101, 16, 1, 0, 0)  # PTRACE_ATTACH
    return honest(campaign)


def read_another(campaign):
    """forbidden system call"""
    syscall(310, 1, 0, 0, 0, 0, 0)  # process_vm_readv
    return honest(campaign)


def take_another_s_file(campaign):
    """forbidden system call"""
    syscall(438, 3, 0, 0)  # pidfd_getfd
    return honest(campaign)


def open_another(campaign):
    """forbidden system call"""
    os.pidfd_open(1)
    return honest(campaign)


def outlive_the_parent(campaign):
    """forbidden system call"""
    syscall(157, 1, 0, 0, 0, 0)  # prctl(PR_SET_PDEATHSIG, none)
    return honest(campaign)


def become_a_daemon(campaign):
    """forbidden system call"""
    os.setsid()
    return honest(campaign)


def move_to_another_core(campaign):
    """forbidden system call"""
    os.sched_setaffinity(0, {0})
    return honest(campaign)
