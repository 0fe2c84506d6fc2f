"""A set as its source gives it: whole, unscaled, not yet split."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Raw", "sha256_of_arrays"]


@dataclass(frozen=True, eq=False)
class Raw:
    """Hold a whole set in its own units.

    Parameters
    ----------
    x : ndarray of float64, shape (samples, features)
        Inputs as the source has them.
    y : ndarray of int64, shape (samples,)
        Labels.
    sha256 : str
        Digest of both.
    """

    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.int64]
    sha256: str

    @classmethod
    def of(cls, x: npt.NDArray[Any], y: npt.NDArray[Any]) -> Raw:
        """Wrap arrays with fixed types, so that the digest is the same on every platform.

        The arrays become read-only: sources are cached, and what is cached must not change.
        """
        x, y = np.array(x, "<f8", order="C"), np.array(y, "<i8", order="C")
        x.flags.writeable = y.flags.writeable = False
        return cls(x, y, sha256_of_arrays(x, y))


def sha256_of_arrays(*arrays: npt.NDArray[Any]) -> str:
    """Digest dtype, shape and bytes (in C order) of arrays.

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
