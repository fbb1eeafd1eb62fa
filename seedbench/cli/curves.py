"""seedbench trials import."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter
from inspect import signature as signature_of
from pathlib import Path
from typing import Annotated, Any

import typer

from seedbench.cli.trials import group
from seedbench.commands import number, open_console, positive
from seedbench.errors import SeedbenchError
from seedbench.text import visible


def _option(kind: Any, metavar: str, help_: str, *flags: str, parser: Callable[[str], Any] | None = None) -> Any:
    return Annotated[kind, typer.Option(*flags, metavar=metavar or None, help=help_, parser=parser)]


def _column(help_: str) -> Any:
    return _option(str | None, "COLUMN", help_)


#: Option -> its kind and its default: the fields of `ImportOptions`, as a command line gives them.
_OPTIONS: dict[str, tuple[Any, Any]] = {
    "layout": (_option(str | None, "NAME", "Of the files; without it, recognised by their columns."), None),
    "model": (_option(str | None, "NAME|COLUMN", "Of the model; else column model."), None),
    "task": (_option(str | None, "NAME|COLUMN", "Of the task; else column task."), None),
    "recipe": (_option(str | None, "NAME|COLUMN", "Of the recipe; else column recipe."), None),
    "weight_init_seed": (_column("Seeds or any labels; may be the same as the other."), None),
    "data_order_seed": (_column("Seeds or any labels; may be the same as the other."), None),
    "run": (_column("Names of runs, where no file has them."), None),
    "seeds_from": (
        _option(str | None, "PATTERN", "Of names of runs: 'wi{weight_init_seed}_do{data_order_seed}', 'seed-{seed}'."),
        None,
    ),
    "step": (_column("Training steps done."), None),
    "score": (_column("Score on the dev set."), None),
    "test_score": (_column("The same on the test set."), None),
    "validation_loss": (_column("Loss on the dev set."), None),
    "train_loss": (_column("Mean since the row before."), None),
    "status": (_column("How a run ended: finished, diverged, failed, as trackers call it."), None),
    "minimize": (_option(bool, "", "The score is better the lower it is.", "--minimize"), False),
    "scale": (_option(float, "X", "Scores are multiplied by this: 0.01 for percent.", parser=positive), 1.0),
    "majority_score": (
        _option(
            float | None,
            "X",
            "Trials that end no better than this count as diverged; in the file's units.",
            parser=number,
        ),
        None,
    ),
    "field": (_option(list[str], "NAME=COLUMN|VALUE", "A recipe field or the like; may be repeated."), []),
    "where": (_option(list[str], "COLUMN=VALUE", "Only such rows (or COLUMN!=VALUE); may be repeated."), []),
    "ignore": (_option(list[str], "COLUMN", "As if it were not there; may be repeated."), []),
    "leave_out": (
        _option(list[str], "FILE|PATTERN", "Of a folder: not to be read, as 'run-7/*'; may be repeated."),
        [],
    ),
    "empty_is_nan": (
        _option(bool, "", "An empty score where other trials have one is a NaN: that trial failed.", "--empty-is-nan"),
        False,
    ),
    "common_steps": (
        _option(bool, "", "Cut all trials of a table to the steps that they share.", "--common-steps"),
        False,
    ),
    "keep": (_option(str | None, "first|last", "Of two scores at one step; without it, they are refused."), None),
    "study": (_option(str | None, "NAME", "Of an Optuna storage that holds several."), None),
    "name": (_option(str | None, "NAME", "Of the trial set; else the folder's."), None),
}


def _command(source: str, out: Path, public: str | None, options: dict[str, Any]) -> None:

    from seedbench.cli.listing import trials_table
    from seedbench.trialset import load_trials
    from seedbench.trialset.importing import ImportOptions, import_curves, import_public

    fields = [one.partition("=") for one in options.pop("field")]
    for name, equal, _ in fields:
        if not equal or [one[0] for one in fields].count(name) > 1:
            raise SeedbenchError(f"--field: must be NAME=COLUMN or NAME=VALUE, each name once, found {name!r}")
    made = ImportOptions(
        **options | {name: tuple(options[name]) for name in ("where", "ignore", "leave_out")},
        fields={name: value for name, _, value in fields},
    )
    imported = import_public(public, source, out, made) if public else import_curves(source, out, made)
    console = open_console()
    console.print(trials_table(load_trials(out), console.width))
    for note in imported.notes:
        console.print(visible(note), style="yellow", highlight=False)
    console.print(f"{visible(str(out))} written: seedbench findings --trials {out}", highlight=False)


def _listed(name: str | None) -> str | None:
    """`--from list` prints what there is, and asks for no more."""
    if name == "list":
        from seedbench.trialset.importing import PUBLIC_SETS

        for one, its in PUBLIC_SETS.items():
            print(f"{one}\n  {its.what}\n  {its.citation}\n  {its.where}; {its.licence}")
        raise typer.Exit
    return name


def import_(
    source: Annotated[str, typer.Argument(metavar="FILE|DIR", help="A file, a folder of runs, or an Optuna storage.")],
    out: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="The new folder.")],
    *,
    public: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="NAME",
            help="DIR is this published set; list: say which.",
            is_eager=True,
            callback=_listed,
        ),
    ] = None,
    **options: Any,
) -> None:
    """Make a trial set of anybody's curves, of a Trainer or an experiment tracker.

    Read are CSV with commas, semicolons or tabs, JSON, parquet, trainer_state.json, TensorBoard's CSV and event files,
    Weights & Biases charts, MLflow's metrics, Keras' and Lightning's logs, Optuna's trials. Rows without a score are no
    checkpoints. Measures are those that options name; a trial that ended early, or failed, is kept. The trial set has
    no predictions: findings and protocol dodge2020 work on it, and with --test-score those protocols that report one.
    """
    _command(source, out, public, options)


def _with_options(command: Any) -> Any:
    """The command with `_OPTIONS` in the place of its last parameter."""
    own = list(signature_of(command, eval_str=True).parameters.values())[:-1]
    options = [
        Parameter(name, Parameter.KEYWORD_ONLY, annotation=kind, default=value)
        for name, (kind, value) in _OPTIONS.items()
    ]
    command.__signature__ = signature_of(command).replace(parameters=[*own, *options])
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *options)}
    return command


group.command("import")(_with_options(import_))
