"""The array of events into which every format of event cameras is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brianbridge.errors import InputError

__all__ = ["EVENT", "Events", "check_inside", "check_whole", "cut_short", "events_of"]

#: One event: its time in microseconds, column from the left, row from the top, and polarity, which
#: is True where the pixel became brighter.
EVENT = np.dtype([("t", np.int64), ("x", np.int16), ("y", np.int16), ("p", np.bool_)])

Events = npt.NDArray[np.void]


def events_of(t: Any, x: Any, y: Any, p: Any) -> Events:
    """Return events by their times, columns, rows and polarities, each of shape (events,)."""
    events = np.empty(len(t), EVENT)
    events["t"], events["x"], events["y"], events["p"] = t, x, y, p
    return events


def check_inside(events: Events, size: tuple[int, int], source: str) -> None:
    """Check that all events lie within a sensor.

    Parameters
    ----------
    events : ndarray of `EVENT`
        The events.
    size : (int, int)
        Rows and columns.
    source : str
        The file of the events, for the message.

    Raises
    ------
    InputError
        If an event is outside (the message names the first), or `size` is not a pair.
    """
    if not isinstance(size, list | tuple) or len(size) != 2:
        raise InputError(f"{source}: sensor = {size!r}; give rows and columns, (34, 34)")
    height, width = size
    x, y = events["x"], events["y"]
    outside = (x < 0) | (x >= width) | (y < 0) | (y >= height)
    if outside.any():
        first = int(outside.argmax())
        raise InputError(
            f"{source}: event {first} is at x = {x[first]}, y = {y[first]}, outside of {height} "
            f"rows and {width} columns; give the size of the sensor that recorded it"
        )


def check_whole(length: int, size: int, path: Path) -> None:
    """Check that `length` bytes are whole events of `size` bytes.

    Raises
    ------
    InputError
        If the last one is cut short.
    """
    if length % size:
        raise cut_short(path, length % size, size, "the last event")


def cut_short(path: Path, there: int, wanted: int, what: str) -> InputError:
    """Return the error for a file that ends too early."""
    return InputError(
        f"{path}: is cut short: it has {there} of the {wanted} bytes of {what}; get it again"
    )
