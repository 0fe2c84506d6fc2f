"""Format numbers, shapes and tables for people, in the same way everywhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from textwrap import shorten

__all__ = ["columns", "counted", "in_ms", "milliseconds", "printable", "shape_text"]


def shape_text(shape: Iterable[int]) -> str:
    """Format a shape.

    Examples
    --------
    >>> shape_text((16, 8, 8))
    '16 x 8 x 8'
    """
    return " x ".join(str(size) for size in shape)


def milliseconds(seconds: float) -> str:
    """Format a time with its unit.

    Examples
    --------
    >>> milliseconds(1e-4)
    '0.1 ms'
    """
    return f"{float(seconds) * 1e3:.10g} ms"


def in_ms(seconds: float) -> str:
    """Format a time as users of Brian2 write it in code.

    Examples
    --------
    >>> in_ms(1e-4)
    '0.1*ms'
    """
    return milliseconds(seconds).replace(" ", "*")


def counted(number: int, noun: str) -> str:
    """Format a number with the noun that it counts.

    Examples
    --------
    >>> counted(1, "spike"), counted(1200, "spike")
    ('1 spike', '1,200 spikes')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def printable(text: str, width: int = 80) -> str:
    r"""Format text that need not be trusted as one short line without control characters.

    Examples
    --------
    >>> printable("a\x1b[2J\nb", 80)
    'a?[2J b'
    """
    line = shorten(text, width, placeholder="...")
    return "".join(c if c.isprintable() else "?" for c in line)


def columns(rows: Iterable[Sequence[str]], right: Collection[int] = ()) -> str:
    """Align the cells of a table.

    Parameters
    ----------
    rows : iterable of sequence of str
        The cells; all rows have the same number.
    right : collection of int
        Columns to align on the right, such as those of numbers; counted from 0.

    Examples
    --------
    >>> print(columns([("hidden", "128"), ("output", "10")], right=[1]))
    hidden  128
    output   10
    """
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)
