"""The findings as charts, each with how to read it and where its method comes from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from seedbench.analyses.answers import Diverged, EarlyLate, Factors, Heatmap
from seedbench.analyses.factors import NAMES, SHARED
from seedbench.analyses.result import SeedNames, SharedFactor, SharedSeeds, TableFindings
from seedbench.display import Chart, Link, charts
from seedbench.display.axes import Axis

DODGE_2019 = Link("Dodge et al. 2019", "https://arxiv.org/abs/1909.03004")
DODGE_2020 = Link("Dodge et al. 2020", "https://arxiv.org/abs/2002.06305")
TING = Link("Ting et al. 1990", "https://doi.org/10.1080/00949659008811240")
SCOTT = Link("Scott 1992", "https://doi.org/10.1002/9780470316849")
BONETT = Link("Bonett and Wright 2000", "https://doi.org/10.1007/BF02294183")
_MEASURES = {"score": "score", "validation_loss": "validation loss", "train_loss": "training loss"}
SCORE = ".3f"
_CURVE_POINTS = 64  # of a curve over n: what a picture can show


def expected_chart(table: TableFindings) -> Chart:
    """Expected validation performance of the best of n trials, by both estimators."""
    expected, trials = table.expected, table.trials
    rows: list[dict[str, Any]] = []
    for n in spaced(trials):
        band = {"low": expected.low[n - 1], "high": expected.high[n - 1]}
        rows.append(
            {"n": n, "score": expected.without_replacement[n - 1], "which": "without replacement (unbiased)"} | band
        )
    rows += [
        {"n": n, "score": expected.with_replacement[n - 1], "which": "with replacement (published)"}
        for n in spaced(trials)
    ]
    chart = charts.lines(
        rows,
        Axis("n", "number of trials n", format=",d", scale="log", values=tuple(powers(trials))),
        Axis("score", f"best of n: {table.metric}", format=SCORE),
        series="which",
        low="low",
        high="high",
        levels={} if expected.best is None else {f"best found: {expected.best:.4f}": expected.best},
        points=trials == 1,
    )
    return Chart(
        chart,
        "Expected validation performance",
        "The line is the score to expect of the best of n trials; the band is its 95% interval for other seeds; the "
        "dashed level is the best of all trials. Where the line flattens, more trials buy little.",
        sources=(DODGE_2019, DODGE_2020),
    )


def spaced(last: int) -> list[int]:
    """1 ... last, evenly spaced on a logarithmic scale where there are too many."""
    if last <= _CURVE_POINTS:
        return list(range(1, last + 1))
    return sorted({round(last ** (at / (_CURVE_POINTS - 1))) for at in range(_CURVE_POINTS)})


def powers(last: int) -> list[int]:
    """1, 2, 4 ... up to `last`."""
    return [2**power for power in range(last.bit_length()) if 2**power <= last]


def heatmap_chart(grid: Heatmap, metric: str, sign: int, names: SeedNames) -> Chart:
    """The grid of seeds, rows and columns from the best mean to the worst, what is best in the same colour."""
    rows = [
        {"data_order": names.of("data_order", column), "weight_init": names.of("weight_init", row), "score": value}
        for row, line in zip(grid.weight_init_seeds, grid.value, strict=True)
        for column, value in zip(grid.data_order_seeds, line, strict=True)
    ]
    chart = charts.heatmap(
        rows,
        Axis("data_order", "data-order seed"),
        Axis("weight_init", "weight-init seed"),
        Axis("score", f"best {metric} of the trial", format=SCORE),
        reverse=sign < 0,
        digits=True,
    )
    return Chart(
        chart,
        "Every pair of seeds",
        "A cell is a trial, × a missing one; seeds are sorted by their mean, the best up and to the left. Rows of one "
        "colour speak for the weight initialisation, columns for the data order, a mixture for neither.",
        sources=(DODGE_2020,),
    )


def density_charts(factors: Factors, names: SeedNames) -> Iterator[Chart]:
    """The densities of the best and the worst seeds, a chart for either factor."""
    for factor, name in NAMES.items():
        mine = [one for one in factors.densities if one.factor == factor and one.density is not None]
        if not mine:
            continue
        rows = [
            {"score": point, "density": height, "which": f"{one.place}: seed {names.of(factor, one.seed)}"}
            for one in mine
            for point, height in zip(factors.points, one.density or (), strict=True)
        ]
        chart = charts.lines(
            rows,
            Axis("score", "best score of the trial", format=SCORE),
            Axis("density", "density", format=".3~g", zero=True),
            series="which",
            height=220,
        )
        yield Chart(
            chart,
            f"Best and worst {name}s",
            "Each curve is the distribution of one seed's trials. Curves that lie apart look like a seed that matters, "
            "but the best and worst of many lie apart by luck alone: the tests tell.",
            sources=(DODGE_2020, SCOTT),
        )


def components_chart(factors: Factors, shares: bool) -> Chart:
    """Variance components as bars with their intervals, in squared points where scores are `shares` of 1."""
    unit = 1e4 if shares else 1.0
    names = {**{key: f"{name}s" for key, name in NAMES.items()}, "residual": "the rest"}
    rows = [
        {
            "label": names[one.source],
            "variance": one.variance * unit,
            "low": one.low * unit,
            "high": one.high * unit,
        }
        for one in factors.components
    ]
    chart = charts.intervals(rows, Axis("variance", f"variance{', in squared points' * shares}", zero=True), bars=True)
    return Chart(
        chart,
        "Where the variance comes from",
        f"A bar is what one source adds to the variance between trials{' (a point is 0.01)' * shares}, the line its "
        "95% interval; a bar left of 0 is an estimate that chance made negative.",
        sources=(DODGE_2020, TING),
    )


def diverged_charts(diverged: Diverged, step: Sequence[int]) -> Iterator[Chart]:
    """Curves of finished, of diverged and of unknown trials, a chart for each measure."""
    for measure, name in _MEASURES.items():
        mine = [one for one in diverged.curves if one.measure == measure]
        rows = [
            {"step": at, "value": mean, "low": low, "high": high, "which": one.status}
            for one in mine
            for at, mean, low, high in zip(step, one.mean, one.low, one.high, strict=True)
        ]
        if not any(row["value"] is not None for row in rows):
            continue
        undefined = {one.status: sum(one.undefined) for one in mine if any(one.undefined)}
        values = [f"{count} of the {status} trials" for status, count in undefined.items()]
        yield Chart(
            charts.lines(
                rows,
                Axis("step", "training step", format=",d"),
                Axis("value", name, format=SCORE),
                series="which",
                low="low",
                high="high",
                points=len(step) == 1,
                height=220,
            ),
            f"{name[0].upper()}{name[1:]}",
            "A line is the mean of the trials that finished, that diverged, or of which that is unknown; the band has "
            "nine of ten of them.",
            sources=(DODGE_2020,),
            notes=(f"Values that are not finite, or not recorded, and left out: {', '.join(values)}.",)
            if values
            else (),
        )


def early_chart(early: EarlyLate, step: Sequence[int]) -> Chart:
    """Spearman correlations of the score at every checkpoint with the best."""
    curves = {
        "score at the checkpoint": (early.score, early.score_low, early.score_high),
        "best score so far": (early.best_so_far, early.best_so_far_low, early.best_so_far_high),
    }
    rows = [
        {"step": at, "rho": rho, "low": low, "high": high, "which": name}
        for name, curve in curves.items()
        for at, rho, low, high in zip(step, *curve, strict=True)
    ]
    chart = charts.lines(
        rows,
        Axis("step", "training step", format=",d"),
        Axis("rho", "rank correlation with the best score", format=".2f", domain=_correlations(rows)),
        series="which",
        low="low",
        high="high",
        points=True,
        levels={"": 0},
    )
    return Chart(
        chart,
        "What an early score tells",
        "At 1 the order of the trials is already the final one, at 0 an early score says nothing; bands are 95% "
        "intervals for other seeds. Stopping is safe where the line is high.",
        sources=(DODGE_2020,),
    )


def _correlations(rows: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """The axis of correlations: from 0, or as far below as an interval reaches."""
    lowest = min((row[key] for row in rows for key in ("rho", "low") if row[key] is not None), default=0)
    return min(0, math.floor(lowest * 5) / 5), 1


def shared_charts(shared: SharedSeeds, factor: SharedFactor) -> Iterator[Chart]:
    """Ranks of the seeds in every task, and the rank correlation of every two tasks."""
    name = SHARED[factor.factor]
    lines: Iterable[tuple[str, Sequence[float]]] = zip(shared.tasks, factor.rank, strict=True)
    rows = [
        {"seed": factor.name(seed), "task": task, "rank": rank}
        for task, ranks in [("mean", factor.mean_rank), *lines]
        for seed, rank in zip(factor.seeds, ranks, strict=True)
    ]
    yield Chart(
        charts.heatmap(
            rows,
            Axis("seed", f"{name}, best mean rank first"),
            Axis("task", ""),
            Axis("rank", "rank among the seeds, 1 is best", format=".3~g"),
            reverse=True,
            digits=True,
            cell_height=34,
        ),
        f"Ranks of the {name}s in every task",
        "Seeds that are light in all rows do well on every task; the first row is the mean rank, which sorts them.",
        sources=(DODGE_2020,),
    )
    pairs = [
        {
            "label": f"{one.task} and {one.other}",
            "rho": one.spearman,
            "low": one.spearman_low,
            "high": one.spearman_high,
        }
        for one in factor.correlations
    ]
    yield Chart(
        charts.intervals(
            pairs, Axis("rho", "rank correlation of the seeds' means", format=".2f", domain=(-1, 1)), levels={"": 0}
        ),
        f"Do {name}s rank alike in two tasks?",
        "Right of the dashed line, seeds that do well on one task tend to do well on the other; an interval (95%) that "
        "crosses it cannot tell.",
        sources=(BONETT,),
    )
