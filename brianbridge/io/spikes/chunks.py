"""Encode the chunks of a column of a spike file, as the filters of HDF5 do, and decode them.

SONATA's own columns, `timestamps` and `node_ids`, are packed by HDF5's filter scale-offset: each
number minus the least of its chunk, in as few bits as they need. Every HDF5 has that filter, also
that of libsonata's wheels, which lack gzip. The other columns are shuffled and compressed with
gzip, which looks for runs of equal bytes only: that is faster, and of shuffled columns it takes
about as little space. Done here, on bytes, it runs in a thread beside the simulation; h5py would
hold Python's lock.

A chunk that scale-offset cannot hold is stored as it is, which its *mask* of skipped filters says.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from brianbridge.io.spikes.layout import CHUNK, COLUMNS, as_steps, as_stored

__all__ = ["MOST_BYTES", "Packing"]

_PACKED = ("timestamps", "node_ids")
_HEAD = struct.Struct("<IB8s8x")  # bits of a number, bytes of the least number, the least number
_LEVEL = 1  # of gzip
_MOST_DECIMALS = 9
_MOST_BITS = 32
_SKIP = 1  # the mask of a chunk that skips its only filter
#: No chunk takes more bytes.
MOST_BYTES = CHUNK * 8 + 1024


@dataclass(frozen=True)
class Packing:
    """Say how the columns of one population are stored.

    Parameters
    ----------
    dt_ms : float
        Length of a step, in ms: timestamps are multiples of it.
    compress : bool
        Whether to use filters.

    Examples
    --------
    >>> packing = Packing(0.1, True)
    >>> data, mask = packing.encode("timestamps", np.arange(CHUNK) % 3)
    >>> len(data) - CHUNK // 4, mask, packing.decode("timestamps", data, mask)[:3].tolist()
    (21, 0, [0.0, 0.1, 0.2])
    """

    dt_ms: float
    compress: bool

    def storage(self, column: str) -> dict[str, Any]:
        """Return the arguments of h5py's `create_dataset` for a column."""
        if not self.compress:
            return {}
        if column in _PACKED:
            return {"scaleoffset": self._decimals or 0 if column == "timestamps" else 0}
        return {"compression": "gzip", "compression_opts": _LEVEL, "shuffle": True}

    def encode(self, column: str, values: np.ndarray) -> tuple[bytes, int]:
        """Return the bytes of a whole chunk, and the mask of the filters that it skips.

        The types of `values` are those of `narrow_types`.
        """
        if not self.compress:
            return as_stored(column, values, self.dt_ms).tobytes(), 0
        if column in _PACKED:
            return self._packed(column, values)
        shuffled = values.view(np.uint8).reshape(len(values), -1).T
        deflate = zlib.compressobj(_LEVEL, strategy=zlib.Z_RLE)
        return deflate.compress(np.ascontiguousarray(shuffled).data) + deflate.flush(), 0

    def decode(self, column: str, data: bytes, mask: int) -> np.ndarray:
        """Return the values of a whole chunk.

        Raises
        ------
        ValueError
            If the bytes are not those of a chunk.
        """
        dtype = np.dtype(COLUMNS[column][0])
        size = CHUNK * dtype.itemsize
        if self.compress and column in _PACKED and not mask:
            return self._unpacked(column, data)
        if self.compress and column not in _PACKED:
            try:
                data = zlib.decompressobj().decompress(data, size)
            except zlib.error as error:
                raise ValueError(str(error)) from None
            if len(data) != size:
                raise ValueError(f"a chunk has {len(data)} bytes, not {size}")
            shuffled = np.frombuffer(data, np.uint8).reshape(dtype.itemsize, CHUNK)
            return np.ascontiguousarray(shuffled.T).view(dtype)[:, 0]
        if len(data) != size:
            raise ValueError(f"a chunk has {len(data)} bytes, not {size}")
        return np.frombuffer(data, dtype)

    @cached_property
    def _decimals(self) -> int | None:
        """The decimals of a step in ms; None if it has too many for scale-offset."""
        for decimals in range(_MOST_DECIMALS + 1):
            scaled = self.dt_ms * 10**decimals
            if round(scaled) and abs(scaled - round(scaled)) <= 5e-16 * scaled:
                return decimals
        return None

    def _packed(self, column: str, values: np.ndarray) -> tuple[bytes, int]:
        least, unit = int(values.min()), 1
        span = int(values.max()) - least
        head = least.to_bytes(8, "little")
        if column == "timestamps":
            unit = round(self.dt_ms * 10 ** (self._decimals or 0))
            head = struct.pack("<d", least * self.dt_ms)
        bits = (span * unit + 1).bit_length()  # all ones mean the fill value
        if bits > _MOST_BITS or (column == "timestamps" and self._decimals is None):
            return as_stored(column, values, self.dt_ms).tobytes(), _SKIP
        codes = values - values.dtype.type(least)
        if span and unit > 1:
            codes = codes.astype(np.uint32) * np.uint32(unit)
        data, bits = _joined(codes, bits)
        return _HEAD.pack(bits, 8, head) + data, 0

    def _unpacked(self, column: str, data: bytes) -> np.ndarray:
        if len(data) < _HEAD.size:
            raise ValueError(f"a chunk has {len(data)} bytes")
        bits, _, head = _HEAD.unpack_from(data)
        if not 0 < bits <= _MOST_BITS or len(data) != _HEAD.size + CHUNK * bits // 8:
            raise ValueError(f"a chunk of {bits} bits for each number has {len(data)} bytes")
        packed = np.frombuffer(data, np.uint8, offset=_HEAD.size)
        each = np.zeros((CHUNK, _MOST_BITS), np.uint8)
        each[:, -bits:] = np.unpackbits(packed).reshape(CHUNK, bits)
        codes = np.packbits(each).view(">u4")
        if column == "node_ids":
            return codes.astype(np.uint64) + np.uint64(int.from_bytes(head, "little"))
        (first,) = struct.unpack("<d", head)
        steps = as_steps(codes / 10 ** (self._decimals or 0) + first, self.dt_ms)
        return steps * self.dt_ms


def _joined(codes: np.ndarray, bits: int) -> tuple[bytes, int]:
    """Return numbers one after the other, the highest bit first, and the bits of each.

    These are at least `bits`, and so many that 8, 4 or 2 numbers fill whole bytes.
    """
    width = 8 if bits <= 8 else 16 if bits <= 16 else 32
    together = 64 // width
    bits += -bits * together % 8 // together
    size = together * bits // 8
    if (count := len(codes)) % together:  # never of a whole chunk
        codes = np.pad(codes, (0, -count % together))
    words = codes.astype(f">u{width // 8}").view(">u8").astype(np.uint64)
    filled = bits
    while width < 64:  # in each word, pairs of neighbours move together
        right = np.uint64(sum((1 << width) - 1 << at for at in range(0, 64, 2 * width)))
        words = (words >> np.uint64(width) & right) << np.uint64(filled) | words & right
        width, filled = 2 * width, 2 * filled
    # The last bytes of each word. As items of one field they are copied several times faster.
    last = np.dtype(
        {"names": ["bytes"], "formats": [f"V{size}"], "offsets": [8 - size], "itemsize": 8}
    )
    data = words.astype(">u8").view(last)["bytes"].tobytes()
    return data[: -(-count * bits // 8)], bits
