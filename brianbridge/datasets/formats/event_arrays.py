"""Read events from NumPy's files, with the fields that tonic uses."""

from __future__ import annotations

import io
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brianbridge.datasets.formats.events import Events, events_of
from brianbridge.errors import InputError

__all__ = ["NPY", "NPZ", "parse_npy", "parse_npz"]

#: First bytes of the files.
NPY, NPZ = b"\x93NUMPY", b"PK\x03\x04"


def parse_npy(content: bytes, path: Path) -> Events:
    """Return the events of a structured array with the fields t, x, y and p.

    Raises
    ------
    InputError
        If the file is damaged or has another array.
    """
    array = _loaded(content, path)
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
    arrays = _loaded(content, path)
    missing = [name for name in "txyp" if name not in arrays]
    if missing:
        raise InputError(f"{path}: has no array {missing[0]!r}; expected the arrays t, x, y and p")
    return _checked({name: arrays[name] for name in "txyp"}, path)


#: Errors that NumPy raises for damaged files; a damaged header may ask for any amount of memory.
_DAMAGED = (
    ValueError, EOFError, OSError, KeyError, MemoryError, NotImplementedError, RuntimeError,
    SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def _loaded(content: bytes, path: Path) -> Any:
    """Return an array, or the arrays of an ``.npz`` by name."""
    try:
        _check_unpacked(content, path)
        # No pickles: opening one may execute code.
        found = np.load(io.BytesIO(content), allow_pickle=False)
        return found if isinstance(found, np.ndarray) else dict(found)
    except _DAMAGED as error:
        raise InputError(
            f"{path}: cannot be read ({' '.join(str(error).split())}); save the numbers again "
            "with np.save or np.savez"
        ) from error


def _check_unpacked(content: bytes, path: Path) -> None:
    """Refuse an archive that unpacks to more memory than a file may use."""
    if not content.startswith(NPZ):
        return
    # Brian2 is imported for its preferences only when there is something to compare.
    from brianbridge.preferences import how_to_raise, memory_budget

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        needed = sum(member.file_size for member in archive.infolist())
    budget = memory_budget()
    if needed > max(budget, len(content)):
        raise InputError(
            f"{path}: unpacks to {needed / 1e6:,.0f} MB, but a file may use "
            f"{budget / 1e6:,.0f} MB; if that is right, {how_to_raise(needed)}"
        )


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
