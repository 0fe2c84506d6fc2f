"""Read the contents of a NIR file, which need not be trusted.

The tree of a file becomes plain dictionaries, in the form of ``NIRGraph.to_dict``: nothing is
unpickled, no link out of the file is followed, and sizes are checked before memory is taken.
"""

from __future__ import annotations

import os
from typing import Any

import h5py
import numpy as np

from brianbridge.errors import InputError
from brianbridge.io.hdf5 import check_headers, kind_of, member, opened
from brianbridge.io.text_heaps import TextHeaps
from brianbridge.paths import checked_path
from brianbridge.preferences import how_to_raise, memory_budget
from brianbridge.readable import printable

__all__ = ["raw_graph", "read_raw"]

#: Limits of nesting and of the number of nodes: a file can be linked to itself.
_DEEPEST, _MOST_NODES = 16, 10_000
_LONGEST_TEXT, _LONGEST_NAME = 10_000_000, 200

Raw = dict[str, Any]


def read_raw(path: str | os.PathLike[str]) -> Raw:
    """Return the tree of a NIR file.

    Parameters
    ----------
    path : path-like
        The file.

    Raises
    ------
    InputError
        If there is no such file, it is damaged or of another kind, or it needs too much memory.
    """
    with opened(checked_path(path), "NIR file") as file:
        kind = kind_of(file)
        if kind != "NIR graph":
            raise InputError(f"expected a NIR graph, but this is a {kind}")
        check_headers(file)
        heaps = TextHeaps(file, "save the graph again with the package 'nir'")
        root = _Reader(heaps).node(member(file, "node", h5py.Group), 0)
        if root["type"] != "NIRGraph":
            raise InputError(f"expected a NIRGraph, but it holds a single {root['type']}")
        return root


def raw_graph(graph: Any) -> Raw:
    """Return the tree of a `nir.NIRGraph` in memory.

    Raises
    ------
    InputError
        If it is no graph.
    """
    if type(graph).__name__ != "NIRGraph" or not hasattr(graph, "to_dict"):
        raise InputError(
            f"from_nir: got a {type(graph).__name__}; give the path of a NIR file or a NIRGraph"
        )
    return _plain(graph.to_dict())


def _plain(value: Any) -> Any:
    """Return a tree with arrays in place of tensors."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, str | bytes) or value is None:
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    if isinstance(value, list | tuple) and value and isinstance(value[0], list | tuple):
        return [tuple(map(str, item)) for item in value]
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    return np.asarray(value)


class _Reader:
    """Read nodes, and count what was read: a file may link to one dataset many times."""

    def __init__(self, heaps: TextHeaps) -> None:
        self.nodes, self.bytes, self.heaps = 0, 0.0, heaps

    def node(self, group: h5py.Group, depth: int) -> Raw:
        """Read a node and all nodes in it."""
        self.nodes += 1
        if self.nodes > _MOST_NODES or depth > _DEEPEST:
            raise InputError(
                f"it has more than {_MOST_NODES} nodes, or {_DEEPEST} graphs in each other; "
                "save a smaller graph"
            )
        raw: Raw = {}
        for key in group:
            if key == "nodes":
                inner = member(group, key, h5py.Group)
                raw[key] = {
                    _name(name): self.node(member(inner, name, h5py.Group), depth + 1)
                    for name in inner
                }
            elif key == "metadata":
                metadata = member(group, key, h5py.Group)
                raw[key] = {
                    name: self.value(member(metadata, name, h5py.Dataset))
                    for name in metadata
                    if isinstance(metadata.get(name, getlink=True), h5py.HardLink)
                    and metadata.get(name, getclass=True) is h5py.Dataset
                }
            else:
                raw[key] = self.value(member(group, key, h5py.Dataset))
        if not isinstance(raw.get("type"), str):
            raise InputError(f"'{group.name}' has no type, so it is no node")
        if raw["type"] == "NIRGraph":
            raw["edges"] = _edges(raw.get("edges"), group.name)
        return raw

    def value(self, dataset: h5py.Dataset) -> Any:
        """Read numbers or text."""
        if dataset.shape is None:
            raise InputError(f"'{dataset.name}' is empty; save the graph again")
        budget = memory_budget()
        self.bytes += dataset.size * dataset.dtype.itemsize
        if self.bytes > budget:
            raise InputError(
                f"its nodes hold more than {self.bytes / 1e6:.4g} MB; {how_to_raise(self.bytes)}"
            )
        text = h5py.check_string_dtype(dataset.dtype)
        if text is not None:
            if text.length is None:
                self.heaps.check(dataset)
            return _text(dataset)
        if dataset.dtype.kind not in "iufb":
            raise InputError(f"'{dataset.name}' holds {dataset.dtype}; expected numbers or text")
        return np.asarray(dataset[()])


def _text(dataset: h5py.Dataset) -> Any:
    """Return a string, or an array of strings."""
    found = np.asarray(dataset.asstr(errors="replace")[()], dtype=object)
    if any(len(item) > _LONGEST_TEXT for item in found.ravel()):
        raise InputError(f"'{dataset.name}' has a text of more than {_LONGEST_TEXT:,} characters")
    return str(found) if not found.ndim else found


def _name(text: str) -> str:
    """Return the name of a node; refuse one that cannot be printed."""
    if not text.isprintable() or len(text) > _LONGEST_NAME:
        raise InputError(
            f"a node is called '{printable(text)}'; rename it, with at most {_LONGEST_NAME} "
            "characters that can be printed"
        )
    return text


def _edges(found: Any, where: str) -> list[tuple[str, str]]:
    """Return pairs of names."""
    if found is None or (isinstance(found, np.ndarray) and not found.size):
        return []
    if not isinstance(found, np.ndarray) or found.dtype != object or found.shape[1:] != (2,):
        raise InputError(f"'{where}/edges' is not a list of pairs of names")
    return [(_name(str(a)), _name(str(b))) for a, b in found]
