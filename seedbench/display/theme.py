"""Colours and type of pages and charts, light and dark: one palette feeds the style sheet and Vega's configuration.

Categories stay apart for every kind of colour vision (tests/display/test_pictures.py simulates them); dashes or shapes
tell them apart as well.
"""

from __future__ import annotations

from typing import Any

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
THEMES: dict[str, dict[str, Any]] = {
    "light": {
        "paper": "#ffffff",
        "raised": "#f4f5f7",
        "ink": "#1b1f24",
        "muted": "#59636e",
        "line": "#d5d9de",
        "link": "#0550ae",
        "accent": "#0a4bc0",
        "good": "#00705a",
        "bad": "#b54600",
        "category": ["#0a4bc0", "#8a3a00", "#00332b", "#c2257f", "#8f9400", "#0096ea"],
    },
    "dark": {
        "paper": "#14171b",
        "raised": "#1f242a",
        "ink": "#e8eaed",
        "muted": "#a3adb8",
        "line": "#3a424b",
        "link": "#7fc1ff",
        "accent": "#3a80d8",
        "good": "#35cfa4",
        "bad": "#ff9254",
        "category": ["#3a80d8", "#f5694f", "#14f0b0", "#b0618a", "#f5e65a", "#b8d8ff"],
    },
}
CATEGORIES = len(THEMES["light"]["category"])
#: Dash patterns and shapes of the categories, so that none is told apart by colour alone.
DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [10, 4], [4, 2, 1, 2]]
SHAPES = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down"]


def style_variables() -> str:
    """The palette as CSS custom properties, for either preference."""
    blocks = {
        name: "".join(f"--{key}:{value};" for key, value in theme.items() if isinstance(value, str))
        for name, theme in THEMES.items()
    }
    return (
        f":root{{color-scheme:light dark;--font:{FONT};{blocks['light']}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{blocks['dark']}}}}}"
    )


def dark_rules() -> str:
    """CSS that gives a picture drawn in the light theme the dark one's colours, for those who prefer it."""
    light, dark = THEMES["light"], THEMES["dark"]
    exchanged = {light[key]: dark[key] for key in light if isinstance(light[key], str)}
    exchanged |= dict(zip(light["category"], dark["category"], strict=True))
    rules = (f'[{kind}="{old}"]{{{kind}:{new}}}' for old, new in exchanged.items() for kind in ("fill", "stroke"))
    return f"@media (prefers-color-scheme:dark){{{''.join(rules)}}}"


def vega_config(name: str) -> dict[str, Any]:
    """Vega-Lite's configuration for a theme, "light" or "dark"; a mark style is named for what it means."""
    theme = THEMES[name]
    axis = {
        "labelColor": theme["muted"],
        "titleColor": theme["ink"],
        "gridColor": theme["line"],
        "domainColor": theme["muted"],
        "tickColor": theme["muted"],
        "gridOpacity": 0.7,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelLimit": 150,
        "labelSeparation": 6,
    }
    return {
        "background": theme["paper"],
        "font": FONT,
        "axis": axis,
        "view": {"stroke": None},
        "legend": {
            "orient": "top",
            "direction": "horizontal",
            "labelColor": theme["ink"],
            "titleColor": theme["ink"],
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "labelLimit": 260,
            "titleLimit": 420,
            "symbolStrokeWidth": 2,
            "symbolSize": 90,
            "gradientLength": 240,
        },
        "title": {"color": theme["ink"], "subtitleColor": theme["muted"], "fontSize": 14, "anchor": "start"},
        "mark": {"color": theme["accent"]},
        "line": {"strokeWidth": 2},
        "point": {"filled": True, "size": 45, "opacity": 1},
        "text": {"color": theme["ink"], "fontSize": 12},
        "rule": {"color": theme["muted"]},
        "range": {"category": theme["category"], "symbol": SHAPES},
        "style": {
            **{meaning: {"color": theme[meaning]} for meaning in ("accent", "ink", "muted", "good", "bad")},
            "reference": {"color": theme["ink"], "strokeDash": [4, 3], "strokeWidth": 1.2},
        },
    }
