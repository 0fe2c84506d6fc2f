"""A graph of layers and populations becomes a spiking network."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from brianbridge.encoding import Encoding
from brianbridge.errors import InputError
from brianbridge.interchange.chains import Chain, chain_of
from brianbridge.interchange.graph import (
    Conv,
    Flatten,
    Graph,
    Input,
    Linear,
    Pool,
    Population,
    Scale,
)
from brianbridge.interchange.layer_shapes import Shape, image_for
from brianbridge.interchange.neuron_models import lif
from brianbridge.interchange.projections import projection_of
from brianbridge.interchange.routes import Route, ordered, output_routes, routes_of
from brianbridge.network import INPUT, SpikingNetwork
from brianbridge.network import Population as NetworkPopulation

__all__ = ["Assembled", "assemble", "input_shape_of"]

#: Names of objects in a simulation.
_TAKEN = (INPUT, "presenter", "simulation_clock")


@dataclass(frozen=True, eq=False)
class Assembled:
    """Hold a network, and what became of the graph.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    names : dict of str to str
        The name of the population, by the name of its node.
    notes : tuple of str
        What was assumed.
    """

    network: SpikingNetwork
    names: dict[str, str]
    notes: tuple[str, ...]


def assemble(
    graph: Graph, encoding: Encoding, provenance: Mapping[str, Any] | None = None
) -> Assembled:
    """Return a graph as a spiking network.

    Parameters
    ----------
    graph : Graph
        Layers and populations.
    encoding : Encoding
        Turns a sample into input over time; its step is that of the graph's neurons.
    provenance : mapping, optional
        Where the weights come from.

    Raises
    ------
    InputError
        If no spiking network can do what the graph does; the message names the node.

    Examples
    --------
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.interchange.graph import Linear, Output
    >>> from brianbridge.neurons.library import neuron_model
    >>> graph = Graph(
    ...     {"x": Input((2,)), "fc": Linear(np.ones((3, 2))),
    ...      "lif": Population(neuron_model("lif"), (3,)), "y": Output()},
    ...     (("x", "fc"), ("fc", "lif"), ("lif", "y")))
    >>> [p.name for p in assemble(graph, Current(steps=10)).network.projections]
    ['input_to_lif']
    """
    graph, last, notes = _with_output(graph)
    start = _input_of(graph)
    routes = [r for r in routes_of(graph) if isinstance(graph.nodes[r.target], Population)]
    order = ordered(routes, start, last)
    chains = _chains(graph, routes, start)
    shapes = _shapes(graph, routes, chains)
    names = _names(order)
    _refuse_potentials(graph, routes, last)
    notes += _loop_notes(routes, order)
    populations = tuple(
        NetworkPopulation(names[name], shapes[name], _population(graph, name).model)
        for name in order
    )
    projections = []
    used: set[str] = set()
    for route, chain in zip(routes, chains, strict=True):
        is_constant = route.source == start and encoding.is_current
        back = route.source != start and order.index(route.source) >= order.index(route.target)
        ends = (INPUT if route.source == start else names[route.source], names[route.target])
        projection = projection_of(
            chain, _population(graph, route.target), ends, route.names, is_constant
        )
        label = _label(ends, route, used)
        projections.append(replace(projection, feedback=back, label=label))
    readout = "counts" if _population(graph, last).fires else "potential"
    network = SpikingNetwork(
        encoding.shape_of_samples(input_shape_of(graph)),
        encoding, populations, tuple(projections), readout, dict(provenance or {}),
    )  # fmt: skip
    return Assembled(network, names, notes)


def input_shape_of(graph: Graph) -> Shape:
    """Return the shape of one step of the input, as the first layers need it.

    It is flat if only matrices follow: then samples of any shape with as many values fit.
    """
    start = _input_of(graph)
    node = graph.nodes[start]
    assert isinstance(node, Input)
    shape = node.shape
    images = False
    for route in routes_of(graph):
        if route.source != start:
            continue
        for name in route.layers:
            layer = graph.nodes[name]
            if isinstance(layer, Linear):
                break
            images |= isinstance(layer, Conv | Pool)
            if isinstance(layer, Conv) and len(shape) == 2 and name == route.layers[0]:
                image = image_for(layer, shape, f"node '{name}' (Conv)")
                shape = image if image[0] > 1 else shape
    return shape if images else (math.prod(shape),)


def _population(graph: Graph, name: str) -> Population:
    node = graph.nodes[name]
    assert isinstance(node, Population)
    return node


def _input_of(graph: Graph) -> str:
    found = [name for name, node in graph.nodes.items() if isinstance(node, Input)]
    if len(found) != 1:
        raise InputError(f"the graph has {len(found)} inputs; give it one")
    return found[0]


# ---------------------------------------------------------------------- the output


def _with_output(graph: Graph) -> tuple[Graph, str, tuple[str, ...]]:
    """Return the graph with a population at its end, and the name of that population.

    If a layer is last, its output is summed over the steps by neurons that never fire.
    """
    routes = output_routes(graph, routes_of(graph))
    passed = all(_only_passes(graph, name) for route in routes for name in route.layers)
    source = graph.nodes[routes[0].source]
    if len(routes) == 1 and passed and isinstance(source, Population):
        return graph, routes[0].source, ()
    end, chains = routes[0].target, _chains(graph, routes, _input_of(graph))
    total = Population(
        lif(np.inf, name="sum", summary="Sum over the steps"), chains[0].target, False
    )
    nodes = {**graph.nodes, end: total}
    return Graph(nodes, graph.edges), end, (f"the output '{end}' is the sum over all steps",)


def _only_passes(graph: Graph, name: str) -> bool:
    node = graph.nodes[name]
    return isinstance(node, Flatten) or (isinstance(node, Scale) and bool(np.all(node.scale == 1)))


def _refuse_potentials(graph: Graph, routes: Iterable[Route], last: str) -> None:
    """Refuse neurons that pass on their potential instead of spikes."""
    for route in routes:
        node = graph.nodes[route.source]
        if isinstance(node, Population) and not node.fires:
            raise InputError(
                f"node '{route.source}' never fires, but leads to '{route.target}', which would "
                "get its potential as numbers; only spikes travel between populations: give it a "
                "threshold, or make it the output"
            )


# ---------------------------------------------------------------------- shapes and chains


def _chains(graph: Graph, routes: Iterable[Route], start: str) -> list[Chain]:
    """Return the layers of each route; a bias counts once where several routes meet."""
    found: list[Chain] = []
    counted: set[tuple[str, ...]] = set()
    entering = input_shape_of(graph)
    for route in routes:
        biased = []
        for position in range(len(route.layers)):
            rest = route.names[position:]
            biased.append(rest not in counted)
            counted.add(rest)
        shape = entering if route.source == start else _population(graph, route.source).shape
        nodes = [graph.nodes[name] for name in route.layers]
        found.append(chain_of(nodes, route.layers, shape, biased))
    return found


def _shapes(graph: Graph, routes: Iterable[Route], chains: Iterable[Chain]) -> dict[str, Shape]:
    """Return the shape of each population: that of an image if a convolution leads to it."""
    shapes = {name: n.shape for name, n in graph.nodes.items() if isinstance(n, Population)}
    for route, chain in zip(routes, chains, strict=True):
        if isinstance(chain.layer, Conv):
            shapes[route.target] = chain.target
    return shapes


# ---------------------------------------------------------------------- names


def _names(order: Iterable[str]) -> dict[str, str]:
    """Return names that Brian2 takes, each once."""
    names: dict[str, str] = {}
    for node in order:
        name = re.sub(r"\W", "_", node, flags=re.ASCII).strip("_") or "population"
        name = f"n_{name}" if name[0].isdigit() else name
        while name in names.values() or name in _TAKEN or name.endswith(_PARTS):
            name += "_1"
        names[node] = name
    return names


_PARTS = ("_stateupdater", "_spike_thresholder", "_spike_resetter", "_recorder", "_traces",
          "_watch", "_spikes", "_start", "_starts", "_run_regularly",
          "_subexpression_update")  # fmt: skip


def _label(ends: tuple[str, str], route: Route, used: set[str]) -> str:
    """Return a label that tells apart several routes between the same populations."""
    label = ""
    number = 1
    while f"{ends}{label}" in used:
        number += 1
        label = f"{re.sub(r'[^A-Za-z0-9]+', '_', route.names[0]).strip('_') or 'way'}_{number}"
        label = f"n_{label}" if label[0].isdigit() else label
    used.add(f"{ends}{label}")
    return label


def _loop_notes(routes: Iterable[Route], order: list[str]) -> tuple[str, ...]:
    """Say where spikes arrive one step later, because populations form a loop."""
    late = [
        f"'{r.source}' to '{r.target}'"
        for r in routes
        if r.source in order and order.index(r.source) >= order.index(r.target)
    ]
    return (f"loops are one step late: {', '.join(late[:5])}",) if late else ()
