"""A dataset as in its source: not scaled, and perhaps not split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy.typing as npt

__all__ = ["Part", "UnscaledData"]

#: Inputs of shape (samples, ...) and labels of shape (samples,).
Part: TypeAlias = tuple[npt.NDArray[Any], npt.NDArray[Any]]


class UnscaledData(NamedTuple):
    """Hold a dataset as in its source.

    Parameters
    ----------
    parts : mapping of str to (inputs, labels)
        ``"all"`` alone, or ``"train"`` and ``"test"`` of a set with an official split.
    sha256 : str
        Digest of the source.
    """

    parts: Mapping[str, Part]
    sha256: str
