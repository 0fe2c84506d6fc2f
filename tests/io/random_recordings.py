"""Random recordings for the tests of spike files."""

from __future__ import annotations

import numpy as np
from spike_files import SHAPES

from brianbridge.recording import Events, Recording

__all__ = ["DT", "SHAPES", "STEPS", "random_recording", "same_events"]

STEPS = 50
DT = 1e-4


def random_recording(seed: int, spikes: int, samples: int = 3, dt: float = DT) -> Recording:
    """Return `spikes` spikes a population, in no order, with values of -3..3 but 0."""
    rng = np.random.default_rng(seed)

    def events(neurons: int) -> Events:
        cells = rng.permutation(samples * neurons * STEPS)[:spikes]
        sample, node, step = np.unravel_index(cells, (samples, neurons, STEPS))
        value = rng.choice([-3.0, -1.0, 1.0, 3.0], len(cells))
        return Events(sample, node, step, value, dt)

    all_events = {name: events(int(np.prod(shape))) for name, shape in SHAPES.items()}
    return Recording(dt, STEPS, samples, SHAPES, all_events, np.zeros((samples, 10)))


def same_events(a: Events, b: Events) -> bool:
    """Compare to the last bit, order included."""
    columns = ("sample", "node", "step", "value")
    return a.dt == b.dt and all(np.array_equal(getattr(a, c), getattr(b, c)) for c in columns)
