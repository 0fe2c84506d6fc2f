"""The report of a fit to traces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.fitting.report import SWEEPS, write_report
from brianbridge.neurons.quantity_text import quantity_text
from brianbridge.plots.style import BLUE, VERMILLION, hide_frame, legend_above
from brianbridge.report.svg import Figure, draw

__all__ = ["draw_trace", "write_trace_report"]

#: Largest number of values of a line.
_VALUES = 4000
_STAGES = (
    "Each point is a start. It follows the recording within 0.1 ms in the first stage, then less "
    "and less, and in the last stage not at all; a quarter of the starts goes on."
)


def write_trace_report(fit: Any, path: str | Path) -> Path:
    """Write a page with parameters, traces above each other, differences, losses and a check.

    Parameters
    ----------
    fit : Fit
        The fit to traces.
    path : str or Path
        The HTML file.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    left = ", ".join(f"{name}: {quantity_text(one)}" for name, one in fit.rms.items())
    summary = (
        f"Loss: {fit.loss:.3g} of the variance of the recording. Root mean square of what is left: "
        f"{left}."
    )
    return write_report(fit, path, summary, _figures(fit), intervals=fit.intervals, free=fit.free)


def _figures(fit: Any) -> Iterator[Figure]:
    """Draw each sweep of each target, and the losses of all stages."""
    problem = fit.problem
    for name, traces in zip(problem.targets, fit.traces.values(), strict=True):
        unit = problem.recorded()[name].get_best_unit()
        recorded = np.where(problem.weights[name] > 0, problem.recorded()[name] / unit, np.nan)
        for sweep in range(min(problem.sweeps, SWEEPS)):
            fitted = np.asarray(traces[sweep] / unit)
            times = np.arange(len(fitted)) * problem.dt * problem.every * 1e3
            yield draw_trace(
                f"Sweep {sweep + 1}, {name}", f"{name} ({unit})", times, fitted, recorded[sweep]
            )
    losses = fit.found.losses

    def plot(ax: Any) -> None:
        for number, one in enumerate(losses):
            shown = np.log10(np.maximum(one[np.isfinite(one)], 1e-30))
            ax.plot(np.full(len(shown), number + 1), shown, "o", color=BLUE, alpha=0.5, ms=5)
        ax.set(xlabel="stage", ylabel="log10 of the loss", xticks=range(1, len(losses) + 1))
        hide_frame(ax)

    yield draw(
        "losses", "Losses of the starts", f"The best start ends at {fit.loss:.3g}.", plot,
        height=2.6, width=7.0,
        caption=_STAGES if len(losses) > 1 else "Each point is a set of the last generation.",
    )  # fmt: skip


def draw_trace(
    title: str, label: str, times: np.ndarray, fitted: np.ndarray, recorded: np.ndarray | None
) -> Figure:
    """Draw a fitted trace, and if there is a recording, that below it and their difference.

    Parameters
    ----------
    title, label : str
        Title of the figure, and label of the vertical axis with its unit in parentheses.
    times : numpy.ndarray, shape (times,)
        In milliseconds.
    fitted, recorded : numpy.ndarray, shape (times,)
        The traces; `recorded` is NaN where nothing was compared, or None.
    """
    every = -(-len(fitted) // _VALUES)
    shown = None if recorded is None else recorded[::every]
    times, fitted = times[::every], fitted[::every]

    def plot(ax: Any) -> None:
        if shown is not None:
            canvas = ax.figure
            ax.remove()
            ax, below = canvas.subplots(2, 1, sharex=True, height_ratios=(3, 1))
            ax.plot(times, shown, color=BLUE, lw=2.5, alpha=0.6, label="recorded")
            below.plot(times, fitted - shown, color=VERMILLION, lw=0.8)
            below.set(ylabel="difference")
            hide_frame(below)
        ax.plot(times, fitted, color=VERMILLION, lw=1, ls="--" if shown is not None else "-",
                label="fitted")  # fmt: skip
        ax.figure.axes[-1].set_xlabel("time (ms)")
        ax.set_ylabel(label)
        hide_frame(ax)
        if shown is not None:
            legend_above(ax, 2)

    unit = label.partition("(")[2].rstrip(")")
    if shown is None:
        said = f"From {fitted.min():.4g} to {fitted.max():.4g} {unit}."
    else:
        left = float(np.sqrt(np.nanmean((fitted - shown) ** 2)))
        said = f"Root mean square of the difference: {left:.3g} {unit}."
    return draw(
        title.replace(" ", "-").replace(",", ""), title, f"{label} over time. {said}", plot,
        height=2.6 if shown is None else 3.6, width=7.0, caption=said,
    )  # fmt: skip
