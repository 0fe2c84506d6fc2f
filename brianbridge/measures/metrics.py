"""Compare two recordings of the same samples: pure functions, one number each."""

from __future__ import annotations

import numpy as np

from brianbridge.measures.intervals import score_interval
from brianbridge.recording import Recording

__all__ = [
    "accuracy",
    "agreement",
    "confusion_matrix",
    "paired_interval",
    "spike_differences",
]

#: Cells of a dense raster that are compared at once.
_CELLS = 10_000_000


def accuracy(recording: Recording, labels: np.ndarray) -> float:
    """Return the share of samples whose largest output is their label."""
    return float(np.mean(recording.prediction == labels))


def agreement(one: Recording, other: Recording) -> float:
    """Return the share of samples for which both predict the same class."""
    return float(np.mean(one.prediction == other.prediction))


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, classes: int) -> np.ndarray:
    """Return how many samples of class ``i`` were predicted as ``j``, ``(classes, classes)``.

    Examples
    --------
    >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 0, 1]), 2)
    array([[1, 0],
           [1, 1]])
    """
    flat = np.bincount(labels * classes + predictions, minlength=classes**2)
    return flat.reshape(classes, classes)


def paired_interval(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """Return a 95 % interval of the change in accuracy, on the same samples.

    Tango's score interval (`brianbridge.measures.intervals.score_interval`), which keeps its
    coverage where few samples change, and a width where none does.

    Parameters
    ----------
    before, after : numpy.ndarray of bool, shape (samples,)
        Whether each sample was classified rightly.

    Examples
    --------
    >>> right = np.ones(98, dtype=bool)
    >>> [round(x, 3) for x in paired_interval(right, right)]
    [-0.038, 0.038]
    """
    gained, lost = int(np.sum(after & ~before)), int(np.sum(before & ~after))
    return score_interval(gained, lost, len(before))


def spike_differences(twin: Recording, brian2: Recording) -> tuple[int, np.ndarray]:
    """Return how many (step, sample, neuron) cells have different spike values, and since when.

    A finer Brian2 run is first summed onto the twin's grid.

    Returns
    -------
    int
        Cells that differ, of all populations.
    numpy.ndarray of int64, shape (samples,)
        The first step in which any neuron differs; the number of steps where none does.
    """
    coarse = brian2.steps // twin.steps
    total, since = 0, np.full(twin.samples, twin.steps)
    for name, shape in twin.shapes.items():
        neurons = int(np.prod(shape))
        block = max(1, _CELLS // (twin.steps * neurons))
        for low in range(0, twin.samples, block):
            samples = min(block, twin.samples - low)
            one, other = (
                recording.events(name).of_samples(low, low + samples)
                for recording in (twin, brian2)
            )
            steps = twin.steps
            ours = one.to_raster(steps, samples, neurons)
            differ = ours != other.to_raster(steps, samples, neurons, coarse)
            if found := int(np.count_nonzero(differ)):
                total += found
                steps_with = differ.any(axis=2)
                first = np.where(steps_with.any(axis=0), steps_with.argmax(axis=0), steps)
                np.minimum(since[low : low + samples], first, out=since[low : low + samples])
    return total, since
