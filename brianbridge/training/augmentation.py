"""Shift, flip and cut training images, each sample anew in every epoch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brianbridge.errors import InputError

__all__ = ["Augmentation"]


@dataclass(frozen=True)
class Augmentation:
    """Change images at random, where that does not change what they show.

    Parameters
    ----------
    shift : int
        Shift by up to so many pixels in either direction, with zeros from outside: the random
        crop of an image padded by so many.
    flip : bool
        Mirror half of the images left to right. Not for digits.
    cut : int
        Set a square of so many pixels, at a random place, to 0 (DeVries & Taylor 2017, "cutout").

    Examples
    --------
    >>> image = np.arange(9.0).reshape(1, 3, 3)
    >>> Augmentation(shift=1)(image, np.random.default_rng(9))
    array([[[1., 2., 0.],
            [4., 5., 0.],
            [7., 8., 0.]]])
    """

    shift: int = 0
    flip: bool = False
    cut: int = 0

    def __post_init__(self) -> None:
        for name in ("shift", "cut"):
            if getattr(self, name) < 0:
                raise InputError(f"augmentation: {name} = {getattr(self, name)}; give 0 or more")

    def check(self, shape: tuple[int, ...]) -> None:
        """Refuse samples that are no images.

        Raises
        ------
        InputError
            If there is anything to do, and `shape` is neither (height, width) nor has channels.
        """
        if self != Augmentation() and len(shape) not in (2, 3):
            raise InputError(
                f"augmentation is for images, and the samples have shape {shape}; leave it out"
            )

    def __call__(self, images: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Return changed copies.

        Parameters
        ----------
        images : numpy.ndarray, shape (samples, [channels,] height, width)
            The images.
        random : numpy.random.Generator
            Where chance comes from.
        """
        if self == Augmentation():
            return images
        number, (height, width) = len(images), images.shape[-2:]
        rows = np.arange(height) + np.zeros((number, 1), int)
        columns = np.arange(width) + np.zeros((number, 1), int)
        if self.shift:
            by = random.integers(-self.shift, self.shift + 1, (2, number, 1))
            rows, columns = rows + by[0], columns + by[1]
        if self.flip:
            turned = random.random(number) < 0.5
            columns[turned] = columns[turned, ::-1]
        inside = _inside(rows, height)[:, :, None] & _inside(columns, width)[:, None, :]
        if self.cut:
            top, left = (random.integers(1 - self.cut, n, (number, 1)) for n in (height, width))
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


def _inside(places: np.ndarray, size: int) -> np.ndarray:
    found: np.ndarray = (places >= 0) & (places < size)
    return found


def _within(places: np.ndarray, low: np.ndarray, size: int) -> np.ndarray:
    found: np.ndarray = (places >= low) & (places < low + size)
    return found
