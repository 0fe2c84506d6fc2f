"""Check where HDF5 keeps texts of variable length, before it reads them.

NIR and NWB files hold types, edges and notes as such texts, and SONATA files their units. HDF5
stores them in *global heaps*, which have no checksum, and walks from object to object of a heap by
their sizes. A damaged size lets it walk for ever, which no signal of Python ends; and it takes as
much memory as the length of a text claims, up to 4 GB, before it looks for the text. So the walk is
done here first, and lengths are compared.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

import h5py

from brianbridge.errors import InputError
from brianbridge.io.object_headers import stored_attributes

__all__ = ["TextHeaps", "attribute"]

#: A text in its dataset: length, address of the heap, index in it.
_DESCRIPTOR = struct.Struct("<IQI")
#: A heap: signature, version, and size in bytes; an object: index, references, and size.
_HEAP, _OBJECT = struct.Struct("<4sB3xQ"), struct.Struct("<HHIQ")
#: Python's memory for a short text, which a dataset may name once for each of its values.
_TEXT_OBJECT = 64
_NONE = object()


class TextHeaps:
    """Check the heaps of one file, each once.

    Parameters
    ----------
    file : h5py.File
        The open file.
    remedy : str
        What the user can do about a damaged file.
    """

    def __init__(self, file: h5py.File, remedy: str) -> None:
        self._path, self._remedy = Path(file.filename), remedy
        self._size = self._path.stat().st_size
        self._base = file.userblock_size
        self._plain = file.id.get_create_plist().get_sizes() == (8, 8)
        self._heaps: dict[int, dict[int, int]] = {}
        self._walked, self._memory = 0, 0

    def check(self, dataset: h5py.Dataset) -> None:
        """Refuse a dataset of texts that cannot be read without harm.

        Raises
        ------
        InputError
            If a heap is damaged, a text has another length than is claimed, all texts together
            need more than ``prefs.brianbridge.memory``, or they are stored in a way that cannot be
            checked.
        """
        places = _places(dataset) if self._plain else None
        if places is None:
            raise self._unusual(f"'{dataset.name}'")
        if sum(size for _, size in places) < _DESCRIPTOR.size * dataset.size:
            raise self._damaged(f"'{dataset.name}'")  # the rest would be empty texts
        with self._path.open("rb") as file:
            for place, size in places:
                file.seek(place)
                stored = file.read(max(0, min(size, self._size - place)))
                if len(stored) < size:
                    raise self._damaged(f"'{dataset.name}'")
                self._check_texts(file, stored, f"'{dataset.name}'")

    def check_attribute(self, item: h5py.Group | h5py.Dataset, name: str) -> None:
        """Refuse an attribute of texts that cannot be read without harm; see `check`.

        Raises
        ------
        InputError
            As `check` does.
        """
        what = f"attribute '{name}' of '{item.name}'"
        address = h5py.h5o.get_info(item.id).addr
        size = _DESCRIPTOR.size * item.attrs.get_id(name).get_space().get_simple_extent_npoints()
        with self._path.open("rb") as file:
            found = stored_attributes(file, self._base, address, name) if self._plain else []
            if len(found) != 1 or len(found[0]) < size:
                raise self._unusual(what)
            self._check_texts(file, found[0][:size], what)

    def _check_texts(self, file: BinaryIO, stored: bytes, what: str) -> None:
        from brianbridge.preferences import how_to_raise, memory_budget

        for length, address, index in _DESCRIPTOR.iter_unpack(stored):
            self._memory += _TEXT_OBJECT + length
            if length and self._objects(file, address, what).get(index) != length:
                raise self._damaged(what)
        if self._memory > memory_budget():
            raise InputError(
                f"{what} has texts of {self._memory / 1e6:.4g} MB; {how_to_raise(self._memory)}"
            )

    def _objects(self, file: BinaryIO, address: int, what: str) -> dict[int, int]:
        """Return the length of each object of a heap, by its index."""
        if address not in self._heaps:
            place = self._base + address
            if place >= self._size:
                raise self._damaged(what)
            file.seek(place)
            data = _heap(file, self._size - place)
            self._walked += len(data)
            objects = _objects(data)
            # Heaps do not overlap: a file that says so lets them be read again and again.
            if not objects or self._walked > self._size:
                raise self._damaged(what)
            self._heaps[address] = objects
        return self._heaps[address]

    def _damaged(self, what: str) -> InputError:
        return InputError(f"the texts of {what} are damaged; {self._remedy}")

    def _unusual(self, what: str) -> InputError:
        return InputError(f"{what} holds texts in an unusual form; {self._remedy}")


def attribute(item: h5py.Group | h5py.Dataset, name: str, default: Any = _NONE) -> Any:
    """Return the value of an attribute, of any file.

    Parameters
    ----------
    item : h5py.Group or h5py.Dataset
        The object.
    name : str
        The attribute.
    default : object
        What an object without this attribute has, if it need not have it.

    Raises
    ------
    InputError
        If it refers to other objects, or its texts are damaged.
    KeyError
        If there is none, and no default.
    """
    if name not in item.attrs:
        if default is _NONE:
            raise KeyError(f"'{item.name}' has no attribute '{name}'")
        return default
    dtype = item.attrs.get_id(name).dtype
    if dtype.hasobject:
        what = f"attribute '{name}' of '{item.name}'"
        if h5py.check_string_dtype(dtype) is None:
            raise InputError(f"{what} holds {dtype}; expected numbers or text")
        heaps = TextHeaps(item.file, "write it again, with texts of a fixed length")
        heaps.check_attribute(item, name)
    return item.attrs[name]


def _places(dataset: h5py.Dataset) -> list[tuple[int, int]] | None:
    """Return where the values of a dataset are, with their number of bytes; None if not known."""
    if dataset.chunks is None:
        offset = dataset.id.get_offset()
        return None if offset is None else [(offset, _DESCRIPTOR.size * dataset.size)]
    if dataset.id.get_create_plist().get_nfilters():
        return None
    chunks = [dataset.id.get_chunk_info(n) for n in range(dataset.id.get_num_chunks())]
    return [(chunk.byte_offset, chunk.size) for chunk in chunks]


def _heap(file: BinaryIO, room: int) -> bytes:
    """Return the bytes of the heap at the position of a file; none if it is damaged."""
    head = file.read(_HEAP.size)
    if len(head) < _HEAP.size:
        return b""
    signature, version, size = _HEAP.unpack(head)
    if signature != b"GCOL" or version != 1 or not _HEAP.size <= size <= room:
        return b""
    return head + file.read(size - _HEAP.size)


def _objects(heap: bytes) -> dict[int, int]:
    """Return the length of each object by its index; none if they do not fill the heap."""
    found = {}
    at = _HEAP.size
    while at + _OBJECT.size <= len(heap):
        index, _, _, length = _OBJECT.unpack_from(heap, at)
        # Free space counts its own header.
        step = length if index == 0 else _OBJECT.size + -(-length // 8) * 8
        if step < _OBJECT.size or at + step > len(heap):
            return {}
        if index:
            found[index] = length
        at += step
    return found
