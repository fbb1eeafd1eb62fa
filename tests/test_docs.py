"""The README and its pages are executed: their Python runs, their commands succeed, and CI runs two word for word."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from seedbench.cli import main
from seedbench.strategy import shipped

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = ROOT / ".github" / "docs"
BLOCK = re.compile(r"(<!-- command: (\w+) -->\n)?```(\w+)\n(.*?)```\n", re.DOTALL)
BLOCKS = BLOCK.findall(README)
MARKED = {marker: text.strip() for _, marker, _, text in BLOCKS if marker}
FEWER = ["--replicates", "4", "--processes", "1"]  # the same commands on fewer campaigns


#: What each page has to run: blocks of Python, and of commands.
PAGES = {
    "README.md": (2, 8),
    ".github/docs/attacks.md": (0, 0),
    ".github/docs/faults.md": (0, 0),
    ".github/docs/from-python.md": (4, 0),
    ".github/docs/numbers.md": (0, 0),
    ".github/docs/rules-tried.md": (0, 0),
    ".github/docs/rules.md": (0, 0),
    ".github/docs/trial-sets.md": (0, 1),
}


LIVE = ".github/docs/live.md"  # executed by tests/live/test_page.py
#: Compared by tests/test_references.py.
REFERENCES = {".github/docs/api.md", ".github/docs/boards.md", ".github/docs/commands.md"}


def test_every_page_is_executed_or_a_notebook_and_linked():
    pages = {path.relative_to(ROOT).as_posix() for path in DOCS.iterdir() if path.suffix == ".md"}
    assert pages == {*PAGES, *REFERENCES, LIVE} - {"README.md"}
    assert all(f"({page})" in README for page in (*pages, ".github/docs/notebook.ipynb"))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_executed_from_top_to_bottom(page, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "readme"}
    executed = {"python": 0, "bash": 0}
    for _, marker, language, text in BLOCK.findall((ROOT / page).read_text(encoding="utf-8")):
        if marker or language == "text":
            continue
        executed[language] += 1
        if named := re.match(r"# file: (\S+)\n", text):
            Path(named[1]).write_text(text[named.end() :])
        elif language == "python":
            exec(compile(text, page, "exec"), namespace)
            assert capsys.readouterr().out
        else:
            for line in text.strip().splitlines():
                program, *arguments = shlex.split(line)
                assert program == "seedbench", line
                fewer = FEWER if arguments[0] in ("evaluate", "compare", "advise") else []
                monkeypatch.setattr(sys, "argv", [program, *arguments, *fewer])
                with pytest.raises(SystemExit) as ended:
                    main()
                out, err = capsys.readouterr()
                assert ended.value.code == 0, f"{line}\n{out}\n{err}"
    assert (executed["python"], executed["bash"]) == PAGES[page]


def test_the_notebook_runs_and_shows_what_it_should(monkeypatch, tmp_path):
    """By Jupyter's own runner, in a kernel of its own."""
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(DOCS / "notebook.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells), "clear its outputs"
    done = nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [cell.outputs[-1] for cell in done.cells if cell.cell_type == "code" and cell.outputs]
    assert [len(cell.outputs) for cell in done.cells if cell.cell_type == "code" and cell.outputs] == [1] * len(shown)
    kinds = [set(out.get("data", {})) for out in shown]
    assert ["text/html" in kind for kind in kinds] == [True, False, True, True, True, False]
    assert "1,020 trials" in shown[0].data["text/html"] or "trials of" in shown[0].data["text/html"]
    assert "to best-of-n" in shown[2].data["text/html"] and "race" in shown[3].data["text/html"]
    assert "vega" in shown[4].data["text/html"] and "What a budget buys: sst2" in shown[4].data["text/html"]
    assert 'return trial.best.score + "!"' in shown[5].text
    assert "broken(seedbench.open_campaign('sentence-transformers/" in shown[5].text


def test_the_first_success_is_within_two_screens():
    screens = README[: README.index("## What the bundled trials say")].splitlines()
    assert len(screens) <= 2 * 24


def test_ci_runs_the_two_commands_word_for_word():
    assert MARKED.keys() == {"score", "test"}
    function = re.search(r"readme_command\(\) \{.*?\n\}", (ROOT / ".ci" / "run").read_text(), re.DOTALL)
    assert function is not None
    for name, text in MARKED.items():
        command = ["bash", "-c", f"{function[0]}\nreadme_command {name}"]
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert found.strip() == text
        assert f"readme_command {name})" in (ROOT / ".ci" / "run").read_text()
    assert "constraints.txt" in MARKED["score"] and MARKED["score"].endswith("seedbench evaluate start_many")
    assert "constraints.txt" in MARKED["test"] and "-m pytest -n auto" in MARKED["test"]


def test_what_the_readme_points_at_is_there():
    for path in ("constraints.txt", "CHANGELOG.md", "LICENSE", "runners/sweep.py", "runners/export.py"):
        assert (ROOT / path).is_file(), path
    counted = re.search(r"\b(nine|ten|eleven|twelve|\w+teen|\d+) that ship\b", README.replace("\n", " "))
    assert counted is None, f"'{counted[0]}': a number of strategies is wrong as soon as there is one more"


def test_the_changelog_names_every_shipped_strategy_and_the_version():
    from seedbench import __version__

    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"## {__version__}" in changelog
    assert [name for name in shipped() if f"`{name}`" not in changelog] == []


def test_constraints_cover_every_dependency():
    import tomllib

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    sets = [*settings["project"]["optional-dependencies"].values(), *settings["dependency-groups"].values()]
    wanted = [*settings["project"]["dependencies"], *(name for one in sets for name in one if isinstance(name, str))]
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in lines if "==" in line}
    names = {re.split(r"[<>=!~\[; ]", name)[0].lower().replace("_", "-") for name in wanted}
    assert names - pinned == set()


def test_the_main_table_is_what_the_bundled_trials_say():
    """Every printed share of the gap is the recorded evaluation's, of these trials and of the strategies as they ship;
    the first, the last and `asha` are evaluated again."""
    from seedbench import Evaluation, evaluate, load_trials
    from seedbench.display.terminal import percent
    from seedbench.strategy import load_strategy
    from seedbench.trialset import BUNDLED

    (command,) = re.findall(r"^seedbench evaluate (full_trials --against .*--against .*)$", README, re.MULTILINE)
    protocol = re.search(r" --protocol (\S+)", command)
    names = re.sub(r" --(figure|json|protocol) \S+", "", command).split(" --against ")
    printed = dict(re.findall(r"^(\w+) +((?:-?\d+% *)+)", README, re.MULTILINE))
    assert list(printed) == names and set(names) <= set(shipped())
    recorded = Evaluation.from_json((BUNDLED / "evaluation.json").read_text(encoding="utf-8"))
    assert recorded.trials == load_trials().identity
    of_name = {one.name: one for one in recorded.against}
    summaries = {names[0]: recorded.summary} | {name: one.summary for name, one in of_name.items()}
    for name in names:
        assert printed[name].split() == [percent(at.gap_closed) for at in summaries[name].budgets], name
        its = recorded.strategy if name == names[0] else of_name[name]
        assert its.sha256 == load_strategy(name).sha256, name
    again = evaluate(names[0], against=["asha", names[-1]], **({"protocol": protocol[1]} if protocol else {}))
    for name, summary in [(names[0], again.summary), *((one.name, one.summary) for one in again.against)]:
        recorded_gaps = [at.gap_closed for at in summaries[name].budgets]
        # Sums over strategies are taken together, so the others move the last bit.
        assert [at.gap_closed for at in summary.budgets] == pytest.approx(recorded_gaps, abs=1e-12), name


def test_the_readme_has_each_scored_table_as_it_is():
    """How many fail, what one, eight and many trials are worth, and two rules at budgets of 4, 8 and 16."""
    from seedbench import Evaluation, load_trials
    from seedbench.trialset import BUNDLED

    recorded = Evaluation.from_json((BUNDLED / "evaluation.json").read_text(encoding="utf-8"))
    rules = {one.name: one.rows for one in recorded.against}
    lines = []
    for table in load_trials().tables:
        if table.test_score is None:
            continue
        (at_8,) = (row for row in recorded.rows if (row.task, row.recipe, row.budget) == (table.task, table.recipe, 8))
        cells = [f"`{table.task}/{table.recipe}`", str(np.count_nonzero(table.diverged))]
        cells += [f"{score:.3f}" for score in (at_8.floor, at_8.best_of_n, at_8.ceiling)]
        for name in ("successive_halving", "patient_halving"):
            of_table = [row for row in rules[name] if (row.task, row.recipe) == (table.task, table.recipe)]
            worth = [row for row in of_table if row.budget in (4, 8, 16)]
            shown = " ".join(f"{row.compute_multiplier:.1f}" for row in worth if row.compute_multiplier is not None)
            cells.append(shown or "no signal")
            assert {row.compute_multiplier_bound for row in worth} == {None}
            assert (shown == "") == at_8.no_signal
        assert table.num_trials == 144
        lines.append(f"| {' | '.join(cells)} |")
    assert "\n".join(lines) in README
    known = {
        recipe: [
            f"{50 * (row.gap_closed_high - row.gap_closed_low):.0f}" for row in recorded.rows if row.recipe == recipe
        ]
        for recipe in ("few1024-3-epochs-no-bias-correction-lr1e-4", "few1024-3-epochs-lr2e-4")
    }
    (one, other) = [(min(widths, key=int), max(widths, key=int)) for widths in known.values()]
    assert (
        f"what best-of-n closes of the gap is known to within {one[0]} to {one[1]} points in one of the others, "
        f"{other[0]} to {other[1]} in the other."
    ) in " ".join(README.split())


def test_what_the_readme_says_of_the_cold_board_is_on_it():
    """`boards.md` is the results', which `test_references` sees to."""
    page = (DOCS / "boards.md").read_text(encoding="utf-8")
    cold = page[page.index("## held-out-2-cold-") : page.index("## held-out-2-transfer-")]
    rows = [line.strip("| ").split(" | ") for line in cold.splitlines() if line.startswith("| – |")]
    to_best_of_n = {row[1].replace(" ", "_"): row[3] for row in rows}
    assert next(iter(to_best_of_n)) == "patient_halving" and not set("▲▼") & set(to_best_of_n["patient_halving"])
    marked = {name: shown for name, shown in to_best_of_n.items() if set("▲▼") & set(shown)}
    assert marked == {"last_checkpoint": "-15 ±5 ▼", "asha": "-22 ±11 ▼"}
    assert len(rows) == 17
    assert (
        "Among the seventeen entries of [the board](.github/docs/boards.md), which hold together, it comes first and "
        "none is marked as better than best-of-n; `last_checkpoint` (-15 ±5) and `asha` (-22 ±11) are as worse."
    ) in " ".join(README.split())


def test_the_readme_advises_what_advise_does():
    from seedbench import advise

    readme = " ".join(README.split())
    ((tried, best, worth),) = re.findall(
        r"plain best-of-n: none of the (\d+) is told from it. The best of them, `(.+?)`, is worth ([\d.]+\d)",
        readme,
    )
    found = advise(budget=8)
    assert (found.advised, len(found.candidates), found.distinct[0].label) == (None, int(tried), best)
    assert worth == f"{8 * found.distinct[0].compute_multiplier:.1f}"
