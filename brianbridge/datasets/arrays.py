"""Make datasets from arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from brianbridge.arrays import as_array, as_samples
from brianbridge.datasets.checks import check_names
from brianbridge.datasets.dataset import Dataset
from brianbridge.datasets.digest import sha256_of_arrays
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
        Name of the dataset.
    x : array_like, shape (samples, *shape)
        Inputs, which are not scaled. Most encodings expect [0, 1].
    y : array_like of int, bool or str, shape (samples,) or (samples, 1)
        Labels from 0, in any integer type, or class names; a column is flattened. False is class 0
        and True class 1.
    classes : sequence of str, optional
        Class names in the order of the labels. Without it: ``"0"`` to the largest label, or the
        names that occur, sorted. Give it when a part may lack a class.
    part : str
        Which part of the data it is, such as ``"train"``.

    Returns
    -------
    Dataset
        With `x` as float32 and `y` as int64; `sha256` is the digest of both.

    Raises
    ------
    InputError
        If an array is masked, holds no real numbers or no labels, the samples are bytes above 1,
        or `Dataset` refuses it.

    Examples
    --------
    >>> data = from_arrays("fruit", [[0.1, 0.9], [0.7, 0.2]], ["pear", "apple"])
    >>> data.classes, data.y
    (('apple', 'pear'), array([1, 0]))
    """
    # Dataset reports values that are not finite, also those that are too large for float32.
    inputs = as_samples(x, np.float32, f"dataset {name!r}: the samples x", copy=True)
    labels, known = _labels(name, y, classes)
    return Dataset(name, part, "as given", inputs, labels, known, sha256_of_arrays(inputs, labels))


#: Integer labels above this are not class numbers but identifiers.
_CLASSES = 100_000


def _labels(
    name: str, y: npt.ArrayLike, classes: Sequence[str] | None
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    if classes is not None:
        check_names(name, classes)
    labels = as_array(y, f"dataset {name!r}: the labels y")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        remedy = "; for one-hot rows give y.argmax(1)" if labels.ndim == 2 else ""
        raise InputError(
            f"dataset {name!r}: y has shape {labels.shape}; give one label for each sample{remedy}"
        )
    if labels.dtype.kind in "biu":
        return _numbered(name, labels, classes)
    given = labels.tolist()
    if not all(isinstance(label, str) for label in given):
        raise InputError(
            f"dataset {name!r}: y must be integers or class names, not {labels.dtype}; try "
            "y.astype(int), y.long() of a tensor, or y.astype(str)"
        )
    known = tuple(sorted(set(given)) if classes is None else classes)
    number = {label: k for k, label in enumerate(known)}
    for sample, label in enumerate(given):
        if label not in number:
            raise InputError(
                f"dataset {name!r}: label {label!r} of sample {sample} is not a class. "
                f"{did_you_mean(label, known)}"
            )
    return np.array([number[label] for label in given], np.int64), known


def _numbered(
    name: str, y: npt.NDArray[Any], classes: Sequence[str] | None
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Return integer labels and the classes they stand for."""
    largest = 1 if y.dtype.kind == "b" else int(y.max(initial=0))
    if largest >= _CLASSES:
        raise InputError(
            f"dataset {name!r}: y has the label {largest}; number classes from 0, or give their "
            "names as labels"
        )
    known = tuple(str(k) for k in range(largest + 1)) if classes is None else tuple(classes)
    return y.astype(np.int64), known
