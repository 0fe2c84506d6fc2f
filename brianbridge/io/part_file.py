"""The hidden file that a new file grows in, and what a program that was killed has left of one.

Its name is ``.TARGET.HHHHRRRR.part``, with a digest of the computer's name and a random number. The
writer holds a lock on it, which the operating system releases when the writer ends in any way. The
next writer of the same target on the same computer therefore knows which of these files are still
being written, and removes the others.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
from contextlib import suppress
from pathlib import Path

from brianbridge.io.descriptor import OPEN_NEW

try:
    import fcntl
except ImportError:  # Windows, where nothing is removed
    fcntl = None  # type: ignore[assignment]

__all__ = ["open_part", "remove_leftovers"]

_NAME_BYTES = 200  # of a target's name in that of its hidden file; file systems allow 255 in all


def open_part(target: Path) -> tuple[Path, int]:
    """Create and lock the hidden file of a target, in the same folder.

    Returns
    -------
    (pathlib.Path, int)
        Its path, and its open descriptor. Closing the descriptor releases the lock.

    Raises
    ------
    OSError
        If the file cannot be created.
    """
    while True:
        # A name of its own for each writer: two runs with the same target must not mix their bytes.
        part = target.with_name(f"{_start(target)}{secrets.token_hex(2)}.part")
        try:
            descriptor = os.open(part, OPEN_NEW, 0o666)
        except FileExistsError:
            continue
        # Another writer may take it for a leftover before it is locked.
        if _locked(descriptor) is not False and os.fstat(descriptor).st_nlink:
            return part, descriptor
        os.close(descriptor)


def remove_leftovers(target: Path) -> None:
    """Remove the hidden files of a target whose writers were killed on this computer.

    Files that cannot be removed, or of which it is not known whether they are being written, stay.
    """
    if fcntl is None:
        return
    wanted = re.compile(re.escape(_start(target)) + r"[0-9a-f]{4}\.part")
    with suppress(OSError), os.scandir(target.parent) as entries:
        for name in [entry.name for entry in entries if wanted.fullmatch(entry.name)]:
            with suppress(OSError):
                descriptor = os.open(target.with_name(name), os.O_RDWR | os.O_NOFOLLOW)
                try:
                    if _locked(descriptor):
                        os.unlink(target.with_name(name))
                finally:
                    os.close(descriptor)


def _start(target: Path) -> str:
    """Return the part of a hidden file's name that all writers of a target on a computer share."""
    name = os.fsdecode(os.fsencode(target.name)[:_NAME_BYTES])
    return f".{name}.{hashlib.sha256(platform.node().encode()).hexdigest()[:4]}"


def _locked(descriptor: int) -> bool | None:
    """Lock a file; return False if another process has, and None if it cannot be locked."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some network file systems have no locks
        return None
    return True
