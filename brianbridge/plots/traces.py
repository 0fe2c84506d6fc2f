"""Plot the membrane potential of one neuron in the twin and in Brian2."""

from __future__ import annotations

from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.plots.style import (
    BLUE,
    VERMILLION,
    axes_or_new,
    hide_frame,
    legend_above,
    text_colour,
)
from brianbridge.recording import Recording

__all__ = ["plot_traces"]

#: Largest number of steps whose values are marked; more markers would hide the line.
_MARKED_STEPS = 60


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

    A value is drawn at the end of its step, after the reset. The potential that crossed the
    threshold is therefore not visible; marks above the axes show the spikes. As in all plots, a
    spike is drawn at the start of its step, and the reset that it causes at the end of that step.

    Parameters
    ----------
    twin, brian2 : Recording
        Recordings of the same samples, with traces of the variable.
    population : str
        Name of the population.
    neuron : int
        Flat index of the neuron.
    variable : str
        State variable to draw.
    sample : int
        Number of the sample in the recordings.
    threshold : float, optional
        Threshold, drawn as a dotted line.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; a new figure if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If a recording has no such trace.
    """
    ax = axes_or_new(ax, 4.4, 2.8)
    if threshold is not None:
        ax.axhline(threshold, color=text_colour(), lw=1, ls=":", label="threshold")
    for run, label, colour, marker, line, height in (
        (twin, "torch twin", BLUE, "o", "-", 1.05),
        (brian2, "Brian2", VERMILLION, "x", "--", 1.12),
    ):
        trace = _trace(run, population, variable)[:, sample].reshape(run.steps, -1)[:, neuron]
        marked = marker if run.steps <= _MARKED_STEPS else ""
        _draw_trace(ax, trace, run.dt, color=colour, marker=marked, ls=line, label=label)
        if population in run.shapes:
            events = run.events(population).of_samples(sample, sample + 1)
            spikes = events.time[events.node == neuron]
            _mark_spikes(ax, spikes, height, color=colour, label=f"_spikes, {label}")
    ax.set(xlabel="time (ms)", ylabel=f"{variable} of neuron {neuron}")
    ax.set_xlim(0, twin.steps * twin.dt * 1e3)
    legend_above(ax, 3, height=1.15, handletextpad=0.4, handlelength=1.8)
    hide_frame(ax)
    return ax


def _draw_trace(ax: Any, trace: np.ndarray, dt: float, **style: Any) -> None:
    """Draw values ``(steps,)``, each at the end of its step."""
    time_ms = (np.arange(len(trace)) + 1) * dt * 1e3
    ax.plot(time_ms, trace, ms=4, mfc="none", lw=1.5, **style)


def _mark_spikes(ax: Any, times: np.ndarray, height: float, **style: Any) -> None:
    """Mark spike times (s) above the axes, at a height in axes fractions."""
    ax.plot(
        times * 1e3, np.full(len(times), height), "|", ms=6, mew=1.5,
        transform=ax.get_xaxis_transform(), clip_on=False, **style,
    )  # fmt: skip


def _trace(recording: Recording, population: str, variable: str) -> np.ndarray:
    traces = recording.traces.get(population, {})
    if variable not in traces:
        raise InputError(
            f"the recording has no trace of '{variable}' of population '{population}'; record it: "
            f'record=("spikes", "{variable}")'
        )
    return np.asarray(traces[variable])
