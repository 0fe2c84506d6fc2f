"""The report of a fit by gradients: of a neuron by a loss, or of a circuit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.fitting.report import SWEEPS, write_report
from brianbridge.fitting.target_loss import TargetLoss
from brianbridge.fitting.trace_report import draw_trace
from brianbridge.plots.style import BLUE, hide_frame
from brianbridge.report.svg import Figure, draw

__all__ = ["write_gradient_report"]

#: Largest number of rows of a raster.
_ROWS = 100


def write_gradient_report(fit: Any, path: str | Path) -> Path:
    """Write a page with parameters, traces, spikes, losses and a check.

    Parameters
    ----------
    fit : GradientFit
        The fit.
    path : str or Path
        The HTML file.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    return write_report(fit, path, f"Loss: {fit.loss:.3g}.", _figures(fit))


def _figures(fit: Any) -> Iterator[Figure]:
    """Draw traces, spikes, and the losses over the steps of the optimiser."""
    problem, dt = fit.problem, fit.problem.network.dt
    row_name = "Sweep" if problem.of_neuron else "Neuron"
    for name, traces in fit.traces.items():
        unit = traces.get_best_unit()
        symbol = "" if traces.is_dimensionless else f" ({unit})"
        target, every = _target(problem, name)
        for row, trace in enumerate(np.asarray(traces / unit)[:SWEEPS, ::every]):
            recorded = None if target is None else target[row] / float(unit)
            times = np.arange(len(trace)) * dt * every * 1e3
            yield draw_trace(
                f"{row_name} {row + 1}, {name}", f"{name}{symbol}", times, trace, recorded
            )
    for name, spikes in fit.spikes.items():
        yield _raster(name, row_name.lower(), spikes, dt)
    yield _history(fit.found.history, fit.loss)


def _target(problem: Any, name: str) -> tuple[np.ndarray | None, int]:
    """Return the recording of a trace, NaN where it does not count, and the steps between."""
    loss = problem.loss
    if not isinstance(loss, TargetLoss):
        return None, 1
    return np.where(loss.weights[name] > 0, loss.targets[name], np.nan), loss.every


def _raster(name: str, row_name: str, spikes: np.ndarray, dt: float) -> Figure:
    """Draw the spikes of a population."""
    rows = spikes[:_ROWS]

    def plot(ax: Any) -> None:
        number, step = np.nonzero(rows)
        ax.plot(step * dt * 1e3, number + 1, "|", color=BLUE, ms=8)
        ax.set(xlabel="time (ms)", ylabel=row_name, xlim=(0, rows.shape[1] * dt * 1e3),
               ylim=(0.4, len(rows) + 0.6),
               yticks=np.arange(1, len(rows) + 1)[:: -(-len(rows) // 10)])  # fmt: skip
        hide_frame(ax)

    said = f"{int(spikes.sum())} spikes of {name}" + (
        f"; the first {_ROWS} of {len(spikes)} rows." if len(spikes) > _ROWS else "."
    )
    return draw(
        f"spikes-{name}", f"Spikes of {name}", said, plot, height=1.2 + 0.1 * min(len(rows), 20),
        width=7.0, caption=said,
    )  # fmt: skip


def _history(history: np.ndarray, loss: float) -> Figure:
    """Draw the losses of all starts over the steps of Adam."""

    def plot(ax: Any) -> None:
        # Ticks of a logarithmic axis are no plain text.
        shown, label = np.where(np.isfinite(history), history, np.nan), "loss"
        if np.nanmin(shown) > 0:
            shown, label = np.log10(shown), "log10 of the loss"
        ax.plot(np.arange(1, len(shown) + 1), shown, color=BLUE, lw=0.8, alpha=0.6)
        ax.set(xlabel="step of Adam", ylabel=label)
        ax.xaxis.get_major_locator().set_params(integer=True)
        hide_frame(ax)

    return draw(
        "losses", "Losses of the starts", f"The best start ends at {loss:.3g}.", plot,
        height=2.6, width=7.0,
        caption=f"Each line is a start. The best one ends at {loss:.3g}, after L-BFGS.",
    )  # fmt: skip
