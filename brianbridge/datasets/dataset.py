"""Labelled samples, checked on construction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from brianbridge.datasets.checks import check_arrays, check_finite, check_labels, check_names
from brianbridge.errors import InputError
from brianbridge.readable import counted, printable, shape_text

__all__ = ["Dataset", "Split"]

_NAMES = 60  # characters of the class names when a dataset is shown


# Compared by identity: two arrays have no single truth value of equality.
@dataclass(frozen=True, eq=False)
class Dataset:
    """Hold the labelled samples of one part (train, test, ...) of a dataset.

    Parameters
    ----------
    name : str
        Name of the dataset.
    part : str
        ``"train"``, ``"test"``, ``"validation"`` or ``"all"``.
    split : str
        How the part was made, such as ``"stratified 80/20, seed 1"`` or ``"official"``.
    x : ndarray of float32, shape (samples, *shape)
        Inputs, dimensionless. Datasets that are loaded by name have values in [0, 1]; frames of
        event recordings, of shape (T, 2, rows, columns), hold numbers of events.
    y : ndarray of int64, shape (samples,)
        Labels, from 0 to ``len(classes) - 1``.
    classes : tuple of str
        Class names.
    sha256 : str
        Digest of the source of the data.

    Raises
    ------
    InputError
        If there are no samples, types or lengths do not fit, an input is not finite, or a label is
        wrong. The message names the dataset, the value and where it is.

    See Also
    --------
    from_arrays : Make a dataset from arrays of any type.

    Examples
    --------
    >>> data = Dataset("xor", "all", "as given", np.float32([[0, 1], [1, 1]]), np.array([1, 0]),
    ...                ("no", "yes"), sha256="")
    >>> data
    Dataset 'xor', all (as given): 2 samples of 2 values, 2 classes (no, yes)
    """

    name: str
    part: str
    split: str
    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    sha256: str

    def __post_init__(self) -> None:
        check_names(self.name, self.classes)
        check_arrays(self.name, self.x, self.y)
        check_finite(self.name, self.x)
        check_labels(self.name, self.y, self.classes)

    def __len__(self) -> int:
        return len(self.y)

    def __sizeof__(self) -> int:
        """Return the bytes of the samples, for Dask, which moves tasks to their data."""
        return self.x.nbytes + self.y.nbytes

    def __repr__(self) -> str:
        samples = f"{counted(len(self), 'sample')} of {shape_text(self.shape)} values"
        names = printable(", ".join(self.classes), _NAMES)
        return (
            f"Dataset {self.name!r}, {self.part} ({self.split}): {samples}, "
            f"{len(self.classes)} classes ({names})"
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return self.x.shape[1:]

    @property
    def flat(self) -> npt.NDArray[np.float32]:
        """Inputs as vectors, shape (samples, features)."""
        return self.x.reshape(len(self), -1)

    def subset(self, indices: Sequence[int] | npt.NDArray[np.integer]) -> Dataset:
        """Return some of the samples, in the order given.

        Parameters
        ----------
        indices : sequence of int
            Numbers of the samples, each from 0 to ``len(self) - 1``.

        Returns
        -------
        Dataset
            A copy of the samples; its `split` says that it is a subset.

        Raises
        ------
        InputError
            If an index is not an integer in range.

        Examples
        --------
        >>> from brianbridge.datasets import load_dataset
        >>> load_dataset("iris").test.subset(range(10)).split
        'stratified 80/20, seed 0; 10 of 30 samples'
        """
        chosen = np.asarray(indices)
        if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
            raise InputError(
                f"dataset {self.name!r}: subset takes a flat list of sample numbers, not "
                f"{chosen.dtype} of shape {chosen.shape}; np.flatnonzero turns a mask into one"
            )
        outside = chosen[(chosen < 0) | (chosen >= len(self))]
        if outside.size:
            raise InputError(
                f"dataset {self.name!r}: there is no sample {outside[0]}; give 0 to {len(self) - 1}"
            )
        split = f"{self.split}; {len(chosen)} of {len(self)} samples"
        return replace(self, x=self.x[chosen], y=self.y[chosen], split=split)


class Split(NamedTuple):
    """Hold the training part and the test part of a dataset.

    Parameters
    ----------
    train, test : Dataset
        The two parts, which have no sample in common.
    """

    train: Dataset
    test: Dataset

    def __repr__(self) -> str:
        return f"Split\ntrain: {self.train!r}\ntest:  {self.test!r}"
