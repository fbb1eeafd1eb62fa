"""What a sealed strategy may import: what is there does no harm, and what imports it can start no program."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import tracemalloc
from pathlib import Path

import pytest

from seedbench import SeedbenchError
from seedbench.sandbox.imports import allowed, imported
from seedbench.sandbox.submittable import check_source
from tests.processes import ROOT


def test_scipy_and_numpy_are_there(write, sealed_run):
    """As an import statement, inside a function, and as an attribute of the package."""
    settled = sealed_run(
        write("""
        import numpy as np
        import scipy

        def strategy(campaign):
            from scipy.optimize import curve_fit, differential_evolution, minimize
            trial = campaign.start()
            scores = [trial.advance().score for _ in range(4)]
            curve_fit(lambda x, a, b: a * x + b, np.arange(4), np.array(scores))
            for method in ("COBYLA", "COBYQA"):  # these and the next import something when they are called
                minimize(lambda x: x @ x, [0.3, 0.4], method=method, bounds=[(-1, 1)] * 2)
            differential_evolution(lambda x: x @ x, [(-1, 1)], rng=campaign.rng, maxiter=2)
            assert scipy.stats.rankdata(scores).size == np.fft.fft(scores).size == 4
            assert np.linalg.norm(np.polynomial.Polynomial.fit(np.arange(4), scores, 1).coef) > 0
            return trial
    """)
    )
    assert settled.steps_spent == 40


def test_every_module_of_the_standard_library_that_may_be_imported_is_harmless(tmp_path):
    """Imported in a process of its own: nothing is printed, written or started."""
    code = """
        import importlib, os, sys, threading, warnings
        from seedbench.sandbox.imports import ALLOWED
        warnings.simplefilter("ignore")
        for name in sorted(ALLOWED):
            try:
                importlib.import_module(name)
            except ImportError:
                pass
        assert threading.active_count() == 1 and os.listdir(".") == []
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_modules_that_may_be_imported():
    for module in ("math", "collections.abc", "numpy", "numpy.random", "scipy.stats", "_bisect"):
        assert allowed(module)
    for module in (
        "torch",
        "seedbench",
        "asyncio.__main__",
        "numpy.conftest",
        "scipy.stats.tests",
        "idlelib",
        "..os",
        "",
        "numpy." + "a" * 60,
        "numpy.distutils",
        "numpy.distutils.system_info",
        "numpy.f2py",
        "numpy.testing",
        "scipy.datasets",
    ):
        assert not allowed(module)


def test_modules_that_a_source_imports():
    source = (
        "import os.path as p\nfrom numpy import random, fft\ndef f():\n    from . import x\n"
        "    import scipy\n    scipy.stats.t\n"
    )
    assert sorted(imported(source)) == [
        (1, "os.path"),
        (2, "numpy"),
        (2, "numpy.fft"),
        (2, "numpy.random"),
        (4, "."),
        (4, "..x"),
        (5, "scipy"),
        (6, "scipy.stats"),
    ]
    long = "a." * 90 + "a"
    assert list(imported(f"from {long} import b, c")) == [(1, long)]


@pytest.mark.parametrize(
    "source",
    [
        "import a" + ".b" * 32_000,
        "from a" + ".b" * 32_000 + " import c",
        "import a" + ".\\\n b" * 13_000,
        "a" + " . b" * 16_000,
    ],
    ids=["import", "from", "lines", "attribute"],
)
def test_a_name_without_end_is_not_parsed(source):
    """Python's parser takes 1.2 GB for 64 KiB of it, in the process that believes nothing."""
    tracemalloc.start()
    with pytest.raises(ValueError, match="line 1: a name of more than 100 parts"):
        list(imported(source))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20
    with pytest.raises(SeedbenchError, match="not Python: line 1: a name of more than 100 parts"):
        check_source(source.encode(), "strategy.py")


def test_what_imports_for_strategies_starts_no_program(sandbox):
    """The process that sealed ones are forked from is under a filter of its own, which a child of it shows here."""
    pid = sandbox._zygote._process.pid
    status = Path(f"/proc/{pid}/status").read_text()
    assert "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status
    code = """
        import os, socket, subprocess
        from seedbench.sandbox import filter, kernel
        kernel.forbid_new_privileges()
        kernel.Filter(filter.no_programs()).install()
        for forbidden in (lambda: subprocess.run(["true"]), socket.socket, lambda: os.execv("/bin/true", ["true"])):
            try:
                forbidden()
            except PermissionError:
                print("refused")
        print(os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)[1] != 0)
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(line, capture_output=True, text=True, env=environment)
    said = done.stdout.split() + done.stderr.split()
    assert said[:3] == ["refused"] * 3 and ("True" in said or "PermissionError:" in said), done
