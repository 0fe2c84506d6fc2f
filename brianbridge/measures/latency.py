"""Decision latency of networks that are read by spike counts."""

from __future__ import annotations

import numpy as np

from brianbridge.recording import Recording

__all__ = ["decision_latency"]


def decision_latency(recording: Recording, output: str) -> np.ndarray:
    """Return the number of steps after which the running counts keep the final prediction.

    A tie for the largest count is no prediction. Such a sample takes as long as the tie lasts, and
    the whole presentation if the tie is never broken.

    Parameters
    ----------
    recording : Recording
        Recording of the twin or of Brian2.
    output : str
        Name of the population whose counts decide.

    Returns
    -------
    numpy.ndarray of int64, shape (samples,)
        In steps of the recording, from 1 to all of them.

    Examples
    --------
    >>> from brianbridge.recording import Events
    >>> raster = np.zeros((4, 1, 2)); raster[0, 0, 1] = raster[1:3, 0, 0] = 1
    >>> events = {"output": Events.from_raster(raster, dt=1e-3)}
    >>> run = Recording(1e-3, 4, 1, {"output": (2,)}, events, np.array([[2.0, 1.0]]))
    >>> decision_latency(run, "output")
    array([3])
    """
    counts = recording.raster(output).cumsum(0)
    final = recording.prediction[None, :, None]
    predicted = np.take_along_axis(counts, np.broadcast_to(final, (*counts.shape[:2], 1)), 2)
    others = counts.copy()
    np.put_along_axis(others, np.broadcast_to(final, (*counts.shape[:2], 1)), -np.inf, 2)
    undecided = others.max(2) >= predicted[..., 0]
    # The step after the last undecided one.
    last = recording.steps - undecided[::-1].argmax(0)
    steps = np.where(undecided.any(0), last + 1, 1)
    return np.asarray(np.minimum(steps, recording.steps), dtype=np.int64)
