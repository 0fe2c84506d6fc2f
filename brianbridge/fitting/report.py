"""The report of a fit to traces: one HTML page that needs no other file."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.io.atomic import write_whole
from brianbridge.neurons.quantity_text import quantity_text
from brianbridge.plots.style import BLUE, VERMILLION, hide_frame, legend_above
from brianbridge.report.svg import Figure, draw

__all__ = ["check_matplotlib", "inline", "write_fit_report", "write_page"]

#: Largest number of sweeps of a variable that are drawn, and of values of a line.
_SWEEPS, _VALUES = 6, 4000
_STAGES = (
    "Each point is a start. It follows the recording within 0.1 ms in the first stage, then less "
    "and less, and in the last stage not at all; a quarter of the starts goes on."
)
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f23; --page: #fff; --line: #d0d7de;
  --blue: #0072b2; --vermillion: #d55e00; --green: #009e73; --sky: #56b4e9; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --page: #14171a; --line: #3b434b;
  --blue: #4ba6e0; --vermillion: #f08a3c; --green: #2fc298; --sky: #7cc7f2; } }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; color: var(--ink);
  background: var(--page); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.25rem; margin-top: 2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem; text-align: right; border-top: 1px solid var(--line); }
th:first-child { text-align: left; }
figure { margin: 1rem 0; } figure svg { display: block; width: 100%; height: auto; }
pre { white-space: pre-wrap; }
"""


def write_fit_report(fit: Any, path: str | Path) -> Path:
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
        If matplotlib is not installed, or the file cannot be written.
    """
    check_matplotlib()
    rows = [
        (name, fit.parameters[name], *fit.intervals[name], *fit.problem.ranges.as_given()[name])
        for name in fit.parameters
    ]
    table = "".join(
        f"<tr><th scope=row>{escape(name)}</th>"
        + "".join(f"<td>{escape(quantity_text(one))}</td>" for one in values)
        + "</tr>"
        for name, *values in rows
    )
    left = ", ".join(f"{name}: {quantity_text(one)}" for name, one in fit.rms.items())
    free = "".join(f"<p>Not determined: {escape(' with '.join(one))}.</p>" for one in fit.free)
    body = (
        f"<p>Loss: {fit.loss:.3g} of the variance of the recording. Root mean square of what is "
        f"left: {escape(left)}. {fit.seconds:.1f} s.</p>"
        "<table><thead><tr><th>parameter</th><th>value</th><th>interval from</th><th>to</th>"
        f"<th>range from</th><th>to</th></tr></thead><tbody>{table}</tbody></table>{free}"
        f"<h2>Simulated anew</h2><pre>{escape(str(fit.verify()))}</pre>"
        f"<h2>Traces</h2>{inline(_figures(fit))}"
    )
    return write_page(path, fit, body)


def check_matplotlib() -> None:
    """Refuse a report if matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        raise InputError("a report needs matplotlib: pip install 'brianbridge[plot]'")


def inline(figures: Iterator[Figure]) -> str:
    """Return figures as HTML, each with its title and caption."""
    return "".join(
        f"<figure>{one.svg}<figcaption><strong>{escape(one.title)}.</strong> "
        f"{escape(one.caption)}</figcaption></figure>"
        for one in figures
    )


def write_page(path: str | Path, fit: Any, body: str) -> Path:
    """Write a page about a fit that needs no other file."""
    label = escape(fit.problem.model.name or "a neuron")
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Fit of {label}</title><style>{_STYLE}</style></head><body>"
        f"<h1>Fit of {label}</h1>{body}</body></html>\n"
    )
    return write_whole(Path(path), page)


def _figures(fit: Any) -> Iterator[Figure]:
    """Draw each sweep of each target, and the losses of all stages."""
    problem = fit.problem
    for name, traces in zip(problem.targets, fit.traces.values(), strict=True):
        unit = problem.recorded()[name].get_best_unit()
        recorded = np.where(problem.weights[name] > 0, problem.recorded()[name] / unit, np.nan)
        for sweep in range(min(problem.sweeps, _SWEEPS)):
            yield _sweep(fit, name, sweep, recorded[sweep], np.asarray(traces[sweep] / unit), unit)
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


def _sweep(
    fit: Any, name: str, sweep: int, recorded: np.ndarray, fitted: np.ndarray, unit: Any
) -> Figure:
    """Draw a sweep of the recording, the fitted trace above it and their difference below."""
    problem = fit.problem
    every = -(-len(recorded) // _VALUES)
    times = (np.arange(len(recorded)) * problem.dt * problem.every * 1e3)[::every]
    recorded, fitted = recorded[::every], fitted[::every]

    def plot(ax: Any) -> None:
        canvas = ax.figure
        ax.remove()
        ax, below = canvas.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        ax.plot(times, recorded, color=BLUE, lw=2.5, alpha=0.6, label="recorded")
        ax.plot(times, fitted, color=VERMILLION, lw=1, ls="--", label="fitted")
        below.plot(times, fitted - recorded, color=VERMILLION, lw=0.8)
        below.set(xlabel="time (ms)", ylabel="difference")
        ax.set_ylabel(f"{name} ({unit})")
        hide_frame(ax)
        hide_frame(below)
        legend_above(ax, 2)

    left = float(np.sqrt(np.nanmean((fitted - recorded) ** 2)))
    return draw(
        f"{name}-{sweep}", f"Sweep {sweep + 1}, {name}",
        f"Recorded and fitted {name} over time; they differ by {left:.3g} {unit}.", plot,
        height=3.6, width=7.0, caption=f"Root mean square of the difference: {left:.3g} {unit}.",
    )  # fmt: skip
