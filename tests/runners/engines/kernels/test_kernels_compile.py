"""The kernels are compiled for real cards, here without one: the interpreter takes what the compiler refuses."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="the kernels need triton")
COMPILE = """
import sys
import torch
from triton.backends.compiler import GPUTarget
from triton.runtime import driver
from triton.runtime.jit import JITFunction

class Card:
    get_current_target = staticmethod(lambda: GPUTarget("cuda", int(sys.argv[1]), 32))
    get_current_device = staticmethod(lambda: 0)
    get_current_stream = staticmethod(lambda device: 0)

driver.set_active(Card)
launch, compiled = JITFunction.run, {}

def compile_only(kernel, *args, grid, warmup, **kwargs):
    compiled[kernel.__module__, kernel.__name__] = launch(kernel, *args, grid=grid, warmup=True, **kwargs)

JITFunction.run = compile_only

from runners.engines import kernels
from runners.engines.plain import AdamRule, AdamState
from tests.runners.engines.kernels.cases import ALL, Case

for probability in map(float, sys.argv[2:]):
    for operation in ALL.values():
        operation(kernels, Case(2, 384, 7, probability, torch.bfloat16))
ones, place = torch.ones(2, 9, 16), torch.zeros(9, dtype=torch.int32)
scale, rule = kernels.gradient_norm([ones]), AdamRule(0.9, 0.999, 1e-6, 0.01)
for leaf, rows in ((None, place), (ones.bfloat16(), None)):
    kernels.adam_step(AdamState(ones, ones, ones, leaf), ones, rows, scale, ones[0, 0], rule)
assert all(kernel.asm["cubin"] for kernel in compiled.values())
print(*sorted(f"{module.rpartition('.')[2]}.{name}" for module, name in compiled))
"""
KERNELS = (
    "adam._adam adam._squares attention._backward attention._forward dropout._dropout gelu._backward gelu._forward "
    "heads._to_heads heads._to_tokens norm._backward norm._forward tiles._fold"
)
SLOW = os.environ.get("SEEDBENCH_SLOW") == "1"
CAPABILITIES = [80, 90] if SLOW else [90]  # A100; H100 and H200


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_every_kernel_compiles(capability: int, tmp_path) -> None:
    environment = {**os.environ, "TRITON_INTERPRET": "", "TRITON_CACHE_DIR": str(tmp_path)}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    command = [sys.executable, "-c", COMPILE, str(capability), "0.1", *(["0.0"] if SLOW else [])]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == KERNELS.split()
