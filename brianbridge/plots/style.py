"""Helpers of all plots: colours, axes, the legend, and literal text."""

from __future__ import annotations

from typing import Any

__all__ = [
    "BLUE",
    "GREEN",
    "ORANGE",
    "PURPLE",
    "SKY",
    "VERMILLION",
    "axes_or_new",
    "hide_frame",
    "legend_above",
    "literal",
    "text_colour",
]

# Okabe & Ito, "Color Universal Design" (2008).
BLUE, VERMILLION, GREEN, SKY = "#0072b2", "#d55e00", "#009e73", "#56b4e9"
ORANGE, PURPLE = "#e69f00", "#cc79a7"


def axes_or_new(ax: Any, width: float, height: float) -> Any:
    """Return `ax`, or the axes of a new figure of this size in inches."""
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.subplots(figsize=(width, height), layout="constrained")[1]


def text_colour() -> Any:
    """Return matplotlib's text colour, which follows the user's style."""
    from matplotlib import rcParams

    return rcParams["text.color"]


def literal(text: str) -> str:
    """Escape a text, so that matplotlib does not read parts between dollars as mathematics."""
    from matplotlib import rcParams

    return text.replace("$", r"\$") if rcParams["text.parse_math"] else text


def legend_above(ax: Any, columns: int, *, height: float = 1.0, **options: Any) -> None:
    """Draw a legend without a frame above the axes, at a height in axes fractions."""
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, height), ncols=columns, frameon=False,
        fontsize="small", **{"borderaxespad": 0, "columnspacing": 1.0, **options},
    )  # fmt: skip


def hide_frame(ax: Any) -> None:
    """Hide the parts of the frame that carry no scale."""
    ax.spines[["top", "right"]].set_visible(False)
