"""The sets that ship with scikit-learn."""

from __future__ import annotations

from functools import cache

from brianbridge.datasets.sets.whole import Raw

__all__ = ["read"]


@cache
def read(name: str) -> Raw:
    """Read one of scikit-learn's own sets.

    Parameters
    ----------
    name : {"digits", "iris", "wine", "breast_cancer"}
        Which.

    Returns
    -------
    Raw
        Whole and unscaled; read once.
    """
    from sklearn import datasets  # takes a second to import

    bunch = getattr(datasets, f"load_{name}")()
    return Raw.of(bunch.data, bunch.target)
