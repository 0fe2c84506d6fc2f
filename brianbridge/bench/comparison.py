"""Check that the contestants of a benchmark produce the same spikes."""

from __future__ import annotations

import numpy as np

from brianbridge.bench.contestants import Outcome
from brianbridge.bench.differing import DifferentSpikesError
from brianbridge.recording import Events

__all__ = ["check_same"]


def check_same(name: str, found: Outcome, reference: Outcome, sizes: dict[str, int]) -> None:
    """Compare the spikes of a contestant with those of the reference, on the samples of both.

    Raises
    ------
    DifferentSpikesError
        If any spike differs.
    """
    samples = min(found.samples, reference.samples)
    for population, neurons in sizes.items():
        if population not in found.events or population not in reference.events:
            continue
        ours, theirs = (
            _cells(outcome.events[population], samples, neurons) for outcome in (found, reference)
        )
        different = np.setxor1d(ours, theirs, assume_unique=True).size
        if different:
            raise DifferentSpikesError(
                f"'{name}' and the batched path differ in {different} spikes of '{population}' "
                f"over {samples} samples"
            )


def _cells(events: Events, samples: int, neurons: int) -> np.ndarray:
    # The number of a cell must not depend on the number of samples.
    kept = events.sample < samples
    cell = events.sample[kept].astype(np.int64) * neurons + events.node[kept]
    return cell * (1 << 24) + events.step[kept]
