"""The trial logs, the environment, other processes' files; writing anything. Each function is a strategy that attacks.

Its docstring is how it must end: a verdict and a part of what is said then, or one of several, apart by semicolons.
"""

import ctypes
import importlib.util
import os
import shutil
import sys
import tempfile
from multiprocessing import shared_memory
from pathlib import Path


def honest(campaign):
    trial = campaign.start()
    trial.advance()
    return trial


def trial_logs(campaign):
    """raised: PermissionError"""
    folder = Path(sys.modules["seedbench"].__file__).parent / "bundled"
    (folder / "manifest.json").read_bytes()
    return honest(campaign)


def trial_logs_by_a_lower_door(campaign):
    """raised: PermissionError"""
    folder = Path(sys.modules["seedbench"].__file__).parent / "bundled"
    os.open(folder / "trials", os.O_RDONLY | os.O_DIRECTORY)
    return honest(campaign)


def search_the_disk(campaign):
    """raised: nothing found"""
    if not any(files for _, _, files in os.walk("/")):
        raise LookupError("nothing found")
    return honest(campaign)


def is_there_a_file(campaign):
    """raised: nothing found"""
    if not any(map(os.path.exists, ["/", "/etc/passwd", "/proc/self", sys.executable])):
        raise LookupError("nothing found")
    return honest(campaign)


def own_command_line(campaign):
    """raised: PermissionError"""
    Path("/proc/self/cmdline").read_bytes()
    return honest(campaign)


def memory_of_others(campaign):
    """raised: PermissionError"""
    open("/proc/1/mem", "rb").read(1)
    return honest(campaign)


def own_memory(campaign):
    """raised: PermissionError"""
    open("/proc/self/mem", "r+b").read(1)
    return honest(campaign)


def environment_of_others(campaign):
    """raised: PermissionError"""
    Path("/proc/1/environ").read_bytes()
    return honest(campaign)


def token_in_the_environment(campaign):
    """raised: KeyError"""
    os.environ["HF_TOKEN"]
    return honest(campaign)


def token_in_the_first_memory(campaign):
    """raised: nothing found"""
    environ = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.pythonapi, "environ")
    names = []
    while environ[len(names)]:
        names.append(environ[len(names)])
    if not any(b"SECRET" in name for name in names):
        raise LookupError("nothing found")
    return honest(campaign)


def token_file(campaign):
    """raised: Error"""
    Path("~/.cache/huggingface/token").expanduser().read_text()
    return honest(campaign)


def write_a_file(campaign):
    """raised: PermissionError"""
    Path("/tmp/seedbench-was-here").write_text("x")
    return honest(campaign)


def temporary_file(campaign):
    """raised: No usable temporary directory"""
    tempfile.TemporaryFile()
    return honest(campaign)


def delete_files(campaign):
    """forbidden system call"""
    shutil.rmtree("/tmp/seedbench-victim", ignore_errors=True)
    os.unlink("/tmp/seedbench-victim")
    return honest(campaign)


def make_a_folder(campaign):
    """forbidden system call"""
    os.mkdir("/tmp/seedbench-was-here")
    return honest(campaign)


def link(campaign):
    """forbidden system call"""
    os.symlink("/etc/passwd", "/tmp/seedbench-was-here")
    return honest(campaign)


def fill_the_disk(campaign):
    """forbidden system call"""
    os.posix_fallocate(1, 0, 2**40)
    return honest(campaign)


def shared_memory_with_others(campaign):
    """raised: PermissionError"""
    shared_memory.SharedMemory(name="seedbench-was-here", create=True, size=4096)
    return honest(campaign)


def file_in_memory(campaign):
    """forbidden system call"""
    os.memfd_create("seedbench-was-here")
    return honest(campaign)


def import_from_a_file(campaign):
    """raised: PermissionError"""
    spec = importlib.util.spec_from_file_location("os2", os.__file__)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    return honest(campaign)


def load_a_library(campaign):
    """raised: OSError"""
    ctypes.CDLL("libssl.so.3")
    return honest(campaign)
