"""A NIR graph becomes a graph of layers and populations, with a rating of each node."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.interchange.graph import Conv, Delay, Graph, Input, Node, Scale
from brianbridge.interchange.layer_shapes import Shape, check_size, shape_after
from brianbridge.interchange.nir.conventions import Conventions
from brianbridge.interchange.nir.fields import Fields
from brianbridge.interchange.nir.flatten import FlatGraph, flat_graph
from brianbridge.interchange.nir.layers import LAYERS
from brianbridge.interchange.nir.neurons import NEURONS, NeuronNode, parameter_shape
from brianbridge.interchange.rating import APPROXIMATE, NodeRating, Rating

__all__ = ["ReadGraph", "graph_of_nir"]

#: Leading axes of an input that exporters leave in: batch, and time.
_MOST_LEADING = 2

Step = Callable[[str, Shape], Shape]


@dataclass(frozen=True, eq=False)
class ReadGraph:
    """A graph that was read, and how faithfully.

    Parameters
    ----------
    graph : Graph
        Layers and populations.
    rating : Rating
        How faithfully each node is taken over.
    parameters : dict of str to dict
        The numbers of each node with neurons, so that they can be written back.
    """

    graph: Graph
    rating: Rating
    parameters: dict[str, dict[str, Any]]


def graph_of_nir(raw: Mapping[str, Any], conventions: Conventions) -> ReadGraph:
    """Return the graph of a NIR tree, and how faithfully each node is taken over.

    Parameters
    ----------
    raw : mapping
        The result of `brianbridge.interchange.nir.file.read_raw`.
    conventions : Conventions
        How the network was stepped.

    Raises
    ------
    InputError
        If a node is not supported, or nodes do not fit together; the message names the node.
    """
    flat = flat_graph(raw)
    layers = _layers(flat)
    start = _input_of(flat)
    thresholds = _thresholds_after(flat)
    followed = {before: threshold for threshold, before in thresholds.items()}
    shapes, notes = _shapes(flat, layers, start)
    nodes: dict[str, Node] = {}
    ratings: list[NodeRating] = []
    parameters: dict[str, dict[str, Any]] = {}
    for name, fields in flat.nodes.items():
        approximate, note = "", ""
        if name in thresholds:
            note = f"part of '{thresholds[name]}'"
            nodes[name] = Scale(np.ones(()))
        elif name == start:
            nodes[name] = Input(shapes[name])
            note = notes
        elif name in layers:
            nodes[name] = layers[name]
            approximate = _late_bias(flat, layers, name)
        else:
            after = followed.get(name)
            threshold = flat.nodes[after] if after else None
            neuron = NeuronNode(
                fields, shapes[name], conventions, threshold, _recurs(flat, layers, name)
            )
            nodes[name], approximate, note = neuron.population()
            if after is None:
                parameters[name] = neuron.parameters()
        rating = {"rating": APPROXIMATE} if approximate else {}
        ratings.append(NodeRating(name, fields.kind, note=approximate or note, **rating))
    return ReadGraph(Graph(nodes, flat.edges), Rating(tuple(ratings), flat.notes), parameters)


def _layers(flat: FlatGraph) -> dict[str, Node]:
    """Return the layers without neurons; refuse kinds that nobody knows."""
    known = {*LAYERS, *NEURONS, "Input"}
    for fields in flat.nodes.values():
        if fields.kind not in known:
            hint = did_you_mean(fields.kind, known)
            raise fields.refuse("brianbridge does not know this kind", hint)
    return {
        name: LAYERS[fields.kind](fields)
        for name, fields in flat.nodes.items()
        if fields.kind in LAYERS
    }


def _recurs(flat: FlatGraph, layers: Mapping[str, Node], name: str) -> bool:
    """Return whether a node leads back to itself through layers without neurons."""
    waiting, seen = [name], set()
    while waiting:
        at = waiting.pop()
        for target in flat.targets[at]:
            if target in seen:
                continue
            if target == name:
                return True
            seen.add(target)
            waiting += [target] if target in layers else []
    return False


def _late_bias(flat: FlatGraph, layers: Mapping[str, Node], name: str) -> str:
    """Say that a bias before a delay acts from the start, if there is one."""
    waiting, seen = [name] if isinstance(layers[name], Delay) else [], set()
    while waiting:
        at = waiting.pop()
        for source in flat.sources[at]:
            if source in layers and source not in seen:
                if getattr(layers[source], "bias", None) is not None:
                    return f"the bias of '{source}' acts from the start, without this delay"
                seen.add(source)
                waiting.append(source)
    return ""


def _input_of(flat: FlatGraph) -> str:
    """Return the name of the only input."""
    inputs = [name for name, fields in flat.nodes.items() if fields.kind == "Input"]
    if len(inputs) != 1:
        raise InputError(
            f"the graph has {len(inputs)} Input nodes"
            f"{': ' + ', '.join(inputs[:5]) if inputs else ''}; give it one"
        )
    return inputs[0]


def _thresholds_after(flat: FlatGraph) -> dict[str, str]:
    """Return the thresholds that only follow a leaky integrator, and which one."""
    found = {}
    for name, fields in flat.nodes.items():
        sources = flat.sources[name]
        if fields.kind != "Threshold" or len(sources) != 1:
            continue
        before = flat.nodes[sources[0]]
        if before.kind in ("LI", "I", "CubaLI") and flat.targets[before.name] == [name]:
            found[name] = before.name
    return found


# ---------------------------------------------------------------------- shapes


def _shapes(
    flat: FlatGraph, layers: Mapping[str, Node], start: str
) -> tuple[dict[str, Shape], str]:
    """Return the shape after each node, and what was assumed of the input's shape.

    Exporters leave axes for batch and time in the shape of the input. If the nodes do not fit it
    as it is, they are tried without the first axes.
    """
    given = flat.nodes[start].shape("shape") or flat.nodes[start].shape("input_type")
    if given is None:
        given = _first_shape(flat, layers, start)
    check_size(given, flat.nodes[start].what)
    first_error: InputError | None = None
    for drop in range(min(_MOST_LEADING + 1, len(given))):
        shape = given[drop:]
        try:
            shapes = _spread_shapes(flat, layers, start, shape)
        except InputError as error:
            first_error = first_error or error
            continue
        note = "" if not drop else f"its shape {given} counts as {shape}: first axes are batch"
        return shapes, note
    assert first_error is not None
    raise first_error


def _first_shape(flat: FlatGraph, layers: Mapping[str, Node], start: str) -> Shape:
    """Return the shape that the first layer needs, for an input without a shape."""
    for target in flat.targets[start]:
        node, fields = layers.get(target), flat.nodes[target]
        if isinstance(node, Conv) and (size := fields.shape("input_shape")):
            height = (1,) if len(size) == 1 else ()
            return (node.weight.shape[1] * node.groups, *height, *size)
        if fields.kind in ("Affine", "Linear"):
            return (fields.numbers("weight").shape[1],)
    raise flat.nodes[start].refuse("it has no shape", "give the graph's Input a shape")


def _spread_shapes(
    flat: FlatGraph, layers: Mapping[str, Node], start: str, shape: Shape
) -> dict[str, Shape]:
    """Return the shape after each node, for an input of this shape."""
    shapes = {start: shape}
    waiting = deque([start])
    while waiting:
        source = waiting.popleft()
        for target in flat.targets[source]:
            after = _after(flat.nodes[target], layers.get(target), shapes[source])
            if target not in shapes:
                shapes[target] = after
                waiting.append(target)
            elif math.prod(shapes[target]) != math.prod(after):
                raise flat.nodes[target].refuse(
                    f"inputs of the shapes {shapes[target]} and {after} are summed",
                    "give them one shape",
                )
    if missing := [name for name in flat.nodes if name not in shapes]:
        raise flat.nodes[missing[0]].refuse(
            "nothing leads to it from the input", "connect it, or leave it out"
        )
    return shapes


def _after(fields: Fields, layer: Node | None, shape: Shape) -> Shape:
    """Return the shape after a node that this shape reaches."""
    if layer is not None:
        try:
            return shape_after(layer, shape, fields.what)
        except InputError as error:
            if str(error).startswith("node "):
                raise
            raise fields.refuse(str(error), "correct the node") from None
    own = parameter_shape(fields)
    size, wanted = math.prod(own), math.prod(shape)
    per_channel = _broadcasts(own, shape)
    if size not in (1, wanted) and not per_channel:
        raise fields.refuse(
            f"its parameters have the shape {own}, but {wanted} inputs of shape {shape} reach it",
            "give one value, or one for each",
        )
    return shape


def _broadcasts(own: Sequence[int], shape: Shape) -> bool:
    """Return whether parameters of one shape count for neurons of another, as in NumPy."""
    if len(own) > len(shape):
        return False
    return all(a in (1, b) for a, b in zip(own[::-1], shape[::-1], strict=False))
