"""Read events from NumPy's files, with the fields that tonic uses."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brianbridge.datasets.formats.events import Events, events_of
from brianbridge.datasets.formats.numpy_files import NPY, NPZ, read_arrays, read_npy
from brianbridge.errors import InputError

__all__ = ["NPY", "NPZ", "parse_npy", "parse_npz"]


def parse_npy(content: bytes, path: Path) -> Events:
    """Return the events of a structured array with the fields t, x, y and p.

    Raises
    ------
    InputError
        If the file is damaged or has another array.
    """
    array = read_npy(content, path)
    names = getattr(array.dtype, "names", None) or ()
    if array.ndim != 1 or not {"t", "x", "y", "p"} <= set(names):
        raise InputError(
            f"{path}: holds an array of {array.dtype} and shape {array.shape}; expected a flat "
            "structured array with the fields t, x, y and p"
        )
    return _checked({name: array[name] for name in "txyp"}, path)


def parse_npz(content: bytes, path: Path) -> Events:
    """Return the events of the four arrays t, x, y and p.

    Raises
    ------
    InputError
        If the file is damaged, lacks an array, or unpacks to more memory than allowed.
    """
    arrays = read_arrays(io.BytesIO(content), path)
    missing = [name for name in "txyp" if name not in arrays]
    if missing:
        raise InputError(f"{path}: has no array {missing[0]!r}; expected the arrays t, x, y and p")
    return _checked({name: arrays[name] for name in "txyp"}, path)


def _checked(fields: dict[str, npt.NDArray[Any]], path: Path) -> Events:
    """Return the events of arrays, after a check of their shapes, types and values."""
    shapes = {name: values.shape for name, values in fields.items()}
    if len(set(shapes.values())) > 1 or fields["t"].ndim != 1:
        raise InputError(
            f"{path}: t, x, y and p have the shapes {shapes}; make them flat and equal"
        )
    for name, highest in (("t", 2**62), ("x", 2**15 - 1), ("y", 2**15 - 1)):
        values = fields[name]
        lowest = -highest if name == "t" else 0
        good = values.dtype.kind in "iuf" and (values >= lowest) & (values <= highest)
        if not np.all(good) or (values != np.floor(values)).any():
            raise InputError(
                f"{path}: {name} must be whole numbers from {lowest} to {highest}, but "
                f"some of its {values.dtype} values are not; give microseconds and pixels"
            )
    polarity = fields["p"]
    if not (np.isin(polarity, (0, 1)).all() or np.isin(polarity, (-1, 1)).all()):
        raise InputError(
            f"{path}: p has the values {np.unique(polarity)[:5].tolist()}; expected 0 and 1, or -1 "
            "and 1"
        )
    return events_of(fields["t"], fields["x"], fields["y"], polarity > 0)
