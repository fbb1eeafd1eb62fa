"""Corners of the kernel that have been holes before. See `files` for how an attack is written."""

import ctypes
import mmap


def honest(campaign):
    trial = campaign.start()
    trial.advance()
    return trial


def syscall(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc.syscall(ctypes.c_long(number), *(ctypes.c_long(value) for value in arguments))


def io_uring(campaign):
    """forbidden system call"""
    parameters = (ctypes.c_uint8 * 120)()
    syscall(425, 8, ctypes.addressof(parameters))
    return honest(campaign)


def user_namespace(campaign):
    """forbidden system call"""
    syscall(272, 0x10000000)
    return honest(campaign)


def namespace_of_another(campaign):
    """forbidden system call"""
    syscall(308, 3, 0)
    return honest(campaign)


def mount(campaign):
    """forbidden system call"""
    syscall(165, 0, 0, 0, 0, 0)
    return honest(campaign)


def change_root(campaign):
    """forbidden system call"""
    syscall(161, ctypes.addressof(ctypes.create_string_buffer(b"/")))
    return honest(campaign)


def system_v_shared_memory(campaign):
    """forbidden system call"""
    syscall(29, 0, 4096, 0o1600)
    return honest(campaign)


def system_v_semaphores(campaign):
    """forbidden system call"""
    syscall(64, 0, 1, 0o1600)
    return honest(campaign)


def system_v_message_queue(campaign):
    """forbidden system call"""
    syscall(68, 0, 0o1600)
    return honest(campaign)


def posix_message_queue(campaign):
    """forbidden system call"""
    syscall(240, ctypes.addressof(ctypes.create_string_buffer(b"seedbench")), 0o102, 0o600, 0)
    return honest(campaign)


def bpf(campaign):
    """forbidden system call"""
    syscall(321, 0, 0, 0)
    return honest(campaign)


def performance_counters(campaign):
    """forbidden system call"""
    syscall(298, 0, 0, -1, -1, 0)
    return honest(campaign)


def page_faults_in_user_space(campaign):
    """forbidden system call"""
    syscall(323, 0)
    return honest(campaign)


def keys(campaign):
    """forbidden system call"""
    syscall(250, 0, -3, 0)
    return honest(campaign)


def another_filter(campaign):
    """forbidden system call"""
    syscall(317, 1, 0, 0)
    return honest(campaign)


def other_numbering(campaign):
    """forbidden system call"""
    syscall(0x40000000 + 39)  # getpid of the x32 interface
    return honest(campaign)


def set_user(campaign):
    """forbidden system call"""
    syscall(105, 0)
    return honest(campaign)


def load_a_module(campaign):
    """forbidden system call"""
    syscall(175, 0, 0, 0)
    return honest(campaign)


def unknown_call(campaign):
    """forbidden system call"""
    syscall(1000)
    return honest(campaign)


def poison_memory(campaign):
    """raised: PermissionError"""
    memory = mmap.mmap(-1, 4096)
    memory.madvise(100)  # MADV_HWPOISON, for the super-user
    return honest(campaign)


def memory_to_run_code_from(campaign):
    """forbidden system call"""
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    return honest(campaign)


def make_memory_run_code(campaign):
    """forbidden system call"""
    memory = mmap.mmap(-1, 4096)
    libc = ctypes.CDLL(None)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(4096), 7)
    return honest(campaign)
