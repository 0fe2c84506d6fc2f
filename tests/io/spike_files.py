"""A run, and how it is written."""

from __future__ import annotations

from pathlib import Path

import h5py

from brianbridge.io.spikes.file import SpikeFileWriter
from brianbridge.recording import Recording

SHAPES = {"hidden": (2, 5, 4), "a first": (10,)}  # not in alphabetical order, on purpose
RUN = {"shapes": SHAPES, "dt": 1e-4, "steps": 50}


def write(path: Path, *recordings: Recording, **kwargs: object) -> Path:
    with SpikeFileWriter(path, **{**RUN, **kwargs}) as spikes:
        for recording in recordings:
            spikes.append(recording)
    return path


def without_digests(path: Path) -> Path:
    """Make of a file what earlier versions wrote."""
    with h5py.File(path, "r+") as file:
        del file.attrs["digest"]
        for population in file["spikes"].values():
            for column in population.values():
                column.attrs.pop("sha256", None)
    return path
