"""Find where HDF5 stores the value of an attribute.

HDF5 returns the value of an attribute, but not its place in the file. A text of variable length is
stored elsewhere, and only its place tells whether it can be read without harm; see `text_heaps`.
The format is that of the HDF5 File Format Specification, version 3.0, section IV.A.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

__all__ = ["stored_attributes"]

_ATTRIBUTE, _CONTINUED = 0x0C, 0x10
#: Parts of a header, and bytes of each, that are read; HDF5 writes few and small ones.
_MOST_PARTS, _LARGEST_PART = 1_000, 1 << 20
_SIZES, _PLACE = struct.Struct("<HHH"), struct.Struct("<QQ")
#: A message in the first version of headers: kind, size, flags.
_OLDER = struct.Struct("<HHB3x")


def stored_attributes(file: BinaryIO, base: int, address: int, name: str) -> list[bytes]:
    """Return the stored bytes of the attributes of a name in the header of an object.

    Parameters
    ----------
    file : binary file
        The HDF5 file.
    base : int
        Where its addresses count from.
    address : int
        The address of the object.
    name : str
        The attribute.

    Returns
    -------
    list of bytes
        One entry for each attribute of that name: none if they are not in the header, more than
        one if the file is damaged.
    """
    found = []
    for kind, body in _messages(file, base, address):
        if kind == _ATTRIBUTE and len(body) > 9:
            own, value = _attribute(body)
            found += [value] if own == name.encode() else []
    return found


def _attribute(body: bytes) -> tuple[bytes, bytes]:
    """Return name and value; type and space lie between them."""
    version = body[0]
    sizes = _SIZES.unpack_from(body, 2)
    start = 9 if version == 3 else 8
    # The first version fills each part up to a multiple of eight bytes.
    lengths = [-(-size // 8) * 8 if version == 1 else size for size in sizes]
    return body[start : start + sizes[0]].rstrip(b"\0"), body[start + sum(lengths) :]


def _messages(file: BinaryIO, base: int, address: int) -> Iterator[tuple[int, bytes]]:
    """Yield kind and content of each message in the header of an object."""
    start = base + address
    head = _read(file, start, 16)
    if len(head) < 16:
        return
    if newer := head[:4] == b"OHDR":
        flags = head[5]
        start += 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        size = int.from_bytes(_read(file, start, width), "little")
        start += width
        message = struct.Struct("<BHB2x" if flags & 0x04 else "<BHB")
    else:
        start, size, message = start + 16, int.from_bytes(head[8:12], "little"), _OLDER
    parts = [(start, size)]
    for number, (place, length) in enumerate(parts):
        data = _read(file, place, length)
        at = 0
        while at + message.size <= len(data):
            kind, size, _ = message.unpack_from(data, at)
            at += message.size
            body = data[at : at + size]
            at += size
            if kind == _CONTINUED and len(body) >= _PLACE.size and number < _MOST_PARTS:
                further, length = _PLACE.unpack_from(body)
                # Newer parts begin with a signature and end with a checksum, four bytes each.
                around = 4 if newer else 0
                parts.append((base + further + around, length - 2 * around))
            yield kind, body


def _read(file: BinaryIO, place: int, size: int) -> bytes:
    if not (0 <= place < 1 << 62 and size > 0):
        return b""
    file.seek(place)
    return file.read(min(size, _LARGEST_PART))
