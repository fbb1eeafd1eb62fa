"""What a process asks of the kernel to give up, by ctypes: Linux on x86-64 only, no library but the C library.

Each function works on the calling process and on its children to come, and cannot be undone.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
from contextlib import suppress

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long
_LIBC.mprotect.argtypes = _LIBC.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_LIBC.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]

_PR_SET_PDEATHSIG, _PR_SET_TSC, _PR_SET_NO_NEW_PRIVS = 1, 26, 38
_PR_TSC_SIGSEGV = 2
_SECCOMP, _SECCOMP_SET_MODE_FILTER = 317, 1
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446
_LANDLOCK_CREATE_RULESET_VERSION = 1

# Landlock's version -> how many rights over files it knows; later ones know as many as the last.
_LANDLOCK_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}

# Functions by which the vDSO tells the time without the kernel -> the system call that each stands for.
_VDSO_FUNCTIONS = {"clock_gettime": 228, "gettimeofday": 96, "time": 201, "clock_getres": 229}
_ENOSYS = 38

_HUGE_PAGE, _MADV_COLLAPSE = 2**21, 25
_NOTHING = [getattr(resource, f"RLIMIT_{of}") for of in "FSIZE NOFILE CORE NPROC MEMLOCK MSGQUEUE SIGPENDING".split()]


def current_core() -> int:
    """The core that this process runs on just now."""
    return int(_LIBC.sched_getcpu())


def run_on(cores: set[int]) -> None:
    """Has this process run on these cores alone; where that is not allowed, on all that it may: only slower."""
    with suppress(OSError):
        os.sched_setaffinity(0, cores)


def use_huge_pages() -> None:
    """Puts the memory of this process on huge pages, as far as the kernel can: it is forked faster then."""
    with open("/proc/self/maps") as maps:
        for line in maps:
            addresses, access, _, _, inode, *_ = line.split()
            low, high = (int(address, 16) for address in addresses.split("-"))
            first, last = -(-low // _HUGE_PAGE) * _HUGE_PAGE, high // _HUGE_PAGE * _HUGE_PAGE
            if access == "rw-p" and inode == "0" and first < last:
                _LIBC.madvise(first, last - first, _MADV_COLLAPSE)


def die_with_parent() -> None:
    """Has this process killed when the one that started it ends."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def be_killed_first() -> None:
    """Has the kernel, where memory runs out, kill this process's children, and it, before those that wait for them."""
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def address_space() -> int:
    """Bytes of address space that this process takes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def limit_resources(*, cpu_seconds: int, memory_bytes: int) -> None:
    """Limits CPU time and memory, and forbids files, processes, locked memory and message queues.

    Args:
        cpu_seconds: SIGXCPU ends the process then; SIGKILL a second later.
        memory_bytes: of address space.
    """
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    for what in _NOTHING:
        resource.setrlimit(what, (0, 0))


def forbid_new_privileges() -> None:
    """No program that this process could start has more rights than it; Landlock and seccomp ask for that first."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def forbid_cycle_counter() -> None:
    """Kills on a look at the processor's cycle counter, which tells what is in its caches: what ran here before.

    Where the kernel does not know how (gVisor, say), the counter is left.
    """
    with suppress(OSError):
        _prctl(_PR_SET_TSC, _PR_TSC_SIGSEGV)


def restrict_by_landlock() -> int:
    """Takes away every path, TCP, and signals and abstract sockets to other processes, as far as the kernel knows how.

    Returns:
        Landlock's version; 0 where the kernel has none.
    """
    version = _LIBC.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_CREATE_RULESET_VERSION)
    if version <= 0:
        return 0
    rights = _LANDLOCK_FILE_RIGHTS[min(version, max(_LANDLOCK_FILE_RIGHTS))]
    # struct landlock_ruleset_attr: rights over files; TCP bind and connect (4); abstract sockets and signals (6).
    handled = [2**rights - 1, *([3] if version >= 4 else []), *([3] if version >= 6 else [])]
    attributes = struct.pack(f"={len(handled)}Q", *handled)
    ruleset = _LIBC.syscall(_LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    _check(ruleset, "landlock_create_ruleset")
    _check(_LIBC.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0), "landlock_restrict_self")
    os.close(ruleset)
    return int(version)


class Filter:
    """A seccomp filter.

    Args:
        program: of instructions of 8 bytes each, see `seedbench.sandbox.filter`.
    """

    def __init__(self, program: bytes) -> None:
        self._instructions = ctypes.create_string_buffer(program, len(program))
        self._header = struct.pack("=HxxxxxxQ", len(program) // 8, ctypes.addressof(self._instructions))

    def install(self) -> None:
        """Sends every system call from now on through it."""
        _check(_LIBC.syscall(_SECCOMP, _SECCOMP_SET_MODE_FILTER, 0, self._header), "seccomp")


def silence_vdso() -> bool:
    """Has the vDSO ask the kernel for the time, where a filter can refuse, and unmaps the pages it reads it from.

    Returns:
        Whether there is no such clock any more; False where the kernel keeps these pages from being changed.
    """
    pages: dict[str, list[tuple[int, int]]] = {}
    with open("/proc/self/maps") as maps:
        for line in maps:
            name = line.rpartition(" ")[2].strip()
            if name.startswith(("[vdso", "[vvar")):
                low, _, high = line.partition(" ")[0].partition("-")
                pages.setdefault(name, []).append((int(low, 16), int(high, 16)))
    if "[vdso]" not in pages:
        return not pages
    ((start, end),) = pages.pop("[vdso]")
    vdso = ctypes.CDLL("linux-vdso.so.1")
    # Executable meanwhile: an interpreter may look at the clock between two calls, as Python 3.12 does.
    if _LIBC.mprotect(start, end - start, _READ | _WRITE | _EXECUTE):
        return False
    for name, number in _VDSO_FUNCTIONS.items():
        if address := _address(vdso, f"__vdso_{name}"):
            code = b"\xb8" + number.to_bytes(4, "little") + b"\x0f\x05\xc3"  # mov eax, number; syscall; ret
            ctypes.memmove(address, code, len(code))
    if address := _address(vdso, "__vdso_getrandom"):  # its pool is on the same pages; the C library asks the kernel
        code = b"\xb8" + (-_ENOSYS).to_bytes(4, "little", signed=True) + b"\xc3"  # mov eax, -ENOSYS; ret
        ctypes.memmove(address, code, len(code))
    if _LIBC.mprotect(start, end - start, _READ | _EXECUTE):
        raise OSError("the vDSO was changed and cannot be run any more")
    failed = [_LIBC.munmap(first, last - first) for ranges in pages.values() for first, last in ranges]
    return not any(failed)


_READ, _WRITE, _EXECUTE = 1, 2, 4  # PROT_*


def _address(library: ctypes.CDLL, name: str) -> int | None:
    try:
        return ctypes.cast(getattr(library, name), ctypes.c_void_p).value
    except AttributeError:
        return None


def _prctl(option: int, value: int) -> None:
    _check(_LIBC.prctl(option, value, 0, 0, 0), "prctl")


def _check(result: int, name: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
