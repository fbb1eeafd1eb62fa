"""All trials of a table cut to the steps that they share: what `--common-steps` asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from seedbench.errors import TrialSetError
from seedbench.text import counted
from seedbench.trialset.importing.rows import Checkpoint, Seeds, Steps, TableRows, score_range

_SHOWN = 5


def shared_steps(table: TableRows, reached: Sequence[Steps]) -> Steps:
    shared = sorted(set.intersection(*map(set, reached))) if reached else []
    if not shared:
        raise TrialSetError(
            f"{table.file.path}: the trials of {table.name} share no step at which all have a score; leave some out "
            "with --where"
        )
    return tuple(shared)


def cut_to(
    table: TableRows,
    own: dict[Seeds, dict[int, Checkpoint]],
    failed: dict[Seeds, list[int]],
    scored: Mapping[Seeds, Mapping[int, Checkpoint]],
    steps: Steps,
    shift: int,
) -> None:
    """Takes from all trials what is not at these steps, and says what that was."""
    kept = set(steps)
    gone = sorted(one.row for by_step in scored.values() for step, one in by_step.items() if step + shift not in kept)
    out = set(gone)
    for seeds in scored:
        own[seeds] = {step: one for step, one in own[seeds].items() if step in kept}
    later = []
    for seeds in list(failed):
        failed[seeds] = [row for row in failed[seeds] if row not in out]
        present = [step for step in steps if step in own[seeds]]
        if present != list(steps[: len(present)]):
            raise TrialSetError(
                f"{table.file.path}: {table.seed_words(seeds)} of {table.name} failed, and lacks a score at a step "
                "that all others share: leave it out with --where"
            )
        if len(present) == len(steps):
            later.append(seeds)
            del failed[seeds]
    if gone:
        where = f"{_steps_words([table.step(row) for row in gone])} not shared by all trials that did not fail"
        table.accounts.leave(gone, f"{table.name}: {where}; {score_range(table.file, table.measures.score, gone)}")
    if later:
        table.note(
            f"{counted(len(later), 'trial')} ({table.some_words(later)}) failed only after "
            f"the last of the {counted(len(steps), 'step')} that are left, and so not in what is left"
        )


def _steps_words(steps: Iterable[int]) -> str:
    """`step 20 is`, `steps 10, 15 and 30 are`, `12 steps from 10 to 150 are`."""
    some = sorted(set(steps))
    if len(some) > _SHOWN:
        return f"{len(some):,} steps from {some[0]} to {some[-1]} are"
    return f"step {some[0]} is" if len(some) == 1 else f"steps {', '.join(map(str, some[:-1]))} and {some[-1]} are"
