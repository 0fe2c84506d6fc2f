"""What all plots share: colours, axes, and text that is taken literally."""

from __future__ import annotations

from typing import Any

from brianbridge.errors import InputError

__all__ = ["BLUE", "GREEN", "SKY", "VERMILLION", "axes", "dress", "ink", "literal"]

# Okabe & Ito, "Color Universal Design" (2008).
BLUE, VERMILLION, GREEN, SKY = "#0072b2", "#d55e00", "#009e73", "#56b4e9"


def axes(ax: Any, width: float, height: float) -> Any:
    """Return `ax`, or the axes of a new figure of so many inches.

    Raises
    ------
    InputError
        If there is no matplotlib.
    """
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError:
        raise InputError(
            'a plot needs matplotlib, which is not installed: pip install "brianbridge[plot]"'
        ) from None
    return pyplot.subplots(figsize=(width, height), layout="constrained")[1]


def ink() -> Any:
    """Return matplotlib's text colour, which follows the user's style."""
    from matplotlib import rcParams

    return rcParams["text.color"]


def literal(text: str) -> str:
    """Return a text so that matplotlib does not take what is between dollars for mathematics."""
    from matplotlib import rcParams

    return text.replace("$", r"\$") if rcParams["text.parse_math"] else text


def dress(ax: Any) -> None:
    """Leave away the frame that carries no scale."""
    ax.spines[["top", "right"]].set_visible(False)
