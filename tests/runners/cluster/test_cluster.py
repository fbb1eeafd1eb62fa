"""Blocks on a real one-node SLURM and as local processes, killed in the middle."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from runners.block import BlockRunner
from runners.cluster import jobs
from runners.cluster.__main__ import app
from runners.cluster.state import Batch, read_state
from runners.data.recipe import get_recipe
from runners.table import TableSpec
from runners.trial_log import Cell, TrialLog, read_log
from seedbench.trialset import load_trials

ROOT = Path(__file__).parents[3]
#: What may differ between two runs of a trial: times, and the commit of a checkout that is being worked on.
MAY_DIFFER = ("train_seconds", "evaluation_seconds", "seedbench_version")
ROWS, COLUMNS = 3, 2
#: Long enough for a job to be killed between its first trial and its last.
CHANGES = {"name": "short", "epochs": 12, "max_length": 64, "validations_per_epoch": 1, "precision": "fp32"}


def arguments(model: str, glue: str, out: Path, **changes: object) -> list[str]:
    """What follows ``submit`` for a grid of the tiny model on one CPU thread."""
    values = {**CHANGES, **changes}
    return [
        *("--model", model, "--model-name", "tiny", "--glue", glue, "--task", "sst2", "--recipe", "stable"),
        *(word for name, value in values.items() for word in ("--set", f"{name}={value}")),
        *("--weight-init-seeds", f"0:{ROWS}", "--data-order-seeds", f"0:{COLUMNS}", "--out", str(out)),
        *("--engine", "reference", "--threads", "1", "--device", "cpu"),
    ]


#: Blocks of three trials, which is a column.
BLOCKS_OF_THREE = ("--trials-per-hour", "180", "--block-minutes", "1")
ONE_BLOCK = ("--trials-per-hour", "360", "--block-minutes", "1")


def table_folder(out: Path, recipe: str = "short") -> Path:
    return out / "tiny" / "sst2" / recipe


def logs(out: Path) -> dict[str, TrialLog]:
    return {path.name: read_log(path) for path in table_folder(out).glob("*.npz")}


@pytest.fixture(scope="module")
def uninterrupted(tiny_model: str, tiny_glue: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, TrialLog]:
    """The logs of the same grid, trained in this process."""
    out = tmp_path_factory.mktemp("uninterrupted")
    spec = TableSpec(
        model=tiny_model,
        model_name="tiny",
        glue=tiny_glue,
        task="sst2",
        recipe=get_recipe("stable", **CHANGES),
        engine="reference",
        out=out,
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        list(BlockRunner(spec, "cpu").run([Cell(row, column) for column in range(COLUMNS) for row in range(ROWS)]))
    finally:
        torch.set_num_threads(threads)
    return logs(out)


def assert_same(found: dict[str, TrialLog], expected: dict[str, TrialLog]) -> None:
    """Bit-equal but for the times."""
    assert found.keys() == expected.keys()
    for name, log in found.items():
        other = expected[name]
        for array in ("logits", "step_train_loss", "gradient_norm"):
            ours, theirs = getattr(log.outcome, array), getattr(other.outcome, array)
            assert np.array_equal(ours, theirs), f"{name}: {array}"
        ours, theirs = ({k: v for k, v in vars(one.record).items() if k not in MAY_DIFFER} for one in (log, other))
        assert ours == theirs, name


def command(*words: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "runners.cluster", *words],
        cwd=ROOT,
        env=env,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def finished(process: subprocess.Popen[str], seconds: float = 900) -> str:
    """What it printed; it must have succeeded."""
    output, _ = process.communicate(timeout=seconds)
    assert process.returncode == 0, output
    return output


def wait_until(holds: Callable[[], object], what: str, seconds: float = 900) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"waited {seconds} s: {what}"
        time.sleep(0.02)


def in_process(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


# ---- SLURM -----------------------------------------------------------------------------------------------------------


def worker_of(batch: Batch, number: int) -> int:
    """The process that trains a block in a SLURM job on this machine."""
    for line in subprocess.check_output(["ps", "-A", "-ww", "-o", "pid=,args="], text=True).splitlines():
        process_id, _, command_line = line.strip().partition(" ")
        if "submitit.core._submit" in command_line and command_line.endswith(batch.name) and "srun" not in command_line:
            variables = Path("/proc", process_id, "environ").read_bytes().split(b"\0")
            if f"SLURM_ARRAY_TASK_ID={number}".encode() in variables:
                return int(process_id)
    raise AssertionError(f"block {number} of {batch.name} does not run")


def test_slurm_jobs_killed_and_preempted_end_with_the_logs_of_an_uninterrupted_run(
    slurm: dict[str, str], tiny_model: str, tiny_glue: str, uninterrupted: dict[str, TrialLog], tmp_path: Path
) -> None:
    def ask_slurm(*words: str, but: str = "") -> str:
        """What it says; it must succeed, or fail because of what changed meanwhile."""
        done = subprocess.run(words, env=slurm, capture_output=True, text=True)
        assert done.returncode == 0 or (but and but in done.stderr), done.stderr
        return done.stdout

    sent = finished(
        command(
            "submit", *arguments(tiny_model, tiny_glue, tmp_path), "--executor", "slurm", *BLOCKS_OF_THREE, env=slurm
        )
    )
    assert "2 blocks sent" in sent
    (batch,) = read_state(tmp_path).batches
    assert [len(block) for block in batch.blocks] == [3, 3]
    collecting = command("collect", str(tmp_path), "--poll", "0.5", env=slurm)
    try:
        wait_until(lambda: list(table_folder(tmp_path).glob("*.npz")), "the first log")
        first = next(table_folder(tmp_path).glob("*.npz"))
        column = int(first.stem.partition("-do")[2])
        os.kill(worker_of(batch, column), signal.SIGKILL)
        (array,) = {line.split("_")[0] for line in ask_slurm("squeue", "--noheader", "--array", "--format=%i").split()}
        preempted = f"{array}_{1 - column}"
        ask_slurm("scontrol", "requeue", preempted)  # what preemption does; only that SLURM starts it 2 minutes later
        out_file = tmp_path / "cluster" / batch.name / f"{preempted}_0_log.out"
        while out_file.read_text().count("Starting with JobEnvironment") < 2:
            assert collecting.poll() is None, collecting.communicate()
            if "PENDING" in ask_slurm("squeue", "--noheader", "--array", f"--jobs={preempted}", "--format=%T"):
                ask_slurm("scontrol", "update", f"JobId={preempted}", "StartTime=now", but="no longer pending")
            time.sleep(0.5)
        finished(collecting)
    finally:
        collecting.kill()

    assert_same(logs(tmp_path), uninterrupted)
    _, again = read_state(tmp_path).batches
    (cells,) = again.blocks
    assert 1 <= len(cells) < 3
    assert {cell.data_order_seed for cell in cells} == {column}
    assert first.name not in {f"wi{cell.weight_init_seed}-do{cell.data_order_seed}.npz" for cell in cells}


def test_slurm_jobs_can_be_cancelled_and_refused(
    slurm: dict[str, str], tiny_model: str, tiny_glue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_CONF", slurm["SLURM_CONF"])
    submit = ["submit", *arguments(tiny_model, tiny_glue, tmp_path), "--executor", "slurm", *BLOCKS_OF_THREE]
    refused = in_process(*submit, "--partition", "nowhere")
    assert refused.exit_code == 2
    assert "invalid partition specified: nowhere" in refused.output
    assert not read_state(tmp_path).batches

    held = in_process(*submit, "--slurm", "hold")
    assert held.exit_code == 0, held.output
    assert jobs.ask(tmp_path, read_state(tmp_path).batches).alive == {
        (read_state(tmp_path).batches[0].name, number): "pending" for number in range(2)
    }
    assert in_process("cancel", str(tmp_path)).exit_code == 0
    assert not jobs.ask(tmp_path, read_state(tmp_path).batches).alive
    collected = in_process("collect", str(tmp_path), "--poll", "0.1")
    assert collected.exit_code == 2
    assert "0/6 done, 6 cancelled" in collected.output
    assert "6 trials are missing" in collected.output


def test_without_slurm_it_says_so(
    tiny_model: str, tiny_glue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = in_process("submit", *arguments(tiny_model, tiny_glue, tmp_path), "--executor", "slurm", *BLOCKS_OF_THREE)
    assert result.exit_code == 2
    assert "no srun here" in result.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--gres", "gpu:1"), "--gres: is of SLURM jobs, and --executor is local; leave it out"),
        (("--slurm", "hold", "--executor", "debug"), "--slurm: is of SLURM jobs, and --executor is debug"),
        (("--executor", "slurm", "--poll", "5"), "--poll: submit does not wait for SLURM jobs; give it to collect"),
        (("--executor", "pbs"), "--executor 'pbs': expected slurm, local, debug"),
        (("--device", "cuda", "--executor", "debug"), "a debug job has one device, got cpu, cuda"),
        (("--device", "tpu"), "--device 'tpu': expected cpu, cuda"),
        (("--device", "cuda:99"), "--device 'cuda:99': torch finds"),
    ],
)
def test_options_that_would_do_nothing_are_refused(
    tiny_model: str, tiny_glue: str, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    refused = in_process("submit", *arguments(tiny_model, tiny_glue, tmp_path / "logs"), *words)
    assert refused.exit_code == 2 and message in refused.output, refused.output
    assert not (tmp_path / "logs" / "cluster").exists()


def test_a_dry_run_draws_no_seeds(tiny_model: str, tiny_glue: str, tmp_path: Path) -> None:
    words = [*arguments(tiny_model, tiny_glue, tmp_path / "logs"), "--dry-run", "--weight-init-seeds", "random:3"]
    said = in_process("submit", *words)
    assert said.exit_code == 0 and "3 × 2" in said.output, said.output
    assert not (tmp_path / "logs").exists()


def test_what_cannot_be_collected_is_refused_before_it_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for words, message in (
        (["--name", "a/b"], "--name, --version and --append are of a trial set: give its folder"),
        ([str(tmp_path / "new")], "a trial set needs --name and --version; or give --append"),
        ([str(tmp_path / "there"), "--name", "a/b", "--version", "1.0.0"], "there: exists already; give another"),
        ([str(tmp_path / "there"), "--append"], "manifest.json: No such file or directory"),
        ([], "nothing was submitted with this --out"),
    ):
        refused = in_process("collect", str(tmp_path / "logs"), *words)
        assert refused.exit_code == 2 and message in " ".join(refused.output.split()), refused.output


# ---- local jobs ------------------------------------------------------------------------------------------------------


def test_local_jobs_one_at_a_time_survive_a_kill_of_everything(
    tiny_model: str, tiny_glue: str, uninterrupted: dict[str, TrialLog], tmp_path: Path
) -> None:
    words = ("submit", *arguments(tiny_model, tiny_glue, tmp_path), "--max-jobs", "1", "--poll", "0.2")
    with command(*words, *BLOCKS_OF_THREE) as submitting:
        try:
            wait_until(lambda: list(table_folder(tmp_path).glob("*.npz")), "the first log")
            (batch,) = read_state(tmp_path).batches  # there is no room for the second block
            submitting.kill()
            submitting.wait()
            assert jobs.ask(tmp_path, [batch]).alive == {(batch.name, 0): "running"}  # it outlives the command
        finally:
            submitting.kill()
            cancelled = in_process("cancel", str(tmp_path))
    assert "1 batches of jobs ended" in cancelled.output
    wait_until(lambda: not jobs.ask(tmp_path, [batch]).alive, "the job to be gone")
    there = len(logs(tmp_path))
    assert 1 <= there < 3

    finished(command(*words, *ONE_BLOCK))
    assert_same(logs(tmp_path), uninterrupted)
    (again,) = read_state(tmp_path).batches
    assert [len(block) for block in again.blocks] == [6 - there]


def test_the_error_of_a_job_is_shown_with_its_log_and_stops_the_table(
    tiny_model: str, tiny_glue: str, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tiny_model, broken)
    (broken / "config.json").write_text("{")
    out = tmp_path / "out"
    words = (*arguments(str(broken), tiny_glue, out), "--max-jobs", "1", "--poll", "0.2")
    submitting = command("submit", *words, *BLOCKS_OF_THREE)
    output, _ = submitting.communicate(timeout=900)
    assert submitting.returncode == 2
    (batch,) = read_state(out).batches  # the second block was not sent into the same error
    log = next((out / "cluster" / batch.name).glob("*_log.err"))
    assert f"{broken}: no model that transformers can load" in output
    assert f"(log: {log})" in output
    assert "6 trials are missing; submit again" in output
    assert "Traceback" not in output
    shown = in_process("status", str(out))
    assert shown.exit_code == 0
    assert "no model that transformers can load" in shown.output


def test_without_a_rate_a_first_block_measures_it_and_collect_exports(
    tiny_model: str, tiny_glue: str, tmp_path: Path
) -> None:
    words = arguments(tiny_model, tiny_glue, tmp_path / "logs", name="quick", epochs=1)
    submitted = in_process("submit", *words, "--data-order-seeds", "0:4", "--executor", "debug")
    assert submitted.exit_code == 0, submitted.output
    counts = [line.split()[3] for line in submitted.output.splitlines() if " done" in line]
    assert counts == ["0/12", "6/12", "12/12"]  # two columns are the most that fit into a first block of 8
    trial_set = tmp_path / "set"
    collected = in_process("collect", str(tmp_path / "logs"), str(trial_set), "--name", "a/b", "--version", "1.0.0")
    assert collected.exit_code == 0, collected.output
    (table,) = load_trials(trial_set).tables
    assert table.num_trials == 12


def test_a_block_that_is_trained_here_and_now_ends_in_one_line(tiny_model: str, tiny_glue: str, tmp_path: Path) -> None:
    """The weights are damaged; nobody is at a prompt to look into it."""
    shutil.copytree(tiny_model, tmp_path / "model")
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    words = arguments(str(tmp_path / "model"), tiny_glue, tmp_path / "logs")
    refused = in_process("submit", *words, "--executor", "debug")
    assert refused.exit_code == 2, refused.output
    assert "error: " in refused.output and "no model that transformers can load" in refused.output
    assert "(Pdb)" not in refused.output
