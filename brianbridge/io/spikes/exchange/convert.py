"""Convert files of spikes between formats, by the endings of their names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from brianbridge.errors import InputError
from brianbridge.events import Events
from brianbridge.io.atomic import writable_file
from brianbridge.io.spikes.exchange.nwb import read_nwb, write_nwb
from brianbridge.io.spikes.exchange.stream import (
    SpikeStream,
    stream_of_file,
    stream_of_recording,
)
from brianbridge.io.spikes.exchange.tables import read_table, write_table
from brianbridge.io.spikes.log import is_log
from brianbridge.io.spikes.reader import read_spikes
from brianbridge.paths import checked_path
from brianbridge.progress import Counter, Progress
from brianbridge.recording import Recording

__all__ = ["convert_spikes", "read_recording", "write_spikes"]

_WRITERS: Mapping[str, Callable[[SpikeStream, Path], None]] = {
    ".h5": SpikeStream.write,
    ".csv": write_table,
    ".parquet": write_table,
    ".nwb": write_nwb,
}
_READERS: Mapping[str, Callable[[Path, float | None], SpikeStream]] = {
    ".h5": lambda path, dt: stream_of_file(read_spikes(path), dt),
    ".csv": read_table,
    ".parquet": read_table,
    ".nwb": read_nwb,
}


def write_spikes(
    recording: Recording, path: str | os.PathLike[str], provenance: Mapping[str, Any] = {}
) -> None:
    """Write the spikes of a recording to a file that other tools read.

    Parameters
    ----------
    recording : Recording
        The spikes; output and traces are not written.
    path : path-like
        The file. Its ending is its format: ``.h5`` (SONATA), ``.csv`` or ``.parquet`` (tables for
        pandas), ``.nwb`` (units of Neurodata Without Borders).
    provenance : mapping of str to JSON values
        The origin of the spikes.

    Raises
    ------
    InputError
        If the ending is not known, a package for the format is missing, or the file cannot be
        written.
    """
    _written(stream_of_recording(recording, provenance), path)


def convert_spikes(
    source: str | os.PathLike[str], target: str | os.PathLike[str], dt: float | None = None
) -> None:
    """Convert a file of spikes to another format, piece by piece.

    Parameters
    ----------
    source : path-like
        A file that `write_spikes` or `verify` has written, or a SONATA file of another program.
    target : path-like
        The file to write, in the format of its ending; see `write_spikes`.
    dt : float, optional
        Step in seconds, for SONATA files of other programs, which do not state it.

    Raises
    ------
    InputError
        If either file cannot be read or written, or its format is not known.
    """
    _format(checked_path(target), _WRITERS)
    if Path(source).resolve() == Path(target).resolve():
        raise InputError(f"'{target}' is the file to read: give another one to write")
    with Progress().count("converting", 0, "spikes read") as step:
        _written(_counted(_stream(source, dt), step), target)


def _counted(stream: SpikeStream, step: Counter) -> SpikeStream:
    """Return the same spikes, which are counted as they are read."""

    def pieces(*only: str) -> Iterator[tuple[str, Events]]:
        for name, events in stream.pieces(*only):
            step(len(events.node))
            yield name, events

    return replace(stream, pieces=pieces)


def read_recording(path: str | os.PathLike[str], dt: float | None = None) -> Recording:
    """Read the spikes of a file as a recording.

    Parameters
    ----------
    path : path-like
        A file in one of the formats of `write_spikes`.
    dt : float, optional
        Step in seconds, for SONATA files of other programs, which do not state it.

    Returns
    -------
    Recording
        The spikes. Files have no output: it is the summed spikes of the last population.

    Raises
    ------
    InputError
        If the file cannot be read, or its format is not known.
    """
    return _stream(path, dt).recording()


def _stream(path: str | os.PathLike[str], dt: float | None) -> SpikeStream:
    path = checked_path(path)
    if is_log(path):  # the hidden file of a run that was killed
        return stream_of_file(read_spikes(path), dt)
    return _READERS[_format(path, _READERS)](path, dt).checked(path)


def _written(stream: SpikeStream, path: str | os.PathLike[str]) -> None:
    ending = _format(checked_path(path), _WRITERS)
    _WRITERS[ending](stream, writable_file(path))


def _format(path: Path, known: Mapping[str, Any]) -> str:
    if path.suffix not in known:
        raise InputError(
            f"'{path}' has no ending of a format of spikes: give a name that ends in "
            f"{', '.join(known)}"
        )
    return path.suffix
