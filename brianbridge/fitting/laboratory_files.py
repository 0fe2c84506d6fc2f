"""Read sweeps from files of laboratories: NWB by pynwb, and other formats by Neo.

Both libraries are imported when such a file is read. Values have the units that their file tells.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.errors import InputError

__all__ = ["Sweep", "read_laboratory_file"]


@dataclass(frozen=True)
class Sweep:
    """Hold a sweep of one channel, or one series.

    Parameters
    ----------
    values : numpy.ndarray, shape (times,)
        In SI units, if the file tells the unit.
    dim : brian2 Dimension, optional
        The unit, if the file tells it.
    dt : float, optional
        Seconds between values, if the file tells that; NaN if they are not evenly spaced.
    """

    values: np.ndarray
    dim: Any = None
    dt: float | None = None


def read_laboratory_file(path: Path, names: Collection[str]) -> dict[str, list[Sweep]]:
    """Return the sweeps of channels or series of a file by name; no sweeps for other names.

    Parameters
    ----------
    path : Path
        An NWB file, or a file that Neo reads, such as ``.abf``.
    names : collection of str
        What to read.

    Raises
    ------
    InputError
        If the library is not installed.
    """
    library = "pynwb" if path.suffix == ".nwb" else "neo"
    if find_spec(library) is None:
        raise InputError(f"'{path}' needs {library}: pip install 'brianbridge[recordings]'")
    found: dict[str, list[Sweep]] = {}
    for name, sweep in _nwb(path, names) if library == "pynwb" else _neo(path):
        found.setdefault(name, []).extend([sweep] if sweep is not None and name in names else [])
    return found


def _neo(path: Path) -> Iterator[tuple[str, Sweep]]:
    """Return each channel of each segment."""
    from brian2.units.fundamentalunits import get_or_create_dimension
    from neo.io import PickleIO, get_io

    reader = get_io(str(path))
    if isinstance(reader, PickleIO):  # it would run code of the file
        raise ValueError("pickles can run code")
    segments = [segment for block in reader.read() for segment in block.segments]
    for signal in (signal for segment in segments for signal in segment.analogsignals):
        si = signal.rescale(signal.units.simplified.units)
        powers = {unit.symbol: float(power) for unit, power in si.dimensionality.items()}
        dim = get_or_create_dimension(**powers)
        dt = float(signal.sampling_period.rescale("s"))
        columns = np.asarray(si.magnitude, float).T
        names = [str(name) for name in signal.array_annotations.get("channel_names", [])]
        for name, column in zip(names, columns, strict=False):
            yield name, Sweep(column, dim, dt)
        if len(columns) == 1 and signal.name not in names:
            yield str(signal.name), Sweep(columns[0], dim, dt)


def _nwb(path: Path, names: Collection[str]) -> Iterator[tuple[str, Sweep | None]]:
    """Return each series with a known unit, as ``acquisition/NAME`` or ``stimulus/NAME``."""
    from brian2 import amp, siemens, volt
    from pynwb import NWBHDF5IO, TimeSeries

    dims = {"volts": volt.dim, "amperes": amp.dim, "siemens": siemens.dim}
    with NWBHDF5IO(str(path), "r", load_namespaces=True) as file:
        content = file.read()
        for place in ("acquisition", "stimulus"):
            for own, series in getattr(content, place).items():
                if not isinstance(series, TimeSeries) or series.unit not in dims:
                    continue
                name = f"{place}/{own}"
                yield name, _series(series, dims[series.unit]) if name in names else None


def _series(series: Any, dim: Any) -> Sweep:
    """Return the values of a series of an NWB file, in SI units."""
    values = np.asarray(series.data, float) * series.conversion + series.offset
    if series.rate:
        return Sweep(values, dim, 1 / series.rate)
    between = np.diff(series.timestamps[:])
    dt = float(np.mean(between))
    return Sweep(values, dim, dt if np.ptp(between) < 0.01 * dt else np.nan)
