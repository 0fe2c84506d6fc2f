"""Read the files of a dataset, and check that they are the right ones.

Sizes and digests are compared with the registry before anything in the files is interpreted.
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

from brianbridge.datasets import file_search
from brianbridge.datasets.entry import DataFile, DatasetEntry
from brianbridge.datasets.formats.idx import decompressed
from brianbridge.errors import InputError
from brianbridge.paths import checked_path

__all__ = ["FileContent", "check_label_range", "read_files", "wrong_file"]

# The first byte of a pickle (of protocol 2 or later). No binary file of CIFAR starts like this:
# it would be the label 128.
_PICKLE = b"\x80"


class FileContent(NamedTuple):
    """Hold the content of a file.

    Parameters
    ----------
    source : str
        The name of the file in error messages.
    data : bytes
        Its bytes, decompressed.
    """

    source: str
    data: bytes


def read_files(
    entry: DatasetEntry, folder: str | os.PathLike[str] | None
) -> dict[str, FileContent]:
    """Read all files of a dataset.

    Parameters
    ----------
    entry : DatasetEntry
        The dataset.
    folder : path or None
        The folder or archive with its files; the usual folders are searched if None.

    Returns
    -------
    dict of str to FileContent
        By role, in the order of the registry.

    Raises
    ------
    InputError
        If the files are not found, are damaged, or belong to another dataset.
    """
    source = _folder_or_archive(entry, folder)
    if source.is_file():
        return _read_archive(entry, source)
    found = {}
    for role, file in entry.files.items():
        path = file_search.find_file(source, file.name)
        if path is None:  # deleted since it was found
            raise InputError(f"dataset {entry.name!r}: {source / file.name} has disappeared")
        found[role] = FileContent(str(path), decompressed(path, file.bytes))
        _check(entry, file, found[role])
    return found


def wrong_file(entry: DatasetEntry, source: str, found: str, expected: str) -> InputError:
    """Return the error for a file that is not what it should be.

    Examples
    --------
    >>> from brianbridge.datasets.registry import lookup
    >>> str(wrong_file(lookup("mnist"), "a.gz", "it has 2 bytes", "3"))
    'a.gz: not a file of mnist, it has 2 bytes; expected 3'
    """
    return InputError(f"{source}: not a file of {entry.name}, {found}; expected {expected}")


def check_label_range(
    entry: DatasetEntry, source: str, labels: npt.NDArray[Any], lowest: int, highest: int
) -> None:
    """Check that the labels of a file are integers in a range.

    `Dataset` checks labels too, but cannot name the file.

    Raises
    ------
    InputError
        If one is not. The message names the file and the first such label.
    """
    good = (labels >= lowest) & (labels <= highest) & (labels == np.floor(labels))
    if not good.all():
        first = int(good.argmin())
        raise wrong_file(
            entry, source, f"sample {first} has label {labels[first]}", f"{lowest}..{highest}"
        )


def _folder_or_archive(entry: DatasetEntry, folder: str | os.PathLike[str] | None) -> Path:
    if folder is None:
        source = file_search.find_files(entry)
        if source is None:
            _refuse_pickles(entry, *file_search.search_path(entry.name))
            raise InputError(
                f"dataset {entry.name!r} was not found. Get it: {file_search.how_to_get(entry)}"
            )
        return source
    given = checked_path(folder, f"folder of dataset {entry.name!r}", home=True)
    if entry.archive is not None and given.is_file():
        return given
    source = file_search.find_in(entry, given)
    if source is None:
        _refuse_pickles(entry, given)
        missing = (
            f"lacks {', '.join(file_search.missing_files(entry, given))} (or the same with .gz)"
        )
        if entry.archive is not None:
            missing += f" and has no {entry.archive.name}"
        raise InputError(f"dataset {entry.name!r}: {given} {missing}")
    return source


def _read_archive(entry: DatasetEntry, archive: Path) -> dict[str, FileContent]:
    wanted = {file.name: (role, file) for role, file in entry.files.items()}
    found: dict[str, FileContent] = {}
    others = []
    # In memory, so that nothing is written; whole, so that the checksum of gzip is compared.
    content = decompressed(archive)
    if content.startswith(_PICKLE):
        raise _pickled(entry, archive)
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
            for member in tar:
                # Only the last part: in a file that was packed again it may be in another folder.
                name = PurePosixPath(member.name).name
                stream = tar.extractfile(member) if member.isfile() else None
                if stream is None or name not in wanted:
                    others.append(name)
                    continue
                role, file = wanted[name]
                source = f"{archive}: {member.name}"
                # A header may claim any size: compare it before memory is allocated.
                _check_size(entry, file, member.size, source)
                found[role] = FileContent(source, stream.read())
                _check(entry, file, found[role])
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InputError(
            f"{archive}: expected a whole .tar.gz, but it is damaged, cut short or of another "
            f"kind ({error})"
        ) from error
    missing = [file.name for role, file in entry.files.items() if role not in found]
    if missing:
        if not {PurePosixPath(name).name for name in entry.pickled}.isdisjoint(others):
            raise _pickled(entry, archive)
        raise InputError(
            f"{archive}: lacks {', '.join(missing)}, so it is not the archive of {entry.name}. "
            f"Get it: {file_search.how_to_get(entry)}"
        )
    return {role: found[role] for role in entry.files}


def _check(entry: DatasetEntry, file: DataFile, content: FileContent) -> None:
    if entry.pickled and content.data.startswith(_PICKLE):
        raise _pickled(entry, content.source)
    _check_size(entry, file, len(content.data), content.source)
    actual = hashlib.sha256(content.data).hexdigest()
    if file.sha256 not in (None, actual):
        raise InputError(
            f"{content.source}: not a file of {entry.name} or damaged, its content has sha256 "
            f"{actual}; expected {file.sha256}. Get it again: {file_search.how_to_get(entry)}"
        )


def _check_size(entry: DatasetEntry, file: DataFile, size: int, source: str) -> None:
    if size != file.bytes:
        what = "or cut short" if size < file.bytes else "or too long"
        more = " or more" if size == file.bytes + 1 else ""  # `decompressed` stops there
        raise InputError(
            f"{source}: not a file of {entry.name} {what}, its content has {size} bytes{more}; "
            f"expected {file.bytes}"
        )


def _refuse_pickles(entry: DatasetEntry, *folders: Path) -> None:
    for folder in folders:
        path = file_search.find_pickle(entry, folder)
        if path is not None:
            raise _pickled(entry, path)


def _pickled(entry: DatasetEntry, source: str | Path) -> InputError:
    return InputError(
        f"dataset {entry.name!r}: {source} is the Python version, made of pickles. They are not "
        "opened, because a pickle may execute code. Get the binary version: "
        f"{file_search.how_to_get(entry)}"
    )
