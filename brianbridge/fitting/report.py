"""The report of a fit: one HTML page that needs no other file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.io.atomic import write_whole
from brianbridge.neurons.quantity_text import quantity_text
from brianbridge.plots.style import BLUE, hide_frame
from brianbridge.report.svg import Figure, draw

__all__ = ["SWEEPS", "losses_by_place", "write_report"]

#: Largest number of sweeps of a variable that are drawn.
SWEEPS = 6
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


def write_report(
    fit: Any,
    path: str | Path,
    summary: str,
    figures: Iterable[Figure],
    *,
    intervals: Mapping[str, Sequence[Any]] | None = None,
    free: Sequence[Sequence[str]] = (),
) -> Path:
    """Write a page with a summary, parameters, a check and figures.

    Parameters
    ----------
    fit : FittedNeuron
        The fit.
    path : str or Path
        The HTML file.
    summary : str
        What was reached.
    figures : iterable of Figure
        The figures.
    intervals : mapping of str to sequence of two Quantity, optional
        Intervals of the parameters.
    free : sequence of sequence of str
        Combinations of parameters that are not determined.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    model = fit.problem.model
    name = getattr(model, "name", "") or ("a neuron" if hasattr(model, "name") else "a circuit")
    left = "".join(f"<p>Not determined: {escape(' with '.join(one))}.</p>" for one in free)
    drawn = "".join(
        f"<figure>{one.svg}<figcaption><strong>{escape(one.title)}.</strong> "
        f"{escape(one.caption)}</figcaption></figure>"
        for one in figures
    )
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Fit of {escape(name)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>Fit of {escape(name)}</h1><p>{escape(summary)} {fit.seconds:.1f} s.</p>"
        f"{_table(fit, intervals or {})}{left}"
        f"<h2>Simulated anew</h2><pre>{escape(str(fit.verify()))}</pre>"
        f"<h2>Figures</h2>{drawn}</body></html>\n"
    )
    return write_whole(Path(path), page)


def _table(fit: Any, intervals: Mapping[str, Sequence[Any]]) -> str:
    """Return the parameters as an HTML table."""
    ranges = fit.problem.ranges.as_given()
    head = ["value", *(["interval from", "to"] if intervals else []), "range from", "to"]
    rows = "".join(
        f"<tr><th scope=row>{escape(name)}</th>"
        + "".join(
            f"<td>{escape(quantity_text(one))}</td>"
            for one in (value, *intervals.get(name, ()), *ranges[name])
        )
        + "</tr>"
        for name, value in fit.parameters.items()
    )
    columns = "".join(f"<th>{one}</th>" for one in ["parameter", *head])
    return f"<table><thead><tr>{columns}</tr></thead><tbody>{rows}</tbody></table>"


def losses_by_place(losses: np.ndarray, label: str, caption: str) -> Figure:
    """Draw losses, the least first.

    Parameters
    ----------
    losses : numpy.ndarray
        The losses in their order.
    label : str
        What they are.
    caption : str
        What a point is.
    """

    def plot(ax: Any) -> None:
        ax.plot(np.arange(1, len(losses) + 1), losses, "o", color=BLUE, ms=4)
        ax.set(xlabel="place", ylabel=label)
        ax.xaxis.get_major_locator().set_params(integer=True)
        hide_frame(ax)

    return draw(
        "losses", "Losses", f"The best of {len(losses)} sets of parameters has {losses[0]:.3g}.",
        plot, height=2.6, width=7.0, caption=caption,
    )  # fmt: skip
