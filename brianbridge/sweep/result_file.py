"""Files of finished results, from which an interrupted verification resumes.

A file is JSON, with dataclasses by name and arrays with their type. Reading one creates only
objects of the classes below, and runs no code.
"""

from __future__ import annotations

import base64
import dataclasses
import gzip
import json
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.io.atomic import write_whole
from brianbridge.ladder.bridge_check import BridgeCheck
from brianbridge.ladder.results import RunResult
from brianbridge.measures.decision import Decision
from brianbridge.measures.first_spikes import FirstSpikeComparison
from brianbridge.measures.over_time import EarlyHits
from brianbridge.measures.sample_summary import SampleSummary
from brianbridge.measures.spike_comparison import CountMoments, SpikeComparison
from brianbridge.measures.spike_counts import SpikeCounts
from brianbridge.measures.spike_train_distances import SpikeTrainDistances

__all__ = ["DAMAGED", "FORMAT", "read_result", "write_result"]

#: Exceptions that reading a damaged file may raise.
DAMAGED = (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, zlib.error)

#: Version of the files. It is part of their names, so that those of another version are not found.
FORMAT = 6

_CLASSES = {
    cls.__name__: cls
    for cls in (
        SpikeCounts,
        SpikeComparison,
        CountMoments,
        Decision,
        FirstSpikeComparison,
        SampleSummary,
        RunResult,
        SpikeTrainDistances,
        BridgeCheck,
        EarlyHits,
    )
}


def write_result(result: RunResult, path: Path) -> None:
    """Write a result to a temporary file and rename it.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "result.json.gz"
    ...     outputs = SampleSummary(np.array([9, 4]), None, np.array([False, True]))
    ...     write_result(RunResult(np.array([3, 1]), {}, outputs), path)
    ...     read_result(path).prediction
    array([3, 1])
    """
    text = json.dumps(_plain(result), allow_nan=False)
    write_whole(path, gzip.compress(text.encode(), mtime=0))


def read_result(path: Path) -> RunResult:
    """Read a file of `write_result`; any other file raises one of `DAMAGED`."""
    found = _object(json.loads(gzip.decompress(path.read_bytes())))
    if not isinstance(found, RunResult):
        raise TypeError(f"'{path}' holds {type(found).__name__} instead of a result")
    return found


def _plain(value: Any) -> Any:
    """Return JSON values for a result or a part of it."""
    if dataclasses.is_dataclass(value):
        fields = {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"is": type(value).__name__, **fields}
    if isinstance(value, np.ndarray):
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"is": "array", "dtype": value.dtype.str, "shape": value.shape, "data": data}
    if isinstance(value, Counter):
        return {"is": "Counter", "rows": [[*key, number] for key, number in value.items()]}
    if isinstance(value, dict):
        return {"is": "dict", "of": {key: _plain(entry) for key, entry in value.items()}}
    return value


def _object(value: Any) -> Any:
    """Return the result, or a part of it, that JSON values stand for."""
    if not isinstance(value, dict):
        return value
    kind = value.pop("is")
    if kind == "array":
        data = np.frombuffer(base64.b64decode(value["data"]), np.dtype(value["dtype"]))
        return data.reshape(value["shape"])
    if kind == "Counter":
        return Counter({(x, y): number for x, y, number in value["rows"]})
    if kind == "dict":
        return {key: _object(entry) for key, entry in value["of"].items()}
    return _CLASSES[kind](**{name: _object(entry) for name, entry in value.items()})
