"""Plot spike counts in Brian2 against those in the twin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from brianbridge.plots.style import BLUE, VERMILLION, axes_or_new, hide_frame, text_colour

__all__ = ["plot_counts"]

#: Up to this many different counts are drawn as they are; more are rounded to this many bins.
_BINS = 40
#: Number of bubble sizes, from one pair to the largest number of pairs.
_SIZES = 6


def plot_counts(joint: Mapping[tuple[float, float], int], *, ax: Any = None) -> Any:
    """Draw each neuron's spike count in Brian2 against the twin's, with the line of equality.

    A bubble stands for all (sample, neuron) pairs with these counts; its size grows with the
    logarithm of their number. Equal counts are blue circles, different ones vermillion diamonds.

    Parameters
    ----------
    joint : mapping of (float, float) to int
        Number of pairs by their counts in the twin and in Brian2, such as ``joint[population]`` of
        a `brianbridge.measures.spike_comparison.SpikeComparison`.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; a new figure if not given.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = axes_or_new(ax, 4.4, 4.0)
    pairs = np.array(list(joint), dtype=float).reshape(-1, 2)
    number = np.array([joint[(x, y)] for x, y in joint], dtype=float)
    low, high = (0.0, 1.0) if not len(pairs) else (min(pairs.min(), 0.0), max(pairs.max(), 1.0))
    edge = 0.06 * (high - low)
    limits = (low - edge, high + edge)
    ax.plot(limits, limits, color=text_colour(), lw=1, ls="--", label="equal counts")
    equal = pairs[:, 0] == pairs[:, 1]
    for chosen, marker, colour, label in (
        (equal, "o", BLUE, "equal"),
        (~equal, "D", VERMILLION, "different"),
    ):
        if chosen.any():
            position, many = _binned(pairs[chosen], number[chosen], low, high)
            _bubbles(ax, position, many, number.max(), marker, colour, label)
    ax.set(xlim=limits, ylim=limits, aspect="equal")
    ax.set(xlabel="spike count in the torch twin", ylabel="spike count in Brian2")
    ax.locator_params(integer=True, nbins=7)
    hide_frame(ax)
    return ax


def _binned(
    pairs: np.ndarray, number: np.ndarray, low: float, high: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the bubbles, and the number of pairs that each stands for."""
    if len(np.unique(pairs)) > _BINS:
        width = (high - low) / _BINS
        pairs = low + np.rint((pairs - low) / width) * width
    position, group = np.unique(pairs, axis=0, return_inverse=True)
    return position, np.bincount(group.ravel(), number, minlength=len(position))


def _bubbles(
    ax: Any,
    position: np.ndarray,
    many: np.ndarray,
    most: float,
    marker: str,
    colour: str,
    label: str,
) -> None:
    """Draw bubbles of a few sizes; one call for each size keeps vector files small."""
    sizes = np.ceil(_SIZES * np.log1p(many) / np.log1p(most)).astype(int)
    for size in np.unique(sizes):
        # The legend shows the largest size.
        entry = label if size == sizes.max() else f"_{label}, size {size}"
        x, y = position[sizes == size].T
        ax.plot(
            x, y, marker, color=colour, mec="none", ls="", alpha=0.75,
            ms=(2.0 + 1.3 * size) * (0.8 if marker == "D" else 1), label=entry,
        )  # fmt: skip
