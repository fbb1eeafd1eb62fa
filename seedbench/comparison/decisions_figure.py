"""A campaign's decisions as a figure: a row for each trial, a cell for each checkpoint paid for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seedbench.display import Chart
from seedbench.replay import Decisions, decision
from seedbench.text import counted

if TYPE_CHECKING:
    import altair as alt

_HEIGHT = 420  # pixels that the rows share, each between the least and the most below
_ROW = (7, 18)
_CROSS = "M-1,-1L1,1M-1,1L1,-1"
_STAR = "M0,-1L.24,-.31L.95,-.31L.38,.12L.59,.81L0,.4L-.59,.81L-.38,.12L-.95,-.31L-.24,-.31Z"


def decisions_figure(
    decisions: Decisions,
    *,
    title: str = "",
    parted_after: int | None = None,
    scores: tuple[float, float] | None = None,
) -> Chart:
    """One campaign drawn for a page.

    Args:
        decisions: the campaign.
        title: of the figure; without it, strategy, budget and replicate.
        parted_after: frames what is decided after so many checkpoints, where another strategy decides otherwise.
        scores: the lowest and the highest score of the colours, for figures side by side.

    Raises:
        SeedbenchError: altair is not installed.
    """
    read = (
        "A row is a trial (weight-init seed/data-order seed), a cell a checkpoint paid for, its colour the score that "
        "the strategy saw there; × is where a trial was left, ★ what was kept"
    )
    if parted_after is not None:
        read += ", the frame the first decision in which the two strategies differ"
    head = title or f"{decisions.strategy}, budget {decisions.budget}, replicate {decisions.replicate}"
    seeds, checkpoint = decisions.kept
    chosen_for, scored = map(decisions.measured, (decisions.validation_score, decisions.score))
    description = (
        f"{head}: {counted(len(decisions.trials), 'trial')} started, trial {decisions.name_of(seeds)} kept at "
        f"checkpoint {checkpoint + 1} of {len(decisions.steps)}, chosen for {chosen_for:.4f}, scores {scored:.4f}."
    )
    return Chart(decisions_chart(decisions, parted_after, scores), head, f"{read}.", description=description)


def decisions_chart(
    decisions: Decisions, parted_after: int | None = None, scores: tuple[float, float] | None = None
) -> alt.LayerChart | alt.FacetChart:
    """The chart of `decisions_figure`, whose arguments these are."""
    from seedbench import display

    display.require()
    import altair as alt

    names = [f"{at}. {trial.name}" for at, trial in enumerate(decisions.trials, 1)]
    length = len(decisions.steps)
    height = min(max(_HEIGHT // len(names), _ROW[0]), _ROW[1])
    labels: dict[str, Any] = {"grid": False, "domain": False, "ticks": False, "labelOverlap": True}
    x = alt.X(
        "checkpoint:O", title="checkpoint", axis=alt.Axis(**labels, labelAngle=0), scale=_band(range(1, length + 1))
    )
    y = alt.Y("trial:N", title="trial, in the order started", axis=alt.Axis(**labels), scale=_band(names))

    def layer(rows: list[dict[str, Any]]) -> alt.Chart:
        return alt.Chart(alt.Data(values=rows)).encode(x=x, y=y)  # type: ignore[no-untyped-call]

    low, high = scores or score_range(decisions)
    colour = alt.Color(
        "score:Q",
        title="score that the strategy saw",
        scale=alt.Scale(scheme="viridis", domain=[low, high], nice=False, reverse=decisions.sign < 0),
        legend=alt.Legend(tickCount=3, format=".3f"),
    )
    tips = [
        alt.Tooltip("trial:N", title="trial"),
        alt.Tooltip("checkpoint:O", title="checkpoint"),
        alt.Tooltip("score:Q", title="score it saw", format=".4f"),
        alt.Tooltip("paid:Q", title="paid for as number"),
    ]
    shown = [layer(_cells(decisions, names)).mark_rect().encode(color=colour, tooltip=tips)]
    left = [
        {"trial": name, "checkpoint": len(trial.validation_score) + 1}
        for name, trial in zip(names, decisions.trials, strict=True)
        if len(trial.validation_score) < length
    ]
    if left:
        shown.append(layer(left).mark_point(style="muted", shape=_CROSS, size=height * 2, filled=False))
    if parted_after is not None:
        at = decision(decisions, parted_after)
        name = names[[trial.seeds for trial in decisions.trials].index(at.seeds)]
        framed = [{"trial": name, "checkpoint": at.checkpoint + 1}]
        shown.append(layer(framed).mark_rect(style="bad", filled=False, strokeWidth=3))
    kept = [{"trial": names[decisions.kept_trial], "checkpoint": decisions.kept_checkpoint + 1}]
    star = layer(kept).mark_point(shape=_STAR, size=height * 9, filled=True, opacity=1, strokeWidth=1)
    shown.append(star.encode(color=alt.value("#ffffff"), stroke=alt.value("#000000")))
    return alt.layer(*shown).properties(height=height * len(names))


def score_range(*campaigns: Decisions) -> tuple[float, float]:
    """The lowest and the highest score that was seen in any of some campaigns; a little apart if they are the same."""
    seen = [each.measured(score) for each in campaigns for trial in each.trials for score in trial.validation_score]
    return min(seen), max(max(seen), min(seen) + 1e-3)


def _cells(decisions: Decisions, names: list[str]) -> list[dict[str, Any]]:
    trained = [0] * len(names)
    cells = []
    for paid, trial in enumerate(decisions.paid(), 1):
        score = decisions.measured(decisions.trials[trial].validation_score[trained[trial]])
        trained[trial] += 1
        cells.append({"trial": names[trial], "checkpoint": trained[trial], "score": round(score, 6), "paid": paid})
    return cells


def _band(domain: Any) -> alt.Scale:
    import altair as alt

    return alt.Scale(domain=list(domain), paddingInner=0.08, paddingOuter=0)
