"""The figure of an evaluation draws what the evaluation says: read back from the SVG that the command writes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from seedbench.evaluation import Evaluation
from seedbench.evaluation.figure import (
    BETWEEN,
    HEIGHT,
    LEFT,
    LETTER,
    TICKS,
    WIDTH,
    caption,
    evaluation_figure,
    gap_rows,
    panel_rows,
    save_figure,
)

pytest.importorskip("vl_convert")
FULL, OTHERS = "full_trials", ["asha", "start_many"]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory, trials_folder) -> Path:
    """The folder with out.json, out.svg and tables/ of a command."""
    folder = tmp_path_factory.mktemp("figure")
    command = [sys.executable, "-m", "seedbench", "evaluate", FULL, "--against", "asha", "--against", "start_many"]
    command += ["--trials", str(trials_folder), "--replicates", "4", "--processes", "1"]
    command += ["--json", str(folder / "out.json"), "--figure", str(folder / "out.svg")]
    command += ["--figures", str(folder / "tables")]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def evaluation(drawn) -> Evaluation:
    return Evaluation.from_json((drawn / "out.json").read_text())


def heights(path: str) -> list[float]:
    """Gaps closed of the points of a line, from their heights in its panel."""
    values = [float(y) for y in re.findall(r"[ML][-\d.e]+,([-\d.e]+)", path)]
    return [TICKS[-1] - y / HEIGHT * (TICKS[-1] - TICKS[0]) for y in values]


def test_lines_are_where_the_evaluation_has_them(drawn, evaluation):
    """In each panel the strategy's line, then the dashed one of the evaluated strategy."""
    root = ElementTree.parse(drawn / "out.svg").getroot()
    groups = [group for group in root.iter() if "mark-line" in group.get("class", "")]
    found = [heights(path.get("d", "")) for group in groups for path in group if path.tag.endswith("path")]
    ran = {one.name: one for one in evaluation.against} | {FULL: evaluation}
    expected = []
    tables = dict.fromkeys((row.task, row.recipe) for row in evaluation.rows if not row.no_signal)
    wheres = [
        lambda one: one.summary.budgets,
        *(lambda one, table=table: [row for row in one.rows if (row.task, row.recipe) == table] for table in tables),
    ]
    assert len(wheres) > 1
    for values in wheres:
        expected += [[at.gap_closed for at in values(ran[name])] for other in OTHERS for name in (other, FULL)]
    assert len(found) == len(expected)
    for line, gaps in zip(found, expected, strict=True):
        assert line == pytest.approx(gaps, abs=0.01)


def test_what_it_says(drawn, evaluation):
    text = " ".join(ElementTree.parse(drawn / "out.svg").getroot().itertext())
    for words in (
        *OTHERS,
        gap_rows(evaluation)[0]["where"],
        "Dashed: full_trials",
        "synthetic",
        evaluation.trials.sha256[:12],
    ):
        assert words in text


def test_a_table_without_signal_is_not_drawn(evaluation, tmp_path):
    tables = list(dict.fromkeys((row.task, row.recipe) for row in evaluation.rows))
    rows = tuple(replace(row, no_signal=(row.task, row.recipe) == tables[0]) for row in evaluation.rows)
    save_figure(replace(evaluation, rows=rows), tmp_path / "out.svg")
    text = " ".join(ElementTree.parse(tmp_path / "out.svg").getroot().itertext())
    assert [" · ".join(table) in text for table in tables] == [False, *[True] * (len(tables) - 1)]


def test_bands_are_the_intervals_and_a_table_without_signal_has_no_row(evaluation):
    rows = gap_rows(evaluation)
    last = [row for row in rows if row["where"].startswith("all") and row["number"] == 2][-1]
    at = evaluation.against[1].summary.budgets[-1]
    assert (last["low"], last["high"]) == (at.gap_closed_low, at.gap_closed_high) and last["low"] < last["high"]
    silent = tuple(replace(row, no_signal=True) for row in evaluation.rows)
    silent = replace(evaluation, rows=silent)
    for tables, where in ((3, "all 3 tables together"), (2, "all tables with signal together (2 of 3)")):
        of = replace(evaluation.summary, tables=tables)
        assert {row["where"] for row in gap_rows(replace(silent, summary=of))} == {where}
    empty = replace(silent.summary, tables=0, budgets=())
    nothing = replace(silent, summary=empty, against=())
    assert gap_rows(nothing) == [] and caption(nothing)[0].endswith(
        "none of these tables has signal, and nothing is drawn"
    )


def test_one_strategy_on_one_table_is_one_panel_without_a_dashed_line(evaluation, tmp_path):
    rows = tuple(row for row in evaluation.rows if (row.task, row.recipe) == ("sst2", "few"))
    alone = replace(evaluation, rows=tuple(replace(row, no_signal=False) for row in rows), against=())
    spec = evaluation_figure(alone).to_dict()
    assert {(row["panel_row"], row["panel_column"]) for row in spec["datasets"][spec["data"]["name"]]} == {(0, 0)}
    assert sum(layer["mark"]["type"] == "line" for layer in spec["spec"]["layer"]) == 1
    assert "Dashed" not in caption(alone)[1]
    save_figure(alone, tmp_path / "out.png")
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def test_nine_strategies_take_two_lines(evaluation):
    silent = tuple(replace(row, no_signal=True) for row in evaluation.rows)  # one row of panels is enough
    many = replace(evaluation, rows=silent, against=evaluation.against[:1] * 9)
    budgets = len(many.summary.budgets)
    rows = panel_rows(gap_rows(many), range(1, 10), 16)
    assert Counter((row["panel_row"], row["panel_column"]) for row in rows) == {
        **{(0, column): budgets for column in range(8)},
        (1, 0): budgets,
    }
    words = [(row["heading_over_names"], row["name"]) for row in rows if row["name"]]
    assert words == [(gap_rows(many)[0]["where"], ["asha"]), *[("", ["asha"])] * 8]  # of a group, and of every panel
    assert not any(row["heading"] for row in rows)


def test_names_stand_above_the_first_row_alone_where_a_group_has_one(evaluation):
    rows = panel_rows(gap_rows(evaluation), (1, 2), 16)
    wheres = list(dict.fromkeys(row["where"] for row in gap_rows(evaluation)))
    assert [row["name"] for row in rows if row["name"]] == [[name] for name in OTHERS]
    assert [row["heading_over_names"] for row in rows if row["heading_over_names"]] == wheres[:1]
    assert [row["heading"] for row in rows if row["heading"]] == wheres[1:] and len(wheres) > 1
    assert [row["panel_row"] for row in rows] == sorted(row["panel_row"] for row in rows)


def test_names_with_parameters_stay_above_their_own_panel(evaluation, tmp_path):
    """Eight of them: each line is as narrow as a panel and ends between words."""
    label = "asha(reduction_factor=2, rungs=2, rank_by='both')"
    many = replace(evaluation, against=(replace(evaluation.against[0], name=label), *evaluation.against[1:] * 7))
    letters = int(((WIDTH - LEFT) // 8 - BETWEEN) / LETTER)
    name = panel_rows(gap_rows(many), range(1, 9), letters)[0]["name"]
    assert name == ["asha(reduction_", "factor=2,", "rungs=2, rank_", "by='both')"] and max(map(len, name)) <= letters
    save_figure(many, tmp_path / "out.svg")
    root = ElementTree.parse(tmp_path / "out.svg").getroot()
    drawn = [["".join(line.itertext()) for line in text] for text in root.iter() if text.tag.endswith("text")]
    assert drawn.count(name) == 1


def test_a_budget_that_one_strategy_alone_has_is_drawn(evaluation):
    """Of a result that was written by somebody else."""
    rows = [row for row in gap_rows(evaluation) if (row["number"], row["budget"]) != (0, 2)]
    found = panel_rows(rows, (1, 2), 16)
    assert {row["evaluated_gap"] for row in found if row["budget"] == 2} == {None}
    assert len(found) == len([row for row in rows if row["number"]])
    last = rows[-1]["where"]
    found = panel_rows([row for row in rows if (row["where"], row["number"]) != (last, 1)], (1, 2), 16)
    assert [row["panel_column"] for row in found if row["heading"] == last] == [1]


def test_what_a_budget_buys_is_one_picture_for_each_table(drawn, evaluation):
    """Read back: bands from low to high, bars and points where the evaluation has them, the levels, all names."""
    files = sorted(file.name for file in (drawn / "tables").iterdir())
    assert files == ["mrpc-few.svg", "sst2-few.svg", "sst2-other.svg"]
    for task, recipe in (("mrpc", "few"), ("sst2", "few"), ("sst2", "other")):
        root = ElementTree.parse(drawn / "tables" / f"{task}-{recipe}.svg").getroot()
        rows = [row for row in evaluation.rows if (row.task, row.recipe) == (task, recipe)]
        text = " ".join(root.itertext())
        best = "best-of-n" if rows[0].best_of_n_low is None else "best-of-n, 95%"
        for words in (FULL, *OTHERS, "oracle", "one full trial", best, f"{task} · {recipe}"):
            assert words in text
        points = _heights(root, "mark-symbol", "role-mark")
        bands = _heights(root, "mark-rect", "role-mark")
        every = (row for one in (evaluation, *evaluation.against) for row in one.rows)
        scores = [row.score for row in every if (row.task, row.recipe) == (task, recipe)]
        scale = np.polyfit(scores, points, 1)  # pixels downwards of a score
        assert scale[0] < 0 and np.allclose(np.polyval(scale, scores), points, atol=0.1)
        tops = [np.polyval(scale, row.best_of_n_high) for row in rows if row.best_of_n_high is not None]
        assert np.allclose(bands, tops, atol=0.1)


def _heights(root: ElementTree.Element, *kinds: str) -> list[float]:
    """Where the marks of a kind are, downwards: of a path that is moved its place, of another one its first point."""
    found = []
    for group in root.iter():
        if all(kind in group.get("class", "") for kind in kinds):
            for path in group:
                place = re.search(r"translate\(([-\d.e]+),([-\d.e]+)\)", path.get("transform", ""))
                start = place or re.match(r"M([-\d.e]+),([-\d.e]+)", path.get("d", ""))
                found.append(float(start[2]))
    return found
