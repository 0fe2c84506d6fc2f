"""The graph of a torch network, from what its modules saw in one run."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.interchange.frameworks import Cell, reader_of
from brianbridge.interchange.frameworks.reading import Reading
from brianbridge.interchange.graph import Graph, Input, Node, Output, Population, Scale
from brianbridge.interchange.torch.functions import tensors_in
from brianbridge.interchange.torch.layers import BatchNorm, folded, layer_node
from brianbridge.interchange.torch.tags import INPUT, Tag
from brianbridge.interchange.torch.trace import Leaf, Trace

__all__ = ["add_cell", "graph_of"]

_OUTPUT = "(output)"
Edges = list[tuple[str, str]]


def graph_of(trace: Trace, returned: Any, shape: tuple[int, ...], dt: float) -> Graph:
    """Return the graph of a network.

    Parameters
    ----------
    trace : Trace
        One run of it.
    returned : Any
        What it returned.
    shape : tuple of int
        Shape of its input, without batch and time.
    dt : float
        Length of a step in seconds.

    Raises
    ------
    InputError
        If something cannot be read; the message names it.
    """
    last = _output(trace, returned)
    nodes: dict[str, Any] = {INPUT: Input(shape)}
    edges: Edges = []
    for name in _needed(trace, last):
        leaf = trace.leaves[name]
        sources = _sources(leaf, name)
        _check_first_step(trace, name, sources)
        _add(nodes, edges, name, leaf, sources, dt)
    nodes[_OUTPUT] = Output()
    edges += [(name, _OUTPUT) for name in last]
    _fold(nodes, edges)
    return Graph(nodes, tuple(edges))


def _output(trace: Trace, returned: Any) -> tuple[str, ...]:
    """Return the nodes whose values the network returns first."""
    tags = [tag for one in tensors_in(returned) if (tag := trace.tag(one))]
    if not tags:
        raise InputError(
            "from_torch: what the module returns does not depend on its input; return the spikes "
            "of its last neurons"
        )
    tag = tags[0]
    if tag.problem:
        raise InputError(f"from_torch: {tag.problem} cannot be read; {_remedy(tag)}")
    if tag.state and all(_fires(trace.leaves[name]) for name in tag.names):
        raise InputError(
            f"from_torch: the module returns a state of '{tag.names[0]}', whose neurons fire; "
            "return their spikes first"
        )
    return tag.names


def _remedy(tag: Tag) -> str:
    """Return a remedy for a module that cannot be read."""
    if tag.names == (INPUT,) and tag.problem.startswith("the function"):
        return "apply it to the samples, before they are given to the module"
    if "MaxPool" in tag.problem:
        return "use average pooling"
    if tag.problem.startswith("'"):
        return (
            "known are torch's linear layers and the neurons of four frameworks; put other layers "
            "before the twin (docs/tutorials/own_module.md)"
        )
    return "use modules of torch.nn, or write it in another way"


def _fires(leaf: Leaf) -> bool:
    return hasattr(leaf.module, "threshold") or hasattr(leaf.module, "v_threshold")


def _needed(trace: Trace, last: tuple[str, ...]) -> list[str]:
    """Return the names of the modules on which the output depends, in the order of their calls."""
    needed: set[str] = set()
    waiting = list(last)
    while waiting:
        name = waiting.pop()
        if name not in needed and name != INPUT:
            needed.add(name)
            waiting += [source for source, _ in _sources(trace.leaves[name], name)]
    return [name for name in trace.leaves if name in needed]


def _sources(leaf: Leaf, name: str) -> list[tuple[str, bool]]:
    """Return where the values of a module come from; refuse what differs between steps."""
    calls = [edges for step, edges in leaf.calls.items() if step not in (-1, 0)]
    calls = calls or list(leaf.calls.values())
    if any(edges != calls[-1] for edges in calls):
        raise InputError(
            f"from_torch: '{name}' gets its input from other modules in some steps; let it get the "
            "same in all"
        )
    return sorted(calls[-1])


def _check_first_step(trace: Trace, name: str, sources: list[tuple[str, bool]]) -> None:
    """Refuse a loop that leaves out a bias in the first step."""
    calls = trace.leaves[name].calls
    if 0 not in calls:
        return
    for source, back in sources:
        module = getattr(trace.leaves.get(source), "module", None)
        bias = getattr(module, "bias", None)
        if (source, back) not in calls[0] and bias is not None and bool(bias.any()):
            raise InputError(
                f"from_torch: '{name}' gets nothing from '{source}' in the first step, where its "
                "bias would count; call it with zeros there, or give it no bias"
            )


def _add(
    nodes: dict[str, Any],
    edges: Edges,
    name: str,
    leaf: Leaf,
    sources: list[tuple[str, bool]],
    dt: float,
) -> None:
    """Add what a module becomes, and what leads to it."""
    reader = reader_of(leaf.module)
    into = name
    if reader is not None:
        cell = reader(Reading(leaf.module, name, dt, leaf.made))
        into = add_cell(nodes, edges, name, cell, leaf.made)
    elif isinstance(leaf.module, Node):
        nodes[name] = leaf.module
    else:
        found = layer_node(leaf.module, name, leaf.seen, leaf.made)
        nodes[name] = Scale(np.ones(())) if found is None else found
    edges += [(source, into) for source, _ in sources]


def add_cell(
    nodes: dict[str, Any], edges: Edges, name: str, cell: Cell, shape: tuple[int, ...]
) -> str:
    """Add neurons with their own weights, and return the node that takes their input.

    Parameters
    ----------
    nodes, edges
        The graph so far.
    name : str
        Name of the neurons.
    cell : Cell
        The neurons.
    shape : tuple of int
        Their shape.
    """
    nodes[name] = Population(cell.model, shape, cell.fires, cell.jump)
    path = [name, *(f"{name}.recurrent_{k}" for k in range(len(cell.recurrent))), name]
    nodes |= dict(zip(path[1:], cell.recurrent, strict=False))
    edges += pairwise(path) if cell.recurrent else []
    if cell.before is None:
        return name
    into = f"{name}.input_weights"
    nodes[into] = cell.before
    edges.append((into, name))
    return into


def _fold(nodes: dict[str, Any], edges: Edges) -> None:
    """Fold each normalisation into the layer before it."""
    for name, norm in list(nodes.items()):
        if not isinstance(norm, BatchNorm):
            continue
        before = [source for source, target in edges if target == name]
        alone = len(before) == 1 and sum(source == before[0] for source, _ in edges) == 1
        nodes[name] = folded(nodes[before[0]] if alone else None, norm, name)
        del nodes[before[0]]
        edges[:] = [
            (source, name if target == before[0] else target)
            for source, target in edges
            if (source, target) != (before[0], name)
        ]
