"""Every shipped rule on every bundled table: ``python -m dataset_card.rules`` writes the page and its pictures.

What was measured is stored beside the page, `rules.json`; the page is made of that, and so is cheap to make again.
`--measure` replays all of it anew, in some minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from seedbench.commands import open_console, run
from seedbench.cpus import usable_cpus
from seedbench.documents import read_json, to_json
from seedbench.errors import SeedbenchError
from seedbench.evaluation import Evaluation, Row, evaluate
from seedbench.files import write_file
from seedbench.metrics import Bound
from seedbench.strategy import Setting, Strategy, load_strategy, shipped, tried_settings, with_parameters_said
from seedbench.trialset import TrialSet, TrialsIdentity, TrialTable, load_trials

DOCS = Path(__file__).parents[1] / ".github" / "docs"
MEASURED = "rules.json"
REPLICATES = 200

Kind = Literal["fails", "differs", "alike"]


@dataclass(frozen=True)
class Cell:
    """A rule on a table under a budget; scores between 0 and 1, the difference to best-of-n with its 95% interval."""

    budget: int
    score: float
    best_of_n: float
    difference: float
    low: float | None
    high: float | None
    p: float | None
    multiplier: float | None
    bound: Bound | None


@dataclass(frozen=True)
class Rule:
    """A rule with its parameters; of each table, by its task and recipe, the cells of its budgets."""

    name: str
    parameters: dict[str, Any]
    source_sha256: str
    tables: dict[str, tuple[Cell, ...]]

    @property
    def label(self) -> str:
        return with_parameters_said(self.name, self.parameters)


@dataclass(frozen=True)
class Table:
    """A trial table: how many of its trials failed, and what choosing among full trials can win."""

    name: str
    protocol: str
    trials: int
    diverged: int
    floor: float
    ceiling: float
    signal: bool

    @property
    def kind(self) -> Kind:
        """Whether a tenth of its trials or more fails; if not, whether seeds differ by three points or less."""
        if self.diverged >= 0.1 * self.trials:
            return "fails"
        return "differs" if self.ceiling - self.floor >= 0.03 else "alike"


@dataclass(frozen=True)
class Measured:
    """`rules.json`."""

    format: Literal[1] = field(default=1, kw_only=True)
    trials: TrialsIdentity
    seed: int
    replicates: int
    tables: tuple[Table, ...]
    rules: tuple[Rule, ...]


def labels() -> dict[str, Setting]:
    """Every rule that the page has, by its label: the settings that strategies say, and the two that have none."""
    settings: list[Setting] = [("full_trials", {}), ("last_checkpoint", {}), *tried_settings()]
    defaults: list[Setting] = [(name, {}) for name in shipped() if _chooses(load_strategy(name))]
    every = [*settings, *(one for one in defaults if one not in settings)]
    return {with_parameters_said(name, parameters): (name, parameters) for name, parameters in every}


def _chooses(strategy: Strategy) -> bool:
    """Whether it is a rule of its own here: no oracle, and not another one where there is no history."""
    return not strategy.oracle and strategy.without_history is None


def measure(
    replicates: int = REPLICATES, processes: int = 1, say: Callable[[str], object] = lambda text: None
) -> Measured:
    """Replays every rule on every bundled table, by its test set where it has one, else by the dev set."""
    trials, wanted = load_trials(), labels()
    tested = [table.name for table in trials.tables if table.test_score is not None]
    by_protocol = {
        "held-out-2": tested,
        "dodge2020": [table.name for table in trials.tables if table.name not in tested],
    }
    cells: dict[str, dict[str, list[Cell]]] = {label: {} for label in wanted}
    tables: list[Table] = []
    first, *others = wanted
    for protocol, names in by_protocol.items():
        for name in names:
            (table,) = (one for one in trials.tables if one.name == name)
            found = evaluate(
                load_strategy(first),
                trials,
                against=[load_strategy(label) for label in others],
                protocol=protocol,
                models=table.model,
                tasks=table.task,
                recipes=table.recipe,
                replicates=replicates,
                processes=processes,
            )
            say(f"{name}: {len(wanted)} rules")
            tables.append(_table(table, found))
            for label, rows in zip(wanted, [found.rows, *(one.rows for one in found.against)], strict=True):
                cells[label][tables[-1].name] = [_cell(row) for row in rows]
    return Measured(
        trials=trials.identity,
        seed=0,
        replicates=replicates,
        tables=tuple(sorted(tables, key=lambda one: (one.kind != "fails", one.kind == "alike", one.name))),
        rules=tuple(
            Rule(name, parameters, load_strategy(name).sha256 or "", {at: tuple(of) for at, of in cells[label].items()})
            for label, (name, parameters) in wanted.items()
        ),
    )


def outdated(measured: Measured, trials: TrialSet) -> list[str]:
    """What has changed since it was measured: trials, rules, or their sources."""
    now = labels()
    then = {rule.label: rule.source_sha256 for rule in measured.rules}
    changed = [] if measured.trials == trials.identity else ["the trials"]
    changed += sorted(now.keys() ^ then.keys())
    return changed + [label for label in now if label in then and then[label] != load_strategy(now[label][0]).sha256]


def read_measured(folder: Path = DOCS) -> Measured:
    """What was stored.

    Raises:
        SeedbenchError: it is not there, or is something else.
    """
    advice = "python -m dataset_card.rules --measure writes it"
    return read_json(folder / MEASURED, Measured, error=SeedbenchError, advice=advice)


def _table(table: TrialTable, found: Evaluation) -> Table:
    row = found.rows[0]
    name = f"{table.task}/{table.recipe}"
    diverged = int(table.diverged.sum())
    return Table(name, found.protocol, table.num_trials, diverged, row.floor, row.ceiling, row.no_signal is False)


def _cell(row: Row) -> Cell:
    return Cell(
        budget=row.budget,
        score=round(row.score, 6),
        best_of_n=round(row.best_of_n, 6),
        difference=round(row.difference, 6),
        low=None if row.difference_low is None else round(row.difference_low, 6),
        high=None if row.difference_high is None else round(row.difference_high, 6),
        p=None if row.difference_p is None else round(row.difference_p, 6),
        multiplier=None if row.compute_multiplier is None else round(row.compute_multiplier, 4),
        bound=row.compute_multiplier_bound,
    )


def main(
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Where page, pictures and what was measured lie.")] = DOCS,
    again: Annotated[bool, typer.Option("--measure", help="Replay all rules anew.")] = False,
    replicates: Annotated[int, typer.Option(metavar="N", help="Campaigns per rule, table and budget.")] = REPLICATES,
    processes: Annotated[int | None, typer.Option(metavar="N", help="Without it, one per usable CPU.")] = None,
) -> None:
    """Write the page of all rules on all bundled tables, and its pictures."""
    from dataset_card.rules_page import pages

    if again:
        found = measure(replicates, processes or usable_cpus(), open_console(highlight=False).print)
        write_file(folder / MEASURED, to_json(found))
    measured = read_measured(folder)
    if changed := outdated(measured, load_trials()):
        raise SeedbenchError(f"{folder / MEASURED}: measured before {', '.join(changed[:5])} changed; add --measure")
    for name, content in pages(measured).items():
        write_file(folder / name, content)


if __name__ == "__main__":
    run(main, "python -m dataset_card.rules")
