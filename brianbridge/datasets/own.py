"""Datasets from the user's own arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from brianbridge.datasets.dataset import Dataset
from brianbridge.datasets.raw import sha256_of_arrays
from brianbridge.errors import InputError, did_you_mean

__all__ = ["from_arrays"]


def from_arrays(
    name: str,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    classes: Sequence[str] | None = None,
    part: str = "all",
) -> Dataset:
    """Make a dataset from arrays.

    Parameters
    ----------
    name : str
        What to call it.
    x : array_like, shape (samples, *shape)
        Inputs; taken as they are, not scaled. Most encodings expect [0, 1].
    y : array_like of int or str, shape (samples,)
        Labels from 0, or class names.
    classes : sequence of str, optional
        Class names in the order of the labels. Without it: ``"0"`` to the largest label, or the
        names that occur, sorted. Give it when a part may lack a class.
    part : str
        Which part of the data it is, e.g. ``"train"``.

    Returns
    -------
    Dataset
        With `x` as float32 and `y` as int64; `sha256` is over these two.

    Raises
    ------
    InputError
        If the arrays cannot be converted or `Dataset` refuses them.

    Examples
    --------
    >>> data = from_arrays("fruit", [[0.1, 0.9], [0.7, 0.2]], ["pear", "apple"])
    >>> data.classes, data.y
    (('apple', 'pear'), array([1, 0]))
    """
    try:
        with np.errstate(over="ignore"):  # Dataset reports the infinities
            inputs = np.array(x, np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"dataset {name!r}: x is not an array of numbers: {error}") from error
    labels, known = _labels(name, y, classes)
    return Dataset(name, part, "as given", inputs, labels, known, sha256_of_arrays(inputs, labels))


#: More classes than this are not numbered by themselves: such labels are names in figures.
_CLASSES = 100_000


def _labels(
    name: str, y: npt.ArrayLike, classes: Sequence[str] | None
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    raw = np.asarray(y)
    if raw.dtype.kind in "biu":
        if classes is None:
            largest = int(raw.max(initial=-1))
            if largest >= _CLASSES:
                raise InputError(
                    f"dataset {name!r}: y has the label {largest}; number classes from 0, or give "
                    "their names"
                )
            classes = [str(k) for k in range(largest + 1)]
        return raw.astype(np.int64), tuple(classes)
    given = raw.ravel().tolist()
    if not all(isinstance(label, str) for label in given):
        raise InputError(f"dataset {name!r}: y must be integers or class names, not {raw.dtype}")
    known = tuple(sorted(set(given)) if classes is None else classes)
    number = {label: k for k, label in enumerate(known)}
    for sample, label in enumerate(given):
        if label not in number:
            raise InputError(
                f"dataset {name!r}: label {label!r} of sample {sample} is not a class. "
                f"{did_you_mean(label, known)}"
            )
    return np.array([number[label] for label in given], np.int64), known
