"""How far the spike trains of two runs are apart, of a few samples and all populations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..recording import Recording
from .distances import van_rossum, victor_purpura

__all__ = ["COST", "NEURONS", "TAU", "TrainDistances"]

#: Time constant of van Rossum's distance, and what it costs to move a spike (per second): either
#: way, a spike that is 10 ms off counts about as much as one that is missing.
TAU, COST = 10e-3, 100.0
#: Of a population, so many neurons at most are looked at, evenly spread.
NEURONS = 200


@dataclass(frozen=True)
class TrainDistances:
    """Hold sums of distances over (sample, neuron) pairs, by population.

    Parameters
    ----------
    pairs : mapping of str to int
        How many were looked at.
    van_rossum, victor_purpura : mapping of str to float
        Sums of `brianbridge.fidelity.distances`; spikes count once whatever their value.
    """

    pairs: Mapping[str, int]
    van_rossum: Mapping[str, float]
    victor_purpura: Mapping[str, float]

    @classmethod
    def of(cls, surrogate: Recording, brian2: Recording, samples: int) -> TrainDistances:
        """Compare the spike trains of the first samples.

        Examples
        --------
        >>> from brianbridge.recording import Events
        >>> def run(*steps):
        ...     raster = np.zeros((20, 1, 1)); raster[list(steps)] = 1
        ...     events = {"output": Events.from_raster(raster, dt=1e-3)}
        ...     return Recording(1e-3, 20, 1, {"output": (1,)}, events, np.zeros((1, 1)))
        >>> round(TrainDistances.of(run(2, 9), run(4), 1).victor_purpura["output"], 4)
        1.2
        """
        samples = min(samples, surrogate.samples)
        pairs, rossum, purpura = {}, {}, {}
        for name, shape in surrogate.shapes.items():
            size = int(np.prod(shape))
            chosen = np.unique(np.linspace(0, size - 1, min(size, NEURONS)).astype(int))
            ours, theirs = (_trains(run, name, samples, size) for run in (surrogate, brian2))
            pairs[name] = samples * len(chosen)
            apart = [
                (one, other)
                for cell in (np.arange(samples)[:, None] * size + chosen).ravel().tolist()
                if not np.array_equal(
                    one := ours.get(cell, _NONE), other := theirs.get(cell, _NONE)
                )
            ]
            rossum[name] = sum(van_rossum(one, other, TAU) for one, other in apart)
            purpura[name] = sum(victor_purpura(one, other, COST) for one, other in apart)
        return cls(pairs, rossum, purpura)

    def __add__(self, other: TrainDistances) -> TrainDistances:
        """Return the sums over the pairs of both."""
        return TrainDistances(
            *(
                {name: value + getattr(other, field)[name] for name, value in mine.items()}
                for field, mine in vars(self).items()
            )
        )

    def to_dict(self) -> dict[str, dict[str, float]]:
        """Return mean distances of a neuron's train in a sample, for JSON."""
        return {
            kind: {name: value / self.pairs[name] for name, value in sums.items()}
            for kind, sums in (
                ("van_rossum", self.van_rossum),
                ("victor_purpura", self.victor_purpura),
            )
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
