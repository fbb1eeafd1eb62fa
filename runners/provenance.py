"""What a trial was made with: model, data, versions and device."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import torch
from transformers import PreTrainedModel

import seedbench
from runners.data.glue import TaskData
from runners.engines.drawn import drawn_parameters


def model_sha256(model: PreTrainedModel) -> str:
    """SHA-256 of the pretrained weights, names and float32 bytes, without those that every trial draws."""
    digest, drawn = hashlib.sha256(), set(drawn_parameters(model))
    for name, value in sorted(model.state_dict().items()):
        if name not in drawn:
            digest.update(name.encode())
            digest.update(value.float().numpy().tobytes())
    return digest.hexdigest()


def provenance(model: PreTrainedModel, data: TaskData, device: str, engine: str) -> dict[str, str]:
    """The fields of a log's record that are the same for all trials of a block; arguments as of a `BlockRunner`."""
    return {
        "device": device_name(device),
        "engine": engine,
        "seedbench_version": seedbench.__version__ + git_commit(Path(__file__).parent),
        "torch_version": torch.__version__,
        "transformers_version": version("transformers"),
        "model_sha256": model_sha256(model),
        "data_sha256": data.sha256,
    }


def device_name(device: str) -> str:
    """The accelerator's or the processor's own name."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    try:
        lines: Iterable[str] = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = ()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def git_commit(folder: Path) -> str:
    """``+<commit>`` of the checkout that has the folder, ``-dirty`` where files of it were changed, or nothing."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return "+" + subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
