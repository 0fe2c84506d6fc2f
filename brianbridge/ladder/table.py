"""The table of a verdict: rows of text, for a terminal and for a notebook."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from html import escape as escape_html
from typing import Any

from brianbridge.ladder.outcomes import RungOutcome, TwinOutcome

__all__ = ["Row", "as_html", "as_rich_table", "count", "percent", "rung_row", "twin_row"]

_HEADINGS = (
    "condition", "dt", "accuracy", "change, 95 %", "agreement", "silent, tied", "spikes/sample",
    "spikes differ", "counts differ", "seconds", "",
)  # fmt: skip
_COLOURS = {"held": "green", "fell short": "red", "undecided": "yellow"}


@dataclass(frozen=True)
class Row:
    """Hold the cells of one row as text, one for each heading."""

    condition: str
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
        condition=label,
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
        condition=f"Brian2, {rung.name}",
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


def as_rich_table(title: str, rows: Iterable[Row], notes: Iterable[str]) -> Any:
    """Return a `rich` table for the terminal, with notes below it."""
    from rich.table import Table
    from rich.text import Text

    # A `Text` is shown as it is; rich reads markup and emoji codes in a `str`.
    caption = "\n".join(notes)
    table = Table(title=Text(title), caption=Text(caption) if caption else None)
    for heading in _HEADINGS:
        table.add_column(heading, justify="left" if heading == "condition" else "right")
    for row in rows:
        *cells, outcome = astuple(row)
        table.add_row(*map(Text, cells), Text(outcome, style=_COLOURS.get(outcome, "")))
    return table


def as_html(title: str, rows: Iterable[Row], notes: Iterable[str]) -> str:
    """Return the table as HTML, in which every text is escaped.

    Examples
    --------
    >>> row = twin_row("<twin>", TwinOutcome(0.985, {"hidden": 12.0}))
    >>> "&lt;twin&gt;" in as_html("net", [row], [])
    True
    """

    def line(tag: str, cells: Iterable[str]) -> str:
        return f"<tr>{''.join(f'<{tag}>{escape_html(cell)}</{tag}>' for cell in cells)}</tr>"

    body = "".join(line("td", astuple(row)) for row in rows)
    below = "".join(f"<p>{escape_html(note)}</p>" for note in notes)
    return (
        f"<table><caption>{escape_html(title)}</caption><thead>{line('th', _HEADINGS)}</thead>"
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


def percent(share: float) -> str:
    """Return a share as text in percent, ``"98.50 %"``."""
    return f"{100 * share:.2f} %"
