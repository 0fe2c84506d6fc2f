"""Read which compressions a Parquet file uses, without pyarrow: an unknown one ends its process.

The footer is a struct in Thrift's compact protocol; see `parquet.thrift` of apache/parquet-format.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

__all__ = ["codecs"]

_END = struct.Struct("<I4s")
_LARGEST = 1 << 24
#: Fields: row groups of a file, columns of a row group, metadata of a column, and its codec.
_ROW_GROUPS, _COLUMNS, _METADATA, _CODEC = 4, 1, 3, 4
#: Types of Thrift.
_TRUE, _FALSE, _BYTE, _INTEGERS, _DOUBLE = 1, 2, 3, (4, 5, 6), 7
_BINARY, _LISTS, _STRUCT = 8, (9, 10), 12


def codecs(path: Path) -> set[int]:
    """Return the numbers of the compressions that a Parquet file uses.

    Raises
    ------
    ValueError, LookupError or TypeError
        If its footer is damaged.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _END.size))
        end = file.read()
        if len(end) < _END.size:
            raise ValueError("it is too short")
        length, mark = _END.unpack(end)
        if mark != b"PAR1" or length > min(_LARGEST, size - _END.size):
            raise ValueError("it has no footer that can be read")
        file.seek(size - _END.size - length)
        footer = _Thrift(file.read(length)).struct()
    return {
        column[_METADATA][_CODEC]
        for group in footer.get(_ROW_GROUPS, [])
        for column in group.get(_COLUMNS, [])
    }


class _Thrift:
    """Read values one after another."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def struct(self) -> dict[int, Any]:
        """Return the fields of a struct by their numbers."""
        found, number = {}, 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._integer()
            kind = head & 15
            found[number] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind)
        return found

    def _value(self, kind: int) -> Any:
        if kind in (_TRUE, _FALSE, _BYTE):
            return self._byte()
        if kind in _INTEGERS:
            return self._integer()
        if kind == _DOUBLE:
            return self._bytes(8)
        if kind == _BINARY:
            return self._bytes(self._varint())
        if kind == _STRUCT:
            return self.struct()
        if kind not in _LISTS:
            raise ValueError(f"its footer has a value of kind {kind}")
        head = self._byte()
        size = self._varint() if head >> 4 == 15 else head >> 4
        return [self._value(head & 15) for _ in range(size)]

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _bytes(self, size: int) -> bytes:
        self._at += size
        if self._at > len(self._data):
            raise ValueError("its footer is cut off")
        return self._data[self._at - size : self._at]

    def _varint(self) -> int:
        value = shift = 0
        while shift < 70:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
        raise ValueError("its footer has a number that is too long")

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
