"""From the events of a recording to frames: how many there were, by pixel and slice of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from brianbridge.datasets.event_files import Events, check_inside
from brianbridge.errors import InputError, did_you_mean

__all__ = ["Slicing", "frames", "shrunk"]

By = Literal["time", "number"]


def frames(
    events: Events,
    steps: int,
    size: tuple[int, int],
    *,
    by: By = "time",
    binary: bool = False,
) -> npt.NDArray[np.float32]:
    """Add events up in slices, one frame a slice.

    Parameters
    ----------
    events : structured ndarray, shape (events,)
        With the fields ``t`` (microseconds), ``x``, ``y`` and ``p``, as `read_events` returns.
    steps : int
        Slices, T.
    size : (int, int)
        Rows and columns of the sensor, H and W.
    by : {"time", "number"}
        Whether slices are of equal time, from the first event to the last, or of equal numbers of
        events (but for one), in the order given.
    binary : bool
        Put 1 wherever there was any event.

    Returns
    -------
    ndarray of float32, shape (T, 2, H, W)
        Number of events; channel 0 counts those where it became darker, channel 1 brighter.

    Raises
    ------
    InputError
        If there are no events, one is outside, or an option is wrong.

    Examples
    --------
    >>> from brianbridge.datasets.event_files import EVENT
    >>> events = np.array([(0, 1, 0, True), (1, 1, 0, True), (9, 0, 0, False)], EVENT)
    >>> frames(events, steps=2, size=(1, 2)).reshape(2, 2, 2)
    array([[[0., 0.],
            [0., 2.]],
    <BLANKLINE>
           [[1., 0.],
            [0., 0.]]], dtype=float32)
    """
    Slicing(steps, size, by, binary)  # refuses wrong options
    if not len(events):
        raise InputError("frames: there are no events; leave the recording out")
    check_inside(events, size, "frames")
    if by == "time":
        first, last = int(events["t"].min()), int(events["t"].max())
        if (last - first) * steps >= 2**63:
            raise InputError(
                f"frames: events go from {first} to {last} us, which is too long for {steps} "
                "slices; give microseconds, and leave out events with a wrong time"
            )
        step = (events["t"] - first) * steps // (last - first + 1)
    else:
        step = np.arange(len(events)) * steps // len(events)
    place = (step, events["p"].astype(int), events["y"], events["x"])
    shape = (steps, 2, *size)
    counts = np.bincount(np.ravel_multi_index(place, shape), minlength=int(np.prod(shape)))
    found = counts.reshape(shape).astype(np.float32)
    return np.minimum(found, 1) if binary else found


def shrunk(events: Events, sensor: tuple[int, int], size: tuple[int, int]) -> Events:
    """Move events to the pixels of a smaller sensor.

    Parameters
    ----------
    events : structured ndarray, shape (events,)
        Events inside of `sensor`.
    sensor, size : (int, int)
        Rows and columns, before and after.

    Returns
    -------
    structured ndarray, shape (events,)
        All of them; pixel `x` of `W` columns becomes ``x*w//W`` of `w`.

    Raises
    ------
    InputError
        If `size` is larger than `sensor`.

    Examples
    --------
    >>> from brianbridge.datasets.event_files import EVENT
    >>> shrunk(np.array([(0, 127, 64, True)], EVENT), (128, 128), (64, 64)).tolist()
    [(0, 63, 32, True)]
    """
    if size[0] > sensor[0] or size[1] > sensor[1]:
        raise InputError(
            f"size = {_by(size)} is larger than the sensor, {_by(sensor)}; give a smaller one"
        )
    moved = events.copy()
    for axis, name in enumerate("yx"):
        moved[name] = events[name].astype(np.int64) * size[axis] // sensor[axis]
    return moved


@dataclass(frozen=True)
class Slicing:
    """Say how recordings become frames; see `frames` and `shrunk`.

    Parameters
    ----------
    steps : int
        Slices of a recording, T.
    size : (int, int)
        Rows and columns of a frame.
    by : {"time", "number"}
        What is equal in all slices.
    binary : bool
        Put 1 wherever there was any event.

    Raises
    ------
    InputError
        If a number is not a whole one above 0, or `by` is neither.
    """

    steps: int
    size: tuple[int, int]
    by: By = "time"
    binary: bool = False

    def __post_init__(self) -> None:
        size = tuple(self.size) if isinstance(self.size, list | tuple) else (self.size,)
        object.__setattr__(self, "size", size)
        if not _above_0(self.steps):
            raise InputError(f"frames: steps = {self.steps!r}; give a whole number of at least 1")
        if len(size) != 2 or not all(_above_0(n) for n in size):
            raise InputError(f"frames: size = {self.size!r}; give rows and columns, (34, 34)")
        if self.by not in get_args(By):
            raise InputError(
                f"frames: by = {self.by!r}. {did_you_mean(str(self.by), get_args(By))}"
            )
        if not isinstance(self.binary, bool):
            raise InputError(f"frames: binary = {self.binary!r}; give true or false")

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the frames of one recording, (T, 2, H, W)."""
        return self.steps, 2, *self.size

    def __call__(self, events: Events, sensor: tuple[int, int]) -> npt.NDArray[np.float32]:
        """Return the frames of the events of a sensor."""
        smaller = events if self.size == sensor else shrunk(events, sensor, self.size)
        return frames(smaller, self.steps, self.size, by=self.by, binary=self.binary)


def _above_0(value: Any) -> bool:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return whole and value > 0


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
