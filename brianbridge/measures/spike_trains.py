"""How far the spike trains of two runs are apart, of a few samples and all populations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from brianbridge.measures.distances import van_rossum, victor_purpura
from brianbridge.recording import Recording

__all__ = ["COST", "NEURONS", "TAU", "TrainDistances"]

#: Time constant of van Rossum's distance, and what it costs to move a spike (per second): either
#: way, a spike that is 10 ms off counts about as much as one that is missing.
TAU, COST = 10e-3, 100.0
#: Of a population, so many neurons at most are looked at, evenly spread.
NEURONS = 200


@dataclass(frozen=True)
class TrainDistances:
    """Hold mean distances over neurons, for each sample, by population.

    Parameters
    ----------
    van_rossum, victor_purpura : mapping of str to numpy.ndarray, shape (samples,)
        Means of `brianbridge.measures.distances` over the neurons that were looked at; spikes count
        once whatever their value. By sample, so that what they add up to does not depend on which
        samples ran together.
    """

    van_rossum: Mapping[str, np.ndarray]
    victor_purpura: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, twin: Recording, brian2: Recording, samples: int) -> TrainDistances:
        """Compare the spike trains of the first samples.

        Examples
        --------
        >>> from brianbridge.recording import Events
        >>> def run(*steps):
        ...     raster = np.zeros((20, 1, 1)); raster[list(steps)] = 1
        ...     events = {"output": Events.from_raster(raster, dt=1e-3)}
        ...     return Recording(1e-3, 20, 1, {"output": (1,)}, events, np.zeros((1, 1)))
        >>> TrainDistances.of(run(2, 9), run(4), 1).victor_purpura["output"]
        array([1.2])
        """
        samples = min(samples, twin.samples)
        rossum, purpura = {}, {}
        for name, shape in twin.shapes.items():
            size = int(np.prod(shape))
            chosen = np.unique(np.linspace(0, size - 1, min(size, NEURONS)).astype(int))
            ours, theirs = (_trains(run, name, samples, size) for run in (twin, brian2))
            rossum[name], purpura[name] = np.zeros(samples), np.zeros(samples)
            for sample in range(samples):
                for cell in (sample * size + chosen).tolist():
                    one, other = ours.get(cell, _NONE), theirs.get(cell, _NONE)
                    if not np.array_equal(one, other):
                        rossum[name][sample] += van_rossum(one, other, TAU) / len(chosen)
                        purpura[name][sample] += victor_purpura(one, other, COST) / len(chosen)
        return cls(rossum, purpura)

    def __add__(self, other: TrainDistances) -> TrainDistances:
        """Return those of the samples of both, those of `other` last."""
        return TrainDistances(
            *(
                {
                    name: np.concatenate([one, getattr(other, kind)[name]])
                    for name, one in of.items()
                }
                for kind, of in vars(self).items()
            )
        )

    def to_dict(self) -> dict[str, dict[str, float]]:
        """Return mean distances of a neuron's train in a sample, for JSON."""
        return {
            kind: {name: float(values.mean()) for name, values in of.items()}
            for kind, of in vars(self).items()
        }


_NONE = np.empty(0)


def _trains(run: Recording, name: str, samples: int, size: int) -> dict[int, np.ndarray]:
    """Return the spike times of each (sample, neuron) that has any, by flat index.

    Times are those of steps; multiples of the step of the twin are equal bit for bit in both.
    """
    events = run.events(name).of_samples(0, samples)
    cell = events.sample.astype(np.int64) * size + events.node
    order = np.lexsort((events.step, cell))
    cell, steps = cell[order], events.step[order]
    found, starts = np.unique(cell, return_index=True)
    presentation = run.steps * run.dt
    times = np.split(steps / run.steps * presentation, starts[1:])
    return dict(zip(found.tolist(), times, strict=True)) if len(found) else {}
