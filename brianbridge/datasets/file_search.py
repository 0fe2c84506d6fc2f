"""Search for the files of a dataset, and say how to get them if they are not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from brianbridge.datasets.entry import DatasetEntry
from brianbridge.paths import checked_path

__all__ = [
    "cache_folder",
    "find_file",
    "find_files",
    "find_in",
    "find_pickle",
    "how_to_get",
    "missing_files",
    "search_path",
]


def cache_folder(name: str) -> Path | None:
    """Return the folder that `fetch` fills; None without pooch, because nothing was fetched then.

    Parameters
    ----------
    name : str
        Name of the dataset.
    """
    try:
        import pooch  # takes a third of a second to import
    except ImportError:
        return None
    return Path(pooch.os_cache("brianbridge")) / name


def find_file(folder: Path, name: str) -> Path | None:
    """Find a file by its name, or by its name with ``.gz``."""
    found = (path for path in (folder / name, folder / f"{name}.gz") if path.is_file())
    return next(found, None)


def missing_files(entry: DatasetEntry, folder: Path) -> tuple[str, ...]:
    """Return the files, or folders of event recordings, that a folder lacks."""
    if entry.folders:
        wanted = (Path(part) / name for part in entry.folders.values() for name in entry.classes)
        return tuple(str(path) for path in wanted if not (folder / path).is_dir())
    return tuple(f.name for f in entry.files.values() if find_file(folder, f.name) is None)


def find_in(entry: DatasetEntry, folder: Path) -> Path | None:
    """Find all files of a dataset in a folder.

    Parameters
    ----------
    entry : DatasetEntry
        A dataset with files.
    folder : Path
        The folder to search.

    Returns
    -------
    Path or None
        The folder itself, the folder that the archive of the dataset unpacks to, or that archive.
    """
    if not missing_files(entry, folder):
        return folder
    if entry.archive is None:
        return None
    unpacked = folder / entry.archive.folder
    if not missing_files(entry, unpacked):
        return unpacked
    archive = folder / entry.archive.name
    return archive if archive.is_file() else None


def find_pickle(entry: DatasetEntry, folder: Path) -> Path | None:
    """Find a file of the version in Python pickles, which is never read."""
    found = (path for name in entry.pickled if (path := folder / name).is_file())
    return next(found, None)


def _system_folders(name: str) -> list[Path]:
    # /usr/share always: some desktops set XDG_DATA_DIRS to their own folders only.
    shares = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share"
    folders = [*shares.split(os.pathsep), "/usr/share"]
    return [Path(share) / "datasets" / name.replace("_", "-") for share in folders if share]


def search_path(name: str) -> Iterator[Path]:
    """Return the folders in which the files of a dataset are searched for.

    Parameters
    ----------
    name : str
        Name of the dataset.

    Yields
    ------
    Path
        ``$BRIANBRIDGE_DATA/<name>``, the system share folders and the download cache.
    """
    chosen = os.environ.get("BRIANBRIDGE_DATA")
    if chosen:
        yield checked_path(chosen, "$BRIANBRIDGE_DATA", home=True) / name
    yield from _system_folders(name)
    # Last, so that pooch is imported only when needed.
    cached = cache_folder(name)
    if cached is not None:
        yield cached


def find_files(entry: DatasetEntry) -> Path | None:
    """Find the first folder of the search path that has all files of a dataset.

    Parameters
    ----------
    entry : DatasetEntry
        A dataset with files.

    Returns
    -------
    Path or None
        The folder, or an archive in it; None if no folder has all files.
    """
    found = (find_in(entry, folder) for folder in search_path(entry.name))
    return next((path for path in found if path is not None), None)


def how_to_get(entry: DatasetEntry) -> str:
    """Say how to get the files of a dataset.

    Examples
    --------
    >>> from brianbridge.datasets.registry import lookup
    >>> how_to_get(lookup("mnist")).split(", ")[0]
    '`brianbridge data mnist --fetch`'
    """
    if entry.folders:
        first, *_, last = entry.classes
        inside = f"{first}/ to {last}/"
        if "all" not in entry.folders:
            inside = (
                f"{' and '.join(f'{f}/' for f in entry.folders.values())} with {inside} in each"
            )
        return (
            f"download it from {entry.page} and unpack it into a folder that contains {inside} "
            f"(folder=..., or $BRIANBRIDGE_DATA/{entry.name})"
        )
    ways = [f"`apt install {entry.package}` on Debian"] if entry.package else []
    ways.append(f"`brianbridge data {entry.name} --fetch`")
    content = (
        f"its {len(entry.files)} files"
        if entry.archive is None
        else f"{entry.archive.name} or its files"
    )
    ways.append(f"or a folder with {content} (folder=..., or $BRIANBRIDGE_DATA/{entry.name})")
    return ", ".join(ways)
