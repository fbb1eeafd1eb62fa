"""Which pilots of a plan are still to run, and what those that ran showed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runners.export import trial_row
from runners.pilots import PilotResult, PilotsOfPlan, failures, read_results, result_of, results_file, write_results
from runners.plan_file import PlannedTable
from runners.trial_log import read_log

OfPilots = tuple[PilotsOfPlan, PlannedTable]  # of one learning rate, from `plan_file.load_pilots`


def not_run(plan: Path, of_pilots: Sequence[OfPilots]) -> list[OfPilots]:
    """Those that the plan's results do not have, with these fields on these seeds.

    Raises:
        PilotError: the results are damaged.
    """
    before = read_results(plan)
    return [(pilots, table) for pilots, table in of_pilots if _before(pilots, table, before) is None]


def record(plan: Path, of_pilots: Sequence[OfPilots]) -> list[str]:
    """Writes what the pilots of a plan showed, before or in their logs, and says what follows.

    Raises:
        PilotError: the results of before are damaged.
        TrialLogError: a log is not there, or is damaged.
    """
    before = read_results(plan)
    results = [_before(pilots, table, before) or _in_logs(pilots, table) for pilots, table in of_pilots]
    found = write_results(plan, results)
    lines = [
        f"pilots {one.pilots}: at learning rate {one.learning_rate:g} {one.failed} of {len(one.score)} failed"
        for one in results
    ]
    return [*lines, f"what follows is in {results_file(plan)}: {found.chosen}"]


def _before(pilots: PilotsOfPlan, table: PlannedTable, results: Sequence[PilotResult]) -> PilotResult | None:
    return result_of(pilots, table.spec.recipe.learning_rate, table.cells, results)


def _in_logs(pilots: PilotsOfPlan, table: PlannedTable) -> PilotResult:
    rows = [trial_row(read_log(table.spec.log_path(cell))) for cell in table.cells]
    score, majority = [float(row["score"][-1]) for row in rows], float(rows[0]["majority_score"])
    return PilotResult(
        pilots=pilots.name,
        task=pilots.task,
        recipe=pilots.recipe,
        changes=pilots.set,
        learning_rate=table.spec.recipe.learning_rate,
        majority_score=majority,
        weight_init_seed=[cell.weight_init_seed for cell in table.cells],
        data_order_seed=[cell.data_order_seed for cell in table.cells],
        score=score,
        failed=failures(score, majority),
    )
