"""Read the user's own data: an ``.npz`` file, or a folder of ``.npy`` files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brianbridge.datasets.arrays import from_arrays
from brianbridge.datasets.dataset import Dataset
from brianbridge.datasets.formats.numpy_files import array_names, read_arrays
from brianbridge.errors import InputError, did_you_mean

__all__ = ["is_path", "read_array_set"]

#: The arrays of a set without an official split, and of one with such a split.
_ALL, _PARTS = ("x", "y"), ("x_train", "y_train", "x_test", "y_test")
_CLASSES = "classes"


def is_path(name: Any) -> bool:
    """Return whether a name of a dataset is the path of a file or folder.

    Examples
    --------
    >>> is_path("mine.npz"), is_path("./folder"), is_path("digits")
    (True, True, False)
    """
    text = os.fspath(name) if isinstance(name, os.PathLike) else name
    return isinstance(text, str) and (text.endswith((".npz", ".npy")) or os.sep in text)


def read_array_set(
    path: Path, arrays: Mapping[str, str] | None = None, scale: float | None = None
) -> dict[str, Dataset]:
    """Read labelled samples.

    Parameters
    ----------
    path : Path
        An ``.npz`` file, or a folder of ``.npy`` files. It has ``x`` and ``y``, or ``x_train``,
        ``y_train``, ``x_test`` and ``y_test``; and ``classes`` if it likes.
    arrays : mapping of str to str, optional
        Other names of these arrays in the file.
    scale : float, optional
        What `x` is divided by.

    Returns
    -------
    dict of str to Dataset
        ``"all"``, or ``"train"`` and ``"test"``; named after the file.

    Raises
    ------
    InputError
        If there is no such file, it is damaged or lacks an array, or its values do not fit.
    """
    if not path.exists():
        raise InputError(
            f"there is no file or folder {str(path)!r}; give an .npz file with x and y"
        )
    arrays, known = arrays or {}, (*_ALL, *_PARTS, _CLASSES)
    for key in arrays:
        if key not in known:
            raise InputError(
                f"{path}: there is no array '{key}' to name. {did_you_mean(key, known)}"
            )
    own = {key: arrays.get(key, key) for key in known}
    held = array_names(path)
    wanted = _wanted(path, own, held)
    found = read_arrays(path, path, [own[key] for key in wanted])
    values = {key: found[own[key]] for key in wanted}
    classes = [str(one) for one in values[_CLASSES]] if _CLASSES in values else None
    parts = ("train", "test") if "x_train" in wanted else ("all",)

    def dataset(part: str) -> Dataset:
        end = "" if part == "all" else f"_{part}"
        x = _scaled(values[f"x{end}"], scale, f"{path}: {own[f'x{end}']}")
        return from_arrays(path.name, x, values[f"y{end}"], classes, part)

    if parts == ("train", "test") and classes is None:
        labels = np.concatenate([np.asarray(values[f"y_{part}"]) for part in parts])
        classes = list(from_arrays(path.name, np.zeros((len(labels), 1)), labels).classes)
    read = {part: dataset(part) for part in parts}
    shapes = [one.shape for one in read.values()]
    if shapes[0] != shapes[-1]:
        raise InputError(
            f"{path}: samples of the training part have shape {shapes[0]}, those of the test part "
            f"{shapes[-1]}; give both the same"
        )
    return read


def _wanted(path: Path, own: Mapping[str, str], held: list[str]) -> tuple[str, ...]:
    """Return which arrays to read."""
    extra = (_CLASSES,) if own[_CLASSES] in held else ()
    for keys in (_PARTS, _ALL):
        if own[keys[0]] in held:
            for key in keys:
                if own[key] not in held:
                    raise InputError(f"{path}: has {own[keys[0]]}, but no {own[key]}; add it")
            return (*keys, *extra)
    names = ", ".join(held[:10]) or "none"
    raise InputError(
        f"{path}: has no array x; its arrays are: {names:.200}. Say which they are, as in "
        'arrays={"x": "images", "y": "labels"}, or --arrays x=images,y=labels'
    )


def _scaled(x: npt.NDArray[Any], scale: float | None, what: str) -> npt.NDArray[Any]:
    """Return samples divided by a scale; ask for one where bytes may be pixels or counts."""
    if scale is not None:
        return x / np.float32(scale)
    if x.dtype == np.uint8 and x.size and x.max() > 1:
        raise InputError(
            f"{what} has bytes up to {x.max()}; say with scale = 255 that they are pixels, or "
            "with scale = 1 that they are numbers, such as counts of events"
        )
    return x
