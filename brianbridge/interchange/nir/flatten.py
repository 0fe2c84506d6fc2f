"""Graphs within graphs, as one graph: a node ``lif`` of a graph ``sub`` is called ``sub.lif``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from brianbridge.errors import InputError, did_you_mean
from brianbridge.interchange.nir.fields import Fields

__all__ = ["FlatGraph", "flat_graph"]

Edge = tuple[str, str]


@dataclass(frozen=True)
class FlatGraph:
    """Hold the nodes of a graph and of all graphs in it.

    Parameters
    ----------
    nodes : dict of str to Fields
        In the order of the file.
    edges : tuple of (str, str)
        Source and target of each edge, each once.
    notes : tuple of str
        What was assumed.
    """

    nodes: dict[str, Fields]
    edges: tuple[Edge, ...]
    notes: tuple[str, ...] = ()

    @cached_property
    def sources(self) -> dict[str, list[str]]:
        """The nodes that lead to each node."""
        found: dict[str, list[str]] = {name: [] for name in self.nodes}
        for source, target in self.edges:
            found[target].append(source)
        return found

    @cached_property
    def targets(self) -> dict[str, list[str]]:
        """The nodes to which each node leads."""
        found: dict[str, list[str]] = {name: [] for name in self.nodes}
        for source, target in self.edges:
            found[source].append(target)
        return found


@dataclass
class _Collected:
    """Collect nodes and edges while graphs are visited."""

    nodes: dict[str, Fields] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    #: Inputs and outputs of inner graphs, which only pass on.
    passing: list[str] = field(default_factory=list)


def flat_graph(raw: Mapping[str, Any]) -> FlatGraph:
    """Return a graph without graphs in it.

    Raises
    ------
    InputError
        If an edge leads to no node, two nodes have one name, or an inner graph has several inputs
        or outputs.
    """
    found = _Collected()
    _collect(raw, "", found)
    edges = list(dict.fromkeys(found.edges))
    notes = ("an edge that is there twice counts once",) if len(edges) < len(found.edges) else ()
    for name in found.passing:
        edges = _joined(edges, name)
        del found.nodes[name]
    return FlatGraph(found.nodes, tuple(edges), notes)


def _collect(raw: Mapping[str, Any], prefix: str, found: _Collected) -> None:
    """Add the nodes and edges of a graph and of all graphs in it."""
    inside: dict[str, dict[str, str]] = {}
    nodes = raw.get("nodes")
    if not isinstance(nodes, Mapping) or not nodes:
        raise InputError(f"the graph '{prefix.rstrip('.') or 'node'}' has no nodes; give it some")
    for name, node in nodes.items():
        full = f"{prefix}{name}"
        if node["type"] == "NIRGraph":
            _collect(node, f"{full}.", found)
            inside[name] = _ends(node, full)
            continue
        if full in found.nodes:
            raise InputError(f"two nodes are called '{full}'; rename one")
        found.nodes[full] = Fields(full, str(node["type"]), node)
        if prefix and node["type"] in ("Input", "Output"):
            found.passing.append(full)
    for source, target in raw.get("edges", ()):
        for name in (source, target):
            if name not in nodes:
                raise InputError(
                    f"an edge of the graph names a node '{name}'. {did_you_mean(name, nodes)}"
                )
        found.edges.append(
            (
                inside[source]["Output"] if source in inside else f"{prefix}{source}",
                inside[target]["Input"] if target in inside else f"{prefix}{target}",
            )
        )


def _ends(graph: Mapping[str, Any], full: str) -> dict[str, str]:
    """Return the names of the only input and the only output of an inner graph."""
    ends = {}
    for kind in ("Input", "Output"):
        names = [name for name, node in graph["nodes"].items() if node["type"] == kind]
        if len(names) != 1:
            raise InputError(
                f"the inner graph '{full}' has {len(names)} nodes of type {kind}; give it one, or "
                "save its nodes in the outer graph"
            )
        ends[kind] = f"{full}.{names[0]}"
    return ends


def _joined(edges: list[Edge], name: str) -> list[Edge]:
    """Return edges that lead past a node that only passes on."""
    before = [source for source, target in edges if target == name and source != name]
    after = [target for source, target in edges if source == name and target != name]
    kept = [edge for edge in edges if name not in edge]
    return list(dict.fromkeys([*kept, *((a, b) for a in before for b in after)]))
