"""Arrays that grow with the spikes of a run, and with nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from brianbridge.compiled import compiled
from brianbridge.recording import Events

__all__ = ["EventStore"]

_compiled = compiled(nogil=True, error_model="numpy")
#: Spikes that fit before the arrays grow for the first time.
_FIRST_ROOM = 1024


class EventStore:
    """Collect the spikes of one group, step after step.

    Parameters
    ----------
    neurons : int
        Number of neurons in a sample; the group holds one sample after another.
    dt : float
        Length of a step, in seconds.
    graded : bool
        Whether spikes have values; if not, all values are 1.
    crossing : bool
        Whether spikes have times of crossing.

    Examples
    --------
    >>> store = EventStore(3, 1e-3, graded=False, crossing=False)
    >>> store.append(0, np.array([1, 4], np.int32), None).tolist()
    [1, 1]
    >>> store.events(2).sample.tolist()
    [0, 1]
    """

    def __init__(self, neurons: int, dt: float, graded: bool, crossing: bool) -> None:
        self._neurons, self._dt = neurons, dt
        types: dict[str, Any] = {"sample": np.int32, "node": np.int32, "step": np.int32}
        types |= {"value": np.float64} if graded else {}
        types |= {"t_crossing": np.float64} if crossing else {}
        self._columns = {name: np.empty(_FIRST_ROOM, dtype) for name, dtype in types.items()}
        self.clear()

    def __len__(self) -> int:
        return self._used

    def clear(self) -> None:
        """Discard all spikes; the memory is used again."""
        self._used = self._latest = 0

    def append(self, step: int, fired: np.ndarray, value: np.ndarray | None) -> np.ndarray:
        """Add the spikes of a step, and return the neurons within their samples.

        Parameters
        ----------
        step : int
            The step, counted from the start of the presentation.
        fired : numpy.ndarray of int32, shape (spikes,)
            Indices in the group, ascending.
        value : numpy.ndarray, shape (spikes,), optional
            Spike values, if they are graded.
        """
        low, high = self._used, self._used + len(fired)
        if high > len(self._columns["node"]):
            self._grow(high)
        columns = self._columns
        _append(
            fired, self._neurons, step, columns["sample"], columns["node"], columns["step"], low
        )
        if value is not None:
            columns["value"][low:high] = value
        self._latest, self._used = low, high
        return columns["node"][low:high]

    def add_crossing(self, step: int, within: np.ndarray) -> None:
        """Add the times of crossing of the spikes that were appended last, from their step on."""
        self._columns["t_crossing"][self._latest : self._used] = step * self._dt + within

    def _grow(self, needed: int) -> None:
        room = max(needed, 2 * len(self._columns["node"]))
        for name, column in self._columns.items():
            self._columns[name] = np.empty(room, column.dtype)
            self._columns[name][: self._used] = column[: self._used]

    def events(self, samples: int) -> Events:
        """Return the spikes of the first `samples` samples."""
        columns = {name: column[: self._used] for name, column in self._columns.items()}
        early = columns["sample"] < samples
        kept = slice(None) if early.all() else early  # copying all is faster than choosing
        columns = {name: column[kept].copy() for name, column in columns.items()}
        columns.setdefault("value", np.ones(len(columns["node"]), np.int8))
        return Events(**columns, dt=self._dt)


@_compiled
def _append(
    fired: np.ndarray, neurons: int, step: int, samples: np.ndarray, nodes: np.ndarray,
    steps: np.ndarray, used: int,
) -> None:  # fmt: skip
    """Write the sample, the neuron and the step of each spike from row `used` on."""
    sample, low = 0, 0
    for k in range(len(fired)):
        while fired[k] - low >= neurons:
            low += neurons
            sample += 1
        samples[used + k], nodes[used + k], steps[used + k] = sample, fired[k] - low, step
