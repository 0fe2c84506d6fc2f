"""Read recordings of event cameras: AEDAT 2.0 and 3.1, N-MNIST, NumPy's files."""

from __future__ import annotations

import os
from pathlib import Path

from brianbridge.datasets.formats.aedat import AEDAT, parse_aedat
from brianbridge.datasets.formats.event_arrays import NPY, NPZ, parse_npy, parse_npz
from brianbridge.datasets.formats.events import Events, check_inside
from brianbridge.datasets.formats.nmnist import parse_nmnist
from brianbridge.errors import InputError
from brianbridge.paths import checked_path

__all__ = ["SUFFIXES", "parse_events", "read_content", "read_events"]

#: Suffixes of event files.
SUFFIXES = (".aedat", ".bin", ".bs2", ".npy", ".npz")

_HEADLESS = (".bin", ".bs2")


def read_events(path: str | os.PathLike[str], sensor: tuple[int, int] | None = None) -> Events:
    """Read one recording; the first bytes of the file show its format.

    Parameters
    ----------
    path : path
        AEDAT 2.0 of a DVS128; polarity events of AEDAT 3.1; ``.bin`` or ``.bs2`` of N-MNIST, which
        have no header; ``.npy`` with a structured array with the fields t, x, y and p in any order,
        as tonic makes them; ``.npz`` with four arrays of these names.
    sensor : (int, int), optional
        Rows and columns that the events must lie in.

    Returns
    -------
    ndarray of `EVENT`, shape (events,)
        ``t`` in microseconds, in the order of the file; ``x`` from the left, ``y`` from the top,
        ``p`` True where the pixel became brighter.

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
    if content.startswith(AEDAT):
        return parse_aedat(content, path)
    if content.startswith(NPY):
        return parse_npy(content, path)
    if content.startswith(NPZ):
        return parse_npz(content, path)
    if path.suffix.lower() in _HEADLESS:
        return parse_nmnist(content, path)
    raise InputError(
        f"{path}: is not an event file: it begins with {content[:10]!r}; expected AEDAT 2.0 or "
        "3.1, .npy, .npz, or N-MNIST's format in a file called .bin or .bs2"
    )
