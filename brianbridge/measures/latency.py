"""How long a network that counts spikes takes to make up its mind."""

from __future__ import annotations

import numpy as np

from brianbridge.recording import Recording

__all__ = ["last_changes"]


def last_changes(recording: Recording, output: str) -> np.ndarray:
    """Return after how many steps the counts so far give the final prediction, for good.

    Counts that tie at the top give none: such a sample takes as long as the tie lasts, and all of
    the presentation if it is never broken.

    Parameters
    ----------
    recording : Recording
        Of the twin or of Brian2.
    output : str
        The population whose counts decide.

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
    >>> last_changes(run, "output")
    array([3])
    """
    counts = recording.raster(output).cumsum(0)
    final = recording.prediction[None, :, None]
    mine = np.take_along_axis(counts, np.broadcast_to(final, (*counts.shape[:2], 1)), 2)
    others = counts.copy()
    np.put_along_axis(others, np.broadcast_to(final, (*counts.shape[:2], 1)), -np.inf, 2)
    open_ = others.max(2) >= mine[..., 0]
    # The step after the last one that was still open.
    last = recording.steps - open_[::-1].argmax(0)
    steps = np.where(open_.any(0), last + 1, 1)
    return np.asarray(np.minimum(steps, recording.steps), dtype=np.int64)
