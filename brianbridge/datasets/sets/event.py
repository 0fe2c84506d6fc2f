"""Data sets of event recordings: a folder with one subfolder a class, one file a sample.

Recordings become frames as they are read, so that memory holds the frames alone: 4 bytes for each
step, polarity and pixel, as a `Dataset` has them. All 70,000 samples of N-MNIST take 6.5 GB in 10
steps, CIFAR10-DVS 3.3 GB in 10 steps of 64 x 64 pixels, or 13 GB in those of its sensor.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brianbridge.datasets import locations as places
from brianbridge.datasets.checks import check_names
from brianbridge.datasets.dataset import Dataset, Split
from brianbridge.datasets.formats.event_files import (
    SUFFIXES,
    check_inside,
    parse_events,
    read_content,
)
from brianbridge.datasets.formats.event_frames import By, Slicing
from brianbridge.datasets.registry import Entry
from brianbridge.errors import InputError, did_you_mean
from brianbridge.paths import checked_path

__all__ = ["from_event_folder", "read_event_set", "slicing_of"]

Labels = npt.NDArray[np.int64]
#: Turns labels into the numbers of the training and test samples, and how they were chosen.
Choose = Callable[[Labels], tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], str]]


def from_event_folder(
    name: str,
    folder: str | os.PathLike[str],
    sensor: tuple[int, int],
    *,
    steps: int,
    size: tuple[int, int] | None = None,
    by: By = "time",
    binary: bool = False,
    start: int | None = None,
    end: int | None = None,
    classes: Sequence[str] | None = None,
    part: str = "all",
) -> Dataset:
    """Make a dataset from a folder of recordings.

    Parameters
    ----------
    name : str
        What to call it.
    folder : path
        Has a subfolder for each class; in that, a file for each sample (see `read_events`).
    sensor : (int, int)
        Rows and columns of the camera.
    steps : int
        Frames of a sample, T.
    size : (int, int), optional
        Rows and columns of a frame; fewer than those of the sensor add up neighbouring pixels.
    by : {"time", "number"}
        Whether frames are of equal time or of equal numbers of events.
    binary : bool
        Put 1 wherever there was any event, instead of how many.
    start, end : int, optional
        Microseconds, of each recording's own clock, at which its slices begin and end; see
        `frames`.
    classes : sequence of str, optional
        Subfolders in the order of the labels; all of them, sorted, if not given.
    part : str
        Which part of the data it is, e.g. ``"train"``.

    Returns
    -------
    Dataset
        With `x` of shape (samples, T, 2, rows, columns), sorted by class and file name; `sha256` is
        over the files.

    Raises
    ------
    InputError
        If there is no such folder, a class has no recordings, or one cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for label in ("left", "right"):
    ...         (Path(folder) / label).mkdir()
    ...         _ = (Path(folder) / label / "1.bin").write_bytes(bytes([3, 7, 0x80, 1, 0]))
    ...     data = from_event_folder("mine", folder, (34, 34), steps=5)
    >>> data.shape, data.y, data.classes
    ((5, 2, 34, 34), array([0, 1]), ('left', 'right'))
    """
    home = checked_path(folder, f"folder of dataset {name!r}", home=True)
    if classes is not None:
        check_names(name, classes)
    if not home.is_dir():
        raise InputError(f"dataset {name!r}: {home} is no folder; give one with a folder a class")
    slicing = Slicing(steps, sensor if size is None else size, by, binary, start, end)
    if classes is None:
        classes = sorted(p.name for p in home.iterdir() if p.is_dir())
        if not classes:
            raise InputError(f"dataset {name!r}: {home} has no subfolders; make one for each class")
    found = _recordings(name, home, classes)
    x = np.empty((len(found.y), *slicing.shape), np.float32)
    sha256 = _fill(x, found.paths, sensor, slicing)
    return Dataset(name, part, "as given", x, found.y, tuple(classes), sha256)


def slicing_of(entry: Entry, options: Mapping[str, Any]) -> Slicing:
    """Return how the recordings of a set become frames.

    Parameters
    ----------
    entry : Entry
        Which set; the shape that the registry states is what it is without options.
    options : mapping of str
        Fields of `Slicing`.

    Raises
    ------
    InputError
        If there is no such option, or its value is wrong.

    Examples
    --------
    >>> from brianbridge.datasets.registry import lookup
    >>> slicing_of(lookup("nmnist"), {"steps": 16}).shape
    (16, 2, 34, 34)
    """
    known = Slicing.__dataclass_fields__
    for key in options:
        if key not in known:
            raise InputError(
                f"dataset {entry.name!r}: frames has no option {key!r}. {did_you_mean(key, known)}"
            )
    steps, _, height, width = entry.shape
    return Slicing(**{"steps": steps, "size": (height, width), **options})


def read_event_set(
    entry: Entry, folder: str | os.PathLike[str] | None, slicing: Slicing, choose: Choose
) -> Split:
    """Read a set of the registry.

    Parameters
    ----------
    entry : Entry
        Which set.
    folder : path or None
        Where its folders are; None looks in the usual places.
    slicing : Slicing
        How recordings become frames.
    choose : callable
        Splits a set without an official split.

    Returns
    -------
    Split
        The official one if there is one.

    Raises
    ------
    InputError
        If the files are not found, damaged, or not as many as the set has.
    """
    assert entry.sensor is not None
    home = _home(entry, folder)
    found = {part: _part(entry, home, part) for part in entry.folders}
    how = "official"
    if "all" in found:
        paths, y = found["all"].paths, found["all"].y
        train, test, how = choose(y)
    else:
        paths = [*found["train"].paths, *found["test"].paths]
        y = np.concatenate([found["train"].y, found["test"].y])
        train, test = np.split(np.arange(len(y)), [len(found["train"].y)])
    parts = {"train": train, "test": test}
    x = {
        part: np.empty((len(chosen), *slicing.shape), np.float32) for part, chosen in parts.items()
    }
    # In the order of the files, for the digest; each goes straight to its place in a part.
    rows = {int(n): x[part][row] for part in parts for row, n in enumerate(parts[part])}
    sha256 = _fill([rows[n] for n in range(len(y))], paths, entry.sensor, slicing)
    return Split(
        *(
            Dataset(entry.name, part, how, x[part], y[chosen], entry.classes, sha256)
            for part, chosen in parts.items()
        )
    )


@dataclass(frozen=True, eq=False)
class _Recordings:
    """Hold where the recordings of a folder are, and their labels."""

    paths: list[Path]
    y: Labels


def _recordings(name: str, home: Path, classes: Sequence[str]) -> _Recordings:
    paths: list[Path] = []
    labels: list[int] = []
    for label, folder in enumerate(classes):
        if not checked_path(home / folder, f"folder of class {folder!r:.40}", home=True).is_dir():
            raise InputError(
                f"dataset {name!r}: {home} has no folder {folder!r}; make one for each class"
            )
        found = sorted(p for p in (home / folder).iterdir() if p.suffix.lower() in SUFFIXES)
        if not found:
            raise InputError(
                f"dataset {name!r}: {home / folder} has no recordings; put files there whose names "
                f"end in {', '.join(SUFFIXES)}"
            )
        paths += found
        labels += [label] * len(found)
    return _Recordings(paths, np.array(labels, np.int64))


def _part(entry: Entry, home: Path, part: str) -> _Recordings:
    found = _recordings(entry.name, home / entry.folders[part], entry.classes)
    if len(found.y) != entry.samples[part]:
        raise InputError(
            f"dataset {entry.name!r}: {home / entry.folders[part]} has {len(found.y)} recordings, "
            f"and the set {entry.samples[part]}; unpack it again, or take what is there with "
            "datasets.from_event_folder"
        )
    return found


def _home(entry: Entry, folder: str | os.PathLike[str] | None) -> Path:
    if folder is None:
        home = places.find(entry)
        if home is None:
            raise InputError(f"dataset {entry.name!r} is not here. Get it: {places.remedy(entry)}")
        return home
    given = checked_path(folder, f"folder of dataset {entry.name!r}", home=True)
    missing = places.lacking(entry, given)
    if missing:
        raise InputError(
            f"dataset {entry.name!r}: {given} lacks the folder {missing[0]}. Get it: "
            f"{places.remedy(entry)}"
        )
    return given


def _fill(
    rows: Iterable[npt.NDArray[np.float32]],
    paths: Sequence[Path],
    sensor: tuple[int, int],
    slicing: Slicing,
) -> str:
    """Write the frames of each recording into its row; return the digest of the files."""
    digest = hashlib.sha256()
    for row, path in zip(rows, paths, strict=True):
        content = read_content(path)
        digest.update(content)
        events = parse_events(content, path)
        if not len(events):
            raise InputError(f"{path}: has no events; take it out of the folder")
        check_inside(events, sensor, str(path))
        row[...] = slicing(events, sensor)
    return digest.hexdigest()
