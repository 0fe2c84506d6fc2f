"""Encode the chunks of a column of a spike file, as the filters of HDF5 do, and decode them.

SONATA's own columns, `timestamps` and `node_ids`, are packed by HDF5's filter scale-offset: each
number minus the least of its chunk, in as few bits as they need. Every HDF5 has that filter, also
that of libsonata's wheels, which lack gzip. The other columns are shuffled and compressed with
gzip. Done here, on bytes, it runs in a thread beside the simulation; h5py would hold Python's lock.

A chunk that scale-offset cannot hold is stored as it is, which its *mask* of skipped filters says.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from brianbridge.io.spikes.layout import CHUNK, COLUMNS, as_steps

__all__ = ["MOST_BYTES", "Packing"]

_PACKED = ("timestamps", "node_ids")
_HEAD = struct.Struct("<IB8s8x")  # bits of a number, bytes of the least number, the least number
_LEVEL = 1  # of gzip: level 4 takes twice as long and saves a tenth
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
    >>> data, mask = packing.encode("timestamps", np.arange(CHUNK) % 3 * 0.1)
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
        """Return the bytes of a whole chunk, and the mask of the filters that it skips."""
        plain = np.ascontiguousarray(values, COLUMNS[column][0])
        if not self.compress:
            return plain.tobytes(), 0
        if column in _PACKED:
            return self._packed(column, plain)
        shuffled = plain.view(np.uint8).reshape(len(plain), -1).T
        return zlib.compress(np.ascontiguousarray(shuffled).data, _LEVEL), 0

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

    def _packed(self, column: str, plain: np.ndarray) -> tuple[bytes, int]:
        if column == "node_ids":
            least = int(plain.min())
            codes, head = plain - np.uint64(least), least.to_bytes(8, "little")
        elif self._decimals is not None:
            steps = as_steps(plain, self.dt_ms)
            first = int(steps.min())
            codes = (steps - first) * round(self.dt_ms * 10**self._decimals)
            head = struct.pack("<d", first * self.dt_ms)
        else:
            return plain.tobytes(), _SKIP
        bits = (int(codes.max()) + 1).bit_length()  # all ones mean the fill value
        if bits > _MOST_BITS:
            return plain.tobytes(), _SKIP
        width = 2 if bits <= 16 else 4
        raw = codes.astype(f">u{width}").view(np.uint8).reshape(-1, width)
        each = np.unpackbits(raw, axis=1)
        return _HEAD.pack(bits, 8, head) + np.packbits(each[:, -bits:]).tobytes(), 0

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
