"""Read recorded values from ``.npz`` and CSV files, and from files of laboratories."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.fitting.laboratory_files import Sweep, read_laboratory_file
from brianbridge.fitting.tables import TABLES, check_known, read_table, unreadable
from brianbridge.neurons.quantity_text import parse_quantity, unit_name

__all__ = ["recorded_values"]


def recorded_values(
    path: Path, names: str | list[str], unit: str | None = None, sweeps: list[int] | None = None
) -> tuple[Any, float | None]:
    """Return recorded values with their unit, shape (sweeps, times), and the time between them.

    Parameters
    ----------
    path : Path
        A ``.npz`` file; a ``.csv`` file with the names of its columns in the first line; an NWB
        file; or any file that Neo reads.
    names : str or list of str
        In a ``.npz`` file, an array ``(sweeps, times)``; in a CSV file a column for each sweep; in
        an NWB file a series for each sweep, as ``acquisition/NAME`` or ``stimulus/NAME``; for Neo a
        channel, whose sweeps are the segments. A list has one array or column for each sweep.
    unit : str, optional
        The unit of the numbers, such as ``"mV"``. Files of laboratories tell theirs.
    sweeps : list of int, optional
        Which sweeps, counted from 0; all by default.

    Returns
    -------
    values : Quantity, shape (sweeps, times)
        The values.
    dt : float or None
        Seconds between them, if the file tells that.

    Raises
    ------
    InputError
        If the file cannot be read or has no such values, or the unit is none.
    """
    from brian2 import Quantity
    from brian2.units.fundamentalunits import get_dimensions

    named = [names] if isinstance(names, str) else names
    text = unit or "1"
    scale = parse_quantity(f"1 {text}" if text != "1" else "1", f"unit of '{path}'")
    known = _read(path, named)
    check_known(path, named, known)
    found = [sweep for name in named for sweep in known[name]]
    if not found:
        raise InputError(f"'{path}' has no sweeps of {named}; name values that have some")
    for number in sweeps or ():
        if not 0 <= number < len(found):
            raise InputError(
                f"'{path}' has {len(found)} sweeps of {named}, but sweeps names {number}; count "
                "them from 0"
            )
    found = found if sweeps is None else [found[number] for number in sweeps]
    dim, dt = found[0].dim, found[0].dt
    if len({(one.values.shape, one.dim, f"{one.dt or 0:.6g}") for one in found}) > 1:
        raise InputError(
            f"'{path}': sweeps of {named} differ in length, unit or sampling rate; choose sweeps "
            "of one kind by sweeps"
        )
    if dt is not None and np.isnan(dt):
        raise InputError(f"'{path}': '{named[0]}' is not evenly spaced in time; resample it")
    values = np.array([one.values for one in found])
    if dim is None:
        return values * scale, dt
    if unit is not None and get_dimensions(scale) is not dim:
        raise InputError(
            f"'{path}' has '{named[0]}' in {unit_name(dim)}, but unit = '{unit}'; leave the unit "
            "out"
        )
    return Quantity(values, dim=dim), dt


def _read(path: Path, names: list[str]) -> Mapping[str, list[Sweep]]:
    """Return the values of a file by name; none of others than are asked for."""
    if path.suffix in TABLES:
        table = read_table(path, names)
        return {k: [] if one is None else _plain(path, k, one) for k, one in table.items()}
    try:
        if not path.exists():
            raise FileNotFoundError("there is no such file")
        return read_laboratory_file(path, names)
    except InputError:
        raise
    except Exception as error:  # Neo's readers raise many kinds of error
        raise unreadable(
            path, error, "give a .npz, .csv or .nwb file, or one that Neo reads"
        ) from None


def _plain(path: Path, name: str, values: np.ndarray) -> list[Sweep]:
    """Return the sweeps of an array whose file tells neither unit nor time."""
    if values.ndim not in (1, 2):
        raise InputError(
            f"'{path}': '{name}' has the shape {values.shape}; save it as (sweeps, times)"
        )
    return [Sweep(row) for row in np.atleast_2d(values)]
