"""Say in one line why a file could not be written, and what to do."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from brianbridge.errors import InputError

__all__ = ["folder_not_writable", "not_written"]

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


def not_written(path: Path, error: OSError | MemoryError, room: int | None = None) -> InputError:
    """Return the error for a file that could not be written.

    Parameters
    ----------
    path : pathlib.Path
        The file, as the user named it.
    error : OSError or MemoryError
        The reason.
    room : int, optional
        Bytes that the file takes at most.

    Returns
    -------
    InputError
        The error to raise.

    Examples
    --------
    >>> print(not_written(Path("a.h5"), OSError(errno.EROFS, "Read-only file system")))
    'a.h5' cannot be written (Read-only file system): choose another folder
    """
    needs = "" if room is None else f"it takes up to {_size(room)}, and "
    if isinstance(error, MemoryError):
        text = " ".join(str(error).split()) or "not enough memory"
        return InputError(f"'{path}' cannot be written ({text}): give the process more memory")
    reason = error.strerror or " ".join(str(error).split()) or type(error).__name__
    start = f"'{path}' cannot be written ({reason}): "
    if error.errno in _FULL:
        return InputError(f"{start}{needs}{_free(path)}; make room or choose another disk")
    if error.errno == errno.EFBIG:
        return InputError(f"{start}{needs}{_limit()}")
    if error.errno == errno.ENAMETOOLONG:
        return InputError(f"{start}give a shorter name")
    return InputError(f"{start}choose another folder")


def folder_not_writable(folder: Path, error: OSError) -> InputError:
    """Return the error for an output folder that cannot be created or written to."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return InputError(
            f"'{folder}' cannot be an output folder, as a file has that name or that of a parent: "
            "move the file away or choose another folder"
        )
    return InputError(
        f"the output folder '{folder}' cannot be written to ({error.strerror}): "
        "choose a folder in which you may create files"
    )


def _free(path: Path) -> str:
    try:
        return f"{_size(shutil.disk_usage(path.parent).free)} are free there"
    except OSError:
        return "there is too little room there"


def _limit() -> str:
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    except ImportError:
        return "the file system takes no file of that size; choose another disk"
    if limit == resource.RLIM_INFINITY:
        return "the file system takes no file of that size; choose another disk"
    return f"this process may write files of {_size(limit)} (ulimit -f); raise that limit"


def _size(number: int) -> str:
    """Format a number of bytes with a unit.

    Examples
    --------
    >>> _size(0), _size(1_400), _size(2_500_000)
    ('0 bytes', '1.4 kB', '2.5 MB')
    """
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number} bytes"
