"""Names, types and constants of spike files; `brianbridge.io.spikes.file` documents the format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import h5py
import numpy as np

from brianbridge.errors import InputError
from brianbridge.io.json_text import parse_json
from brianbridge.io.text_heaps import attribute

__all__ = [
    "CHUNK",
    "COLUMNS",
    "MAGIC",
    "MILLISECONDS",
    "SORTING",
    "STEP_TOLERANCE",
    "Place",
    "absent",
    "all_absent",
    "as_steps",
    "as_stored",
    "narrow_types",
    "provenance_in",
    "provenance_texts",
]

MAGIC = 0x0A7A
SORTING = h5py.enum_dtype({"none": 0, "by_id": 1, "by_time": 2}, basetype="u1")
# Column -> type on disk, and the value of a column that a file lacks (None: it is required).
COLUMNS: Mapping[str, tuple[str, float | None]] = {
    "timestamps": ("<f8", None),
    "node_ids": ("<u8", None),
    "sample": ("<u4", 0),
    "spike_value": ("<i2", 1),
    "t_crossing": ("<f8", np.nan),
}
CHUNK = 16_384  # events; 128 KiB of float64
# Of a fixed length: HDF5 crashes on strings of variable length if its heap is damaged.
MILLISECONDS = np.array("milliseconds", h5py.string_dtype("utf-8", len("milliseconds")))
#: Other programs write times as floats; one that means k*dt must not fall into step k - 1.
STEP_TOLERANCE = 1e-6
PART = 60_000  # bytes of text in one attribute; HDF5 allows 64 kB


class Place(NamedTuple):
    """Say where a chunk of a column is in its file.

    Parameters
    ----------
    start, size : int
        Its first byte and its length. A chunk of length 0 is not stored: each of its values is the
        fill value of the column.
    crc : int
        CRC-32 of its bytes.
    mask : int
        The filters that it skips.
    """

    start: int
    size: int
    crc: int
    mask: int


def provenance_texts(text: str) -> dict[str, np.bytes_]:
    """Return JSON in ASCII as attributes of a fixed length, by name.

    Examples
    --------
    >>> provenance_texts('{"seed": 1}')["provenance"].decode()
    '{"seed": 1}'
    >>> list(provenance_texts('"' + 60_000 * "a" + '"'))
    ['provenance', 'provenance_1']
    """
    data = text.encode("ascii")
    parts = [data[start : start + PART] for start in range(0, len(data), PART)]
    return {_part(number): np.bytes_(part) for number, part in enumerate(parts)}


def provenance_in(file: h5py.File) -> dict[str, Any]:
    """Read what `provenance_texts` made; in older files, one string of variable length."""
    first = attribute(file, _part(0))
    parts = [first.encode() if isinstance(first, str) else first]
    while (name := _part(len(parts))) in file.attrs:
        parts.append(attribute(file, name))
    try:
        return dict(parse_json(b"".join(parts), "the provenance"))
    except InputError as error:
        raise ValueError(error) from None  # `opened` names the file


def _part(number: int) -> str:
    return f"provenance_{number}" if number else "provenance"


def narrow_types(neurons: int, steps: int | None) -> Mapping[str, str]:
    """Return the types of columns that wait to be stored, where a time is the number of its step.

    They hold all indices below these numbers. If `steps` is None, any step may come.

    Examples
    --------
    >>> narrow_types(300, 100)["node_ids"], narrow_types(300, 100)["timestamps"]
    ('<u2', '|u1')
    """
    types = {column: dtype for column, (dtype, _) in COLUMNS.items()}
    types["node_ids"] = np.min_scalar_type(max(neurons - 1, 0)).newbyteorder("<").str
    if steps is None:
        return {**types, "timestamps": "<u8"}
    return {**types, "timestamps": np.min_scalar_type(steps - 1).newbyteorder("<").str}


def as_stored(column: str, narrow: np.ndarray, dt_ms: float) -> np.ndarray:
    """Return a column of `narrow_types` as the file stores it.

    Examples
    --------
    >>> as_stored("timestamps", np.array([3], np.uint8), 0.1)
    array([0.3])
    """
    if column == "timestamps":
        return narrow * dt_ms
    return np.ascontiguousarray(narrow, COLUMNS[column][0])


def absent(column: str, count: int) -> np.ndarray:
    """Return the values of a column that a file lacks, shape ``(count,)``.

    Examples
    --------
    >>> absent("t_crossing", 2)
    array([nan, nan])
    """
    dtype, value = COLUMNS[column]
    return np.full(count, value, dtype)


def all_absent(column: str, values: np.ndarray) -> bool:
    """Return whether all values are those of a column that a file lacks.

    Examples
    --------
    >>> all_absent("spike_value", np.array([1, 1]))
    True
    """
    value = COLUMNS[column][1]
    if value is None:
        return False
    return bool((np.isnan(values) if np.isnan(value) else values == value).all())


def as_steps(timestamps: np.ndarray, dt_ms: float) -> np.ndarray:
    """Return the steps in which timestamps lie, int64.

    Examples
    --------
    >>> as_steps(np.array([0.3]), 0.1)  # 0.3/0.1 is below 3 in floating point
    array([3])
    """
    with np.errstate(invalid="ignore", over="ignore"):  # damaged bytes may be anything
        return np.floor(timestamps / dt_ms + STEP_TOLERANCE).astype(np.int64)
