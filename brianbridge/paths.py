"""Check the paths that users give before any file is accessed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from brianbridge.errors import InputError

__all__ = ["checked_path"]

#: Bytes of the longest name and path of common file systems.
_LONGEST_NAME, _LONGEST_PATH = 255, 4095


def checked_path(path: Any, what: str = "", *, home: bool = False) -> Path:
    """Return a path that the file system can look up.

    Parameters
    ----------
    path : str or path-like
        The path that the user gave.
    what : str
        The use of the path, for the message: ``"folder of dataset 'mnist'"``.
    home : bool
        Whether a leading ``~`` stands for the home folder.

    Returns
    -------
    pathlib.Path
        The path. It need not exist.

    Raises
    ------
    InputError
        If it is not a string, is empty, is too long for a file system, or has a character that no
        file name can have.

    Examples
    --------
    >>> checked_path("runs/network.h5").name
    'network.h5'
    >>> checked_path(3, "folder")
    Traceback (most recent call last):
    brianbridge.errors.InputError: folder: 3 is not a path; give a string or a pathlib.Path
    """
    shown = f"{what}: {path!r:.60}" if what else f"{path!r:.60}"
    given = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(given, str):
        raise InputError(f"{shown} is not a path; give a string or a pathlib.Path")
    if not given:
        raise InputError(f"{shown} is not a path; give the name of a file or folder")
    try:
        found = Path(given).expanduser() if home else Path(given)
        encoded = os.fsencode(found)
    except RuntimeError as error:  # no home folder
        raise InputError(f"{shown}: {error}; write the whole path") from None
    except UnicodeEncodeError:
        encoded = b"\0"
    if b"\0" in encoded:
        raise InputError(f"{shown} is not a path; it holds a character that no file name can have")
    if len(encoded) > _LONGEST_PATH or max(map(len, encoded.split(b"/"))) > _LONGEST_NAME:
        raise InputError(
            f"{shown}... is too long for a file system, {len(encoded)} bytes; give at most "
            f"{_LONGEST_NAME} bytes for each name and {_LONGEST_PATH} for the path"
        )
    return found
