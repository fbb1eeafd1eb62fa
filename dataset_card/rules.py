"""Every shipped rule on every bundled table: ``python -m dataset_card.rules`` writes the page and its pictures.

What was measured is stored beside the page, `rules.json`; the page is made of that, and so is cheap to make again.
`--measure` replays all of it anew, in some minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from dataset_card import own
from dataset_card.own import OWN, PARTS, told_which_fail
from seedbench.commands import count, given_options, open_console, run
from seedbench.cpus import usable_cpus
from seedbench.documents import read_json, to_json
from seedbench.errors import SeedbenchError
from seedbench.evaluation import Row, evaluate
from seedbench.files import write_file
from seedbench.metrics import Bound
from seedbench.strategy import Setting, Strategy, load_strategy, shipped, tried_settings, with_parameters_said
from seedbench.trialset import TrialSet, TrialsIdentity, TrialTable, load_trials

DOCS = Path(__file__).parents[1] / ".github" / "docs"
MEASURED = "rules.json"
REPLICATES = 200
OWN_REPLICATES = 500

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
        """Whether a tenth of its trials or more fails; if not, whether seeds differ by three points or more."""
        if self.diverged >= 0.1 * self.trials:
            return "fails"
        return "differs" if self.ceiling - self.floor >= 0.03 else "alike"


@dataclass(frozen=True)
class Measured:
    """`rules.json`.

    Attributes:
        parts: the rule of our own with a part replaced, in the order of `PARTS`.
        limit: the same rule, told which trials fail; on tables where some do.
        own_sha256: of the file that says what parts and limit are.
    """

    format: Literal[1] = field(default=1, kw_only=True)
    trials: TrialsIdentity
    seed: int
    replicates: int
    own_replicates: int
    tables: tuple[Table, ...]
    rules: tuple[Rule, ...]
    parts: tuple[Rule, ...]
    limit: Rule
    own_sha256: str


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
    replicates: int = REPLICATES,
    processes: int = 1,
    say: Callable[[str], object] = lambda text: None,
    own_replicates: int = OWN_REPLICATES,
) -> Measured:
    """Replays every rule on every bundled table, by its test set where it has one, else by the dev set.

    The rule of our own without each of its parts, and its limit where trials fail, are replayed apart from them: marks
    hold for rules that ship.
    """
    trials, wanted = load_trials(), labels()
    cells: dict[str, dict[str, tuple[Cell, ...]]] = {label: {} for label in wanted}
    parts: dict[str, dict[str, tuple[Cell, ...]]] = {said: {} for said in PARTS}
    limit: dict[str, tuple[Cell, ...]] = {}
    tables: list[Table] = []
    for table in sorted(trials.tables, key=lambda one: one.test_score is None):  # those with a test set first
        protocol = "dodge2020" if table.test_score is None else "held-out-2"
        found = _rows([load_strategy(label) for label in wanted], trials, table, protocol, replicates, processes)
        tables.append(_table(table, protocol, found[0][0]))
        name = tables[-1].name
        assert name not in limit and name not in parts[next(iter(PARTS))], f"{name}: of two models"
        for label, rows in zip(wanted, found, strict=True):
            cells[label][name] = tuple(map(_cell, rows))
        ours = [load_strategy(OWN, parameters=parameters) for parameters in PARTS.values()]
        if tables[-1].kind == "fails":
            ours.append(load_strategy(told_which_fail(table)))
        found = _rows(ours, trials, table, protocol, own_replicates, processes)
        for said, rows in zip(PARTS, found, strict=False):
            parts[said][name] = tuple(map(_cell, rows))
        if tables[-1].kind == "fails":
            limit[name] = tuple(map(_cell, found[-1]))
        say(f"{name}: {len(wanted)} rules, {len(ours)} times {OWN}")
    source = load_strategy(OWN).sha256 or ""
    return Measured(
        trials=trials.identity,
        seed=0,
        replicates=replicates,
        own_replicates=own_replicates,
        tables=tuple(sorted(tables, key=lambda one: (one.kind != "fails", one.kind == "alike", one.name))),
        rules=tuple(
            Rule(name, parameters, load_strategy(name).sha256 or "", cells[label])
            for label, (name, parameters) in wanted.items()
        ),
        parts=tuple(Rule(OWN, PARTS[said], source, of) for said, of in parts.items()),
        limit=Rule(OWN, {}, source, limit),
        own_sha256=_own_sha256(),
    )


def _rows(
    strategies: Sequence[Strategy], trials: TrialSet, table: TrialTable, protocol: str, replicates: int, processes: int
) -> list[tuple[Row, ...]]:
    """Of each strategy on a table, a row for each budget."""
    found = evaluate(
        strategies[0],
        trials,
        against=strategies[1:],
        protocol=protocol,
        models=table.model,
        tasks=table.task,
        recipes=table.recipe,
        replicates=replicates,
        processes=processes,
    )
    return [found.rows, *(one.rows for one in found.against)]


def outdated(measured: Measured, trials: TrialSet) -> list[str]:
    """What has changed since it was measured: trials, rules, their sources, or what parts and limit are."""
    now = labels()
    then = {rule.label: rule.source_sha256 for rule in measured.rules}
    changed = [] if measured.trials == trials.identity else ["the trials"]
    changed += [] if measured.own_sha256 == _own_sha256() else ["dataset_card/own.py"]
    changed += sorted(now.keys() ^ then.keys())
    return changed + [label for label in now if label in then and then[label] != load_strategy(now[label][0]).sha256]


def _own_sha256() -> str:
    return sha256(Path(own.__file__).read_bytes()).hexdigest()


def read_measured(folder: Path = DOCS) -> Measured:
    """What was stored.

    Raises:
        SeedbenchError: it is not there, or is something else.
    """
    advice = "python -m dataset_card.rules --measure writes it"
    return read_json(folder / MEASURED, Measured, error=SeedbenchError, advice=advice)


def _table(table: TrialTable, protocol: str, row: Row) -> Table:
    name = f"{table.task}/{table.recipe}"
    diverged = int(table.diverged.sum())
    return Table(name, protocol, table.num_trials, diverged, row.floor, row.ceiling, row.no_signal is False)


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
    context: typer.Context,
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Where page, pictures and what was measured lie.")] = DOCS,
    again: Annotated[bool, typer.Option("--measure", help="Replay all rules anew.")] = False,
    replicates: Annotated[
        int, typer.Option(metavar="N", parser=count, help="Campaigns per rule, table and budget.")
    ] = REPLICATES,
    own_replicates: Annotated[
        int,
        typer.Option(
            metavar="N", parser=count, help="The same for what the parts of our own rule are worth, and its limit."
        ),
    ] = OWN_REPLICATES,
    processes: Annotated[
        int | None, typer.Option(metavar="N", parser=count, help="Without it, one per usable CPU.")
    ] = None,
) -> None:
    """Write the page of all rules on all bundled tables, and its pictures."""
    from dataset_card.rules_page import pages

    for option in given_options(context):
        if not again and option != "--folder":
            raise SeedbenchError(f"{option} is of what is measured: add --measure, or leave it out")
    if again:
        found = measure(replicates, processes or usable_cpus(), open_console(highlight=False).print, own_replicates)
        write_file(folder / MEASURED, to_json(found))
    measured = read_measured(folder)
    if changed := outdated(measured, load_trials()):
        raise SeedbenchError(f"{folder / MEASURED}: measured before {', '.join(changed[:5])} changed; add --measure")
    for name, content in pages(measured).items():
        write_file(folder / name, content)


if __name__ == "__main__":
    run(main, "python -m dataset_card.rules")
