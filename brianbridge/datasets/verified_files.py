"""Find the files of a set with an official split, read them and check that they are the right ones.

The files are compared with the registry before anything in them is interpreted.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from brianbridge.datasets import locations as places
from brianbridge.datasets.formats.idx import decompressed
from brianbridge.datasets.registry import DataFile, Entry
from brianbridge.errors import InputError
from brianbridge.paths import checked_path

__all__ = ["Content", "check_range", "contents", "not_of"]

# The first byte of a pickle (of protocol 2 or later). No binary file of CIFAR starts so: it would
# be the label 128.
_PICKLE = b"\x80"


class Content(NamedTuple):
    """Hold what is in a file.

    Parameters
    ----------
    source : str
        What to call the file in an error message.
    data : bytes
        The decompressed file.
    """

    source: str
    data: bytes


def contents(entry: Entry, folder: str | os.PathLike[str] | None) -> dict[str, Content]:
    """Read all files of a set.

    Parameters
    ----------
    entry : Entry
        Which set.
    folder : path or None
        Where its files are, or the archive they come in; None looks in the usual places.

    Returns
    -------
    dict of str to Content
        By role, in the order of the registry.

    Raises
    ------
    InputError
        If the files are not found, damaged, or not those of the set.
    """
    home = _home(entry, folder)
    if home.is_file():
        return _unpacked(entry, home)
    found = {}
    for role, file in entry.files.items():
        path = places.file_in(home, file.name)
        if path is None:  # deleted since it was found
            raise InputError(f"dataset {entry.name!r}: {home / file.name} has gone")
        found[role] = Content(str(path), decompressed(path, file.bytes))
        _check(entry, file, found[role])
    return found


def not_of(entry: Entry, source: str, found: str, expected: str) -> InputError:
    """Make the error for a file that is not what it should be.

    Examples
    --------
    >>> from brianbridge.datasets.registry import lookup
    >>> str(not_of(lookup("mnist"), "a.gz", "it has 2 bytes", "3"))
    'a.gz: not a file of mnist, it has 2 bytes; expected 3'
    """
    return InputError(f"{source}: not a file of {entry.name}, {found}; expected {expected}")


def check_range(
    entry: Entry, source: str, labels: npt.NDArray[Any], lowest: int, highest: int
) -> None:
    """Check that the labels of a file are integers in a range.

    `Dataset` checks labels too, but does not know the file.

    Raises
    ------
    InputError
        If one is not; names the file and the first such label.
    """
    good = (labels >= lowest) & (labels <= highest) & (labels == np.floor(labels))
    if not good.all():
        first = int(good.argmin())
        raise not_of(
            entry, source, f"sample {first} has label {labels[first]}", f"{lowest}..{highest}"
        )


def _home(entry: Entry, folder: str | os.PathLike[str] | None) -> Path:
    if folder is None:
        home = places.find(entry)
        if home is None:
            _refuse_pickles(entry, *places.usual_folders(entry.name))
            raise InputError(f"dataset {entry.name!r} is not here. Get it: {places.remedy(entry)}")
        return home
    given = checked_path(folder, f"folder of dataset {entry.name!r}", home=True)
    if entry.archive is not None and given.is_file():
        return given
    home = places.home_in(entry, given)
    if home is None:
        _refuse_pickles(entry, given)
        missing = f"lacks {', '.join(places.lacking(entry, given))} (or the same with .gz)"
        if entry.archive is not None:
            missing += f" and has no {entry.archive.name}"
        raise InputError(f"dataset {entry.name!r}: {given} {missing}")
    return home


def _unpacked(entry: Entry, archive: Path) -> dict[str, Content]:
    wanted = {file.name: (role, file) for role, file in entry.files.items()}
    found: dict[str, Content] = {}
    others = []
    # In memory, so that nothing is written; and whole, so that gzip's checksum is compared.
    content = decompressed(archive)
    if content.startswith(_PICKLE):
        raise _pickled(entry, archive)
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
            for member in tar:
                # The last part alone: whoever packs the files again may leave out the folder.
                name = PurePosixPath(member.name).name
                stream = tar.extractfile(member) if member.isfile() else None
                if stream is None or name not in wanted:
                    others.append(name)
                    continue
                role, file = wanted[name]
                source = f"{archive}: {member.name}"
                # A header may claim any size, so it is compared before memory is taken for it.
                _check_size(entry, file, member.size, source)
                found[role] = Content(source, stream.read())
                _check(entry, file, found[role])
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InputError(
            f"{archive}: expected a whole .tar.gz, but it is damaged, cut short or something else "
            f"({error})"
        ) from error
    missing = [file.name for role, file in entry.files.items() if role not in found]
    if missing:
        if not {PurePosixPath(name).name for name in entry.pickled}.isdisjoint(others):
            raise _pickled(entry, archive)
        raise InputError(
            f"{archive}: lacks {', '.join(missing)}, so it is not the archive of {entry.name}. "
            f"Get it: {places.remedy(entry)}"
        )
    return {role: found[role] for role in entry.files}


def _check(entry: Entry, file: DataFile, content: Content) -> None:
    if entry.pickled and content.data.startswith(_PICKLE):
        raise _pickled(entry, content.source)
    _check_size(entry, file, len(content.data), content.source)
    actual = hashlib.sha256(content.data).hexdigest()
    if file.sha256 not in (None, actual):
        raise InputError(
            f"{content.source}: not a file of {entry.name} or damaged, its content has sha256 "
            f"{actual}; expected {file.sha256}. Get it again: {places.remedy(entry)}"
        )


def _check_size(entry: Entry, file: DataFile, size: int, source: str) -> None:
    if size != file.bytes:
        what = "or cut short" if size < file.bytes else "or too long"
        more = " or more" if size == file.bytes + 1 else ""  # `decompressed` stops there
        raise InputError(
            f"{source}: not a file of {entry.name} {what}, its content has {size} bytes{more}; "
            f"expected {file.bytes}"
        )


def _refuse_pickles(entry: Entry, *folders: Path) -> None:
    for folder in folders:
        path = places.pickle_in(entry, folder)
        if path is not None:
            raise _pickled(entry, path)


def _pickled(entry: Entry, source: str | Path) -> InputError:
    return InputError(
        f"dataset {entry.name!r}: {source} is of the Python version, made of pickles, which are "
        "not opened because a pickle may execute code. The binary version is needed: "
        f"{places.remedy(entry)}"
    )
