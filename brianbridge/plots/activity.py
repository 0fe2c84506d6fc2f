"""Plots of what neurons did in the twin and in Brian2: counts, rasters, potentials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.plots.style import BLUE, GREEN, VERMILLION, axes, dress, ink
from brianbridge.recording import Recording

__all__ = ["differing_steps", "plot_counts", "plot_rasters", "plot_traces"]

#: Different counts that are drawn one by one; more of them are rounded to so many.
_BINS = 40
#: Sizes of bubbles, from one pair to as many as there are at most.
_SIZES = 6
#: Neurons that a raster shows if none are named.
_ROWS = 60


def plot_counts(joint: Mapping[tuple[float, float], int], *, ax: Any = None) -> Any:
    """Draw each neuron's spike count in Brian2 against the twin's, with the line of equality.

    A bubble stands for all (sample, neuron) pairs with these counts; its size goes with the
    logarithm of their number. Equal counts are blue circles, others vermillion diamonds.

    Parameters
    ----------
    joint : mapping of (float, float) to int
        How many pairs have which counts in the twin and in Brian2: ``joint[population]`` of a
        `Comparison`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = axes(ax, 4.4, 4.0)
    pairs = np.array(list(joint), dtype=float).reshape(-1, 2)
    number = np.array([joint[(x, y)] for x, y in joint], dtype=float)
    low, high = (0.0, 1.0) if not len(pairs) else (min(pairs.min(), 0.0), max(pairs.max(), 1.0))
    edge = 0.06 * (high - low)
    limits = (low - edge, high + edge)
    ax.plot(limits, limits, color=ink(), lw=1, ls="--", label="equal counts")
    same = pairs[:, 0] == pairs[:, 1]
    for chosen, marker, colour, label in (
        (same, "o", BLUE, "equal"),
        (~same, "D", VERMILLION, "different"),
    ):
        if chosen.any():
            where, many = _binned(pairs[chosen], number[chosen], low, high)
            _bubbles(ax, where, many, number.max(), marker, colour, label)
    ax.set(xlim=limits, ylim=limits, aspect="equal")
    ax.set(xlabel="spike count in the torch twin", ylabel="spike count in Brian2")
    ax.locator_params(integer=True, nbins=7)
    dress(ax)
    return ax


def _binned(
    pairs: np.ndarray, number: np.ndarray, low: float, high: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return where the bubbles are, and how many pairs each stands for."""
    if len(np.unique(pairs)) > _BINS:
        width = (high - low) / _BINS
        pairs = low + np.rint((pairs - low) / width) * width
    where, place = np.unique(pairs, axis=0, return_inverse=True)
    return where, np.bincount(place.ravel(), number, minlength=len(where))


def _bubbles(
    ax: Any, where: np.ndarray, many: np.ndarray, most: float, marker: str, colour: str, label: str
) -> None:
    """Draw bubbles of a few sizes, each size in one go: it makes small vector files."""
    size = np.ceil(_SIZES * np.log1p(many) / np.log1p(most)).astype(int)
    for step in np.unique(size):
        # A legend names the largest.
        told = label if step == size.max() else f"_{label}, size {step}"
        x, y = where[size == step].T
        ax.plot(
            x, y, marker, color=colour, mec="none", ls="", alpha=0.75,
            ms=(2.0 + 1.3 * step) * (0.8 if marker == "D" else 1), label=told,
        )  # fmt: skip


def differing_steps(
    twin: Recording, brian2: Recording, population: str, sample: int = 0
) -> np.ndarray:
    """Return in how many steps of the twin's grid each neuron of a sample differs, flat."""
    ours, theirs = _rasters(twin, brian2, population, sample)
    return np.asarray((ours != theirs).sum(axis=0))


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

    Both are seen on the twin's time grid, a spike at the start of its step. Spikes that both have
    are ticks, those of the twin alone hollow circles, those of Brian2 alone crosses; where both
    fire with another value, or another number of times, there is a square.

    Parameters
    ----------
    twin, brian2 : Recording
        Of the same samples.
    population : str
        Whose spikes.
    sample : int
        Which sample of the recordings.
    neurons : sequence of int, optional
        Flat indices of the neurons to draw; at most 60 if not given, those that differ in most
        steps and after these those that fire most.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If the population does not fire, or the recordings are not of the same network.
    """
    ours, theirs = _rasters(twin, brian2, population, sample)
    rows = most_telling(ours, theirs) if neurons is None else np.asarray(neurons, dtype=int)
    ax = axes(ax, 4.4, 1.4 + 0.055 * max(len(rows), 20))
    ours, theirs = ours[:, rows], theirs[:, rows]
    grid = twin.dt * 1e3

    def cells(chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        step, row = np.nonzero(chosen)
        return step * grid, row

    x, y = cells((ours == theirs) & (ours != 0))
    # One broken line for all ticks: a marker for each would make the file ten times as large.
    ticks = np.stack([y - 0.4, y + 0.4, np.full(len(y), np.nan)], axis=1).ravel()
    ax.plot(np.repeat(x, 3), ticks, color=ink(), lw=1.2, alpha=0.55, label="both")
    kinds = (
        ((ours != 0) & (theirs == 0), "o", BLUE, "twin only"),
        ((ours == 0) & (theirs != 0), "x", VERMILLION, "Brian2 only"),
        ((ours != 0) & (theirs != 0) & (ours != theirs), "s", GREEN, "other value"),
    )
    for chosen, marker, colour, label in kinds:
        if chosen.any():
            x, y = cells(chosen)
            ax.plot(x, y, marker, color=colour, mfc="none", ms=4, mew=1.2, ls="", label=label)
    ax.set_xlim(-0.5 * grid, (twin.steps - 0.5) * grid)
    if twin.steps * grid >= 2:
        ax.locator_params(axis="x", integer=True)
    ax.set_ylim(max(len(rows), 1) - 0.3, -0.7)
    shown = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), 6)).astype(int))
    ax.set_yticks(shown, [str(n) for n in rows[shown]])
    ax.set(xlabel="time (ms)", ylabel="neuron")
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False, fontsize="small",
        borderaxespad=0.2, handletextpad=0.3, columnspacing=0.9, handlelength=1.0,
    )  # fmt: skip
    dress(ax)
    return ax


def most_telling(ours: np.ndarray, theirs: np.ndarray, most: int = _ROWS) -> np.ndarray:
    """Return the neurons of two rasters ``(steps, neurons)`` that differ most, then fire most."""
    differ = (ours != theirs).sum(axis=0)
    fired = (ours != 0).sum(axis=0) + (theirs != 0).sum(axis=0)
    order = np.lexsort((-fired, -differ))
    return np.sort(order[(fired > 0)[order]][:most])


def _rasters(
    twin: Recording, brian2: Recording, population: str, sample: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return both rasters of a sample on the twin's grid, ``(steps, neurons)``."""
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


def plot_traces(
    twin: Recording,
    brian2: Recording,
    population: str,
    neuron: int,
    *,
    variable: str = "v",
    sample: int = 0,
    threshold: float | None = None,
    ax: Any = None,
) -> Any:
    """Draw the membrane potential of one neuron in the twin and in Brian2.

    A value is drawn at the end of its step, after the reset; so the potential that crossed the
    threshold is not seen, but the spikes are: as marks above the axes. As everywhere, a spike is
    drawn at the start of its step; the reset that it brings is seen at the end of that step.

    Parameters
    ----------
    twin, brian2 : Recording
        Of the same samples, with traces of the variable.
    population : str
        Whose neuron.
    neuron : int
        Its flat index.
    variable : str
        The state variable.
    sample : int
        Which sample of the recordings.
    threshold : float, optional
        Drawn as a dotted line.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If a recording has no such trace.
    """
    ax = axes(ax, 4.4, 2.8)
    if threshold is not None:
        ax.axhline(threshold, color=ink(), lw=1, ls=":", label="threshold")
    runs = (
        (twin, "torch twin", BLUE, "o", "-", 1.05),
        (brian2, "Brian2", VERMILLION, "x", "--", 1.12),
    )
    for run, label, colour, marker, line, above in runs:
        trace = _trace(run, population, variable)[:, sample].reshape(run.steps, -1)[:, neuron]
        time = (np.arange(run.steps) + 1) * run.dt * 1e3
        # Markers for the coarse grid only: on a fine one they would hide the line.
        marked = marker if run.steps <= 60 else ""
        ax.plot(
            time, trace, line, color=colour, marker=marked, ms=4, mfc="none", lw=1.5, label=label,
        )  # fmt: skip
        if population in run.shapes:
            events = run.events(population).of_samples(sample, sample + 1)
            fired = events.step[events.node == neuron] * run.dt * 1e3
            ax.plot(
                fired, np.full(len(fired), above), "|", color=colour, ms=6, mew=1.5,
                transform=ax.get_xaxis_transform(), clip_on=False, label=f"_spikes, {label}",
            )  # fmt: skip
    ax.set(xlabel="time (ms)", ylabel=f"{variable} of neuron {neuron}")
    ax.set_xlim(0, twin.steps * twin.dt * 1e3)
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, 1.15), ncols=3, frameon=False, fontsize="small",
        borderaxespad=0, handletextpad=0.4, columnspacing=1.0, handlelength=1.8,
    )  # fmt: skip
    dress(ax)
    return ax


def _trace(recording: Recording, population: str, variable: str) -> np.ndarray:
    traces = recording.traces.get(population, {})
    if variable not in traces:
        raise InputError(
            f"the recording has no trace of '{variable}' of population '{population}'; record it: "
            f'record=("spikes", "{variable}")'
        )
    return np.asarray(traces[variable])
