"""Read sweeps from files of laboratories: NWB, and other formats by Neo.

Neo is imported when such a file is read. Values have the units that their file tells.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from brianbridge.errors import InputError
from brianbridge.io.hdf5 import member, opened, read_numbers
from brianbridge.io.spikes.population import check_stored
from brianbridge.io.text_heaps import attribute
from brianbridge.preferences import how_to_raise, memory_budget

__all__ = ["Sweep", "read_laboratory_file"]

#: Where an NWB file has its series.
_PLACES = {"acquisition": ("acquisition",), "stimulus": ("stimulus", "presentation")}


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
        If an NWB file is damaged or too large, or Neo is not installed.
    """
    nwb = path.suffix == ".nwb"
    if not nwb and find_spec("neo") is None:
        raise InputError(f"'{path}' needs neo: pip install 'brianbridge[recordings]'")
    found: dict[str, list[Sweep]] = {}
    for name, sweep in _nwb(path, names) if nwb else _neo(path):
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
    """Return each series with a known unit, as ``acquisition/NAME`` or ``stimulus/NAME``.

    The file is read as HDF5: pynwb would make classes of the descriptions that it contains, and
    follow links into other files.
    """
    from brian2 import amp, siemens, volt

    dims = {"volts": volt.dim, "amperes": amp.dim, "siemens": siemens.dim}
    with opened(path, "NWB file") as file:
        for place, folders in _PLACES.items():
            group: h5py.Group = file
            for folder in folders:
                group = member(group, folder, h5py.Group)
            for own in group:
                unit = _unit(group, own)
                if unit in dims:
                    name = f"{place}/{own}"
                    yield name, _series(group[own], dims[unit]) if name in names else None


def _unit(group: h5py.Group, name: str) -> str:
    """Return the unit of a series; none if it is no series, or its data are linked."""
    for part, kind in ((name, h5py.Group), ("data", h5py.Dataset)):
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            return ""
        group = group[part]
        if not isinstance(group, kind):
            return ""
    unit = attribute(group, "unit", "")
    return unit.decode("utf-8", "replace") if isinstance(unit, bytes) else str(unit)


def _series(series: h5py.Group, dim: Any) -> Sweep:
    """Return the values of a series of an NWB file, in SI units."""
    data = member(series, "data", h5py.Dataset)
    conversion, offset = (
        float(attribute(data, name, default))
        for name, default in (("conversion", 1), ("offset", 0))
    )
    values = _numbers(series, "data") * conversion + offset
    if "starting_time" in series:
        rate = float(attribute(member(series, "starting_time", h5py.Dataset), "rate"))
        return Sweep(values, dim, 1 / rate)
    between = np.diff(_numbers(series, "timestamps"))
    dt = float(np.mean(between))
    return Sweep(values, dim, dt if np.ptp(between) < 0.01 * dt else np.nan)


def _numbers(series: h5py.Group, name: str) -> np.ndarray:
    dataset = member(series, name, h5py.Dataset)
    check_stored(Path(dataset.file.filename), dataset)
    if (needed := 8.0 * dataset.size) > memory_budget():
        raise InputError(f"'{dataset.name}' needs {needed / 1e6:.4g} MB; {how_to_raise(needed)}")
    return read_numbers(series, name).astype(float)
