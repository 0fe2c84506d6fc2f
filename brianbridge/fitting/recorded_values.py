"""Read recorded values from ``.npz`` and CSV files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.neurons.quantity_text import parse_quantity

__all__ = ["recorded_values"]


def recorded_values(path: Path, names: str | list[str], unit: str) -> Any:
    """Return recorded values with their unit, shape (sweeps, times).

    Parameters
    ----------
    path : Path
        A ``.npz`` file, or a ``.csv`` file with the names of its columns in the first line.
    names : str or list of str
        In a ``.npz`` file, an array ``(sweeps, times)``; in a CSV file a column for each sweep. A
        list has one array or column for each sweep.
    unit : str
        The unit of the numbers, such as ``"mV"``.

    Raises
    ------
    InputError
        If the file cannot be read or has no such values, or the unit is none.
    """
    named = [names] if isinstance(names, str) else names
    one = parse_quantity(f"1 {unit}" if unit != "1" else "1", f"unit of '{path}'")
    known = _read(path)
    for name in named:
        if name not in known:
            raise InputError(f"'{path}' has no values '{name}'. {did_you_mean(name, known)}")
    rows = [np.atleast_2d(known[name]) for name in named]
    if len({row.shape[1:] for row in rows}) > 1:
        raise InputError(f"'{path}': {named} have several lengths; give sweeps of one length")
    return np.concatenate(rows) * one


def _read(path: Path) -> dict[str, np.ndarray]:
    """Return all arrays or columns of a file, by name."""
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return {name: np.asarray(arrays[name], np.float64) for name in arrays.files}
        if path.suffix == ".csv":
            table = np.genfromtxt(
                path, delimiter=",", names=True, deletechars="", replace_space=" ", encoding="utf-8"
            )
            return {name: np.atleast_1d(table[name]) for name in table.dtype.names or ()}
    except (OSError, ValueError) as error:
        raise InputError(f"'{path}' cannot be read ({str(error).splitlines()[0]:.120})") from None
    raise InputError(f"'{path}' is no .npz or .csv file; save the recording as one of these")
