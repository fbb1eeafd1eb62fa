"""The test score of what a live campaign kept, by a command of the user's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seedbench.documents import foreign_json, json_lines, read_json
from seedbench.errors import LiveError
from seedbench.live.folder import REPORT_JSON
from seedbench.live.process import FIELDS, filled, last_words, run_to_its_end, template
from seedbench.live.report import LiveReport


@dataclass(frozen=True)
class Again:
    """What a training is given that is run once more, elsewhere."""

    weight_init_seed: int
    data_order_seed: int
    folder: Path
    saved: str | None = None


def test_words(test: str) -> tuple[str, ...]:
    """The words of the command; braces are those that a training has, and `{saved}`.

    Raises:
        LiveError: it is no command.
    """
    return template(test, (*FIELDS, "saved"), option="--test")


def tested(report: LiveReport, test: str | None, out: Path, folder: Path) -> LiveReport:
    """The report with the test score: from an earlier end of this campaign, or measured now.

    Args:
        report: of a campaign that has ended.
        test: the command that measures it; None: nothing does.
        out: the campaign's folder.
        folder: of the trial that was kept.

    Raises:
        LiveError: an earlier report that cannot be read.
    """
    kept = report.kept
    if kept is None:
        return report
    path = out / REPORT_JSON
    if path.exists():  # also where no command is given now: what is measured once is not forgotten
        before = read_json(path, LiveReport, advice="remove it and run the command again", error=LiveError)
        if before.kept is not None and before.kept.test_score is not None and _choice(before) == _choice(report):
            return replace(report, kept=replace(kept, test_score=before.kept.test_score))
    if test is None:
        return report
    trial = report.trials[kept.trial - 1]
    if kept.saved is None and "{saved}" in test:
        return replace(report, kept=replace(kept, test_failed="the weights are not there"))
    fields = Again(trial.weight_init_seed, trial.data_order_seed, folder, kept.saved)
    score, failed = _measure(filled(test_words(test), fields))
    return replace(report, kept=replace(kept, test_score=score, test_failed=failed))


def _choice(report: LiveReport) -> tuple[object, ...]:
    """What a test score is of: an earlier campaign here, whose log was removed, may have kept other weights."""
    kept = report.kept
    seeds = [(one.weight_init_seed, one.data_order_seed) for one in report.trials if kept and one.trial == kept.trial]
    return report.plan.training, seeds, kept and (kept.step, kept.score)


def _measure(words: Sequence[str]) -> tuple[float | None, str | None]:
    """The score in the last JSON line that a command prints; or why there is none."""
    try:
        code, out, error = run_to_its_end(words)
    except OSError as failed:
        return None, f"{words[0]}: cannot be started: {failed.strerror}"
    for line in reversed(json_lines(out)):
        try:
            told = foreign_json(line)
            score = float(told["score"])
        except (ValueError, TypeError, KeyError):
            continue
        if abs(score) < float("inf"):
            return score, None
    return None, f"exit code {code}, no JSON line with a score{last_words(error)}"
