"""Read spike times from ``.npz`` and CSV files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np

from brianbridge.errors import InputError
from brianbridge.fitting.tables import TABLES, check_known, read_table
from brianbridge.neurons.quantity_text import parse_quantity

__all__ = ["recorded_spikes"]

#: The column of a CSV file that has the number of the sweep.
_SWEEP = "sweep"


def recorded_spikes(
    path: Path, names: str | list[str], unit: str, number: int, sweeps: list[int] | None = None
) -> list[Any]:
    """Return the spike times of each sweep, with their unit.

    Parameters
    ----------
    path : Path
        A ``.npz`` file, or a ``.csv`` file with the names of its columns in the first line.
    names : str or list of str
        In a ``.npz`` file an array for each sweep; in a CSV file the column of times, beside a
        column ``sweep`` that counts from 0.
    unit : str
        The unit of the times, such as ``"ms"``.
    number : int
        The number of sweeps of the input. In a CSV file, those that it does not name have no
        spikes.
    sweeps : list of int, optional
        Which sweeps of the file, counted from 0; all by default.

    Raises
    ------
    InputError
        If the file cannot be read or has no such values, or the unit is none.
    """
    one = parse_quantity(f"1 {unit}", f"unit of '{path}'")
    named = [names] if isinstance(names, str) else names
    if path.suffix not in TABLES:
        raise InputError(f"'{path}' is no .npz or .csv file; save the spike times as one of these")
    if path.suffix == ".npz":
        return [times.ravel() * one for times in _of_arrays(path, named, sweeps)]
    if len(named) != 1:
        raise InputError(f"'{path}': {named} are several columns; give the one that has the times")
    return [times * one for times in _of_columns(path, named[0], number, sweeps)]


def _values(path: Path, names: list[str]) -> list[np.ndarray]:
    known = read_table(path, names)
    check_known(path, names, known)
    return [cast(np.ndarray, known[name]) for name in names]


def _of_arrays(path: Path, names: list[str], sweeps: list[int] | None) -> list[np.ndarray]:
    """Return an array for each sweep."""
    trains = _values(path, names)
    for one in sweeps or ():
        if not 0 <= one < len(trains):
            raise InputError(
                f"'{path}' has {len(trains)} sweeps of {names}, but sweeps names {one}; count "
                "them from 0"
            )
    return trains if sweeps is None else [trains[one] for one in sweeps]


def _of_columns(path: Path, name: str, number: int, sweeps: list[int] | None) -> list[np.ndarray]:
    """Return the times of each sweep, which a column numbers; some have none."""
    places, times = _values(path, [_SWEEP, name])
    chosen = range(number) if sweeps is None else sweeps
    named = {*places.tolist()}
    for one in sorted(named - {*chosen} if sweeps is None else {*chosen} - named):
        raise InputError(
            f"'{path}' has a sweep {one:g}, but the input has the sweeps 0 to {number - 1}; count "
            "sweeps from 0, or choose some by sweeps"
            if sweeps is None
            else f"'{path}' has no spikes of sweep {one}; leave it out of sweeps"
        )
    return [times[places == one] for one in chosen]
