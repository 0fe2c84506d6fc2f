"""Encode long presentations block by block, so that a raster is never whole in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from brianbridge.encoding.base import EncodedInput

__all__ = ["joined", "spans", "steps_of_block"]

#: Elements of a block. Random numbers of a block take eight times as many bytes.
_BLOCK = 2**20


def steps_of_block(elements: int) -> int:
    """Return the number of steps of a block, at least one, for so many elements in each step."""
    return max(1, _BLOCK // max(1, elements))


def spans(steps: int, block: int) -> Iterator[tuple[int, int]]:
    """Yield the first and last step, exclusive, of blocks of `block` steps.

    Examples
    --------
    >>> list(spans(5, 2))
    [(0, 2), (2, 4), (4, 5)]
    """
    for first in range(0, steps, block):
        yield first, min(first + block, steps)


def joined(blocks: Iterable[EncodedInput], steps: int) -> EncodedInput:
    """Return the whole raster of a presentation, from its blocks."""
    raster, first = None, 0
    for block in blocks:
        part = block.raster
        assert part is not None
        if raster is None:
            raster = np.empty((steps, *part.shape[1:]), part.dtype)
        raster[first : first + len(part)] = part
        first += len(part)
    return EncodedInput(raster=raster)
