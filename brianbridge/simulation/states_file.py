"""State variables of Brian2 groups as HDF5: the format ``"brianbridge_hdf5"`` of `get_states`.

::

    /               format = "brianbridge states", group: its name, digest: SHA-256 of all variables
    /<variable>     the values; dimensions: exponents of the SI base units, if units were asked for

`get_states` has no place for a file's name, so it returns the bytes of a file. `set_states` takes
such bytes, or the path of a file.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from brian2 import Quantity
from brian2.importexport.dictlike import DictImportExport
from brian2.importexport.importexport import ImportExport
from brian2.units.fundamentalunits import get_or_create_dimension

from brianbridge.errors import InputError, did_you_mean
from brianbridge.io.hdf5 import check_headers, member, opened
from brianbridge.io.hdf5_out import LIBVER
from brianbridge.io.text_heaps import attribute
from brianbridge.paths import checked_path

__all__ = ["Hdf5ImportExport", "register"]

_FORMAT = "brianbridge states"
_DIMENSIONS = "dimensions"


class Hdf5ImportExport(ImportExport):
    """Export state variables as the bytes of an HDF5 file, and import them.

    Examples
    --------
    >>> from brian2 import NeuronGroup, mV
    >>> cells = NeuronGroup(2, "v : volt")
    >>> cells.v = [1, 2]*mV
    >>> kept = cells.get_states(["v"], format="brianbridge_hdf5")
    >>> cells.v = 0*mV
    >>> cells.set_states(kept, format="brianbridge_hdf5")
    >>> cells.v[:]
    array([1., 2.]) * mvolt
    """

    @property
    def name(self) -> str:
        """Name of the format."""
        return "brianbridge_hdf5"

    @staticmethod
    def export_data(group: Any, variables: list[str], units: bool = True, level: int = 0) -> bytes:
        """Return the variables of a group as the bytes of an HDF5 file."""
        values = DictImportExport.export_data(group, variables, units=units, level=level + 1)
        content = io.BytesIO()
        with h5py.File(content, "w", libver=LIBVER) as file:
            for name, value in values.items():
                dataset = file.create_dataset(name, data=np.asarray(value), track_times=False)
                if units:
                    dim = getattr(value, "dim", None)
                    exponents = np.zeros(7) if dim is None else np.array(dim._dims, float)
                    dataset.attrs[_DIMENSIONS] = exponents
            file.attrs["format"], file.attrs["group"] = np.bytes_(_FORMAT), np.bytes_(group.name)
            file.attrs["digest"] = _digest(file)
        return content.getvalue()

    @staticmethod
    def import_data(
        group: Any, data: bytes | str | os.PathLike[str], units: bool = True, level: int = 0
    ) -> None:
        """Set the variables of a group to those of a file, which is checked first.

        Raises
        ------
        InputError
            If it is damaged or of another kind, or a variable does not fit the group.
        """
        if isinstance(data, bytes | bytearray | memoryview):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "states.h5"
                path.write_bytes(data)
                values = _read(path, units)
        else:
            values = _read(checked_path(data), units)
        for name, value in values.items():
            _check_fits(group, name, value)
        DictImportExport.import_data(group, values, units=units, level=level + 1)


def register() -> None:
    """Add the format to those of Brian2, once."""
    exporter = Hdf5ImportExport()
    if exporter.name not in ImportExport.methods:
        ImportExport.register(exporter)


def _digest(file: h5py.File) -> np.ndarray:
    """Return the SHA-256 of all variables, uint8, ``(32,)``."""
    found = hashlib.sha256(np.asarray(attribute(file, "group")).tobytes())
    for name in sorted(file):
        dataset = member(file, name, h5py.Dataset)
        dimensions = np.asarray(attribute(dataset, _DIMENSIONS, []), float)
        found.update(f"{name} {dataset.dtype.str} {dataset.shape} {dimensions}\n".encode())
        found.update(np.ascontiguousarray(dataset[()]).tobytes())
    return np.frombuffer(found.digest(), np.uint8)


def _read(path: Path, units: bool) -> dict[str, Any]:
    """Return the variables of a file, with units if those are asked for."""
    values: dict[str, Any] = {}
    with opened(path, "states file") as file:
        if np.atleast_1d(attribute(file, "format", None)).tolist() != [_FORMAT.encode()]:
            raise InputError("expected what get_states(format='brianbridge_hdf5') returns")
        check_headers(file)
        if any(member(file, name, h5py.Dataset).dtype.kind not in "iufb" for name in file):
            raise InputError("a variable does not hold numbers")
        if bytes(_digest(file)) != bytes(attribute(file, "digest")):
            raise InputError("it differs from what was written")
        for name in file:
            value, exponents = file[name][()], attribute(file[name], _DIMENSIONS, None)
            if units and exponents is None:
                raise InputError(f"'{name}' has no units: give units=False, as it was written")
            if units:
                value = Quantity(value, dim=get_or_create_dimension(list(exponents)))
            values[name] = value
    return values


def _check_fits(group: Any, name: str, value: Any) -> None:
    """Refuse a variable that the group lacks, must not change, or has with another length."""
    if name not in group.variables:
        hint = did_you_mean(name, group.variables)
        raise InputError(f"'{group.name}' has no variable '{name:.80}' of the file. {hint}")
    if group.variables[name].read_only:
        raise InputError(
            f"variable '{name}' of '{group.name}' cannot be set: write the file by "
            "get_states(read_only_variables=False)"
        )
    # Of the values: Brian2 2.10 fails to tell the shape of a variable that all neurons share.
    wanted = np.shape(group.state(name, use_units=False)[:])
    if np.shape(value) not in (wanted, ()):
        raise InputError(
            f"variable '{name}' has shape {np.shape(value)} in the file and {wanted} in "
            f"'{group.name}': give a group of the same size"
        )
