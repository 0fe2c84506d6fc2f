"""Read AEDAT 2.0 of a DVS128, and the polarity events of AEDAT 3.1.

AEDAT 3.1 follows iniVation's specification and the headers of libcaer. One rule is from memory: a
packet takes the space of its capacity, not of its number of events. AEDAT 2.0 follows iniVation's
specification, and the addresses of a DVS128 follow the source of jAER, the program that wrote such
files: bit 0 is 0 where a pixel became *brighter* (the specification says 1), columns count from the
right, and rows from below. No file of the published datasets was at hand when this was written.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from brianbridge.datasets.formats.events import EVENT, Events, check_whole, cut_short, events_of
from brianbridge.errors import InputError

__all__ = ["AEDAT", "parse_aedat"]

#: First bytes of a file.
AEDAT = b"#!AER-DAT"
_LAST = 127  # last of the 128 columns, or rows, of a DVS128
_PACKET = struct.Struct("<hhiiiiii")
_POLARITY = 1


def parse_aedat(content: bytes, path: Path) -> Events:
    """Return the events of an AEDAT file.

    Parameters
    ----------
    content : bytes
        The file, which starts with `AEDAT`.
    path : Path
        Its name, for messages.

    Raises
    ------
    InputError
        If the file is cut short, damaged, or of another version than 2.0 and 3.1.
    """
    version = content[len(AEDAT) : len(AEDAT) + 3]
    if version == b"2.0":
        return _aedat_2(content, path)
    if version == b"3.1":
        return _aedat_3(content, path)
    raise InputError(
        f"{path}: is AEDAT {version.decode('ascii', 'replace')}, but only 2.0 and 3.1 can be read; "
        "convert it to .npz with arrays t, x, y and p"
    )


def _aedat_2(content: bytes, path: Path) -> Events:
    start = 0
    while content[start : start + 1] == b"#":
        start = _next_line(content, start, path)
    check_whole(len(content) - start, 8, path)
    words = np.frombuffer(content, ">u4", offset=start).reshape(-1, 2)
    address, time = words[:, 0], words[:, 1]
    foreign = address > 0xFFFF
    if foreign.any():
        raise InputError(
            f"{path}: event {int(foreign.argmax())} has the address "
            f"0x{int(address[foreign][0]):08x}, but those of a DVS128 have 16 bits; convert "
            "recordings of other cameras to .npz with arrays t, x, y and p"
        )
    # Bit 15 marks signals at a pin of the camera, not of a pixel.
    pixel = (address & 0x8000) == 0
    address, time = address[pixel], time[pixel]
    x, y = (address >> 1) & 0x7F, (address >> 8) & 0x7F
    return events_of(time, _LAST - x.astype(int), _LAST - y.astype(int), (address & 1) == 0)


def _aedat_3(content: bytes, path: Path) -> Events:
    start, line = 0, b""
    while line.rstrip() != b"#!END-HEADER":
        end = _next_line(content, start, path)
        start, line = end, content[start:end]
    found = []
    while start < len(content):
        if len(content) - start < _PACKET.size:
            raise cut_short(path, len(content) - start, _PACKET.size, "a packet's header")
        kind, _, size, _, overflow, capacity, number, _ = _header(content, start)
        start += _PACKET.size
        if size < 1 or not 0 <= number <= capacity or (kind == _POLARITY and size != 8):
            raise InputError(
                f"{path}: the packet at byte {start - _PACKET.size} claims {number} of {capacity} "
                f"events of {size} bytes, so the file is damaged; get it again"
            )
        if len(content) - start < size * capacity:
            raise cut_short(path, len(content) - start, size * capacity, "a packet's events")
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
    return events_of(time, data[:, 0] >> 17, (data[:, 0] >> 2) & 0x7FFF, data[:, 0] & 2)


def _next_line(content: bytes, start: int, path: Path) -> int:
    end = content.find(b"\n", start)
    if content[start : start + 1] != b"#" or end < 0:
        raise InputError(
            f"{path}: its header is cut short or damaged at byte {start}; get it again"
        )
    return end + 1
