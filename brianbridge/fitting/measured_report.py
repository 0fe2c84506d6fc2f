"""The report of a fit to firing rates or features."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.fitting.report import losses_by_place, write_report
from brianbridge.plots.style import BLUE, VERMILLION, hide_frame, legend_above
from brianbridge.report.svg import Figure, draw

__all__ = ["write_measured_report"]


def write_measured_report(fit: Any, path: str | Path) -> Path:
    """Write a page with parameters, what was measured of each sweep, losses and a check.

    Parameters
    ----------
    fit : MeasuredFit
        The fit to rates or features.
    path : str or Path
        The HTML file.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    return write_report(fit, path, f"Mean squared difference: {fit.loss:.3g}.", _figures(fit))


def _figures(fit: Any) -> Iterator[Figure]:
    """Draw each measure by sweep, and the losses."""
    for name, wanted in fit.wanted.items():
        yield _measure(name, wanted, fit.measured[name])
    caption = "Each point is a set of the last generation, the best one first."
    yield losses_by_place(fit.found.losses, "loss", caption)


def _measure(name: str, wanted: Any, measured: Any) -> Figure:
    """Draw a measure of each sweep, wanted and measured."""
    known = wanted[np.isfinite(wanted)]
    unit = known.get_best_unit()
    symbol = "" if wanted.is_dimensionless else str(unit)
    sweeps = np.arange(1, len(wanted) + 1)

    def plot(ax: Any) -> None:
        ax.plot(sweeps, wanted / unit, "o", color=BLUE, ms=9, alpha=0.5, label="wanted")
        ax.plot(sweeps, measured / unit, "x", color=VERMILLION, ms=6, label="fitted")
        ax.set(xlabel="sweep", ylabel=symbol or "value", xticks=sweeps[:: -(-len(sweeps) // 20)])
        hide_frame(ax)
        legend_above(ax, 2)

    differences = abs(np.asarray((measured - wanted) / unit))
    found = differences[np.isfinite(differences)]
    left = f"{found.max():.3g} {symbol}".rstrip() if found.size else "not known"
    said = f"Largest difference: {left}."
    return draw(
        name, name, f"{name} of each sweep. {said}", plot, height=2.6, width=7.0, caption=said
    )
