"""Open spike files; `brianbridge.io.spikes.file` documents the format."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from brianbridge.errors import InputError
from brianbridge.io.spikes.digest import DIGEST, check_description
from brianbridge.io.spikes.layout import MAGIC, provenance_in
from brianbridge.io.spikes.log import is_log, opened_log
from brianbridge.io.spikes.population import PopulationSpikes, opened, population_in, spikes_text
from brianbridge.io.text_heaps import attribute
from brianbridge.paths import checked_path
from brianbridge.readable import columns, counted, printable

__all__ = ["SpikeFile", "check_spikes", "describe", "read_spikes"]


@dataclass(frozen=True)
class SpikeFile:
    """Describe a spike file; the spikes are read on request.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    complete : bool
        Whether the run reached its end. Files of other programs count as complete.
    samples : int
        Number of samples; 1 in the files of other programs.
    populations : mapping of str to PopulationSpikes
        The populations, in the order of the network.
    provenance : mapping of str to JSON values
        The origin of the spikes.
    """

    path: Path
    complete: bool
    samples: int
    populations: Mapping[str, PopulationSpikes]
    provenance: Mapping[str, Any]

    def __repr__(self) -> str:
        state = "complete" if self.complete else "not complete"
        rows = (
            (printable(name), spikes_text(p.shape, p.dt, p.steps, p.spikes))
            for name, p in self.populations.items()
        )
        samples = counted(self.samples, "sample")
        return f"Spike file '{self.path}', {state}, {samples}\n{columns(rows)}".rstrip()


def read_spikes(path: str | os.PathLike[str]) -> SpikeFile:
    """Open a spike file, of this or another program, or of a run that was killed.

    Parameters
    ----------
    path : path-like
        The file. Only its description is read; spikes are read on request. The file of a run that
        was killed has all whole batches.

    Raises
    ------
    InputError
        If there is no such file, it is damaged, or it is not a SONATA spike file.

    Examples
    --------
    >>> read_spikes("none.h5")
    Traceback (most recent call last):
    brianbridge.errors.InputError: there is no spike file 'none.h5'
    """
    path = checked_path(path)
    if is_log(path):
        return _of_log(path)
    with opened(path) as file:
        if np.atleast_1d(attribute(file, "magic", 0)).tolist() != [MAGIC]:
            raise InputError(f"'{path}' is HDF5 but not SONATA: expected root magic=0x0A7A")
        spikes = file.get("spikes")
        if not isinstance(spikes, h5py.Group):
            raise InputError(f"'{path}' holds no spikes: expected a group /spikes")
        if DIGEST in file.attrs:
            check_description(file)
        elif "written" in file.attrs:
            _check_older(file)
        if "written" not in file.attrs:
            populations = {name: population_in(path, spikes[name], None, True) for name in spikes}
            return SpikeFile(path, True, 1, populations, provenance={})
        complete, written = bool(attribute(file, "complete")), attribute(file, "written")
        counts = zip(written["spikes"].dtype.names, written["spikes"].tolist(), strict=True)
        populations = {name: population_in(path, spikes[name], n, complete) for name, n in counts}
        provenance = provenance_in(file)
        return SpikeFile(path, complete, int(written["samples"]), populations, provenance)


def _check_older(file: h5py.File) -> None:
    """Refuse a file whose digest has another name; earlier versions wrote no other attributes."""
    known = {"magic", "version", "complete", "written"}
    stray = [n for n in file.attrs if n not in known and not n.startswith("provenance")]
    if stray:
        raise ValueError(f"attribute '{stray[0]}' was not there when the file was written")


def _of_log(path: Path) -> SpikeFile:
    """Describe the log of a run that was killed or failed."""
    with opened_log(path) as log:
        run = log.description
        populations = {
            name: PopulationSpikes(
                path, name, log.spikes(name), tuple(shape), run["dt"], run["steps"]
            )
            for name, shape in run["shapes"]
        }
        return SpikeFile(path, False, log.samples, populations, run["provenance"])


def check_spikes(path: str | os.PathLike[str]) -> str:
    """Read all of a spike file and compare it with its digests.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    str
        Whether all is as it was written, or all can be read but the file has no digests, because
        another program or an earlier version wrote it.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    file = read_spikes(path)
    for population in file.populations.values():
        population.check()
    if is_log(file.path) or all(p.digests for p in file.populations.values()):
        return "all is as it was written"
    return "all can be read; the file has no digests to compare it with"


def describe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Summarise a spike file as plain values, ready for JSON.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    dict
        The keys ``path``, ``complete``, ``samples``, ``populations`` (by name: ``shape``,
        ``dt`` in s, ``steps`` and ``spikes``; None if the file does not state it), ``provenance``.

    Raises
    ------
    InputError
        If there is no such file, or it is not a whole SONATA spike file.
    """
    file = read_spikes(path)
    return {
        "path": str(file.path),
        "complete": file.complete,
        "samples": file.samples,
        "populations": {
            name: {"shape": p.shape, "dt": p.dt, "steps": p.steps, "spikes": p.spikes}
            for name, p in file.populations.items()
        },
        "provenance": dict(file.provenance),
    }
