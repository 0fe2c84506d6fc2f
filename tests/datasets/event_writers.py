"""Write event files byte by byte, independently of the reader."""

from __future__ import annotations

import io
import struct

import numpy as np

from brianbridge.datasets.formats.events import EVENT


def random_events(number: int, size: tuple[int, int] = (128, 128), seed: int = 0) -> np.ndarray:
    """Return events in the order of time."""
    rng = np.random.default_rng(seed)
    events = np.empty(number, EVENT)
    events["t"] = np.sort(rng.integers(0, 300_000, number))
    events["y"], events["x"] = rng.integers(0, size[0], number), rng.integers(0, size[1], number)
    events["p"] = rng.integers(0, 2, number)
    return events


HEADER_2 = b"#!AER-DAT2.0\r\n# This is a raw AE data file - do not edit\r\n# created today\r\n"
HEADER_3 = (
    b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#Start-Time: x\r\n#!END-HEADER\r\n"
)


def aedat_2(events: np.ndarray) -> bytes:
    """Write what jAER writes of a DVS128: brighter is 0, columns and rows count backwards."""
    body = b""
    for t, x, y, p in events.tolist():
        address = (127 - y) * 256 + (127 - x) * 2 + (0 if p else 1)
        body += struct.pack(">II", address, t)
    return HEADER_2 + body


def packet(kind: int, body: bytes, size: int, number: int, overflow: int = 0) -> bytes:
    return struct.pack("<HHIIIIII", kind, 1, size, 4, overflow, number, number, number) + body


def polarity_packet(events: np.ndarray, invalid: tuple[int, ...] = ()) -> bytes:
    """Write a packet of events that have all overflown as often."""
    body, overflow = b"", 0
    for number, (t, x, y, p) in enumerate(events.tolist()):
        overflow, rest = divmod(t, 2**31)
        data = (number not in invalid) + 2 * int(p) + 4 * y + 2**17 * x
        body += struct.pack("<Ii", data, rest)
    return packet(1, body, 8, len(events), overflow)


def aedat_3(*packets: bytes) -> bytes:
    return HEADER_3 + b"".join(packets)


def nmnist(events: np.ndarray) -> bytes:
    return b"".join(
        bytes([x, y]) + (int(p) * 2**23 + t).to_bytes(3, "big") for t, x, y, p in events.tolist()
    )


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def damaged_npz(**arrays: np.ndarray) -> bytes:
    """Return a compressed file with one wrong byte in the numbers."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    content = bytearray(file.getvalue())
    content[60] ^= 0xFF
    return bytes(content)
