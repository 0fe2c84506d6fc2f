"""Plot accuracy over time: how often a network is right if presentations end earlier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from brianbridge.plots.style import BLUE, axes_or_new, hide_frame, legend_above, text_colour

__all__ = ["plot_over_time"]

#: Largest number of times that have a mark.
_MARKED = 20


def plot_over_time(
    brian2: Mapping[str, Sequence[float]],
    twin: Mapping[str, Sequence[float]] | None = None,
    *,
    ax: Any = None,
) -> Any:
    """Draw the accuracy if presentations end earlier, with its 95 % interval.

    Parameters
    ----------
    brian2 : mapping
        ``over_time`` of a rung: `brianbridge.ladder.outcomes.RungOutcome.over_time`.
    twin : mapping, optional
        ``over_time`` of the twin, drawn as a dashed line.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; a new figure if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> ax = plot_over_time(verdict.rungs[1].over_time, verdict.twin.over_time)  # doctest: +SKIP
    """
    ax = axes_or_new(ax, 4.4, 2.8)
    marker = "." if len(brian2["time_ms"]) <= _MARKED else ""
    low, high = (100 * np.asarray(brian2[end]) for end in ("low", "high"))
    ax.fill_between(brian2["time_ms"], low, high, color=BLUE, alpha=0.25, lw=0, label="95 %")
    _draw(ax, brian2, color=BLUE, marker=marker, lw=1.5, label="Brian2")
    if twin is not None:
        _draw(ax, twin, color=text_colour(), ls="--", lw=1, label="torch twin")
    ax.set_xlim(left=0)
    ax.set(xlabel="end of the presentation (ms)", ylabel="accuracy (%)")
    ax.grid(axis="y", color=text_colour(), alpha=0.15, lw=0.7)
    legend_above(ax, 3, handlelength=1.8)
    hide_frame(ax)
    return ax


def _draw(ax: Any, found: Mapping[str, Sequence[float]], **style: Any) -> None:
    ax.plot(found["time_ms"], 100 * np.asarray(found["accuracy"]), **style)
