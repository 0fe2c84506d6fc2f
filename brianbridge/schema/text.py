"""Show a user's text in an error message."""

from __future__ import annotations

from textwrap import shorten

__all__ = ["short"]


def short(text: str) -> str:
    """Return a user's text in at most 80 characters, without control characters.

    Examples
    --------
    >>> short("two" + chr(10) + "lines")
    'two lines'
    """
    return "".join(c if c.isprintable() else "?" for c in shorten(text, 80, placeholder="..."))
