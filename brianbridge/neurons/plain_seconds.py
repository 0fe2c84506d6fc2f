"""Warn of a step that was given as a plain number, and is so long that milliseconds were meant."""

from __future__ import annotations

import sys
import warnings
from typing import Any

__all__ = ["warn_of_seconds"]

#: Plain numbers from here on, in seconds, are probably meant in milliseconds.
_LONG = 0.1


def warn_of_seconds(value: Any, what: str, made: object = None) -> None:
    """Warn the caller of a public function of a step such as ``1``, which is a second.

    There is no warning for a quantity, and none if this package itself calls the function: a
    step that was read or computed is in seconds.

    Parameters
    ----------
    value : object
        The step as it was given.
    what : str
        Its name in the message.
    made : object, optional
        The object that is being made, if the function is its ``__post_init__``; the caller is then
        who makes it.
    """
    number = _plain_number(value)
    if number is None or not _LONG <= number < float("inf"):
        return
    level, frame = 3, sys._getframe(2)
    while made is not None and frame.f_back and frame.f_locals.get("self") is made:
        level, frame = level + 1, frame.f_back
    # `dataclasses.replace` hands on the step of an encoding, which is in seconds.
    if str(frame.f_globals.get("__name__")).partition(".")[0] in ("brianbridge", "dataclasses"):
        return
    length = "1 second" if number == 1 else f"{number:g} seconds"
    warnings.warn(
        f"{what} = {number:g} is {length}; give '{number:g} ms' or {number:g}*ms, or if seconds "
        f"are meant, '{number:g} second'",
        UserWarning,
        stacklevel=level,
    )


def _plain_number(value: Any) -> float | None:
    """Return a number without a unit, also of a text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
