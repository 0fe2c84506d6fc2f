"""A file from which a long fit goes on.

Searches are deterministic, and ask for the results of their simulations in the same order. So the
file holds these results, and a search that runs again gets them at once until there are no more.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.io.atomic import writable_file, write_whole
from brianbridge.neurons.model import NeuronModel
from brianbridge.version import __version__

__all__ = ["Arrays", "Checkpoint", "Keep", "digests", "keep_nothing"]

Arrays = tuple[np.ndarray, ...]
#: Takes what computes arrays, and returns these arrays or the ones that are kept.
Keep = Callable[[Callable[[], Arrays]], Arrays]

_PROBLEM = "problem"


def keep_nothing(compute: Callable[[], Arrays]) -> Arrays:
    """Compute arrays anew each time."""
    return compute()


class Checkpoint:
    """Keep arrays that a search computes one after another.

    Parameters
    ----------
    path : path-like
        The file; created if there is none.
    problem : mapping of str to str
        A digest of each part of what determines the result.

    Raises
    ------
    InputError
        If the file is no checkpoint of a fit, belongs to another fit, or cannot be written.
    """

    def __init__(self, path: str | Path, problem: Mapping[str, str]) -> None:
        self._path = writable_file(path)
        self._problem = dict(problem)
        self._kept = self._read()
        self._next = 0

    def __call__(self, compute: Callable[[], Arrays]) -> Arrays:
        """Return the next arrays that are kept; if there are none, compute and keep them."""
        self._next += 1
        if self._next > len(self._kept):
            self._kept.append(tuple(np.asarray(one) for one in compute()))
            self._write()
        return self._kept[self._next - 1]

    def _write(self) -> None:
        content = io.BytesIO()
        arrays = {
            f"{step}.{place}": one
            for step, kept in enumerate(self._kept)
            for place, one in enumerate(kept)
        }
        np.savez(content, allow_pickle=False, **{_PROBLEM: json.dumps(self._problem)}, **arrays)
        write_whole(self._path, content.getbuffer())

    def _read(self) -> list[Arrays]:
        if not self._path.exists():
            return []
        try:
            with np.load(self._path, allow_pickle=False) as arrays:
                problem = json.loads(str(arrays[_PROBLEM]))
                names = [name for name in arrays.files if name != _PROBLEM]
                kept: dict[int, list[np.ndarray]] = {}
                for name in names:  # in the order in which they were written
                    kept.setdefault(int(name.split(".")[0]), []).append(arrays[name])
            others = [name for name, digest in self._problem.items() if problem.get(name) != digest]
        except Exception:  # np.load raises many kinds of error
            raise InputError(
                f"'{self._path}' is no checkpoint of such a fit; remove it, or name another file"
            ) from None
        if others:
            raise InputError(
                f"'{self._path}' belongs to a fit with other values of: {', '.join(others)}; "
                "remove it, or name another file"
            )
        return [tuple(one) for one in kept.values()]


def digests(problem: Any, optimizer: str, starts: int, seed: int) -> dict[str, str]:
    """Return a digest of each part of what determines the result of a fit.

    Parameters
    ----------
    problem : Problem, SpikeProblem or MeasuredProblem
        What is fitted.
    optimizer : str
        What searches.
    starts, seed : int
        Number of starts, and the seed that draws them.
    """
    own = {"model", "population", "ranges", "dt"}
    parts = {
        "model": problem.model.to_dict(),
        "input": [(one.values, one.dt) for one in problem.population.timed_arrays.values()],
        "target": {name: one for name, one in vars(problem).items() if name not in own},
        "learn": problem.ranges,
        "dt": problem.dt,
        "optimizer": optimizer,
        "starts": starts,
        "seed": seed,
        "version": __version__,
    }
    found = {}
    for name, part in parts.items():
        digest = hashlib.sha256()
        _add(digest, part)
        found[name] = digest.hexdigest()
    return found


def _add(digest: Any, part: Any) -> None:
    """Add arrays, data of dataclasses, mappings, sequences or anything with a `repr`."""
    if isinstance(part, NeuronModel):
        return  # what it has besides the model that was given follows from the other parts
    if is_dataclass(part):
        _add(digest, {type(part).__name__: vars(part)})
    elif isinstance(part, np.ndarray):
        digest.update(f"{part.shape}".encode() + np.asarray(part).tobytes())
    elif isinstance(part, Mapping):
        for key, value in part.items():
            digest.update(f"{key}:".encode())
            _add(digest, value)
    elif isinstance(part, list | tuple):
        digest.update(f"{len(part)} of".encode())
        for value in part:
            _add(digest, value)
    else:
        digest.update(f"{part!r};".encode())
