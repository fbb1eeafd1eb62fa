"""Numbers as a person reads them in a terminal."""

import pytest

from seedbench.display.terminal import difference, percent


@pytest.mark.parametrize(
    ("value", "high", "p", "scale", "format_", "said"),
    [
        (-0.003, 0.027, 0.9, 100, "+.0f", "+0 ±3"),
        (-0.00004, None, None, 1, "+.4f", "+0.0000"),
        (-0.006, 0.024, 0.9, 100, "+.0f", "-1 ±3"),
        (-0.02, -0.01, 0.01, 100, "+.0f", "-2 ±1 ▼"),
        (0.02, 0.03, 0.01, 1, "+.4f", "+0.0200 ±0.0100 ▲"),
        (None, None, None, 1, "+.4f", "–"),
    ],
)
def test_a_difference_is_never_minus_zero(value, high, p, scale, format_, said):
    assert difference(value, high, p, scale, format_).plain == said


def test_a_share_is_never_minus_zero():
    assert (percent(-0.004), percent(-0.006), percent(None)) == ("0%", "-1%", "–")
