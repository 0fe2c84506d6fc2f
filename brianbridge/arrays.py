"""Convert samples and labels to NumPy arrays, and refuse values that would lose information.

`numpy.asarray` drops the mask of a masked array, the imaginary part of complex numbers and the
units of a quantity, and converts dates to numbers, all without an error. `as_array` and
`as_numbers` raise one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from brianbridge.errors import InputError
from brianbridge.readable import counted

__all__ = ["as_array", "as_numbers", "as_samples"]

#: What an array without real numbers holds, and a remedy, by the kind of its dtype.
_NO_NUMBERS = {
    "c": ("complex numbers", "give their real part or absolute value"),
    "m": ("time differences", "divide them by a unit, x / np.timedelta64(1, 's')"),
    "M": ("dates", "give numbers, such as seconds since the first one"),
    "O": ("Python objects", "give an array of numbers, such as x.toarray() of a sparse matrix"),
    "S": ("bytes", "give numbers"),
    "T": ("text", "give numbers"),
    "U": ("text", "give numbers"),
    "V": ("records", "give a plain array of numbers"),
}


def as_array(values: Any, what: str) -> npt.NDArray[Any]:
    """Return an array of any type, if possible without a copy.

    Parameters
    ----------
    values : array_like or torch.Tensor
        The values. Tensors are detached; bfloat16, which NumPy lacks, becomes float32.
    what : str
        Their name in error messages, in the plural: ``"the samples"``.

    Returns
    -------
    numpy.ndarray

    Raises
    ------
    InputError
        If rows differ in length, values are masked, or they carry a unit.

    Examples
    --------
    >>> as_array([1, 2], "the labels")
    array([1, 2])
    """
    if np.ma.isMaskedArray(values):
        masked = int(np.ma.count_masked(values))
        if masked:
            raise InputError(
                f"{what} are a masked array with {counted(masked, 'masked value')}; remove these "
                "samples, or fill the values as in x.filled(0)"
            )
        values = values.data
    _check_no_unit(values, what)
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        if values.is_floating_point() and values.element_size() < 4:
            values = values.float()
    try:
        return np.asarray(values.numpy() if hasattr(values, "detach") else values)
    except (TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{what} are not an array of numbers ({reason})") from None


def as_numbers(
    values: Any, dtype: npt.DTypeLike, what: str, *, copy: bool = False
) -> npt.NDArray[Any]:
    """Return an array of real numbers.

    Parameters
    ----------
    values : array_like or torch.Tensor
        Booleans, integers or floating point numbers. NaN and infinities are kept.
    dtype : dtype
        A floating point type. Values too large for it become infinite.
    what : str
        Their name in error messages, in the plural.
    copy : bool
        Whether to copy the values in any case.

    Returns
    -------
    numpy.ndarray of `dtype`

    Raises
    ------
    InputError
        As in `as_array`, or if the values are complex, dates, objects, text or records.

    Examples
    --------
    >>> as_numbers([1, 2], np.float32, "the samples")
    array([1., 2.], dtype=float32)
    >>> as_numbers([1j], np.float32, "the samples")
    Traceback (most recent call last):
    brianbridge.errors.InputError: the samples are complex numbers; give their real part or absolute value
    """  # noqa: E501
    array = as_array(values, what)
    if array.dtype.kind in _NO_NUMBERS:
        found, remedy = _NO_NUMBERS[array.dtype.kind]
        raise InputError(f"{what} are {found}; {remedy}")
    with np.errstate(over="ignore"):
        return array.astype(dtype, copy=copy)


def as_samples(
    values: Any, dtype: npt.DTypeLike, what: str, *, copy: bool = False
) -> npt.NDArray[Any]:
    """Return an array of samples; ask whether bytes, such as pixels from 0 to 255, are scaled.

    Parameters
    ----------
    values, dtype, what, copy
        As in `as_numbers`.

    Raises
    ------
    InputError
        As in `as_numbers`, or if the values are bytes (uint8) above 1. Floating point numbers of
        the same values are taken as they are.

    Examples
    --------
    >>> as_samples(np.array([0, 255], np.uint8), np.float32, "the samples")
    Traceback (most recent call last):
    brianbridge.errors.InputError: the samples are bytes up to 255; give x/255 to scale them to [0, 1], or x*1.0 to take them as they are
    """  # noqa: E501
    # Tensors print their type as torch.uint8.
    if str(getattr(values, "dtype", "")).endswith("uint8") and (largest := _largest(values)) > 1:
        scale = largest if largest < 128 else 255  # an image may lack the brightest pixel
        raise InputError(
            f"{what} are bytes up to {largest}; give x/{scale} to scale them to [0, 1], or x*1.0 "
            "to take them as they are"
        )
    return as_numbers(values, dtype, what, copy=copy)


def _check_no_unit(values: Any, what: str, depth: int = 3) -> None:
    """Refuse a quantity of Brian2, and lists and tuples that begin with one."""
    if isinstance(values, list | tuple) and depth:
        for one in values[:2]:
            _check_no_unit(one, what, depth - 1)
    if getattr(values, "is_dimensionless", True):
        return
    from brian2.units.fundamentalunits import get_unit

    unit = repr(get_unit(values.dim))
    if unit == "hertz":
        largest = f"{float(np.max(values)) if np.size(values) else 0:g}"
        remedy = (
            f"give values from 0 to 1, x/({largest}*Hz), and rate={largest}*Hz to the encoding "
            "bb.Poisson"
        )
    elif unit == "second":
        remedy = (
            "give plain numbers; bb.encodings.spike_frames(network, trains) makes them of spike "
            "trains"
        )
    else:
        remedy = f"give plain numbers, such as x/({unit})"
    raise InputError(f"{what} have a unit ({unit}); {remedy}")


def _largest(values: Any) -> int:
    return int(values.max()) if math.prod(values.shape) else 0
