"""Weight initialisation against data order: which of the two seeds matters, how much, and is it more than luck?"""

from __future__ import annotations

import numpy as np

from seedbench.analyses.answers import Component, Factors, FactorTest, Heatmap, SeedDensity, SeedValue
from seedbench.analyses.common import Floats, Indices, complete_part, curve, plain, values
from seedbench.analyses.jackknife import LEVEL
from seedbench.text import counted
from seedbench.trialset import TrialTable

NAMES = {"weight_init": "weight-init seed", "data_order": "data-order seed"}
#: What seeds are compared between tasks: where no two trials share one, a seed stands for both.
SHARED = NAMES | {"seed": "seed"}
DENSITY_POINTS = 101
_ROUNDING = 1e-12  # of a sum of squares, relative to the total: nothing
_CHUNK = 2**20  # permuted values at a time


def factors(table: TrialTable, *, rng: np.random.Generator, permutations: int) -> Factors:
    """Everything about the two seeds of one table."""
    value = values(table)
    alone = table.diagonal and table.num_trials > 1
    if table.sparse or alone:
        order = np.argsort(-value, kind="stable") if alone else np.empty(0, dtype=np.intp)
        seeds = table.weight_init_seeds[table.row]
        return Factors(
            heatmap=None,
            by_seed=tuple(SeedValue(int(seeds[trial]), float(value[trial])) for trial in order),
            weight_init_seeds=0,
            data_order_seeds=0,
            components=(),
            tests=(),
            points=(),
            densities=(),
            notes=(_obstacle(table, np.empty((0, 0))) or "",),
        )
    grid = np.where(table.cell >= 0, value[table.cell], np.nan)
    rows, columns = complete_part(table.cell)
    part = grid[np.ix_(rows, columns)]
    notes: list[str] = []
    components: tuple[Component, ...] = ()
    tests: tuple[FactorTest, ...] = ()
    if obstacle := _obstacle(table, part):
        notes.append(obstacle)
    else:
        if table.missing:
            notes.append(
                f"Missing cells: {table.missing} of {grid.size}. Variances and tests are those of the {len(rows)} × "
                f"{len(columns)} seeds without a hole, and say nothing about the missing trials."
            )
        components = variance_components(part)
        tests = factor_tests(part, rng=rng, permutations=permutations)
        negative = [NAMES[c.source] for c in components if c.variance < 0 and c.source in NAMES]
        if negative:
            notes.append(
                f"The estimated variance of the {' and of the '.join(negative)} is negative: it cannot be told from "
                "none, and counts as 0 in the shares."
            )
        if tests[0].f is None:
            notes.append(
                "The residual is 0: the values are exactly additive. An F test has nothing to divide by, and an "
                "interval of the residual nothing to go by."
            )
        diverged = int(table.diverged[table.cell[np.ix_(rows, columns)]].sum())
        if diverged:
            notes.append(
                f"{counted(diverged, 'trial')} diverged: the intervals and the F tests assume normal effects, which "
                "these are not; the permutation tests do not."
            )
    points, densities, degenerate = seed_densities(table, grid)
    return Factors(
        heatmap=heatmap(table, grid),
        by_seed=(),
        weight_init_seeds=len(rows),
        data_order_seeds=len(columns),
        components=components,
        tests=tests,
        points=points,
        densities=densities,
        notes=(*notes, *degenerate),
    )


def _obstacle(table: TrialTable, part: Floats) -> str | None:
    """Why nothing can be told of the two factors, if so."""
    rows, columns = table.grid
    cannot = "the variances of weight initialisation and data order cannot be told"
    if min(rows, columns) < 2:
        which = NAMES["weight_init" if rows < 2 else "data_order"]
        return f"A single {which}: {cannot} apart from the rest."
    if table.diagonal:
        return f"No two trials share a seed: {cannot} apart."
    holes = f"{table.missing:,} of {rows * columns:,} cells are missing"
    if table.sparse:
        return f"{holes}: {cannot}."
    if min(part.shape) < 2 or part.size * 2 < table.num_trials:
        found = f"the part of the grid without a hole is no more than {part.shape[0]} × {part.shape[1]}"
        return f"{holes}, and {found}: {cannot}."
    if np.ptp(part) == 0:
        return "All trials have the same best score: there is no variance to explain."
    return None


def heatmap(table: TrialTable, grid: Floats) -> Heatmap:
    """The grid [rows, columns], NaN for holes, sorted by the means of what is there."""
    by_row, by_column = np.nanmean(grid, axis=1), np.nanmean(grid, axis=0)  # no row or column is empty
    rows, columns = np.argsort(-by_row, kind="stable"), np.argsort(-by_column, kind="stable")
    return Heatmap(
        weight_init_seeds=tuple(table.weight_init_seeds[rows].tolist()),
        data_order_seeds=tuple(table.data_order_seeds[columns].tolist()),
        value=tuple(curve(line) for line in grid[np.ix_(rows, columns)]),
        weight_init_mean=curve(by_row[rows]),
        data_order_mean=curve(by_column[columns]),
    )


# --- variance components ----------------------------------------------------------------------------------------------


def mean_squares(grid: Floats) -> tuple[Floats, Indices]:
    """Values [I, J] -> mean squares and degrees of freedom [3] of rows, columns and residual."""
    rows, columns = grid.shape
    by_row, by_column, mean = grid.mean(axis=1), grid.mean(axis=0), grid.mean()
    residual = grid - by_row[:, None] - by_column[None, :] + mean
    squares = np.array(
        [columns * ((by_row - mean) ** 2).sum(), rows * ((by_column - mean) ** 2).sum(), (residual**2).sum()]
    )
    squares[squares < _ROUNDING * squares.sum()] = 0
    freedom = np.array([rows - 1, columns - 1, (rows - 1) * (columns - 1)])
    return squares / freedom, freedom


def variance_components(grid: Floats) -> tuple[Component, ...]:
    """Values [I, J] -> the components of y_ij = mean + row_i + column_j + residual_ij, one observation per cell.

    The estimators are those of the analysis of variance: (MS_rows - MS_residual) / J, (MS_columns - MS_residual) / I
    and MS_residual. They are unbiased and may be negative. With one trial per cell an interaction of the two seeds is
    part of the residual. The residual's interval is the exact chi-square one, the other two are the modified
    large-sample intervals for a difference of mean squares. All assume normal effects, which diverged trials have not.

    Source:
        Searle, Casella and McCulloch 1992, Variance Components, chapter 4, for the estimators; Ting, Burdick, Graybill,
        Jeyaratnam and Lu 1990 (J. Statistical Computation and Simulation 35, 135-143) for the intervals.
    """
    from scipy.special import chdtri

    mean_square, freedom = mean_squares(grid)
    rows, columns = grid.shape
    tail = (1 - LEVEL) / 2
    residual = float(mean_square[2])
    components = []
    for at, (source, levels) in enumerate((("weight_init", columns), ("data_order", rows))):
        own = float(mean_square[at])
        low, high = difference_interval(own, int(freedom[at]), residual, int(freedom[2]))
        components.append((source, (own - residual) / levels, max(low, 0) / levels, max(high, 0) / levels))
    scaled = residual * freedom[2]
    components.append(("residual", residual, scaled / chdtri(freedom[2], tail), scaled / chdtri(freedom[2], 1 - tail)))
    total = sum(max(variance, 0) for _, variance, _, _ in components)
    return tuple(
        Component(
            source=source,
            degrees_of_freedom=int(freedom[at]),
            mean_square=float(mean_square[at]),
            variance=float(variance),
            low=float(low),
            high=float(high),
            share=max(float(variance), 0) / total if total > 0 else None,
        )
        for at, (source, variance, low, high) in enumerate(components)
    )


def difference_interval(first: float, freedom: int, second: float, other_freedom: int) -> tuple[float, float]:
    """The 95% modified large-sample interval of the difference of two expected mean squares.

    With n1, n2 degrees of freedom, tail a = 0.025 and F(p; ...) the quantile: G_i = 1 - 1/F(1-a; n_i, inf),
    H_i = 1/F(a; n_i, inf) - 1, G12 and H12 as below; low = d - sqrt(G1² MS1² + H2² MS2² + G12 MS1 MS2) and
    high = d + sqrt(H1² MS1² + G2² MS2² + H12 MS1 MS2), d = MS1 - MS2. Source: Ting et al. 1990, as above.
    """
    from scipy.special import chdtri, fdtri

    tail = (1 - LEVEL) / 2
    g = [1 - n / chdtri(n, tail) for n in (freedom, other_freedom)]
    h = [n / chdtri(n, 1 - tail) - 1 for n in (freedom, other_freedom)]
    upper, lower = fdtri(freedom, other_freedom, 1 - tail), fdtri(freedom, other_freedom, tail)
    g12 = ((upper - 1) ** 2 - g[0] ** 2 * upper**2 - h[1] ** 2) / upper
    h12 = ((1 - lower) ** 2 - h[0] ** 2 * lower**2 - g[1] ** 2) / lower
    below = (g[0] * first) ** 2 + (h[1] * second) ** 2 + g12 * first * second
    above = (h[0] * first) ** 2 + (g[1] * second) ** 2 + h12 * first * second
    difference = first - second
    return difference - float(np.sqrt(max(below, 0))), difference + float(np.sqrt(max(above, 0)))


# --- tests ------------------------------------------------------------------------------------------------------------


def factor_tests(grid: Floats, *, rng: np.random.Generator, permutations: int) -> tuple[FactorTest, ...]:
    """Values [I, J] -> the tests of rows and of columns.

    The F test is that of the two-way analysis of variance, one observation per cell. The permutation test shuffles the
    values within each level of the other factor, which under no effect are exchangeable; its p-value is (1 + number of
    permutations that do at least as well) / (1 + permutations), and so never 0.

    Source:
        Phipson and Smyth 2010 (Statistical Applications in Genetics and Molecular Biology 9) for that p-value.
    """
    from scipy.special import fdtrc

    mean_square, freedom = mean_squares(grid)
    tests = []
    for at, factor in enumerate(NAMES):
        ratio = float(mean_square[at] / mean_square[2]) if mean_square[2] > 0 else None
        tests.append(
            FactorTest(
                factor=factor,
                f=ratio,
                degrees_of_freedom=(int(freedom[at]), int(freedom[2])),
                p_value=None if ratio is None else float(fdtrc(freedom[at], freedom[2], ratio)),
                permutation_p_value=permutation_test(grid if at == 0 else grid.T, rng=rng, permutations=permutations),
            )
        )
    return tuple(tests)


def permutation_test(grid: Floats, *, rng: np.random.Generator, permutations: int) -> float:
    """Values [I, J] -> the p-value of rows, values shuffled within columns.

    The total and the columns' sum of squares stay as they are, so F rises with the sum of squared row sums alone.
    """
    centred = grid - grid.mean(axis=0)
    observed = (centred.sum(axis=1) ** 2).sum() * (1 - _ROUNDING)  # what ties in truth counts as at least as good
    at_least, done = 0, 0
    while done < permutations:
        count = min(permutations - done, max(1, _CHUNK // grid.size))
        shuffled = rng.permuted(np.broadcast_to(centred, (count, *grid.shape)), axis=1)
        at_least += int(((shuffled.sum(axis=2) ** 2).sum(axis=1) >= observed).sum())
        done += count
    return (1 + at_least) / (1 + permutations)


# --- densities --------------------------------------------------------------------------------------------------------


def seed_densities(table: TrialTable, grid: Floats) -> tuple[tuple[float, ...], tuple[SeedDensity, ...], list[str]]:
    """Points, the densities of the best and the worst two seeds of either factor, and what has none.

    A Gaussian kernel with Scott's bandwidth. The best of many seeds looks good by luck alone: whether there is more to
    it is for the tests to tell.

    Source:
        Dodge et al. 2020 for the picture; Scott 1992, Multivariate Density Estimation, for the bandwidth.
    """
    from scipy.stats import gaussian_kde

    chosen = []
    for factor, seeds, lines in (
        ("weight_init", table.weight_init_seeds, grid),
        ("data_order", table.data_order_seeds, grid.T),
    ):
        if len(seeds) < 2:
            continue
        shown = 2 if len(seeds) >= 4 else 1
        order = np.argsort(-np.nanmean(lines, axis=1), kind="stable")
        for place, some in (("best", order[:shown]), ("worst", order[-shown:])):
            chosen += [(factor, int(seeds[at]), place, np.sort(lines[at][np.isfinite(lines[at])])) for at in some]
    kernels = [gaussian_kde(value) if value.size > 2 and np.ptp(value) > 0 else None for *_, value in chosen]
    usable = [(kernel, value) for kernel, (*_, value) in zip(kernels, chosen, strict=True) if kernel is not None]
    points = np.empty(0)
    if usable:
        reach = 3 * max(float(np.sqrt(kernel.covariance[0, 0])) for kernel, _ in usable)
        ends = min(value[0] for _, value in usable) - reach, max(value[-1] for _, value in usable) + reach
        first, last = np.clip(ends, *table.score_limits).tolist()
        points = np.linspace(first, last, DENSITY_POINTS)
    densities = tuple(
        SeedDensity(
            factor=factor,
            seed=seed,
            place=place,
            mean=float(value.mean()),
            value=plain(value),
            density=None if kernel is None else plain(kernel(points)),
        )
        for kernel, (factor, seed, place, value) in zip(kernels, chosen, strict=True)
    )
    labels = dict(zip(NAMES, table.seed_labels, strict=True))
    without = [
        f"{NAMES[one.factor]} {labels[one.factor].get(one.seed, one.seed)}" for one in densities if one.density is None
    ]
    notes = []
    if densities and len(without) == len(densities):
        notes.append("No seed has enough different values for a density.")
    elif without:
        notes.append(f"Too few values, or all the same, for a density: {', '.join(without)}.")
    return plain(points), densities, notes
