"""Download the files of a dataset. Nothing is downloaded unless `fetch` is called."""

from __future__ import annotations

import sys
from pathlib import Path

from brianbridge.datasets import file_search
from brianbridge.datasets.entry import DatasetEntry
from brianbridge.datasets.registry import lookup
from brianbridge.errors import InputError

__all__ = ["fetch"]


def fetch(name: str) -> Path:
    """Download the files of a dataset into the user's cache, where `load_dataset` finds them.

    Files that are already there with the right digest are not downloaded again.

    Parameters
    ----------
    name : str
        A dataset that comes as files, such as ``"mnist"`` or ``"cifar10"``.

    Returns
    -------
    Path
        The folder of the files.

    Raises
    ------
    InputError
        If the dataset is unknown or cannot be fetched, pooch is not installed, or no address gives
        a file with the expected digest.
    """
    entry = lookup(name)
    if entry.folders:
        raise InputError(f"dataset {name!r} cannot be fetched; {file_search.how_to_get(entry)}")
    if not entry.urls:
        raise InputError(
            f"dataset {name!r} needs no download: it comes with the package {entry.source}"
        )
    folder = file_search.cache_folder(name)
    if folder is None:
        raise InputError(
            f"fetching {name!r} needs pooch, which is not installed: "
            "pip install 'brianbridge[download]'"
        )
    for name, digest in entry.downloads.items():
        _fetch_file(entry, name, digest, folder)
    return folder


def _fetch_file(entry: DatasetEntry, name: str, digest: str, folder: Path) -> None:
    import pooch

    reasons = []
    for url in entry.urls:
        try:
            pooch.retrieve(
                url + name,
                known_hash=digest,
                fname=name,
                path=folder,
                progressbar=sys.stderr.isatty(),
            )
            return
        # From requests, the disk, or pooch if the digest differs.
        except (OSError, ValueError) as error:
            reasons.append(f"{url + name}: {' '.join(str(error).split())}")
    raise InputError(
        f"dataset {entry.name!r}: {name} could not be fetched. {'; '.join(reasons)}. "
        f"Other ways: {file_search.how_to_get(entry)}"
    )
