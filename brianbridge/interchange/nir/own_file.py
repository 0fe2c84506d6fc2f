"""What brianbridge adds to its own NIR files, so that they give back the same network."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.interchange.nir.conventions import Conventions, conventions_for
from brianbridge.interchange.nir.flatten import flat_graph
from brianbridge.interchange.nir.nodes import NirNodes, nir_nodes
from brianbridge.io.json_text import parse_json
from brianbridge.io.networks.schema import check_entry
from brianbridge.network import SpikingNetwork
from brianbridge.network.projection import projection_name

__all__ = ["KEY", "is_own", "own_metadata", "own_network"]

#: Entry of a graph's metadata with the description of the network.
KEY = "brianbridge"
_ENTRIES = ("network", "provenance", "conventions", "biases")
_OTHERWISE = "state the framework (framework=, --from) to read the graph itself"


def own_metadata(found: NirNodes) -> dict[str, Any]:
    """Return the metadata beside the nodes: conventions, description, and other arrays."""
    network, c = found.network, found.conventions
    arrays: dict[str, Any] = {}
    for projection in network.projections:
        parts = {"weight": projection.weight, **projection.connection.arrays()}
        if projection.bias is not None:
            parts["bias"] = projection.bias
        node, divisor = found.weights[projection.name]
        fields = found.nodes[node]
        for key, array in parts.items():
            written = np.asarray(fields.get(key, ()))
            same = bool(np.all(divisor == 1)) and written.dtype == array.dtype
            if not (same and np.array_equal(written, array)):
                arrays[f"{KEY}.{projection.name}.{key}"] = array
    entry: dict[str, Any] = {"network": network.to_dict(), "provenance": dict(network.provenance)}
    entry["biases"] = [p.name for p in network.projections if p.bias is not None]
    entry["conventions"] = {k: getattr(c, k) for k in ("framework", "dt", "reset", "spikes")}
    try:
        text = json.dumps(entry, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"the provenance of the network is no JSON: {error}; change it") from None
    return {
        KEY: text, "dt": c.dt, "framework": c.framework, "reset": c.reset, "spikes": c.spikes,
        "units": "seconds; potentials in the unit of the threshold", **arrays,
    }  # fmt: skip


def is_own(raw: Mapping[str, Any]) -> bool:
    """Return whether brianbridge wrote a graph."""
    metadata = raw.get("metadata")
    return isinstance(metadata, Mapping) and isinstance(metadata.get(KEY), str)


def own_network(raw: Mapping[str, Any]) -> tuple[SpikingNetwork, Conventions]:
    """Return the network of a graph that brianbridge wrote.

    Raises
    ------
    InputError
        If nodes were changed since, or the description is damaged.
    """
    flat_graph(raw)  # refuses a graph without nodes
    metadata = raw["metadata"]
    entry = parse_json(metadata[KEY], "metadata of brianbridge")
    if not isinstance(entry, dict) or set(entry) != set(_ENTRIES):
        raise InputError(f"the metadata of brianbridge are damaged; {_OTHERWISE}")
    described, provenance, given, biases = (entry[key] for key in _ENTRIES)
    kinds = {"provenance": dict, "conventions": dict, "biases": list}
    if not all(isinstance(entry[key], kind) for key, kind in kinds.items()):
        raise InputError(f"the metadata of brianbridge are damaged; {_OTHERWISE}")
    check_entry(described, "metadata of brianbridge")
    if set(given) != {"framework", "dt", "reset", "spikes"}:
        raise InputError(f"the metadata of brianbridge have no conventions; {_OTHERWISE}")
    conventions = conventions_for(**given)
    arrays = _arrays(raw, metadata, described, biases)
    network = SpikingNetwork.from_dict(described, arrays, provenance)
    _check_unchanged(raw, nir_nodes(network, conventions))
    return network, conventions


def _arrays(
    raw: Mapping[str, Any],
    metadata: Mapping[str, Any],
    described: Mapping[str, Any],
    biases: Collection[Any],
) -> dict[str, dict[str, np.ndarray]]:
    """Return the arrays of all projections, from the nodes and from the metadata."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for projection in described["projections"]:
        name = projection_name(projection["source"], projection["target"], projection["label"])
        node = raw["nodes"].get(name, {})
        parts = {key: node[key] for key in ("weight", "bias") if key in node}
        start = f"{KEY}.{name}."
        parts |= {
            key.removeprefix(start): np.asarray(value)
            for key, value in metadata.items()
            if key.startswith(start)
        }
        if name not in biases:  # NIR's convolutions always have one
            parts.pop("bias", None)
        found[name] = parts
    return found


def _check_unchanged(raw: Mapping[str, Any], wanted: NirNodes) -> None:
    """Refuse a graph whose nodes are not those of its description."""
    nodes, edges = raw["nodes"], {tuple(edge) for edge in raw.get("edges", ())}
    same = set(nodes) == set(wanted.nodes) and edges == set(wanted.edges)
    for name, fields in wanted.nodes.items() if same else ():
        for key, value in fields.items():
            given = nodes[name].get(key)
            if isinstance(value, str):
                same &= given == value
            else:
                same &= given is not None and np.array_equal(np.asarray(given), np.asarray(value))
    if not same:
        raise InputError(f"its nodes were changed after brianbridge wrote it; {_OTHERWISE}")
