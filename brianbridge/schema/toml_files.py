"""Find and read TOML files, which may be untrusted."""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brianbridge.errors import InputError, did_you_mean
from brianbridge.schema.text import short

__all__ = ["files_by_name", "find_toml", "read_toml"]

#: Largest size of a TOML file, in bytes.
_LARGEST_FILE = 1_000_000
#: Deepest nesting of tables and arrays; no file of this package has half as much.
_DEEPEST = 20
_TOO_DEEP = f"tables or arrays are nested more than {_DEEPEST} deep; use fewer levels"
#: Largest number of parts of a dotted key.
_LONGEST_KEY = 100
_ENDS_OF_KEYS = str.maketrans(dict.fromkeys(",=[]{}", " "))


def files_by_name(folder: Path) -> dict[str, Path]:
    """Return the TOML files of a folder, in the order of their names without ``.toml``."""
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find_toml(name: str, known: Mapping[str, Path], what: str) -> Path:
    """Return the path of a known file, or of the user's own file.

    Parameters
    ----------
    name : str
        A name in `known`, or the path of any ``.toml`` file.
    known : mapping of str to Path
        The files that have names, such as the result of `files_by_name`.
    what : str
        What the file describes, for the message: ``"neuron model"``.

    Raises
    ------
    InputError
        If there is no such file. The message suggests the nearest name.
    """
    name = os.fspath(name) if isinstance(name, os.PathLike) else name
    if not isinstance(name, str):
        raise InputError(f"{what} {name!r:.80} is not a name; give a string or a path")
    if name in known:
        return known[name]
    try:
        if name.endswith(".toml") and Path(name).exists():
            return Path(name)
    except (OSError, ValueError):
        pass  # no file can have this name
    if not known:
        raise InputError(
            f"there is no {what} file '{short(name)}'; give the path of a .toml file that exists"
        )
    raise InputError(
        f"there is no {what} '{short(name)}'. {did_you_mean(Path(name[:255]).stem, known)} "
        f"For a {what} of your own, give the path of its .toml file"
    )


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """Return the entries of a TOML file.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What the file is, for the message: ``"study file"``.

    Raises
    ------
    InputError
        If the file cannot be read, is not TOML, is nested too deeply, or has a number that is not
        finite or does not fit into 64 bits.
    """
    what = f"{what} '{path}'"
    try:
        if not path.is_file():
            raise InputError(
                f"{what} cannot be read: it is not a regular file; give the path of a .toml file"
            )
        size = path.stat().st_size
        if size > _LARGEST_FILE:
            raise InputError(f"{what} has {size} bytes; give at most {_LARGEST_FILE}")
        text = path.read_text(encoding="utf-8")
        _check_keys(text, what)
        entries = tomllib.loads(text)
    except RecursionError:
        raise InputError(f"{what}: {_TOO_DEEP}") from None
    except InputError:
        raise
    except (OSError, ValueError) as error:  # ValueError also for a number of 5,000 digits
        raise InputError(f"{what} cannot be read: {error}") from None
    _check_values(entries, what)
    return entries


def _check_keys(text: str, what: str) -> None:
    """Refuse a dotted key of thousands of parts, for which `tomllib` takes minutes."""
    for line in text.splitlines():
        parts = "".join(line.split()).translate(_ENDS_OF_KEYS).split()
        if any(part.count(".") > _LONGEST_KEY for part in parts):
            raise InputError(f"{what}: a key has more than {_LONGEST_KEY} parts; use fewer levels")


def _check_values(entries: Mapping[str, Any], what: str) -> None:
    """Refuse deep nesting and numbers that other code does not expect.

    The tables are searched level by level: a recursive search could itself nest too deeply.
    """
    level: list[tuple[str, Any]] = [("", entries)]
    for _ in range(_DEEPEST):
        deeper: list[tuple[str, Any]] = []
        for key, value in level:
            if isinstance(value, Mapping):
                deeper += [(f"{key}.{short(k)}".lstrip("."), v) for k, v in value.items()]
            elif isinstance(value, list):
                deeper += [(f"{key}.{n}", v) for n, v in enumerate(value)]
            elif isinstance(value, int) and not -(2**63) <= value < 2**63:
                raise InputError(f"{what}: '{key}' has more than 64 bits; give a smaller number")
            elif isinstance(value, float) and not math.isfinite(value):
                raise InputError(f"{what}: '{key}' = {value} is not finite; give a finite number")
        level = deeper
    if level:
        raise InputError(f"{what}: {_TOO_DEEP}")
