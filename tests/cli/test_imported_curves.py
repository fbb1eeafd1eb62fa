"""Imported curves through every report: called as their user calls them, in their own units, with what is left unsaid
said."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import seedbench

NAMES = ("--model", "m", "--task", "mine", "--recipe", "r", "--weight-init-seed", "wi", "--data-order-seed", "do")
QUICK = ("--replicates", "20", "--processes", "1")


def lines() -> list[str]:
    """6 × 6 trials of inits a to f and orders x0 to x5, three checkpoints; accuracies up to 1 and perplexities."""
    rng = np.random.default_rng(9)
    found = ["wi,do,step,accuracy,test,ppl"]
    for wi, do in np.ndindex(6, 6):
        level = rng.normal(0.95, 0.03)
        for step in (10, 20, 30):
            score = min(round(level + step / 1000, 4), 1.0)
            found.append(f"init-{'abcdef'[wi]},x{do},{step},{score},{max(score - 0.01, 0):.4f},{20 - 10 * score:.3f}")
    return found


@pytest.fixture
def imported(run, tmp_path: Path):
    """Imports the lines, changed or not, and returns folder, output."""

    def imported(name: str, *options: str, text: str | None = None) -> tuple[Path, str]:
        (tmp_path / "curves.csv").write_text("\n".join(lines()) + "\n" if text is None else text)
        code, out, err = run("trials", "import", tmp_path / "curves.csv", tmp_path / name, *NAMES, *options)
        assert code == 0, err
        return tmp_path / name, " ".join(out.split())

    return imported


@pytest.fixture
def said(run):
    """What a command prints, its spaces and lines as one."""

    def said(*command: object) -> str:
        code, out, err = run(*command)
        assert code == 0, err
        return " ".join(out.split())

    return said


ACCURACY = ("--score", "accuracy", "--test-score", "test")
PERPLEXITY = ("--score", "ppl", "--minimize")


def test_usual_budgets_that_a_table_is_too_small_for_are_said(imported, said):
    """6 × 6 seeds have pools of 5 × 5 trials; a budget of 8 takes 32."""
    folder, _ = imported("set", *ACCURACY)
    whole = (
        "Budgets 8, 16 and 32 are not tried in mine r of m: they take pools of 32, 64 and 128 trials, and a pool "
        "has 25 there."
    )
    for command in (("evaluate", "full_trials"), ("compare", "full_trials", "start_many")):
        assert said(*command, "--trials", folder, *QUICK).count(whole) == 1
        assert "are not tried in" not in said(*command, "--trials", folder, *QUICK, "--budget", "2")


def test_what_is_better_low_is_printed_as_it_was(imported, said, tmp_path):
    folder, _ = imported("set", *PERPLEXITY)
    how = ("--trials", folder, "--protocol", "dodge2020")
    texts = [
        said("evaluate", "start_many", *how, "--only", "m/mine/r:2:0"),
        said("compare", "start_many", "full_trials", *how, *QUICK, "--budget", "2", "--html", tmp_path / "c.html"),
        said("evaluate", "start_many", *how, *QUICK, "--budget", "2"),
        said("advise", "--budget", "2", *how, *QUICK),
        said("findings", *how[:2]),
        said("trials", "show", folder),
    ]
    for text in texts:
        assert not re.search(r"(?<![\w.])-1\d\.\d", text), text
        assert re.search(r"(?<![\w.-])1\d\.\d{4}", text), text
        assert "lower is better" in text
    assert re.search(r"keeps init-\w/x\d at checkpoint 3: chosen for 1\d\.\d{4}, scores 1\d", texts[1])
    assert not re.search(r"chosen for -|scores -", (tmp_path / "c.html").read_text())


def test_findings_call_seeds_as_their_user_does(imported, said, tmp_path):
    folder, _ = imported("set", *ACCURACY)
    text = said("findings", "--trials", folder, "--html", tmp_path / "f.html", "--json", tmp_path / "f.json")
    assert re.search(r"\(weight-init seed init-\w, data-order seed x\d, step \d0\)", text)
    assert re.search(r"best weight-init init-\w", text) and re.search(r"worst data-order x\d", text)
    assert re.search(r"x\d x\d x\d x\d x\d x\d", text)
    assert "init-a" in (tmp_path / "f.html").read_text() and '"0":"init-a"' in re.sub(
        r"\s", "", (tmp_path / "f.json").read_text()
    )


def test_findings_name_runs(run, said, tmp_path):
    """One seed a run: the label is the run's name, as far as a trial's id can hold it."""
    runs = ("calm sun 3", "brave-owl", "k-2")
    rows = [f"{name},{step},0.{at}{step}" for at, name in enumerate(runs) for step in (1, 2)]
    (tmp_path / "runs.csv").write_text("\n".join(["run,step,accuracy", *rows]))
    options = (*NAMES[:6], "--run", "run", "--score", "accuracy")
    code, _, err = run("trials", "import", tmp_path / "runs.csv", tmp_path / "set", *options)
    assert code == 0, err
    text = said("findings", "--trials", tmp_path / "set")
    assert "(seed k-2, step 2)" in text and "k-2 0.2200 brave-owl 0.1200 calm_sun_3 0.0200" in text


def test_no_accuracy_passes_one(imported, said):
    folder, _ = imported("set", *ACCURACY)
    text = said("findings", "--trials", folder)
    assert not re.search(r"(?<![\w.])1\.\d*[1-9]\d*(?= ?(n|mean|─|●|published))", text)
    heads = re.findall(r"(?<![\w.])[01]\.\d{3}(?!\d)", text)
    assert heads and max(map(float, heads)) == 1.0  # the ends of the pictures' axes


def test_deviations_are_never_negative_and_in_the_score_s_unit(imported, said):
    """The seeds do nothing here, so their variances are estimated below 0."""
    shares, _ = imported("shares", *ACCURACY)
    text = said("findings", "--trials", shares)
    assert "sd × 100" in text and "is negative: it cannot be told from none" in text
    perplexities, _ = imported("ppl", *PERPLEXITY)
    other = said("findings", "--trials", perplexities)
    assert "sd × 100" not in other.split("score of a trial")[0]
    for told in (text, other):
        table = told.split("p (permutation)")[1].split("The estimated")[0]
        assert re.findall(r"(?:weight-init|data-order|residual) \d+% (\S+)", table) and " -0" not in table


def test_a_strategy_against_itself_is_said_to_be_one(imported, said):
    folder, _ = imported("set", *ACCURACY)
    one = "is the same strategy as full_trials: nothing is compared, and every difference is 0."
    how = ("--trials", folder, *QUICK, "--budget", "2")
    assert f"full_trials (second) {one}" in said("compare", "full_trials", "full_trials", *how)
    assert f"full_trials (second) {one}" in said("evaluate", "full_trials", "--against", "full_trials", *how)
    other = said("compare", "full_trials", "divergence_stop", *how)  # decides the same here, and is another
    assert "is the same strategy" not in other


def test_trials_that_failed_are_counted_and_explained(imported, said):
    text = re.sub(r"(init-a,x1,[23]0),[\d.]+,", r"\1,nan,", "\n".join(lines()))
    folder, out = imported("set", "--score", "accuracy", text=text)
    assert "0, 1 failed, 35 not known" in out and "failed: ended by itself, or its scores became NaN" in out
    assert "not known: without a majority score; seedbench trials import --majority-score X" in " ".join(out.split())
    assert "failed:" not in imported("whole", *ACCURACY)[1]
    assert "Failed, and counted as neither: 1 trial." in said("findings", "--trials", folder)


@pytest.mark.parametrize("command", ["check", "trials show", "findings", "advise"])
def test_one_is_no_plural(imported, said, command):
    folder, _ = imported("set", *ACCURACY)
    how = ("--budget", "2", *QUICK) if command == "advise" else ()
    options = ("full_trials",) if command == "check" else (folder,) if command == "trials show" else ()
    text = said(*command.split(), *options, *(() if command == "trials show" else ("--trials", folder)), *how)
    plurals = "trials|seeds|tables|campaigns|checkpoints|rows|replicates|points"
    assert not re.search(rf"(?<![\d.,])1 (?!is|has|was)[a-z]{{0,12}} ?({plurals})\b", text)


@pytest.mark.parametrize(("options", "low", "high"), [(ACCURACY, 0.8, 1.0), (PERPLEXITY, 9.9, 13.0)])
def test_a_table_s_picture_has_the_scores_that_can_be(imported, options, low, high):
    """Accuracies up to 1; perplexities from 10 on, which are not drawn below 0."""
    folder, _ = imported("set", *options)
    protocol = "dodge2020" if options is PERPLEXITY else "held-out-2"
    evaluation = seedbench.evaluate("start_many", folder, protocol=protocol, replicates=20, processes=1)
    drawn = json.dumps(evaluation.plot("r").to_dict())
    values = [float(value) for value in re.findall(r'"(?:score|low|high)": (-?[\d.]+)', drawn)]
    assert len(values) > 6 and low < min(values) and max(values) <= high
