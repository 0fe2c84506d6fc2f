"""Random shifts, flips and cut-outs of training images, drawn anew in every epoch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import NonNegativeInt

from brianbridge.errors import InputError
from brianbridge.schema import check_options
from brianbridge.twin.part import Part

__all__ = ["Augmentation"]


@dataclass(frozen=True)
class Augmentation:
    """Change training images at random, in ways that do not change their class.

    Parameters
    ----------
    shift : int
        Largest shift in pixels, in either direction; zeros move in from outside. This is the same
        as a random crop of the padded image.
    flip : bool
        Whether to mirror half of the images left to right; unsuitable for digits.
    cut : int
        Side of a square at a random position that is set to 0 ("cutout", DeVries & Taylor 2017);
        0 for none.

    Raises
    ------
    InputError
        If an option has the wrong type or is out of range.

    Examples
    --------
    >>> image = np.arange(9.0).reshape(1, 3, 3)
    >>> Augmentation(shift=1)(image, np.random.default_rng(9))
    array([[[1., 2., 0.],
            [4., 5., 0.],
            [7., 8., 0.]]])
    """

    shift: NonNegativeInt = 0
    flip: bool = False
    cut: NonNegativeInt = 0

    def __post_init__(self) -> None:
        check_options(self, "augmentation")

    def check(self, shape: tuple[int, ...]) -> None:
        """Refuse samples that are not images.

        Raises
        ------
        InputError
            If there is a change to make and `shape` is not ``([channels,] height, width)``.
        """
        if self != Augmentation() and len(shape) not in (2, 3):
            raise InputError(
                f"augmentation is for images, but the samples have shape {shape}; leave it out"
            )

    def __call__(
        self, images: np.ndarray, random: np.random.Generator, part: Part | None = None
    ) -> np.ndarray:
        """Return changed copies of images.

        Parameters
        ----------
        images : numpy.ndarray, shape (samples, [channels,] height, width)
            The images.
        random : numpy.random.Generator
            The source of the random changes.
        part : Part, optional
            Which images of a batch these are, if not all. The changes are those that they have in
            the whole batch.
        """
        if self == Augmentation():
            return images
        number, (height, width) = len(images), images.shape[-2:]
        every, own = (number, slice(None)) if part is None else (part.batch, part.rows)
        rows = np.arange(height) + np.zeros((number, 1), int)
        columns = np.arange(width) + np.zeros((number, 1), int)
        if self.shift:
            by = random.integers(-self.shift, self.shift + 1, (2, every, 1))[:, own]
            rows, columns = rows + by[0], columns + by[1]
        if self.flip:
            flipped = random.random(every)[own] < 0.5
            columns[flipped] = columns[flipped, ::-1]
        inside = _inside(rows, height)[:, :, None] & _inside(columns, width)[:, None, :]
        if self.cut:
            top, left = (random.integers(1 - self.cut, n, (every, 1))[own] for n in (height, width))
            inside &= ~(
                _within(np.arange(height), top, self.cut)[:, :, None]
                & _within(np.arange(width), left, self.cut)[:, None, :]
            )
        flat = images.reshape(number, -1, height, width)
        sample = np.arange(number)[:, None, None]
        moved = flat[
            sample,
            :,
            rows.clip(0, height - 1)[:, :, None],
            columns.clip(0, width - 1)[:, None, :],
        ]  # samples, height, width, channels
        changed = np.where(inside[..., None], moved, 0).transpose(0, 3, 1, 2)
        return np.ascontiguousarray(changed.reshape(images.shape), dtype=images.dtype)


def _inside(positions: np.ndarray, size: int) -> np.ndarray:
    found: np.ndarray = (positions >= 0) & (positions < size)
    return found


def _within(positions: np.ndarray, low: np.ndarray, size: int) -> np.ndarray:
    found: np.ndarray = (positions >= low) & (positions < low + size)
    return found
