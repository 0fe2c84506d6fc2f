"""Spikes as a table, in CSV or Parquet, for pandas and all others that read tables.

One row for each spike: `population`, `sample`, `neuron`, `time_ms` (from the start of the sample's
presentation), `value`, and `t_crossing_ms` if it is known of any. The description of the run is the
first line of a CSV file, after ``# ``, and in the metadata of a Parquet file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.events import Events
from brianbridge.io.atomic import atomic_descriptor
from brianbridge.io.spikes.exchange.parquet_footer import codecs
from brianbridge.io.spikes.exchange.stream import Run, SpikeStream
from brianbridge.io.spikes.layout import as_steps

__all__ = ["read_table", "write_table"]

_KEY = b"brianbridge"
_MARK = b"# "
_LONGEST_LINE = 1 << 24
_INDICES = ("sample", "neuron")
_LONGEST_MESSAGE = 300
#: No compression, and snappy, which turns a byte into at most some twenty.
_CODECS = {0, 1}


def write_table(stream: SpikeStream, path: Path) -> None:
    """Write spikes to a table, piece by piece.

    Parameters
    ----------
    stream : SpikeStream
        The spikes.
    path : pathlib.Path
        The file, which ends in ``.csv`` or ``.parquet``.

    Raises
    ------
    InputError
        If pyarrow is not there, or the file cannot be written.
    """
    arrow = _pyarrow()
    names = list(stream.run.shapes)
    schema = arrow.schema(
        _fields(arrow, stream.has_crossing), {_KEY: stream.run.to_json().encode()}
    )
    with (
        atomic_descriptor(path) as descriptor,
        os.fdopen(os.dup(descriptor), "wb") as file,
        _writer(arrow, path, file, schema, stream.run) as writer,
    ):
        for name, events in stream.pieces():
            writer.write_batch(_batch(arrow, schema, names, name, events))


def read_table(path: Path, dt: float | None = None) -> SpikeStream:
    """Read the spikes of a table, piece by piece.

    Parameters
    ----------
    path : pathlib.Path
        The file, which ends in ``.csv`` or ``.parquet``.
    dt : float, optional
        Step in seconds; that of the run if not given.

    Raises
    ------
    InputError
        If pyarrow is not there, or the file was not written by `write_table`.
    """
    arrow = _pyarrow()
    open_batches = _csv_batches if path.suffix == ".csv" else _parquet_batches
    run, batches = _opened(arrow, open_batches, path)
    with _told(path):
        crossing = any("t_crossing_ms" in batch.schema.names for batch in batches)
    if dt is not None and dt != run.dt:
        raise InputError(f"'{path}' states its time step, {run.dt} s: drop dt={dt}")

    def pieces(only: str | None = None) -> Iterator[tuple[str, Events]]:
        for batch in _opened(arrow, open_batches, path)[1]:
            with _told(path):
                found = list(_events(arrow, batch, run, only))
            yield from found

    return SpikeStream(run, pieces, crossing)


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError:
        raise InputError(
            "tables need pyarrow: install it by pip install 'brianbridge[tables]'"
        ) from None
    return pyarrow


def _fields(arrow: Any, crossing: bool) -> list[Any]:
    fields = [
        ("population", arrow.dictionary(arrow.int32(), arrow.string())),
        ("sample", arrow.uint32()),
        ("neuron", arrow.uint64()),
        ("time_ms", arrow.float64()),
        ("value", arrow.int16()),
    ]
    return [*fields, ("t_crossing_ms", arrow.float64())] if crossing else fields


@contextmanager
def _writer(arrow: Any, path: Path, file: Any, schema: Any, run: Run) -> Iterator[Any]:
    if path.suffix == ".parquet":
        with arrow.parquet.ParquetWriter(file, schema) as writer:
            yield writer
        return
    file.write(_MARK + run.to_json().encode() + b"\n")
    plain = arrow.schema(
        [(f.name, arrow.string() if f.name == "population" else f.type) for f in schema]
    )
    with arrow.csv.CSVWriter(file, plain) as writer:
        yield _Plain(writer, plain)


class _Plain:
    """Write to CSV, which has no dictionaries."""

    def __init__(self, writer: Any, schema: Any) -> None:
        self._writer, self._schema = writer, schema

    def write_batch(self, batch: Any) -> None:
        self._writer.write_batch(batch.cast(self._schema))


def _batch(arrow: Any, schema: Any, names: list[str], name: str, events: Events) -> Any:
    which = np.full(len(events), names.index(name), np.int32)
    columns = [
        arrow.DictionaryArray.from_arrays(which, arrow.array(names, arrow.string())),
        events.sample.astype(np.uint32),
        events.node.astype(np.uint64),
        events.step * (events.dt * 1e3),
        events.value.astype(np.int16),
    ]
    if "t_crossing_ms" in schema.names:
        known = events.t_crossing
        columns.append(np.full(len(events), np.nan) if known is None else known * 1e3)
    arrays = [arrow.array(column) for column in columns[1:]]
    return arrow.record_batch([columns[0], *arrays], schema=schema)


def _opened(arrow: Any, open_batches: Callable[..., Any], path: Path) -> tuple[Run, Iterator[Any]]:
    """Return the run and the batches of a table; report damage in one line."""
    if not path.is_file():
        raise InputError(f"there is no file '{path}'")
    with _told(path):
        text, batches = open_batches(arrow, path)
    if text is None:
        raise InputError(
            f"'{path}' does not describe a run: give a table that write_spikes has written"
        )
    return Run.from_json(text), _each(path, batches)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Report any error as damage of a file, in one line."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # pyarrow raises many kinds of error
        text = shorten(str(error) or type(error).__name__, _LONGEST_MESSAGE)
        raise InputError(f"'{path}' cannot be read or is damaged: {text}") from None


def _each(path: Path, batches: Iterator[Any]) -> Iterator[Any]:
    while True:
        with _told(path):
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


def _parquet_batches(arrow: Any, path: Path) -> tuple[bytes | None, Iterator[Any]]:
    if odd := codecs(path) - _CODECS:
        raise ValueError(
            f"it has compression {min(odd)} of Parquet, which may turn a small file into any "
            "amount of memory; write it with that of pandas and pyarrow, snappy"
        )
    # Texts as a dictionary: a page may name a long text a million times.
    file = arrow.parquet.ParquetFile(path, read_dictionary=["population"])
    text = (file.schema_arrow.metadata or {}).get(_KEY)
    names = {name for name, _ in _fields(arrow, True)} & set(file.schema_arrow.names)
    return text, file.iter_batches(columns=sorted(names))


def _csv_batches(arrow: Any, path: Path) -> tuple[bytes | None, Iterator[Any]]:
    file = path.open("rb")
    line = file.readline(_LONGEST_LINE)
    if not line.startswith(_MARK):
        file.close()
        return None, iter(())
    types = dict(_fields(arrow, True)) | {"population": arrow.string()}
    options = arrow.csv.ConvertOptions(column_types=types)
    batches = arrow.csv.open_csv(file, convert_options=options)
    return line.removeprefix(_MARK), iter(batches)


def _columns(arrow: Any, batch: Any) -> dict[str, Any]:
    """Return the columns of a batch by name; refuse missing, double and odd ones."""
    names = batch.schema.names
    found = {}
    for name, _ in _fields(arrow, "t_crossing_ms" in names):
        if names.count(name) != 1:
            raise ValueError(f"it has {names.count(name)} columns '{name}'; expected one")
        column = found[name] = batch.column(name)
        whole = arrow.types.is_integer(column.type)
        number = whole or (name not in _INDICES and arrow.types.is_floating(column.type))
        if name != "population" and not number:
            wanted = "whole numbers" if name in _INDICES else "numbers"
            raise ValueError(f"column '{name}' holds {column.type!s:.80}; expected {wanted}")
        if name != "t_crossing_ms" and column.null_count:
            raise ValueError(f"column '{name}' has a row without a value")
    return found


def _events(arrow: Any, batch: Any, run: Run, only: str | None) -> Iterator[tuple[str, Events]]:
    """Yield the spikes of a batch, by population."""
    columns = _columns(arrow, batch)
    population = columns.pop("population")
    if not hasattr(population, "dictionary"):
        population = population.dictionary_encode()
    which = population.indices.to_numpy(zero_copy_only=False)
    values = {name: c.to_numpy(zero_copy_only=False) for name, c in columns.items()}
    for number in np.unique(which):
        name = population.dictionary[int(number)].as_py()
        if name not in run.shapes:
            raise ValueError(f"there is no population '{name!s:.80}'")
        if only is not None and name != only:
            continue
        rows = which == number
        crossing = values["t_crossing_ms"][rows] / 1e3 if "t_crossing_ms" in values else None
        if crossing is not None and np.isnan(crossing).all():
            crossing = None
        yield (
            name,
            Events(
                values["sample"][rows].astype(np.int64),
                values["neuron"][rows].astype(np.int64),
                as_steps(values["time_ms"][rows], run.dt * 1e3),
                values["value"][rows].astype(np.float64),
                run.dt,
                crossing,
            ),
        )
