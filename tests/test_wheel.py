"""The built wheel: it holds a valid trial set, every shipped strategy, the licence and the command."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from seedbench.errors import TrialSetError
from seedbench.strategy import shipped
from seedbench.trialset import load_trials, validate_folder

ROOT = Path(__file__).parents[1]
MAX_MIB = 12


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (file,) = folder.glob("seedbench-*.whl")
    return zipfile.ZipFile(file)


def test_the_trial_set_in_it_is_the_one_here_and_valid(wheel, tmp_path):
    wheel.extractall(tmp_path)
    bundled = tmp_path / "seedbench" / "bundled"
    assert validate_folder(bundled, without_predictions=True) == []
    packed, here = load_trials(bundled), load_trials()
    assert packed.sha256 == here.sha256
    assert [table.name for table in packed.tables] == [table.name for table in here.tables]
    assert (bundled / "README.md").is_file()


def test_predictions_stay_in_the_dataset(wheel, tmp_path):
    wheel.extractall(tmp_path)
    bundled = tmp_path / "seedbench" / "bundled"
    assert {path.name for path in bundled.iterdir() if path.is_dir()} == {"trials", "examples"}
    with pytest.raises(TrialSetError, match="predictions: not here.*fetch the trial set from the Hub"):
        load_trials(bundled, predictions=True)


def test_what_else_it_holds(wheel):
    names = set(wheel.namelist())
    assert {f"seedbench/strategies/{name}.py" for name in (*shipped(), "_template")} <= names
    assert "seedbench/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
    assert b"seedbench = seedbench.cli:main" in wheel.read(entry_points)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"seedbench"}  # no tests, no runners


def test_its_size(wheel):
    assert Path(wheel.filename or "").stat().st_size <= MAX_MIB * 2**20
