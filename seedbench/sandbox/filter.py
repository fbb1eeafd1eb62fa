"""The seccomp filter of a sealed process: which system calls it may make, as a program for the kernel.

A list of what is allowed, so that a call which a new kernel adds is refused. A strategy in a running interpreter needs
two open pipes and memory. What honest code asks for in passing (is there a file, what time is it) fails with EPERM, and
an exception tells its author; every other call kills the process.

Sources: linux/filter.h, linux/seccomp.h, and the table of system calls of x86-64 in arch/x86/entry/syscalls.
"""

from __future__ import annotations

import struct

ALLOWED = {"read": 0, "write": 1, "munmap": 11, "brk": 12, "mremap": 25, "exit": 60, "exit_group": 231}

#: These fail with EPERM.
UNAVAILABLE = {
    # files
    **{"open": 2, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "lseek": 8, "ioctl": 16, "access": 21, "getcwd": 79},
    **{"readlink": 89, "getdents64": 217, "openat": 257, "newfstatat": 262, "readlinkat": 267, "faccessat": 269},
    **{"statx": 332, "openat2": 437, "faccessat2": 439},
    # time
    **{"nanosleep": 35, "gettimeofday": 96, "getrusage": 98, "sysinfo": 99, "time": 201},
    **{"clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230},
    # who and where it is, what it may use
    **{"getpid": 39, "uname": 63, "getrlimit": 97, "getuid": 102, "getgid": 104, "geteuid": 107, "getegid": 108},
    **{"getppid": 110, "getpgrp": 111, "getgroups": 115, "gettid": 186, "sched_getaffinity": 204, "prlimit64": 302},
    # signal handlers, randomness
    **{"rt_sigaction": 13, "rt_sigprocmask": 14, "sigaltstack": 131, "getrandom": 318},
}

_MMAP, _MPROTECT, _MADVISE, _FUTEX = 9, 10, 28, 202  # allowed with some arguments
_PROT_EXEC = 4
_ADVICE = (4, 8, 14, 15)  # DONTNEED and FREE, by which memory is given back; HUGEPAGE and NOHUGEPAGE
_FUTEX_COMMAND, _FUTEX_WAKE = 0x7F, 1  # how pthread_once ends; waiting would be for nobody

_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_X86_64, _X32 = 0xC000003E, 0x40000000
_ALLOW, _KILL, _EPERM = 0x7FFF0000, 0x80000000, 0x00050001


def program() -> bytes:
    """The filter: instructions of 8 bytes each."""
    code = [
        *(_load(_ARCHITECTURE), _jump_if_equal(_X86_64, 1, 0), _return(_KILL)),  # no call of another architecture
        *(_load(_NUMBER), _jump_if_at_least(_X32, 0, 1), _return(_KILL)),
    ]
    for number in ALLOWED.values():
        code += _case(number, _return(_ALLOW))
    for number in (_MMAP, _MPROTECT):  # never memory to run code from
        code += _case(number, _load(_argument(2)), _jump_if_any(_PROT_EXEC, 0, 1), _return(_KILL), _return(_ALLOW))
    advice = [step for value in _ADVICE for step in _case(value, _return(_ALLOW))]
    code += _case(_MADVISE, _load(_argument(2)), *advice, _return(_EPERM))
    wake = _case(_FUTEX_WAKE, _return(_ALLOW))
    code += _case(_FUTEX, _load(_argument(1)), _and(_FUTEX_COMMAND), *wake, _return(_KILL))
    for number in UNAVAILABLE.values():
        code += _case(number, _return(_EPERM))
    return b"".join([*code, _return(_KILL)])


#: What the process that imports for strategies does not do either: start programs, talk to anybody new.
NO_PROGRAMS = {
    **{"execve": 59, "execveat": 322, "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311},
    **{"socket": 41, "connect": 42, "bind": 49, "listen": 50, "io_uring_setup": 425},
}


def no_programs() -> bytes:
    """A filter that refuses `NO_PROGRAMS`, with EPERM, and allows all else."""
    code = [
        *(_load(_ARCHITECTURE), _jump_if_equal(_X86_64, 1, 0), _return(_KILL)),
        *(_load(_NUMBER), _jump_if_at_least(_X32, 0, 1), _return(_KILL)),
    ]
    for number in NO_PROGRAMS.values():
        code += _case(number, _return(_EPERM))
    return b"".join([*code, _return(_ALLOW)])


def _case(value: int, *then: bytes) -> list[bytes]:
    """If the loaded value is this one, `then`, which ends with a return; else on to what comes next."""
    return [_jump_if_equal(value, 0, len(then)), *then]


def _argument(position: int) -> int:
    """Offset of the lower half of an argument: of those that are looked at here, the kernel ignores the upper one."""
    return _ARGUMENTS + 8 * position


def _load(offset: int) -> bytes:
    return _instruction(0x20, offset)


def _and(mask: int) -> bytes:
    return _instruction(0x54, mask)


def _return(action: int) -> bytes:
    return _instruction(0x06, action)


def _jump_if_equal(value: int, then: int, otherwise: int) -> bytes:
    return _instruction(0x15, value, then, otherwise)


def _jump_if_at_least(value: int, then: int, otherwise: int) -> bytes:
    return _instruction(0x35, value, then, otherwise)


def _jump_if_any(bits: int, then: int, otherwise: int) -> bytes:
    return _instruction(0x45, bits, then, otherwise)


def _instruction(code: int, operand: int, then: int = 0, otherwise: int = 0) -> bytes:
    """struct sock_filter; `then` and `otherwise` are how many instructions to skip."""
    return struct.pack("=HBBI", code, then, otherwise, operand)
