"""Describe a NIR file, as plain values for programs and as text for people."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.interchange.nir.conventions import FRAMEWORKS, conventions_for
from brianbridge.interchange.nir.file import read_raw
from brianbridge.interchange.nir.flatten import flat_graph
from brianbridge.interchange.nir.own_file import KEY, is_own, own_network
from brianbridge.interchange.nir.read import graph_of_nir
from brianbridge.readable import columns, printable, shape_text

__all__ = ["describe_nir", "nir_text"]


def describe_nir(
    path: str | os.PathLike[str],
    framework: str | None = None,
    *,
    dt: Any = None,
    reset: str | None = None,
    spikes: str | None = None,
) -> dict[str, Any]:
    """Return the nodes of a NIR file as plain values, ready for JSON.

    Parameters
    ----------
    path : path-like
        The file.
    framework, dt, reset, spikes
        As in `brianbridge.from_nir`. Without a framework, nodes are listed and not rated.

    Returns
    -------
    dict
        ``kind``, ``path``, ``nodes`` by name (``kind``, ``fields`` as text, ``rating`` and
        ``note``), ``edges``, ``notes`` and ``conventions``.

    Raises
    ------
    InputError
        If the file is damaged, or a node is not supported.
    """
    raw = read_raw(path)
    try:
        flat = flat_graph(raw)
        nodes = {
            name: {"kind": f.kind, "fields": _fields(f.raw), "rating": "", "note": ""}
            for name, f in flat.nodes.items()
        }
        notes, conventions = list(flat.notes), None
        if framework is not None:
            conventions = conventions_for(framework, dt=dt, reset=reset, spikes=spikes)
            rating = graph_of_nir(raw, conventions).rating
            for node in rating.nodes:
                nodes[node.name] |= {"rating": node.rating, "note": node.note}
        elif is_own(raw):
            conventions = own_network(raw)[1]
            notes.append(f"written by brianbridge, which says how it is stepped ({KEY})")
        else:
            notes.append(
                "to rate the nodes, state where it was trained (framework=, --from): "
                + ", ".join(FRAMEWORKS)
            )
    except InputError as error:
        raise InputError(f"NIR file '{os.fspath(path)}': {error}") from error.__cause__
    return {
        "kind": "NIR graph",
        "path": os.fspath(path),
        "conventions": None if conventions is None else conventions.to_dict(),
        "said": "" if conventions is None else str(conventions),
        "nodes": nodes,
        "edges": [list(edge) for edge in flat.edges],
        "notes": notes,
    }


def _fields(raw: Mapping[str, Any]) -> str:
    """Return the fields of a node as short text."""
    found = []
    for key, value in raw.items():
        array = np.asarray(value) if not isinstance(value, str | Mapping) else None
        if key in ("type", "metadata") or array is None or array.dtype.kind not in "iuf":
            continue
        if array.size == 0:
            continue
        if array.size <= 2:
            text = ", ".join(f"{number:.6g}" for number in array.ravel())
        elif array.min() == array.max():
            text = f"{array.flat[0]:.6g}"
        else:
            text = f"{shape_text(array.shape)} from {array.min():.3g} to {array.max():.3g}"
        found.append(f"{printable(key, 20)} {text}")
    return "; ".join(found)


def nir_text(description: Mapping[str, Any]) -> str:
    """Return a description as text for a terminal."""
    rows = [
        (name, node["kind"], node["rating"], node["note"] or node["fields"])
        for name, node in description["nodes"].items()
    ]
    head = [f"NIR graph   {description['path']}"]
    head += [description["said"]] if description["said"] else []
    return "\n".join([*head, columns(rows), *description["notes"]])
