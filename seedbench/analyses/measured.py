"""Findings as people read them: scores that are the negative of a measure, as it was measured.

All is computed with scores, of which more is better. A terminal and a page show what was measured: 3.2 of a perplexity
whose score is -3.2. Rank correlations, variances, tests and shares are the same either way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from seedbench.analyses.answers import Diverged, ExpectedPerformance, Factors, Heatmap, Search
from seedbench.analyses.result import Findings, SharedSeeds, TableFindings


def as_measured(findings: Findings) -> Findings:
    """The same, with the scores of tables whose `sign` is -1 turned around."""
    negated = {(table.model, table.task, table.recipe) for table in findings.tables if table.sign < 0}
    return replace(
        findings,
        tables=tuple(_table(table) if table.sign < 0 else table for table in findings.tables),
        shared_seeds=tuple(_shared(shared, negated) for shared in findings.shared_seeds),
    )


def _minus(value: float | None) -> float | None:
    return None if value is None else 0.0 - value


def _all(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(0.0 - value for value in values)


def _some(values: Sequence[float | None]) -> tuple[float | None, ...]:
    return tuple(map(_minus, values))


def _table(table: TableFindings) -> TableFindings:
    return replace(
        table,
        expected=_expected(table.expected),
        factors=_factors(table.factors),
        diverged=_diverged(table.diverged),
        search=_search(table.search),
    )


def _expected(expected: ExpectedPerformance) -> ExpectedPerformance:
    return replace(
        expected,
        with_replacement=_all(expected.with_replacement),
        without_replacement=_all(expected.without_replacement),
        low=_some(expected.high),
        high=_some(expected.low),
        best=_minus(expected.best),
    )


def _factors(factors: Factors) -> Factors:
    return replace(
        factors,
        heatmap=None if factors.heatmap is None else _heatmap(factors.heatmap),
        by_seed=tuple(replace(one, value=0.0 - one.value) for one in factors.by_seed),
        points=_all(factors.points[::-1]),
        densities=tuple(
            replace(
                one,
                mean=0.0 - one.mean,
                value=_all(one.value[::-1]),
                density=None if one.density is None else one.density[::-1],
            )
            for one in factors.densities
        ),
    )


def _heatmap(grid: Heatmap) -> Heatmap:
    return replace(
        grid,
        value=tuple(map(_some, grid.value)),
        weight_init_mean=_some(grid.weight_init_mean),
        data_order_mean=_some(grid.data_order_mean),
    )


def _diverged(diverged: Diverged) -> Diverged:
    curves = (
        replace(one, mean=_some(one.mean), low=_some(one.high), high=_some(one.low)) if one.measure == "score" else one
        for one in diverged.curves
    )
    return replace(diverged, behind=_all(diverged.behind), curves=tuple(curves))


def _search(search: Search) -> Search:
    rows = (
        replace(
            row,
            score=0.0 - row.score,
            low=_minus(row.high),
            high=_minus(row.low),
            best_of_n=0.0 - row.best_of_n,
            held_out_score=_minus(row.held_out_score),
            held_out_best_of_n=_minus(row.held_out_best_of_n),
        )
        for row in search.rows
    )
    return replace(search, rows=tuple(rows))


def _shared(shared: SharedSeeds, negated: set[tuple[str, str, str]]) -> SharedSeeds:
    turned = [(shared.model, task, shared.recipe) in negated for task in shared.tasks]
    factors = (
        replace(one, mean=tuple(_all(mean) if turn else mean for mean, turn in zip(one.mean, turned, strict=True)))
        for one in shared.factors
    )
    return replace(shared, factors=tuple(factors))
