"""Read spike times from ``.npz`` and CSV files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.neurons.quantity_text import parse_quantity

__all__ = ["recorded_spikes"]

#: The column of a CSV file that has the number of the sweep.
_SWEEP = "sweep"


def recorded_spikes(path: Path, names: str | list[str], unit: str, sweeps: int) -> list[Any]:
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
    sweeps : int
        The number of sweeps. In a CSV file, those that it does not name have no spikes.

    Raises
    ------
    InputError
        If the file cannot be read or has no such values, or the unit is none.
    """
    one = parse_quantity(f"1 {unit}", f"unit of '{path}'")
    named = [names] if isinstance(names, str) else names
    if path.suffix == ".npz":
        known = _arrays(path)
        return [_of(path, known, name).ravel() * one for name in named]
    if path.suffix != ".csv":
        raise InputError(f"'{path}' is no .npz or .csv file; save the spike times as one of these")
    if len(named) != 1:
        raise InputError(f"'{path}': {named} are several columns; give the one that has the times")
    known = _columns(path)
    number, times = _of(path, known, _SWEEP), _of(path, known, named[0])
    if wrong := sorted(set(number.tolist()) - set(range(sweeps))):
        raise InputError(
            f"'{path}' has a sweep {wrong[0]:g}, but the input has the sweeps 0 to {sweeps - 1}; "
            "count sweeps from 0"
        )
    return [times[number == k] * one for k in range(sweeps)]


def _of(path: Path, known: dict[str, np.ndarray], name: str) -> np.ndarray:
    if name not in known:
        raise InputError(f"'{path}' has no values '{name}'. {did_you_mean(name, known)}")
    return known[name]


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: np.asarray(arrays[name], np.float64) for name in arrays.files}
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def _columns(path: Path) -> dict[str, np.ndarray]:
    try:
        table = np.genfromtxt(path, delimiter=",", names=True, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    return {name: np.atleast_1d(table[name]) for name in table.dtype.names or ()}


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(f"'{path}' cannot be read ({str(error).splitlines()[0]:.120})")
