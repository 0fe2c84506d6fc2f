"""Read arrays from ``.npz`` files and columns from CSV files."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from brianbridge.datasets.formats.numpy_files import array_names, check_size, read_arrays
from brianbridge.errors import InputError, did_you_mean
from brianbridge.fitting.weights import real_array

__all__ = ["TABLES", "check_known", "read_table", "unreadable"]

#: The ends of the names of such files.
TABLES = (".npz", ".csv")
#: Memory in which NumPy splits a byte of text.
_CSV_MEMORY = 60


def read_table(path: Path, names: Collection[str]) -> dict[str, np.ndarray | None]:
    """Return arrays or columns by name; None for those that are not asked for.

    Parameters
    ----------
    path : Path
        A ``.npz`` file, or a ``.csv`` file with the names of its columns in the first line.
    names : collection of str
        What to read.

    Raises
    ------
    InputError
        If the file cannot be read, or what is asked for has no numbers.
    """
    try:
        if path.suffix == ".npz":
            held = array_names(path)
            found = read_arrays(path, path, [name for name in held if name in names])
            return {name: real_array(found[name]) if name in found else None for name in held}
        stored = path.stat().st_size
        check_size(_CSV_MEMORY * stored, stored, path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an empty file
            table = np.genfromtxt(
                path, delimiter=",", names=True, deletechars="", replace_space=" ", encoding="utf-8"
            )
        return {k: np.atleast_1d(table[k]) if k in names else None for k in table.dtype.names or ()}
    except InputError:
        raise
    except Exception as error:  # np.genfromtxt raises many kinds of error
        raise unreadable(
            path, error, "save numbers in a .npz file, or in a CSV file with names of its columns"
        ) from None


def unreadable(path: Path, error: Exception, remedy: str) -> InputError:
    """Return the error for a file that cannot be read, in one line."""
    reason = (str(error) or type(error).__name__).splitlines()[0]
    return InputError(f"'{path}' cannot be read ({reason:.120}); {remedy}")


def check_known(path: Path, names: Collection[str], known: Mapping[str, object]) -> None:
    """Refuse names that a file does not have.

    Raises
    ------
    InputError
        If there is one, or none are asked for.
    """
    if not names:
        raise InputError(f"values of '{path}' names nothing. {did_you_mean('', known)}")
    for name in names:
        if name not in known:
            raise InputError(f"'{path}' has no values '{name}'. {did_you_mean(name, known)}")
