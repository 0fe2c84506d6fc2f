"""Read the event files of N-MNIST, which have no header.

The layout is the one described on the page of the dataset; the overflow of time follows tonic,
which follows the author's reader.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from brianbridge.datasets.formats.events import Events, check_whole, events_of

__all__ = ["parse_nmnist"]

# The camera of N-MNIST has no row 240: an event there says that the time has overflowed.
_OVERFLOW_ROW, _OVERFLOW_TIME = 240, 2**13


def parse_nmnist(content: bytes, path: Path) -> Events:
    """Return the events of a file of N-MNIST.

    Raises
    ------
    InputError
        If it is cut short.
    """
    check_whole(len(content), 5, path)
    x, y, high, middle, low = np.frombuffer(content, np.uint8).reshape(-1, 5).T.astype(np.int64)
    overflow = y == _OVERFLOW_ROW
    time = ((high & 0x7F) << 16 | middle << 8 | low) + np.cumsum(overflow) * _OVERFLOW_TIME
    kept = ~overflow
    return events_of(time[kept], x[kept], y[kept], high[kept] & 0x80)
