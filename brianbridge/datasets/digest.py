"""The digest that identifies the data of a dataset."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["sha256_of_arrays"]


def sha256_of_arrays(*arrays: npt.NDArray[Any]) -> str:
    """Return the SHA-256 of the type, the shape and the bytes (in C order) of arrays.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> a = np.arange(6)
    >>> sha256_of_arrays(a) == sha256_of_arrays(a.reshape(2, 3))
    False
    """
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
