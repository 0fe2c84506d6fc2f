"""Check paths that users give, before the file system is asked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .errors import InputError

__all__ = ["checked_path"]

#: Bytes of a name and of a path that common file systems take.
_LONGEST_NAME, _LONGEST_PATH = 255, 4095


def checked_path(path: Any, what: str) -> Path:
    """Return a path, with ``~`` written out.

    Parameters
    ----------
    path : str or path-like
        What was given.
    what : str
        What it is, for the message: ``"folder of dataset 'mnist'"``.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    InputError
        If it is no text, is empty, holds a NUL character, or is too long for a file system.

    Examples
    --------
    >>> checked_path("data/mnist", "folder").name
    'mnist'
    >>> checked_path(3, "folder")
    Traceback (most recent call last):
    brianbridge.errors.InputError: folder 3 is no path; give a text or a pathlib.Path
    """
    given = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(given, str):
        raise InputError(f"{what} {given!r:.80} is no path; give a text or a pathlib.Path")
    if not given or "\0" in given:
        wrong = "holds a NUL character" if given else "is empty"
        raise InputError(f"{what} {given!r:.80} {wrong}; give the path of one")
    try:
        found = Path(given).expanduser()
    except RuntimeError as error:  # no home folder
        raise InputError(f"{what} {given!r:.80}: {error}; write the path out") from None
    encoded = os.fsencode(found)
    if len(encoded) > _LONGEST_PATH or max(map(len, encoded.split(b"/"))) > _LONGEST_NAME:
        raise InputError(
            f"{what} '{given:.40}...' is too long for a file system, {len(encoded)} bytes; give a "
            f"path whose names have at most {_LONGEST_NAME}"
        )
    return found
