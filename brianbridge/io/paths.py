"""Take from a user what should name a file, and say what is wrong where it does not."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import shorten
from typing import Any

from ..errors import InputError

__all__ = ["as_path"]

_SHOWN = 60  # characters of a value that is no path


def as_path(path: Any) -> Path:
    """Return a path that the operating system can be asked about.

    Parameters
    ----------
    path : path-like
        What the user gave.

    Returns
    -------
    pathlib.Path
        The path. Nothing is said about whether there is a file.

    Raises
    ------
    InputError
        If it is neither text nor a `pathlib.Path`, is empty, or holds what no name can: a NUL
        character, or a character that the file system's encoding lacks.

    Examples
    --------
    >>> as_path("runs/network.h5").name
    'network.h5'
    >>> as_path(None)
    Traceback (most recent call last):
    brianbridge.errors.InputError: None is no path: give the name of a file as text
    """
    shown = shorten(repr(path), _SHOWN, placeholder="...")
    try:
        text = os.fspath(path)
    except TypeError:
        text = None
    if not isinstance(text, str):
        raise InputError(f"{shown} is no path: give the name of a file as text")
    if not text:
        raise InputError("'' is no path: give the name of a file")
    try:
        encoded = os.fsencode(text)
    except UnicodeEncodeError:
        encoded = b"\0"
    if b"\0" in encoded:
        raise InputError(f"{shown} is no path: it holds a character that no file name can have")
    return Path(text)
