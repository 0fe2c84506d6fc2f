"""Where IDX files may be, and what to do when they are not there."""

from __future__ import annotations

import os
from pathlib import Path

from brianbridge.datasets.registry import Entry

__all__ = ["cache_folder", "file_in", "find", "lacking", "remedy"]


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
    """List the files of a dataset that a folder lacks."""
    return tuple(f.name for f in entry.files.values() if file_in(folder, f.name) is None)


def _system_folders(name: str) -> list[Path]:
    # /usr/share always: some desktops set XDG_DATA_DIRS to their own folders only.
    shares = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share"
    folders = [*shares.split(os.pathsep), "/usr/share"]
    return [Path(share) / "datasets" / name.replace("_", "-") for share in folders if share]


def find(entry: Entry) -> Path | None:
    """Find the first usual folder that holds all files of a dataset.

    Parameters
    ----------
    entry : Entry
        A dataset with IDX files.

    Returns
    -------
    Path or None
        ``$BRIANBRIDGE_DATA/<name>``, a system share folder or the download cache; None if none of
        them has all files.
    """
    own = os.environ.get("BRIANBRIDGE_DATA")
    folders = [Path(own).expanduser() / entry.name] if own else []
    folders += _system_folders(entry.name)
    for folder in folders:
        if not lacking(entry, folder):
            return folder
    # Last and apart, so that pooch is imported only when needed.
    cached = cache_folder(entry.name)
    return cached if cached is not None and not lacking(entry, cached) else None


def remedy(entry: Entry) -> str:
    """Say how the files of a dataset can be had.

    Examples
    --------
    >>> from brianbridge.datasets.registry import lookup
    >>> remedy(lookup("mnist")).split(", ")[0]
    '`brianbridge data mnist --fetch`'
    """
    ways = [f"`apt install {entry.package}` on Debian"] if entry.package else []
    ways.append(f"`brianbridge data {entry.name} --fetch`")
    ways.append(
        f"or a folder with its {len(entry.files)} IDX files "
        f"(folder=..., or $BRIANBRIDGE_DATA/{entry.name})"
    )
    return ", ".join(ways)
