"""Check where HDF5 keeps strings of variable length, before it reads them.

NIR files hold their types, edges and metadata as such strings. HDF5 stores them in *global heaps*,
which have no checksum, and walks from object to object of a heap by their sizes. A damaged size
lets it walk for ever, which no signal of Python ends. So the walk is done here first.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import h5py

from brianbridge.errors import InputError

__all__ = ["TextHeaps"]

#: A string in its dataset: length, address of the heap, index in it.
_DESCRIPTOR = struct.Struct("<IQI")
#: A heap: signature, version, and size in bytes; an object: index, references, and size.
_HEAP, _OBJECT = struct.Struct("<4sB3xQ"), struct.Struct("<HHIQ")
_OTHERWISE = "save the graph again with the package 'nir'"


class TextHeaps:
    """Check the heaps of one file, each once.

    Parameters
    ----------
    file : h5py.File
        The open file.
    """

    def __init__(self, file: h5py.File) -> None:
        self._path = Path(file.filename)
        self._base = file.userblock_size
        self._plain = file.id.get_create_plist().get_sizes() == (8, 8)
        self._checked: set[int] = set()

    def check(self, dataset: h5py.Dataset) -> None:
        """Refuse a dataset of strings that lie in a damaged heap.

        Raises
        ------
        InputError
            If a heap is damaged, or the strings are stored in a way that cannot be checked.
        """
        offset = dataset.id.get_offset()
        if offset is None or not self._plain:
            raise InputError(f"'{dataset.name}' holds texts in an unusual form; {_OTHERWISE}")
        with self._path.open("rb") as file:
            file.seek(offset)
            stored = file.read(_DESCRIPTOR.size * dataset.size)
            for length, address, _ in _DESCRIPTOR.iter_unpack(
                stored[: len(stored) // _DESCRIPTOR.size * _DESCRIPTOR.size]
            ):
                if length and address not in self._checked:
                    file.seek(0, 2)
                    size = file.tell()
                    place = self._base + address
                    if place >= size:
                        raise InputError(f"'{dataset.name}' is damaged; {_OTHERWISE}")
                    file.seek(place)
                    if not _is_whole(file.read(_HEAP.size), file, size - place):
                        raise InputError(f"the texts of '{dataset.name}' are damaged; {_OTHERWISE}")
                    self._checked.add(address)


def _is_whole(head: bytes, file: BinaryIO, room: int) -> bool:
    """Return whether the objects of a heap fill it, each further than the one before."""
    if len(head) < _HEAP.size:
        return False
    signature, version, size = _HEAP.unpack(head)
    if signature != b"GCOL" or version != 1 or not _HEAP.size <= size <= room:
        return False
    heap = head + file.read(size - _HEAP.size)
    at = _HEAP.size
    while at + _OBJECT.size <= size:
        index, _, _, length = _OBJECT.unpack_from(heap, at)
        # Free space counts its own header.
        step = length if index == 0 else _OBJECT.size + -(-length // 8) * 8
        if step < _OBJECT.size or at + step > size:
            return False
        at += step
    return True
