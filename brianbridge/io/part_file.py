"""The hidden file that a new file grows in, and what a program that was killed has left of one.

Its name is ``.TARGET.HHHHNNNN.part``, with a digest of the computer's name and the lowest number
that no other writer uses. The writer holds a lock on it, which the operating system releases when
the writer ends in any way. The next writer of the same target on the same computer tries the same
name first, sees that nobody holds the file any more, and removes it. No folder is listed.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from brianbridge.io.descriptor import OPEN_NEW

try:
    import fcntl
except ImportError:  # Windows, where nothing is removed
    fcntl = None  # type: ignore[assignment]

__all__ = ["lock_kept", "open_part"]

_NAME_BYTES = 200  # of a target's name in that of its hidden file; file systems allow 255 in all


def open_part(target: Path) -> tuple[Path, int]:
    """Create and lock the hidden file of a target, in the same folder.

    Returns
    -------
    (pathlib.Path, int)
        Its path, and its open descriptor.

    Raises
    ------
    OSError
        If the file cannot be created.
    """
    name = os.fsdecode(os.fsencode(target.name)[:_NAME_BYTES])
    computer = hashlib.sha256(platform.node().encode()).hexdigest()[:4]
    for number in itertools.count():
        # Each writer has its own name: two runs with the same target must not mix their bytes.
        part = target.with_name(f".{name}.{computer}{number:04x}.part")
        if not _free(part):
            continue
        try:
            descriptor = os.open(part, OPEN_NEW, 0o666)
        except FileExistsError:  # another writer was faster
            continue
        # Another writer may have taken it for a leftover before it was locked.
        if _locked(descriptor) is not False and os.fstat(descriptor).st_nlink:
            return part, descriptor
        os.close(descriptor)
    raise AssertionError("there is always a next number")


@contextmanager
def lock_kept(descriptor: int) -> Iterator[None]:
    """Keep the lock of a hidden file in the block, although its descriptor is closed there.

    Otherwise another writer could take the file for a leftover before it has its final name.
    """
    if fcntl is None:  # Windows does not rename a file that is open
        yield
        return
    copy = os.dup(descriptor)
    try:
        yield
    finally:
        with suppress(OSError):  # nothing was written through it
            os.close(copy)


def _free(part: Path) -> bool:
    """Remove a hidden file that its writer has left; return whether its name can be used."""
    try:
        descriptor = os.open(part, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        if not _locked(descriptor):
            return False
        # Who holds the lock of the file with this name may remove it, and nobody else.
        if os.path.samestat(os.stat(part), os.fstat(descriptor)):
            os.unlink(part)
        return True
    except FileNotFoundError:  # it has its final name, or another writer has removed it
        return True
    except OSError:
        return False
    finally:
        with suppress(OSError):
            os.close(descriptor)


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
