"""The spikes of many batches in few bytes each.

A spike has a sample, a neuron and a step, of which each batch needs few different values: counted
within the batch, they mostly fit in one or two bytes each. `Events` with their usual types are made
when a population is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from brianbridge.events import Events

__all__ = ["PackedEvents"]


class PackedEvents(Mapping[str, Events]):
    """Map populations to the spikes of consecutive batches of samples.

    Parameters
    ----------
    batches : sequence of (int, mapping of str to Events)
        The number of samples of each batch, and its spikes, with samples counted from 0.

    Examples
    --------
    >>> raster = np.zeros((3, 2, 2)); raster[2, 1, 0] = 1
    >>> batch = (2, {"a": Events.from_raster(raster, dt=1e-3)})
    >>> packed = PackedEvents.joined([PackedEvents([batch]), PackedEvents([batch])])
    >>> packed["a"].sample
    array([1, 3], dtype=int32)
    >>> packed.nbytes
    6
    """

    def __init__(self, batches: Sequence[tuple[int, Mapping[str, Events]]]) -> None:
        self._batches = tuple(
            (samples, {name: _narrow(events) for name, events in by_name.items()})
            for samples, by_name in batches
        )

    @classmethod
    def joined(cls, several: Sequence[PackedEvents]) -> PackedEvents:
        """Return the spikes of consecutive batches; they are not copied."""
        made = cls(())
        made._batches = tuple(batch for packed in several for batch in packed._batches)
        return made

    def __getitem__(self, name: str) -> Events:
        parts = [by_name[name] for _, by_name in self._batches]
        sample = _whole([part.sample for part in parts])
        first = row = 0
        for (samples, _), part in zip(self._batches, parts, strict=True):
            sample[row : row + len(part)] += first
            first, row = first + samples, row + len(part)
        crossing = [part.t_crossing for part in parts if part.t_crossing is not None]
        return Events(
            sample,
            _whole([part.node for part in parts]),
            _whole([part.step for part in parts]),
            np.concatenate([part.value for part in parts]),
            parts[0].dt,
            np.concatenate(crossing) if crossing else None,
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._batches[0][1] if self._batches else ())

    def __len__(self) -> int:
        return len(self._batches[0][1] if self._batches else ())

    @property
    def nbytes(self) -> int:
        """Memory of the spikes, in bytes."""
        # A value that all spikes share takes none.
        return sum(
            events.nbytes - (events.value.nbytes if events.value.strides == (0,) else 0)
            for _, by_name in self._batches
            for events in by_name.values()
        )

    def number(self, name: str) -> int:
        """Return the number of spikes of a population."""
        return sum(len(by_name[name]) for _, by_name in self._batches)

    def counts(self, name: str, neurons: int) -> np.ndarray:
        """Return the summed spike values, float64, ``(samples, neurons)``."""
        parts = [by_name[name].counts(samples, neurons) for samples, by_name in self._batches]
        return np.concatenate(parts)

    def of_samples(self, low: int, high: int) -> PackedEvents:
        """Return the events of samples `low` to ``high - 1``, numbered from 0."""
        chosen, first = [], 0
        for samples, by_name in self._batches:
            start, end = max(low - first, 0), min(high - first, samples)
            if start < end:
                whole = (start, end) == (0, samples)
                part = by_name if whole else {
                    name: events.of_samples(start, end) for name, events in by_name.items()
                }  # fmt: skip
                chosen.append((end - start, part))
            first += samples
        return PackedEvents(chosen or [(0, {n: e.of_samples(0, 0) for n, e in by_name.items()})])


def _narrow(events: Events) -> Events:
    """Return events of which each column has its smallest type."""
    value = events.value
    if value.dtype == np.int8 and (value == 1).all():
        value = np.broadcast_to(np.int8(1), value.shape)
    sample, node, step = (_smallest(each) for each in (events.sample, events.node, events.step))
    return Events(sample, node, step, value, events.dt, events.t_crossing)


def _smallest(column: np.ndarray) -> np.ndarray:
    # Spikes are counted from 0: there are no negative numbers.
    return column.astype(np.min_scalar_type(int(column.max(initial=0))), copy=False)


def _whole(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return one column of all parts, int32 as in `Events`."""
    return np.concatenate(parts, dtype=np.int32)
