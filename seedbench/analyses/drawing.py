"""Pictures in characters: a grid of seeds as a heatmap, densities and curves as bars."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from seedbench.analyses.answers import Heatmap, SeedDensity
from seedbench.analyses.result import SeedNames
from seedbench.display.terminal import sparkline

SHADES = " ░▒▓█"
MISSING = "·"
NUMBERS = SeedNames()


def heatmap_text(heatmap: Heatmap, width: int, names: SeedNames = NUMBERS) -> Text | None:
    """A grid of seeds, lowest value blank, highest solid; None where `width` columns are too few for it.

    Rows are weight-init seeds, columns data-order seeds, the best means up and to the left; the mean of a row stands at
    its end.
    """
    seeds = [names.of("weight_init", seed) for seed in heatmap.weight_init_seeds]
    margin = max(map(len, seeds))
    cell = (width - margin - 10) // len(heatmap.data_order_seeds)
    if cell < 1:
        return None
    cell = min(cell, 3)
    known = [value for line in heatmap.value for value in line if value is not None]
    low, high = min(known), max(known)
    drawn = Text()
    for seed, line, mean in zip(seeds, heatmap.value, heatmap.weight_init_mean, strict=True):
        cells = "".join(_shade(value, low, high) * cell for value in line)
        drawn.append(f" {seed:>{margin}} ", style="dim").append(cells, style="cyan").append(f"  {mean:.4f}\n")
    columns = [names.of("data_order", seed) for seed in heatmap.data_order_seeds]
    under = max(map(len, columns)) < cell
    if under:
        drawn.append(" " * (margin + 2) + "".join(f"{seed:<{cell}}" for seed in columns) + "\n", style="dim")
    drawn.append(f" {low:.4f} ", style="dim").append(SHADES, style="cyan").append(f" {high:.4f}", style="dim")
    if any(value is None for line in heatmap.value for value in line):
        drawn.append(f"   {MISSING} missing", style="dim")
    drawn.append("\n rows: weight-init seeds, and their means; columns: data-order seeds", style="dim")
    if names.data_order and not under:
        drawn.append(f", from the left {', '.join(columns)}", style="dim")
    return drawn


def _shade(value: float | None, low: float, high: float) -> str:
    if value is None:
        return MISSING
    share = (value - low) / (high - low) if high > low else 0.5
    return SHADES[min(int(share * len(SHADES)), len(SHADES) - 1)]


def density_table(
    densities: Sequence[SeedDensity], points: Sequence[float], width: int, names: SeedNames = NUMBERS
) -> Table | None:
    """The densities of the best and the worst seeds, each as high as the others, on one axis; None without any."""
    known = [one for one in densities if one.density is not None]
    if not known:
        return None
    lines = [f"{one.place} {one.factor.replace('_', '-')} {names.of(one.factor, one.seed)}" for one in known]
    bars = max(12, min(60, width - 12 - max(map(len, lines))))
    grid = Table(box=None, header_style="dim", padding=(0, 1))
    grid.add_column("seed", no_wrap=True)
    grid.add_column("mean", justify="right", no_wrap=True)
    ends = f"{points[0]:.3f}", f"{points[-1]:.3f}"
    grid.add_column(ends[0] + ends[1].rjust(bars - len(ends[0])), no_wrap=True, style="cyan")
    for name, one in zip(lines, known, strict=True):
        at = [round(place * (len(points) - 1) / (bars - 1)) for place in range(bars)]
        density = one.density or ()
        highest = max(density) or 1.0  # a narrow one may lie between two points
        heights = [density[index] / highest for index in at]
        grid.add_row(name, f"{one.mean:.4f}", sparkline([height if height > 0.02 else None for height in heights]))
    return grid


def curve_bars(values: Sequence[float | None], low: float, high: float) -> str:
    """A curve between two limits, a bar a checkpoint."""
    spread = high - low if high > low else 1.0
    return sparkline([None if value is None else (value - low) / spread for value in values])
