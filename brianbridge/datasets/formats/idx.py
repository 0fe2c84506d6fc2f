"""Read IDX files, the format of MNIST.

A file has two zero bytes, a byte for the type, a byte for the number of dimensions, the dimensions
as big-endian 32-bit integers, and the values, big-endian, with the last dimension fastest.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brianbridge.errors import InputError
from brianbridge.paths import checked_path

__all__ = ["decompressed", "parse_idx", "read_idx"]

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP = b"\x1f\x8b"
_HEADER = 4 + 4 * 255  # bytes of the longest IDX header
_BLOCK = 1 << 20


def decompressed(path: Path, most: int | None = None) -> bytes:
    """Read a file, and decompress it if its first bytes are those of gzip.

    Parameters
    ----------
    path : Path
        The file.
    most : int, optional
        Number of bytes that it should have, decompressed. If the file is longer, only one byte more
        is read, because a kilobyte can decompress to a megabyte. If not given, the IDX header
        states it.

    Raises
    ------
    InputError
        If it cannot be read or its compression is damaged.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == _GZIP
        with gzip.open(path) if packed else path.open("rb") as file:
            head = file.read(_HEADER)
            most = _announced(head) if most is None else most
            parts, room = [head], math.inf if most is None else most + 1 - len(head)
            # In blocks: one read would allocate all the memory that a file may claim.
            while room > 0 and (part := file.read(int(min(room, _BLOCK)))):
                parts.append(part)
                room -= len(part)
        return b"".join(parts)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{path}: expected a whole gzip file, but it is damaged or cut short ({error})"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def _announced(head: bytes) -> int | None:
    """Return the number of bytes that an IDX header states; None if it has no such header."""
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _DTYPES:
        return None
    start = 4 + 4 * head[3]
    if len(head) < start:
        return None
    shape = struct.unpack_from(f">{head[3]}I", head, 4)
    return start + math.prod(shape) * np.dtype(_DTYPES[head[2]]).itemsize


def parse_idx(content: bytes, source: str | Path) -> npt.NDArray[Any]:
    """Turn the bytes of an IDX file into an array.

    Parameters
    ----------
    content : bytes
        The decompressed file.
    source : str or Path
        Name of the file, for messages.

    Returns
    -------
    ndarray
        In the native byte order, with the shape and type that the header states.

    Raises
    ------
    InputError
        If it has no IDX header, or the header states another number of bytes.

    Examples
    --------
    >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]), "example")
    array([7, 8, 9], dtype=uint8)
    """
    magic = content[:4]
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES or magic[3] == 0:
        known = ", ".join(f"{code:02x}" for code in _DTYPES)
        raise InputError(
            f"{source}: not an IDX file, it starts with '{magic.hex(' ')}'; expected 00 00, a type "
            f"({known}), and the number of dimensions"
        )
    dtype = np.dtype(_DTYPES[magic[2]])
    start = 4 + 4 * magic[3]
    if len(content) < start:
        raise InputError(
            f"{source}: the IDX header is cut short; expected {start} bytes for {magic[3]} "
            f"dimensions, the file has {len(content)}"
        )
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", magic[3], 4))
    expected = start + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        wrong = "cut short" if len(content) < expected else "too long"
        raise InputError(
            f"{source}: the IDX file is {wrong}; expected {expected} bytes for {dtype.name} of "
            f"shape {shape}, the file has {len(content)}{' or more' * (len(content) > expected)}"
        )
    values = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return values.astype(dtype.newbyteorder("="))


def read_idx(path: str | Path) -> npt.NDArray[Any]:
    """Read an IDX file, plain or gzipped.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    ndarray
        In the native byte order, with the shape and type that the header states.

    Raises
    ------
    InputError
        If it cannot be read, is damaged, or is not an IDX file. The message says what was expected.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "labels"
    >>> _ = file.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 4, 2]))
    >>> read_idx(file)
    array([4, 2], dtype=uint8)
    """
    path = checked_path(path, "IDX file", home=True)
    return parse_idx(decompressed(path), path)
