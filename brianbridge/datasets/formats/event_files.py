"""Read recordings of event cameras: AEDAT 2.0 and 3.1, the files of N-MNIST, NumPy's.

Every format becomes one structured array: time in microseconds, column `x` from the left, row `y`
from the top, polarity `p` (True: it became brighter).

Where the layouts come from. AEDAT 3.1: iniVation's specification and libcaer's headers; that a
packet takes the room of its capacity, not of its number of events, is from memory. N-MNIST: the
page of the data set; the overflow of time as tonic has it, after the author's own reader. AEDAT
2.0: iniVation's specification; what an address of a DVS128 means follows the source of jAER, the
program that wrote such files: bit 0 is 0 where it became *brighter* (the specification says 1),
columns count from the right, and rows from below. The fields of ``.npy`` are tonic's convention,
from memory. No file of the data sets themselves was at hand when this was written.
"""

from __future__ import annotations

import io
import os
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brianbridge.errors import InputError
from brianbridge.paths import checked_path

__all__ = [
    "EVENT",
    "SUFFIXES",
    "Events",
    "check_inside",
    "parse_events",
    "read_content",
    "read_events",
]

#: One event.
EVENT = np.dtype([("t", np.int64), ("x", np.int16), ("y", np.int16), ("p", np.bool_)])

#: How the names of event files end.
SUFFIXES = (".aedat", ".bin", ".bs2", ".npy", ".npz")

Events = npt.NDArray[np.void]

_HEADLESS = (".bin", ".bs2")
_AEDAT, _NPY, _NPZ = b"#!AER-DAT", b"\x93NUMPY", b"PK\x03\x04"
_LAST = 127  # of the 128 columns, and rows, of a DVS128
# Of the 240 rows of N-MNIST's camera none is number 240: it says that from there on time is later.
_OVERFLOW_ROW, _OVERFLOW_TIME = 240, 2**13
_PACKET = struct.Struct("<hhiiiiii")
_POLARITY = 1


def read_events(path: str | os.PathLike[str], sensor: tuple[int, int] | None = None) -> Events:
    """Read one recording; its first bytes tell the format, but for the one of N-MNIST.

    Parameters
    ----------
    path : path
        AEDAT 2.0 of a DVS128; polarity events of AEDAT 3.1; ``.bin`` or ``.bs2`` of N-MNIST, which
        have no header; ``.npy`` with a structured array of fields t, x, y and p, in any order (what
        tonic gives); ``.npz`` with four arrays of these names.
    sensor : (int, int), optional
        Rows and columns that the events must lie in.

    Returns
    -------
    ndarray of `EVENT`, shape (events,)
        ``t`` in microseconds, in the order of the file; ``x`` from the left, ``y`` from the top,
        ``p`` True where it became brighter.

    Raises
    ------
    InputError
        If the file cannot be read, is cut short or of another format, or an event is outside.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".bin") as file:
    ...     _ = file.write(bytes([3, 7, 0x80, 1, 0]))  # x, y, polarity and time
    ...     file.flush()
    ...     read_events(file.name)["t"]
    array([256])
    """
    path = checked_path(path, "event file", home=True)
    events = parse_events(read_content(path), path)
    if sensor is not None:
        check_inside(events, sensor, str(path))
    return events


def read_content(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def parse_events(content: bytes, path: Path) -> Events:
    """Turn the bytes of an event file into events.

    Parameters
    ----------
    content : bytes
        The file.
    path : Path
        Its name: for error messages, and for the format of files without a header.

    Returns
    -------
    ndarray of `EVENT`, shape (events,)
        As `read_events` returns them.

    Raises
    ------
    InputError
        If the content is cut short or of another format.
    """
    if content.startswith(_AEDAT):
        version = content[len(_AEDAT) : len(_AEDAT) + 3]
        if version == b"2.0":
            return _aedat_2(content, path)
        if version == b"3.1":
            return _aedat_3(content, path)
        raise InputError(
            f"{path}: is AEDAT {version.decode('ascii', 'replace')}, and only 2.0 and 3.1 are "
            "read; convert it to .npz with arrays t, x, y and p"
        )
    if content.startswith(_NPY):
        return _npy(content, path)
    if content.startswith(_NPZ):
        return _npz(content, path)
    if path.suffix.lower() in _HEADLESS:
        return _nmnist(content, path)
    raise InputError(
        f"{path}: is no event file, it begins with {content[:10]!r}; expected AEDAT 2.0 or 3.1, "
        ".npy, .npz, or N-MNIST's format in a file called .bin or .bs2"
    )


def check_inside(events: Events, size: tuple[int, int], source: str) -> None:
    """Check that all events lie in so many rows and columns.

    Parameters
    ----------
    events : ndarray of `EVENT`
        What to check.
    size : (int, int)
        Rows and columns.
    source : str
        Whose events they are, for the message.

    Raises
    ------
    InputError
        If one does not; names the first. If `size` is no pair.
    """
    if not isinstance(size, list | tuple) or len(size) != 2:
        raise InputError(f"{source}: sensor = {size!r}; give rows and columns, (34, 34)")
    height, width = size
    x, y = events["x"], events["y"]
    outside = (x < 0) | (x >= width) | (y < 0) | (y >= height)
    if outside.any():
        first = int(outside.argmax())
        raise InputError(
            f"{source}: event {first} is at x = {x[first]}, y = {y[first]}, outside of {height} "
            f"rows and {width} columns; give the size of the sensor that recorded it"
        )


def _aedat_2(content: bytes, path: Path) -> Events:
    start = 0
    while content[start : start + 1] == b"#":
        start = _next_line(content, start, path)
    _check_whole(len(content) - start, 8, path)
    words = np.frombuffer(content, ">u4", offset=start).reshape(-1, 2)
    address, time = words[:, 0], words[:, 1]
    foreign = address > 0xFFFF
    if foreign.any():
        raise InputError(
            f"{path}: event {int(foreign.argmax())} has the address "
            f"0x{int(address[foreign][0]):08x}, and those of a DVS128 have 16 bits; convert "
            "recordings of other cameras to .npz with arrays t, x, y and p"
        )
    # Bit 15 marks signals at a pin of the camera.
    pixel = (address & 0x8000) == 0
    address, time = address[pixel], time[pixel]
    x, y = (address >> 1) & 0x7F, (address >> 8) & 0x7F
    return _filled(time, _LAST - x.astype(int), _LAST - y.astype(int), (address & 1) == 0)


def _aedat_3(content: bytes, path: Path) -> Events:
    start, line = 0, b""
    while line.rstrip() != b"#!END-HEADER":
        end = _next_line(content, start, path)
        start, line = end, content[start:end]
    found = []
    while start < len(content):
        if len(content) - start < _PACKET.size:
            raise _cut_short(path, len(content) - start, _PACKET.size, "a packet's header")
        kind, _, size, _, overflow, capacity, number, _ = _header(content, start)
        start += _PACKET.size
        if size < 1 or not 0 <= number <= capacity or (kind == _POLARITY and size != 8):
            raise InputError(
                f"{path}: the packet at byte {start - _PACKET.size} claims {number} of {capacity} "
                f"events of {size} bytes, so the file is damaged; get it again"
            )
        if len(content) - start < size * capacity:
            raise _cut_short(path, len(content) - start, size * capacity, "a packet's events")
        if kind == _POLARITY:
            words = np.frombuffer(content, "<u4", count=2 * number, offset=start).reshape(-1, 2)
            found.append(_polarity_events(words, overflow))
        start += size * capacity
    return np.concatenate(found) if found else np.empty(0, EVENT)


def _header(content: bytes, start: int) -> tuple[int, ...]:
    """Return type, source, event size, time offset, overflow, capacity, number, valid number."""
    return _PACKET.unpack_from(content, start)


def _polarity_events(words: npt.NDArray[np.uint32], overflow: int) -> Events:
    data = words[words[:, 0] & 1 == 1]  # the others were marked as invalid
    time = data[:, 1].astype(np.int64) + (overflow << 31)
    return _filled(time, data[:, 0] >> 17, (data[:, 0] >> 2) & 0x7FFF, data[:, 0] & 2)


def _nmnist(content: bytes, path: Path) -> Events:
    _check_whole(len(content), 5, path)
    x, y, high, middle, low = np.frombuffer(content, np.uint8).reshape(-1, 5).T.astype(np.int64)
    overflow = y == _OVERFLOW_ROW
    time = ((high & 0x7F) << 16 | middle << 8 | low) + np.cumsum(overflow) * _OVERFLOW_TIME
    kept = ~overflow
    return _filled(time[kept], x[kept], y[kept], high[kept] & 0x80)


def _npy(content: bytes, path: Path) -> Events:
    array = _loaded(content, path)
    names = getattr(array.dtype, "names", None) or ()
    if array.ndim != 1 or not {"t", "x", "y", "p"} <= set(names):
        raise InputError(
            f"{path}: holds an array of {array.dtype} and shape {array.shape}; expected a flat "
            "structured array with the fields t, x, y and p"
        )
    return _checked({name: array[name] for name in "txyp"}, path)


def _npz(content: bytes, path: Path) -> Events:
    arrays = _loaded(content, path)
    missing = [name for name in "txyp" if name not in arrays]
    if missing:
        raise InputError(f"{path}: has no array {missing[0]!r}; expected the arrays t, x, y and p")
    return _checked({name: arrays[name] for name in "txyp"}, path)


#: What NumPy raises over damaged files. A header of another type may ask for any amount of memory.
_DAMAGED = (
    ValueError, EOFError, OSError, KeyError, MemoryError, NotImplementedError, RuntimeError,
    SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def _loaded(content: bytes, path: Path) -> Any:
    """Return an array, or the arrays of an ``.npz`` by name."""
    try:
        _check_unpacked(content, path)
        # No pickles: opening one may execute code.
        found = np.load(io.BytesIO(content), allow_pickle=False)
        return found if isinstance(found, np.ndarray) else dict(found)
    except _DAMAGED as error:
        raise InputError(
            f"{path}: cannot be read ({' '.join(str(error).split())}); save numbers with np.save "
            "or np.savez once more"
        ) from error


def _check_unpacked(content: bytes, path: Path) -> None:
    """Refuse an archive that unpacks to more memory than a file may take."""
    if not content.startswith(_NPZ):
        return
    # Brian2 is imported for its preferences only when there is something to compare.
    from brianbridge.preferences import how_to_raise, memory_budget

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        needed = sum(member.file_size for member in archive.infolist())
    budget = memory_budget()
    if needed > max(budget, len(content)):
        raise InputError(
            f"{path}: unpacks to {needed / 1e6:,.0f} MB, and a file may take "
            f"{budget / 1e6:,.0f} MB; if that is right, {how_to_raise(needed)}"
        )


def _checked(fields: dict[str, npt.NDArray[Any]], path: Path) -> Events:
    """Return the events of arrays that anyone may have made."""
    shapes = {name: values.shape for name, values in fields.items()}
    if len(set(shapes.values())) > 1 or fields["t"].ndim != 1:
        raise InputError(
            f"{path}: t, x, y and p have the shapes {shapes}; make them flat and equal"
        )
    for name, highest in (("t", 2**62), ("x", 2**15 - 1), ("y", 2**15 - 1)):
        values = fields[name]
        lowest = -highest if name == "t" else 0
        good = values.dtype.kind in "iuf" and (values >= lowest) & (values <= highest)
        if not np.all(good) or (values != np.floor(values)).any():
            raise InputError(
                f"{path}: {name} must be whole numbers from {lowest} to {highest}, and are "
                f"{values.dtype} with others among them; give microseconds and pixels"
            )
    polarity = fields["p"]
    if not (np.isin(polarity, (0, 1)).all() or np.isin(polarity, (-1, 1)).all()):
        raise InputError(
            f"{path}: p has the values {np.unique(polarity)[:5].tolist()}; expected 0 and 1, or -1 "
            "and 1"
        )
    return _filled(fields["t"], fields["x"], fields["y"], polarity > 0)


def _filled(t: Any, x: Any, y: Any, p: Any) -> Events:
    events = np.empty(len(t), EVENT)
    events["t"], events["x"], events["y"], events["p"] = t, x, y, p
    return events


def _next_line(content: bytes, start: int, path: Path) -> int:
    end = content.find(b"\n", start)
    if content[start : start + 1] != b"#" or end < 0:
        raise InputError(
            f"{path}: its header is cut short or damaged at byte {start}; get it again"
        )
    return end + 1


def _check_whole(length: int, size: int, path: Path) -> None:
    if length % size:
        raise _cut_short(path, length % size, size, "the last event")


def _cut_short(path: Path, there: int, wanted: int, what: str) -> InputError:
    return InputError(
        f"{path}: is cut short, of {what} {there} of {wanted} bytes are there; get it again"
    )
