"""Distances between spike trains: those of van Rossum, and of Victor and Purpura.

Times are in seconds. Both distances have one time scale. Differences far below it hardly count;
spikes that differ by far more count as different spikes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from brianbridge.recording import Recording

__all__ = ["SpikeTrainDistances", "van_rossum", "victor_purpura"]

#: Time constant of van Rossum's distance (s), and cost of moving a spike (per second). With both, a
#: spike that is 10 ms off counts about as much as a missing one.
_TAU, _COST = 10e-3, 100.0
#: Largest number of neurons of a population that are compared, evenly spread.
_NEURONS = 200
_NO_SPIKES = np.empty(0)


def van_rossum(one: ArrayLike, other: ArrayLike, tau: float) -> float:
    """Return the distance of van Rossum (2001, Neural Comput. 13:751).

    Each spike starts an exponential with time constant `tau`. The distance is the root of the
    integral of the squared difference, divided by `tau`. In closed form (Houghton & Kreuz 2012,
    Network 23:48), ``D**2`` is the sum of ``exp(-abs(s - t)/tau)/2`` over all pairs of spikes
    within each train, minus that over all pairs between the trains. A single additional spike gives
    ``sqrt(1/2)``; elephant's distance is larger by a factor of sqrt(2).

    Parameters
    ----------
    one, other : array, shape (spikes,)
        Spike times, in seconds.
    tau : float
        Time constant, in seconds.

    Examples
    --------
    >>> round(van_rossum([0.01], [], 0.01), 4), van_rossum([0.01], [0.01], 0.01)
    (0.7071, 0.0)
    """
    s, t = np.asarray(one, dtype=float), np.asarray(other, dtype=float)

    def overlap(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.exp(-np.abs(x[:, None] - y[None]) / tau).sum()) / 2

    return float(np.sqrt(max(0.0, overlap(s, s) + overlap(t, t) - 2 * overlap(s, t))))


def victor_purpura(one: ArrayLike, other: ArrayLike, cost: float) -> float:
    """Return the distance of Victor & Purpura (1996, J. Neurophysiol. 76:1310).

    The distance is the least cost of turning one train into the other. Removing or adding a spike
    costs 1, and moving a spike by ``dt`` costs ``cost*abs(dt)``.

    Parameters
    ----------
    one, other : array, shape (spikes,)
        Spike times, in seconds.
    cost : float
        Cost of moving a spike, per second; beyond ``2/dt`` it is cheaper to replace the spike.

    Examples
    --------
    >>> round(victor_purpura([0.010, 0.030], [0.012], cost=100.0), 4)
    1.2
    """
    s, t = np.sort(np.asarray(one, dtype=float)), np.sort(np.asarray(other, dtype=float))
    row = np.arange(len(t) + 1, dtype=float)
    for number, time in enumerate(s, 1):
        moved = row[:-1] + cost * np.abs(time - t)
        best = np.minimum(row[1:] + 1, moved)
        new = np.empty_like(row)
        new[0] = number
        for j, value in enumerate(best, 1):
            new[j] = min(value, new[j - 1] + 1)
        row = new
    return float(row[-1])


@dataclass(frozen=True)
class SpikeTrainDistances:
    """Hold the mean distance between the spike trains of two runs, by population and sample.

    Parameters
    ----------
    van_rossum, victor_purpura : mapping of str to numpy.ndarray, shape (samples,)
        Mean distance over the compared neurons, for each sample. A spike counts once, whatever its
        value. Distances are kept for each sample, so that their mean does not depend on which
        samples ran together.
    """

    van_rossum: Mapping[str, np.ndarray]
    victor_purpura: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, twin: Recording, brian2: Recording, samples: int) -> SpikeTrainDistances:
        """Compare the spike trains of the first samples.

        Examples
        --------
        >>> from brianbridge.recording import Events
        >>> def run(*steps):
        ...     raster = np.zeros((20, 1, 1)); raster[list(steps)] = 1
        ...     events = {"output": Events.from_raster(raster, dt=1e-3)}
        ...     return Recording(1e-3, 20, 1, {"output": (1,)}, events, np.zeros((1, 1)))
        >>> SpikeTrainDistances.of(run(2, 9), run(4), 1).victor_purpura["output"]
        array([1.2])
        """
        samples = min(samples, twin.samples)
        rossum, purpura = {}, {}
        for name, shape in twin.shapes.items():
            size = int(np.prod(shape))
            chosen = np.unique(np.linspace(0, size - 1, min(size, _NEURONS)).astype(int))
            ours, theirs = (_spike_trains(run, name, samples, chosen) for run in (twin, brian2))
            rossum[name], purpura[name] = np.zeros(samples), np.zeros(samples)
            for sample in range(samples):
                for cell in (sample * size + chosen).tolist():
                    one, other = ours.get(cell, _NO_SPIKES), theirs.get(cell, _NO_SPIKES)
                    if not np.array_equal(one, other):
                        rossum[name][sample] += van_rossum(one, other, _TAU) / len(chosen)
                        purpura[name][sample] += victor_purpura(one, other, _COST) / len(chosen)
        return cls(rossum, purpura)

    def __add__(self, other: SpikeTrainDistances) -> SpikeTrainDistances:
        """Return the distances of the samples of both, those of `other` last."""
        return SpikeTrainDistances(
            _concatenated(self.van_rossum, other.van_rossum),
            _concatenated(self.victor_purpura, other.victor_purpura),
        )

    def to_dict(self) -> dict[str, dict[str, float]]:
        """Return the mean distance over samples, by kind and population, for JSON."""
        return {
            kind: {name: float(values.mean()) for name, values in by_population.items()}
            for kind, by_population in vars(self).items()
        }


def _concatenated(
    one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    return {name: np.concatenate([values, other[name]]) for name, values in one.items()}


def _spike_trains(
    run: Recording, name: str, samples: int, chosen: np.ndarray
) -> dict[int, np.ndarray]:
    """Return the spike times of each pair of a sample and a chosen neuron, by flat index.

    Pairs without spikes are left out.

    Times are computed from steps in such a way that equal times are equal bit for bit in both runs.
    """
    events, size = run.events(name).of_samples(0, samples), int(np.prod(run.shapes[name]))
    wanted = np.zeros(size, np.bool_)
    wanted[chosen] = True
    kept = np.flatnonzero(wanted[events.node])
    cell = events.sample[kept].astype(np.int64) * size + events.node[kept]
    steps = events.step[kept]
    order = np.lexsort((steps, cell))
    cell, steps = cell[order], steps[order]
    found, starts = np.unique(cell, return_index=True)
    presentation = run.steps * run.dt
    times = np.split(steps / run.steps * presentation, starts[1:])
    return dict(zip(found.tolist(), times, strict=True)) if len(found) else {}
