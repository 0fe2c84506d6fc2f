"""The tables of a verdict: rows of text, for a terminal and for a notebook.

A terminal has two tables, each of which fits 80 columns: what held, and how the spikes differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape as escape_html
from typing import Any, Literal

from brianbridge.ladder.outcomes import RungOutcome, TwinOutcome

__all__ = [
    "OF_SPIKES", "WHAT_HELD", "Row", "as_html", "as_rich_table", "count", "p_value", "percent",
    "rung_row", "twin_row",
]  # fmt: skip

_HEADINGS = {
    "rung": "rung",
    "dt": "dt",
    "accuracy": "accuracy",
    "change": "change, 95 %",
    "agreement": "agreement",
    "silent_and_tied": "silent,\ntied",
    "spikes": "spikes\nper sample",
    "spikes_differ": "spikes\ndiffer",
    "counts_differ": "counts\ndiffer",
    "seconds": "seconds",
    "outcome": "outcome",
}
#: The columns of both tables for a terminal.
WHAT_HELD = ("rung", "accuracy", "change", "agreement", "outcome")
OF_SPIKES = ("rung", "dt", "silent_and_tied", "spikes", "spikes_differ", "counts_differ")
#: Cells that say nothing; a column of nothing else is left out.
_NOTHING = {"", "-, 0", "0, 0"}
_COLOURS = {"held": "green", "fell short": "red", "undecided": "yellow"}


@dataclass(frozen=True)
class Row:
    """Hold the cells of one row as text, one for each heading."""

    rung: str
    dt: str
    accuracy: str
    change: str
    agreement: str
    silent_and_tied: str
    spikes: str
    spikes_differ: str
    counts_differ: str
    seconds: str
    outcome: str


def twin_row(label: str, twin: TwinOutcome) -> Row:
    """Return the row of a twin."""
    return Row(
        rung=label,
        dt="",
        accuracy=percent(twin.accuracy),
        change="",
        agreement="",
        silent_and_tied=f"{count(twin.silent)}, {count(twin.ties)}",
        spikes=f"{sum(twin.spikes_per_sample.values()):.1f}",
        spikes_differ="",
        counts_differ="",
        seconds="",
        outcome="",
    )


def rung_row(rung: RungOutcome) -> Row:
    """Return the row of a rung."""
    low, high = rung.accuracy_change_ci95
    return Row(
        rung=rung.name,
        dt=f"{rung.dt_ms:g} ms",
        accuracy=percent(rung.accuracy),
        # If a rung is exact, the change is known and not estimated.
        change="none, all same" if rung.exact else f"{100 * low:+.2f} to {100 * high:+.2f}",
        agreement=percent(rung.agreement),
        silent_and_tied=f"{count(rung.silent)}, {count(rung.ties)}",
        spikes=f"{sum(rung.spikes_per_sample.values()):.1f}",
        spikes_differ=f"{rung.spike_mismatches:,}",
        counts_differ=f"{rung.count_mismatches:,}",
        seconds=f"{rung.seconds:.1f}",
        outcome=rung.outcome,
    )


def as_rich_table(
    title: str, rows: Sequence[Row], columns: Sequence[str], notes: Iterable[str] = ()
) -> Any:
    """Return some columns as a `rich` table for the terminal, with notes below it."""
    from rich.table import Table
    from rich.text import Text

    # A `Text` is shown as it is; rich reads markup and emoji codes in a `str`.
    caption = "\n".join(notes)
    table = Table(
        title=Text(title),
        caption=Text(caption) if caption else None,
        title_justify="left",
        caption_justify="left",
    )
    shown = _with_content(rows, columns)
    for name in shown:
        # A cell that does not fit goes on in the next line, and is never cut.
        justify: Literal["left", "right"] = "left" if name == "rung" else "right"
        table.add_column(_HEADINGS[name], justify=justify, overflow="fold")
    for row in rows:
        cells = {name: Text(getattr(row, name)) for name in shown}
        if "outcome" in cells:
            cells["outcome"].style = _COLOURS.get(row.outcome, "")
        table.add_row(*cells.values())
    return table


def _with_content(rows: Sequence[Row], columns: Sequence[str]) -> list[str]:
    """Return the columns that say something."""
    return [c for c in columns if any(getattr(row, c) not in _NOTHING for row in rows)]


def as_html(title: str, rows: Sequence[Row], notes: Iterable[str]) -> str:
    """Return one table of all columns as HTML, in which every text is escaped.

    Examples
    --------
    >>> row = twin_row("<twin>", TwinOutcome(0.985, {"hidden": 12.0}))
    >>> "&lt;twin&gt;" in as_html("net", [row], [])
    True
    """

    def line(tag: str, cells: Iterable[str]) -> str:
        return f"<tr>{''.join(f'<{tag}>{escape_html(cell)}</{tag}>' for cell in cells)}</tr>"

    shown = _with_content(rows, list(_HEADINGS))
    headings = line("th", [_HEADINGS[name].replace("\n", " ") for name in shown])
    body = "".join(line("td", [getattr(row, name) for name in shown]) for row in rows)
    below = "".join(f"<p>{escape_html(note)}</p>" for note in notes)
    return (
        f"<table><caption>{escape_html(title)}</caption><thead>{headings}</thead>"
        f"<tbody>{body}</tbody></table>{below}"
    )


def count(number: float | None) -> str:
    """Return a number of samples as text; a dash if there is none.

    Examples
    --------
    >>> count(1200.0), count(0.34), count(None)
    ('1,200', '0.3', '-')
    """
    if number is None:
        return "-"
    return f"{number:,.0f}" if number == int(number) else f"{number:,.1f}"


def p_value(p: float | None) -> str:
    """Return a p-value as text, which is never 0; a dash if there is none.

    Examples
    --------
    >>> p_value(0.0312), p_value(0.0), p_value(None)
    ('0.031', '< 0.0001', '–')
    """
    if p is None:
        return "–"
    return "< 0.0001" if p < 1e-4 else f"{p:.2g}"


def percent(share: float) -> str:
    """Return a share as text in percent, ``"98.50 %"``."""
    return f"{100 * share:.2f} %"
