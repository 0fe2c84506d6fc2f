"""Where the files of a set may be, and what to do when they are not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from brianbridge.datasets.registry import Entry
from brianbridge.paths import checked_path

__all__ = [
    "cache_folder",
    "file_in",
    "find",
    "home_in",
    "lacking",
    "pickle_in",
    "remedy",
    "usual_folders",
]


def cache_folder(name: str) -> Path | None:
    """Name the folder that `fetch` fills; None without pooch, for then nothing was fetched.

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


def file_in(folder: Path, name: str) -> Path | None:
    """Find a file under its name or that name with ``.gz``."""
    found = (path for path in (folder / name, folder / f"{name}.gz") if path.is_file())
    return next(found, None)


def lacking(entry: Entry, folder: Path) -> tuple[str, ...]:
    """List the files of a dataset that a folder lacks, or the folders of event recordings."""
    if entry.folders:
        wanted = (Path(part) / name for part in entry.folders.values() for name in entry.classes)
        return tuple(str(path) for path in wanted if not (folder / path).is_dir())
    return tuple(f.name for f in entry.files.values() if file_in(folder, f.name) is None)


def home_in(entry: Entry, folder: Path) -> Path | None:
    """Find what holds all files of a dataset.

    Parameters
    ----------
    entry : Entry
        A dataset with files.
    folder : Path
        Where to look.

    Returns
    -------
    Path or None
        The folder itself, what the archive of the dataset unpacks to, or that archive.
    """
    if not lacking(entry, folder):
        return folder
    if entry.archive is None:
        return None
    unpacked = folder / entry.archive.folder
    if not lacking(entry, unpacked):
        return unpacked
    archive = folder / entry.archive.name
    return archive if archive.is_file() else None


def pickle_in(entry: Entry, folder: Path) -> Path | None:
    """Find a file of the version made of Python pickles, which is never read."""
    found = (path for name in entry.pickled if (path := folder / name).is_file())
    return next(found, None)


def _system_folders(name: str) -> list[Path]:
    # /usr/share always: some desktops set XDG_DATA_DIRS to their own folders only.
    shares = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share"
    folders = [*shares.split(os.pathsep), "/usr/share"]
    return [Path(share) / "datasets" / name.replace("_", "-") for share in folders if share]


def usual_folders(name: str) -> Iterator[Path]:
    """List where the files of a dataset are looked for.

    Parameters
    ----------
    name : str
        Name of the dataset.

    Yields
    ------
    Path
        ``$BRIANBRIDGE_DATA/<name>``, the system share folders and the download cache.
    """
    own = os.environ.get("BRIANBRIDGE_DATA")
    if own:
        yield checked_path(own, "$BRIANBRIDGE_DATA", home=True) / name
    yield from _system_folders(name)
    # Last, so that pooch is imported only when needed.
    cached = cache_folder(name)
    if cached is not None:
        yield cached


def find(entry: Entry) -> Path | None:
    """Find what holds all files of a dataset in the first usual folder that has them.

    Parameters
    ----------
    entry : Entry
        A dataset with files.

    Returns
    -------
    Path or None
        A folder or an archive; None if no usual folder has all files.
    """
    homes = (home_in(entry, folder) for folder in usual_folders(entry.name))
    return next((home for home in homes if home is not None), None)


def remedy(entry: Entry) -> str:
    """Say how the files of a dataset can be had.

    Examples
    --------
    >>> from brianbridge.datasets.registry import lookup
    >>> remedy(lookup("mnist")).split(", ")[0]
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
            f"download it from {entry.page} and unpack it into a folder that then has {inside} "
            f"(folder=..., or $BRIANBRIDGE_DATA/{entry.name})"
        )
    ways = [f"`apt install {entry.package}` on Debian"] if entry.package else []
    ways.append(f"`brianbridge data {entry.name} --fetch`")
    content = (
        f"its {len(entry.files)} files"
        if entry.archive is None
        else f"{entry.archive.name} or what it unpacks to"
    )
    ways.append(f"or a folder with {content} (folder=..., or $BRIANBRIDGE_DATA/{entry.name})")
    return ", ".join(ways)
