"""What a strategy file calls to say that a parameter has a value it cannot work with."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real


def check_number(
    name: str,
    value: object,
    *,
    above: float | None = None,
    least: float | None = None,
    most: float | None = None,
    whole: bool = False,
    optional: bool = False,
) -> None:
    """Refuses a parameter that is no number, or none within its bounds; True and False, NaN and infinity are none.

    Args:
        name: of the strategy and the parameter, as "StartMany: fraction".
        value: what it got.
        above: must be greater.
        least: must not be smaller.
        most: must not be greater.
        whole: must be a whole number.
        optional: None will do as well.

    Raises:
        ValueError: the rule and the value, as "StartMany: fraction must be above 0 and at most 1, got 7".
    """
    if (optional and value is None) or _within(value, above, least, most, whole):
        return
    bounds = (("above", above), ("at least", least), ("at most", most))
    within = " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)
    kind = "a whole number" if whole else "" if most is not None else "a finite number"
    rule = ", ".join(filter(None, (kind, within, "or None" if optional else "")))
    raise ValueError(f"{name} must be {rule}, got {value!r}")


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Refuses a parameter that is none of some words.

    Args:
        name: of the strategy and the parameter, as "Thompson: over".
        value: what it got.
        choices: two or more.

    Raises:
        ValueError: the rule and the value, as "Thompson: over must be 'rows', 'columns' or 'trials', got 'cells'".
    """
    if not isinstance(value, str) or value not in choices:
        *most, last = map(repr, choices)
        raise ValueError(f"{name} must be {', '.join(most)} or {last}, got {value!r}")


def _within(value: object, above: float | None, least: float | None, most: float | None, whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, Integral if whole else Real):
        return False
    number: float = value  # type: ignore[assignment]
    return (
        -float("inf") < number < float("inf")  # so that NaN fails, too
        and (above is None or number > above)
        and (least is None or number >= least)
        and (most is None or number <= most)
    )
