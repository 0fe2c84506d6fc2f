"""Read arrays from NumPy's files, which may be damaged or hostile.

No pickle is opened, since that may execute code, and no file unpacks to more memory than allowed.
"""

from __future__ import annotations

import io
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from textwrap import shorten
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from brianbridge.errors import InputError

__all__ = ["NPY", "NPZ", "array_names", "array_shapes", "check_size", "read_arrays", "read_npy"]

#: First bytes of the files.
NPY, NPZ = b"\x93NUMPY", b"PK\x03\x04"

#: Bytes that state the length of an array's header, by version of the format.
_LENGTH_BYTES = {(1, 0): 2, (2, 0): 4}
#: As NumPy allows; it parses headers as Python literals.
_LONGEST_HEADER = 10_000
#: Errors that NumPy raises for damaged files; a damaged header may ask for any amount of memory.
_DAMAGED = (
    ValueError, EOFError, KeyError, MemoryError, NotImplementedError, RuntimeError, SyntaxError,
    TypeError, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def check_size(needed: float, stored: float, path: Path) -> None:
    """Refuse data that unpack to more memory than a file may use.

    Parameters
    ----------
    needed, stored : float
        Bytes in memory, and bytes in the file. A file may always use as much as it has.
    path : Path
        The file, for the message.

    Raises
    ------
    InputError
        If it is too much. The message says how to allow it.
    """
    # Brian2 is imported for its preferences only when there is something to compare.
    from brianbridge.preferences import how_to_raise, memory_budget

    budget = memory_budget()
    if needed > max(budget, stored):
        raise InputError(
            f"{path}: unpacks to {needed / 1e6:,.0f} MB, but a file may use "
            f"{budget / 1e6:,.0f} MB; if that is right, {how_to_raise(needed)}"
        )


def array_names(path: Path) -> list[str]:
    """Return the names of the arrays in an ``.npz`` file, or in the ``.npy`` files of a folder.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    if path.is_dir():
        return sorted(one.stem for one in path.glob("*.npy"))

    def names() -> list[str]:
        with path.open("rb") as file:
            if file.read(len(NPY)) == NPY:
                raise InputError(
                    f"{path}: holds a single array; give an .npz file (np.savez) or a folder with "
                    "samples and labels"
                )
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
        return sorted(one.removesuffix(".npy") for one in members if one.endswith(".npy"))

    return _guarded(names, path)


def array_shapes(path: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """Return shape and type of each array, without reading it.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    names = array_names(path)

    def shapes() -> dict[str, tuple[tuple[int, ...], str]]:
        if path.is_dir():
            found = {}
            for name in names:
                one = path / f"{name}.npy"
                with one.open("rb") as file:
                    found[name] = _check_header(file, one.stat().st_size)
            return found
        with zipfile.ZipFile(path) as archive:
            found = {}
            for name in names:
                with archive.open(f"{name}.npy") as member:
                    found[name] = _check_header(member, archive.getinfo(f"{name}.npy").file_size)
            return found

    return cast("dict[str, tuple[tuple[int, ...], str]]", _guarded(shapes, path))


def read_arrays(
    source: Path | io.BytesIO, path: Path, names: Iterable[str] | None = None
) -> dict[str, npt.NDArray[Any]]:
    """Return arrays by name.

    Parameters
    ----------
    source : Path or io.BytesIO
        An ``.npz`` file, its content, or a folder with ``.npy`` files.
    path : Path
        The file or folder, for messages.
    names : iterable of str, optional
        The arrays to read; all of the file if not given.

    Raises
    ------
    InputError
        If a file is damaged, lacks an array, has Python objects, or unpacks to more memory than
        allowed.
    """
    if isinstance(source, Path) and source.is_dir():
        chosen = array_names(source) if names is None else names
        return {name: read_npy(one := source / f"{name}.npy", one) for name in chosen}

    def read() -> dict[str, npt.NDArray[Any]]:
        with zipfile.ZipFile(source) as archive:
            held = {one.filename.removesuffix(".npy"): one for one in archive.infolist()}
            chosen = list(held) if names is None else list(names)
            stored = sum(one.compress_size for one in held.values())
            check_size(sum(held[name].file_size for name in chosen), stored, path)
            found = {}
            for name in chosen:
                with archive.open(held[name]) as member:
                    _check_header(member, held[name].file_size)
                with archive.open(held[name]) as member:
                    found[name] = np.lib.format.read_array(member, allow_pickle=False)
            return found

    return _guarded(read, path)


def read_npy(source: Path | bytes, path: Path) -> npt.NDArray[Any]:
    """Return the array of an ``.npy`` file, or of its content.

    Raises
    ------
    InputError
        If it is damaged, or has Python objects.
    """

    def read() -> npt.NDArray[Any]:
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            _check_header(file, size)
            file.seek(0)
            found: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        return found

    return cast("npt.NDArray[Any]", _guarded(read, path))


def _check_header(file: Any, size: int) -> tuple[tuple[int, ...], str]:
    """Return shape and type; check that a file has as many bytes, before memory is allocated."""
    version = np.lib.format.read_magic(file)
    if version not in _LENGTH_BYTES:
        raise ValueError(f"version {version} of the format is not known")
    # NumPy would read a header of any length, up to 4 GB, before it refuses it.
    stated = file.read(_LENGTH_BYTES[version])
    text = file.read(min(int.from_bytes(stated, "little"), _LONGEST_HEADER + 1))
    if len(text) > _LONGEST_HEADER:
        raise ValueError(f"its header has more than {_LONGEST_HEADER} characters")
    read = {
        (1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0,
    }[version]  # fmt: skip
    shape, _, dtype = read(io.BytesIO(stated + text))
    if dtype.hasobject:
        raise ValueError("it has Python objects, which are stored as a pickle")
    # Python's whole numbers, so that no product overflows.
    needed = dtype.itemsize
    for length in shape:
        needed *= int(length)
    if needed > size:
        raise ValueError(f"its header tells of {needed:,} bytes, but there are {size:,}")
    return shape, str(dtype)


def _guarded(read: Callable[[], Any], path: Path) -> Any:
    try:
        return read()
    except InputError:
        raise  # it is a ValueError, too
    except _DAMAGED as error:
        told = shorten(str(error), 200)
        raise InputError(
            f"{path}: cannot be read ({told}); save the numbers again with np.save or np.savez"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
