"""Plot the costs of several perturbations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.plots.style import (
    BLUE,
    GREEN,
    SKY,
    axes_or_new,
    hide_frame,
    legend_above,
    literal,
    text_colour,
)

__all__ = ["plot_attribution"]


def plot_attribution(
    attribution: Mapping[str, Mapping[str, Mapping[str, float]]],
    *,
    of: str = "accuracy",
    ax: Any = None,
) -> Any:
    """Draw the cost of each of several perturbations: alone, its share, and last.

    Parameters
    ----------
    attribution : mapping
        Attribution of a rung: `brianbridge.ladder.outcomes.RungOutcome.attribution`.
    of : {"accuracy", "agreement"}
        What is lost.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; a new figure if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If the attribution does not have `of`.
    """
    if of not in attribution:
        raise InputError(f"there is no attribution of '{of}'; give {' or '.join(attribution)}")
    costs = attribution[of]
    ax = axes_or_new(ax, 4.4, 1.2 + 0.75 * len(costs))
    for number, (key, label, colour, hatch) in enumerate(
        (
            ("alone", "alone", SKY, "///"),
            ("share", "its share", BLUE, ""),
            ("last", "on top of the others", GREEN, "..."),
        )
    ):
        rows = np.arange(len(costs)) + 0.24 * (number - 1)
        points = [100 * cost[key] for cost in costs.values()]
        ax.barh(
            rows, points, 0.22, label=label, facecolor=(*_rgb(colour), 0.45 if hatch else 1.0),
            edgecolor=colour, hatch=hatch, lw=1,
        )  # fmt: skip
        for y, value in zip(rows, points, strict=True):
            ax.annotate(
                f"{round(value, 1) + 0.0:.1f}", (value, y), xytext=(3 if value >= 0 else -3, 0),
                textcoords="offset points", va="center", fontsize="small",
                ha="left" if value >= 0 else "right",
            )  # fmt: skip
    ax.axvline(0, color=text_colour(), lw=0.8)
    ax.set_yticks(range(len(costs)), [literal(n.replace("_", "\n")) for n in costs])
    ax.set_ylim(len(costs) - 0.5, -0.5)
    ax.margins(x=0.12)
    ax.set_xlabel(f"points of {of} lost")
    ax.tick_params(axis="y", length=0)
    legend_above(ax, 3, handlelength=1.2)
    hide_frame(ax)
    return ax


def _rgb(colour: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(colour)
    return red, green, blue
