"""Check that arrays form a valid dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from brianbridge.errors import InputError

__all__ = ["check_arrays", "check_finite", "check_labels", "check_names"]


def check_arrays(name: str, x: npt.NDArray[Any], y: npt.NDArray[Any]) -> None:
    """Check types and shapes.

    Raises
    ------
    InputError
        If `x` is not float32 of shape (samples, *shape), `y` not int64 of shape (samples,), their
        lengths differ, or there are no samples.
    """
    for key, array, dtype in (("x", x, np.dtype(np.float32)), ("y", y, np.dtype(np.int64))):
        if not isinstance(array, np.ndarray) or array.dtype != dtype:
            kind = getattr(array, "dtype", type(array).__name__)
            raise InputError(
                f"dataset {name!r}: {key} must be an array of {dtype}, not {kind}; "
                "from_arrays converts it"
            )
    if x.ndim < 2 or y.ndim != 1 or len(x) != len(y):
        raise InputError(
            f"dataset {name!r}: x has shape {x.shape} and y {y.shape}; expected (samples, *shape) "
            "and (samples,) with the same number of samples"
        )
    if not len(x):
        raise InputError(f"dataset {name!r} has no samples; give at least one")


def check_finite(name: str, x: npt.NDArray[np.floating]) -> None:
    """Check that no value is NaN or infinite.

    Raises
    ------
    InputError
        If any value is. The message says how many are, and where the first one is.
    """
    bad = ~np.isfinite(x)
    if bad.any():
        # argmax finds the first without listing all, of which there may be millions.
        first = tuple(int(i) for i in np.unravel_index(int(bad.argmax()), x.shape))
        raise InputError(
            f"dataset {name!r}: x has {int(bad.sum())} values that are not finite, the first, "
            f"{x[first]}, at index {first}; remove or replace them"
        )


def check_names(name: str, classes: Any) -> None:
    """Check that the name of a dataset is a string, and its class names are different strings.

    Raises
    ------
    InputError
        If not. The message names the first one that is not a string or occurs twice.
    """
    if not isinstance(name, str):
        raise InputError(f"dataset {name!r}: its name is not a string; give one, such as 'mine'")
    if isinstance(classes, str) or not isinstance(classes, Sequence | np.ndarray):
        raise InputError(f"dataset {name!r}: classes = {classes!r}; give a list of names")
    for number, label in enumerate(classes):
        if not isinstance(label, str):
            raise InputError(
                f"dataset {name!r}: the name of class {number} is {label!r}; give a string"
            )
    if len(set(classes)) < len(classes):
        repeated = next(c for k, c in enumerate(classes) if c in classes[:k])
        raise InputError(f"dataset {name!r}: class {repeated!r} occurs twice; rename one")


def check_labels(name: str, y: npt.NDArray[np.int64], classes: tuple[str, ...]) -> None:
    """Check that each label is the number of a class.

    Raises
    ------
    InputError
        If not. The message names the first wrong label.
    """
    wrong = np.flatnonzero((y < 0) | (y >= len(classes)))
    if wrong.size:
        raise InputError(
            f"dataset {name!r}: label {y[wrong[0]]} of sample {wrong[0]} is not in "
            f"0..{len(classes) - 1} ({len(classes)} classes)"
        )
