"""Plot the spikes of one sample in the twin and in Brian2 over each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.plots.style import (
    BLUE,
    GREEN,
    VERMILLION,
    axes_or_new,
    hide_frame,
    legend_above,
    text_colour,
)
from brianbridge.recording import Recording

__all__ = ["differing_steps", "most_different", "plot_rasters"]

#: Number of neurons that a raster shows if none are named.
_NEURONS = 60


def plot_rasters(
    twin: Recording,
    brian2: Recording,
    population: str,
    *,
    sample: int = 0,
    neurons: Sequence[int] | np.ndarray | None = None,
    ax: Any = None,
) -> Any:
    """Draw the spikes of one sample in the twin and in Brian2 over each other.

    Both runs are shown on the twin's time grid, with a spike at the start of its step. Ticks are
    spikes in both runs, hollow circles spikes of the twin alone, crosses spikes of Brian2 alone.
    A square marks a step in which both fire but with different spike values or numbers of spikes.

    Parameters
    ----------
    twin, brian2 : Recording
        Recordings of the same samples.
    population : str
        Name of the population.
    sample : int
        Number of the sample in the recordings.
    neurons : sequence of int, optional
        Flat indices of the neurons to draw. If not given, at most 60: those that differ in most
        steps, then those that fire most.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; a new figure if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If the population does not fire, or the recordings are not of the same network.
    """
    ours, theirs = _rasters(twin, brian2, population, sample)
    rows = most_different(ours, theirs) if neurons is None else np.asarray(neurons, dtype=int)
    ax = axes_or_new(ax, 4.4, 1.4 + 0.055 * max(len(rows), 20))
    step_ms = twin.dt * 1e3
    _draw_spikes(ax, ours[:, rows], theirs[:, rows], step_ms)
    ax.set_xlim(-0.5 * step_ms, (twin.steps - 0.5) * step_ms)
    if twin.steps * step_ms >= 2:
        ax.locator_params(axis="x", integer=True)
    ax.set_ylim(max(len(rows), 1) - 0.3, -0.7)
    labelled = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), 6)).astype(int))
    ax.set_yticks(labelled, [str(n) for n in rows[labelled]])
    ax.set(xlabel="time (ms)", ylabel="neuron")
    legend_above(ax, 4, borderaxespad=0.2, handletextpad=0.3, columnspacing=0.9, handlelength=1.0)
    hide_frame(ax)
    return ax


def _draw_spikes(ax: Any, ours: np.ndarray, theirs: np.ndarray, step_ms: float) -> None:
    """Draw two rasters ``(steps, rows)``, a marker for each kind of difference."""

    def positions(chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        step, row = np.nonzero(chosen)
        return step * step_ms, row

    x, y = positions((ours == theirs) & (ours != 0))
    # One broken line for all ticks: a marker for each would make the file ten times as large.
    ticks = np.stack([y - 0.4, y + 0.4, np.full(len(y), np.nan)], axis=1).ravel()
    ax.plot(np.repeat(x, 3), ticks, color=text_colour(), lw=1.2, alpha=0.55, label="both")
    kinds = (
        ((ours != 0) & (theirs == 0), "o", BLUE, "twin only"),
        ((ours == 0) & (theirs != 0), "x", VERMILLION, "Brian2 only"),
        ((ours != 0) & (theirs != 0) & (ours != theirs), "s", GREEN, "other value"),
    )
    for chosen, marker, colour, label in kinds:
        if chosen.any():
            x, y = positions(chosen)
            ax.plot(x, y, marker, color=colour, mfc="none", ms=4, mew=1.2, ls="", label=label)


def differing_steps(
    twin: Recording, brian2: Recording, population: str, sample: int = 0
) -> np.ndarray:
    """Return the number of steps of the twin in which each neuron differs in one sample, flat."""
    ours, theirs = _rasters(twin, brian2, population, sample)
    return np.asarray((ours != theirs).sum(axis=0))


def most_different(ours: np.ndarray, theirs: np.ndarray, most: int = _NEURONS) -> np.ndarray:
    """Return the neurons of two rasters ``(steps, neurons)`` that differ most, then fire most."""
    differ = (ours != theirs).sum(axis=0)
    spikes = (ours != 0).sum(axis=0) + (theirs != 0).sum(axis=0)
    order = np.lexsort((-spikes, -differ))
    return np.sort(order[(spikes > 0)[order]][:most])


def _rasters(
    twin: Recording, brian2: Recording, population: str, sample: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return both rasters of a sample on the twin's time grid, ``(steps, neurons)``."""
    for recording in (twin, brian2):
        if population not in recording.shapes:
            raise InputError(
                f"population '{population}' has no spikes in a recording. "
                + did_you_mean(population, recording.shapes)
            )
        if not 0 <= sample < recording.samples:
            raise InputError(
                f"sample = {sample}, but a recording has samples 0 to {recording.samples - 1}"
            )
    if twin.shapes[population] != brian2.shapes[population] or brian2.steps % twin.steps:
        raise InputError(
            f"the recordings of '{population}' do not go together: {twin.steps} steps of shape "
            f"{twin.shapes[population]}, and {brian2.steps} of {brian2.shapes[population]}"
        )
    coarse = brian2.steps // twin.steps
    one, other = (r.of_samples(sample, sample + 1) for r in (twin, brian2))
    return one.raster(population)[:, 0], other.raster(population, coarse)[:, 0]
