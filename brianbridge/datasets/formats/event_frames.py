"""Turn the events of a recording into frames: numbers of events by pixel and slice of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from brianbridge.datasets.formats.events import Events, check_inside
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
    start: int | None = None,
    end: int | None = None,
) -> npt.NDArray[np.float32]:
    """Count events by pixel and slice; each slice is a frame.

    Parameters
    ----------
    events : structured ndarray, shape (events,)
        The events, with the fields ``t`` (microseconds), ``x``, ``y`` and ``p``; see `read_events`.
    steps : int
        Number of slices, T.
    size : (int, int)
        Rows and columns of the sensor, H and W.
    by : {"time", "number"}
        Whether all slices have the same duration, or the same number of events (give or take one)
        in the order given.
    binary : bool
        Whether to store 1 in place of the number of events.
    start, end : int, optional
        Times at which the first slice begins and the last one ends, in microseconds of the clock of
        the recording. Events before `start`, or from `end` on, are left out. If not given, the
        slices go from the first event to the last, so their times differ between recordings.

    Returns
    -------
    ndarray of float32, shape (T, 2, H, W)
        Numbers of events. Channel 0 counts those where the pixel became darker, channel 1 those
        where it became brighter. All are 0 if no event is between `start` and `end`.

    Raises
    ------
    InputError
        If there are no events, a pixel is outside, or an option is wrong.

    Examples
    --------
    >>> from brianbridge.datasets.formats.events import EVENT
    >>> events = np.array([(0, 1, 0, True), (1, 1, 0, True), (9, 0, 0, False)], EVENT)
    >>> frames(events, steps=2, size=(1, 2)).reshape(2, 2, 2)
    array([[[0., 0.],
            [0., 2.]],
    <BLANKLINE>
           [[1., 0.],
            [0., 0.]]], dtype=float32)
    """
    Slicing(steps, size, by, binary, start, end)  # refuses wrong options
    if not len(events):
        raise InputError("frames: there are no events; leave the recording out")
    check_inside(events, size, "frames")
    events = _between(events, start, end)
    if by == "time":
        step = _slices_of_time(events["t"], steps, start, end)
    else:
        step = np.arange(len(events)) * steps // max(len(events), 1)
    index = (step, events["p"].astype(int), events["y"], events["x"])
    shape = (steps, 2, *size)
    counts = np.bincount(np.ravel_multi_index(index, shape), minlength=int(np.prod(shape)))
    found = counts.reshape(shape).astype(np.float32)
    return np.minimum(found, 1) if binary else found


def _between(events: Events, start: int | None, end: int | None) -> Events:
    """Return the events from `start` on and before `end`."""
    if start is None and end is None:
        return events
    kept = np.ones(len(events), bool)
    if start is not None:
        kept &= events["t"] >= start
    if end is not None:
        kept &= events["t"] < end
    return events[kept]


def _slices_of_time(
    t: npt.NDArray[np.int64], steps: int, start: int | None, end: int | None
) -> npt.NDArray[np.int64]:
    """Return the slice of each time. Slices go from `start`, or the first time, to `end`."""
    if not len(t):
        return np.zeros(0, np.int64)
    first = int(t.min()) if start is None else start
    after = int(t.max()) + 1 if end is None else end
    if (after - first) * steps >= 2**63:
        raise InputError(
            f"frames: events go from {first} to {after - 1} us, too long for {steps} "
            "slices; give microseconds, and leave out events with a wrong time (start, end)"
        )
    found: npt.NDArray[np.int64] = (t - first) * steps // (after - first)
    return found


def shrunk(events: Events, sensor: tuple[int, int], size: tuple[int, int]) -> Events:
    """Map events to the pixels of a smaller sensor.

    Parameters
    ----------
    events : structured ndarray, shape (events,)
        The events, all inside `sensor`.
    sensor, size : (int, int)
        Rows and columns, before and after.

    Returns
    -------
    structured ndarray, shape (events,)
        All events; column `x` of `W` becomes column ``x*w//W`` of `w`.

    Raises
    ------
    InputError
        If `size` is larger than `sensor`.

    Examples
    --------
    >>> from brianbridge.datasets.formats.events import EVENT
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
    """Hold the options that turn recordings into frames; see `frames` and `shrunk`.

    Parameters
    ----------
    steps : int
        Number of slices of a recording, T.
    size : (int, int)
        Rows and columns of a frame.
    by : {"time", "number"}
        Whether all slices have the same duration or number of events.
    binary : bool
        Whether to store 1 in place of the number of events.
    start, end : int, optional
        Times at which the slices begin and end, in microseconds; those of the first and last event
        if not given.

    Raises
    ------
    InputError
        If a size is not a whole number above 0, `by` is unknown, or `end` is not after `start`.
    """

    steps: int
    size: tuple[int, int]
    by: By = "time"
    binary: bool = False
    start: int | None = None
    end: int | None = None

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
        for name in ("start", "end"):
            value = getattr(self, name)
            if value is not None and (not _is_whole(value) or abs(value) >= 2**62):
                raise InputError(f"frames: {name} = {value!r}; give whole microseconds")
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise InputError(
                f"frames: end = {self.end} is not after start = {self.start}; give microseconds"
            )

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the frames of one recording, (T, 2, H, W)."""
        return self.steps, 2, *self.size

    def __call__(self, events: Events, sensor: tuple[int, int]) -> npt.NDArray[np.float32]:
        """Return the frames of the events of a sensor."""
        smaller = events if self.size == sensor else shrunk(events, sensor, self.size)
        return frames(
            smaller, self.steps, self.size, by=self.by, binary=self.binary,
            start=self.start, end=self.end,
        )  # fmt: skip


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _above_0(value: Any) -> bool:
    return _is_whole(value) and value > 0


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
