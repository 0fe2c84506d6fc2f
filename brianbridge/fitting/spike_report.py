"""The report of a fit to spike trains: one HTML page that needs no other file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.fitting.report import SWEEPS, losses_by_place, write_report
from brianbridge.neurons.quantity_text import quantity_text
from brianbridge.plots.style import BLUE, VERMILLION, hide_frame
from brianbridge.report.svg import Figure, draw

__all__ = ["write_spike_report"]

#: Largest number of lines for a sweep, and seconds in a line.
_LINES, _SECONDS = 5, 2.0


def write_spike_report(fit: Any, path: str | Path) -> Path:
    """Write a page with parameters, a check, spikes above each other and losses.

    Parameters
    ----------
    fit : SpikeFit
        The fit to spike trains.
    path : str or Path
        The HTML file.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    problem = fit.problem
    noise = "" if fit.noise is None else f" Width of the noise: {quantity_text(fit.noise)}."
    summary = (
        f"Coincidence factor: {fit.coincidence:.3g} at {problem.precision * 1e3:g} ms. "
        f"Loss by {problem.metric}: {fit.loss:.3g}.{noise}"
    )
    return write_report(fit, path, summary, _figures(fit))


def _figures(fit: Any) -> Iterator[Figure]:
    """Draw the spikes of each sweep, and the losses."""
    from brian2 import second

    problem = fit.problem
    for sweep, (recorded, times) in enumerate(zip(problem.trains, fit.trains, strict=True)):
        if sweep < SWEEPS:
            yield _raster(sweep, recorded, np.asarray(times / second), problem.steps * problem.dt)
    yield losses_by_place(
        fit.found.losses, f"loss by {problem.metric}",
        "Each point is a set of parameters of the last stage, the best one first.",
    )  # fmt: skip


def _raster(sweep: int, recorded: np.ndarray, fitted: np.ndarray, duration: float) -> Figure:
    """Draw the recorded spikes of a sweep, and the fitted ones below, in one or several lines."""
    lines = int(min(_LINES, np.ceil(duration / _SECONDS)))
    length = min(duration / lines, _SECONDS)

    def plot(ax: Any) -> None:
        canvas = ax.figure
        ax.remove()
        for number, one in enumerate(np.ravel(canvas.subplots(lines, 1))):
            one.eventplot([recorded, fitted], colors=[BLUE, VERMILLION], lineoffsets=[1, 0],
                          linelengths=0.8, linewidths=1)  # fmt: skip
            one.set(xlim=(number * length, (number + 1) * length), yticks=[0, 1],
                    yticklabels=["fitted", "recorded"])  # fmt: skip
            hide_frame(one)
        one.set_xlabel("time (s)")

    return draw(
        f"spikes-{sweep}", f"Sweep {sweep + 1}",
        f"{len(recorded)} recorded spikes, and {len(fitted)} of the fitted neuron.", plot,
        height=0.7 + 0.7 * lines, width=7.0,
        caption=f"{len(recorded)} spikes were recorded, and the fitted neuron fired {len(fitted)}"
        + (f"; the first {lines * length:g} s of {duration:g} s." if lines * length < duration
           else "."),
    )  # fmt: skip
