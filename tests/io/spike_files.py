"""A run, and how it is written."""

from __future__ import annotations

from pathlib import Path

from brianbridge.io.spike_file import SpikeFileWriter
from brianbridge.recording import Recording

SHAPES = {"hidden": (2, 5, 4), "a first": (10,)}  # not in alphabetical order, on purpose
RUN = {"shapes": SHAPES, "dt": 1e-4, "steps": 50}


def write(path: Path, *recordings: Recording, **kwargs: object) -> Path:
    with SpikeFileWriter(path, **{**RUN, **kwargs}) as spikes:
        for recording in recordings:
            spikes.append(recording)
    return path
