"""Give projections delays that training learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network.connections import Sparse
from brianbridge.network.projection import Projection
from brianbridge.network.structure import NetworkStructure
from brianbridge.neurons.quantities import seconds

__all__ = ["learning_delays"]


def learning_delays(
    network: NetworkStructure, longest: Any, names: Sequence[str]
) -> tuple[Projection, ...]:
    """Return the projections of a network, of which some learn the delays of their synapses.

    See `brianbridge.network.SpikingNetwork.learn_delays`.
    """
    limit = seconds(longest, "learn_delays: longest")
    known = [p.name for p in network.projections]
    for name in names:
        if name not in known:
            raise InputError(
                f"learn_delays: there is no projection '{name}'. {did_you_mean(name, known)}"
            )
    problems = {p.name: _problem(network, p) for p in network.projections}
    fixed = {p.name for p in network.projections if p.frozen}
    chosen = names or [name for name in known if not problems[name] and name not in fixed]
    for name in chosen:
        if problems[name]:
            raise InputError(f"learn_delays: projection '{name}' {problems[name]}")
    if not chosen:
        raise InputError(
            "learn_delays: no projection of this network can learn delays; projection "
            + "; projection ".join(
                f"'{name}' {why or 'is frozen; name it'}" for name, why in problems.items()
            )
        )
    return tuple(
        _learning(network, p, limit) if p.name in chosen else p for p in network.projections
    )


def _problem(network: NetworkStructure, projection: Projection) -> str:
    """Return why a projection cannot learn delays; empty if it can."""
    if not network.delivers_spikes(projection):
        return "carries a current and no spikes; encode the input as spikes"
    if projection.model is not None:
        return "has synapses with a model, whose pathways keep their delays; name others"
    if projection.pool is not None:
        return "pools spikes; leave the pooling out"
    element = _pairs(network, projection).element
    if not isinstance(projection.connection, Sparse) and len(np.unique(element)) < len(element):
        return "has synapses that share weights; give each its own, as in bb.connections.AllToAll"
    return ""


def _pairs(network: NetworkStructure, projection: Projection) -> Any:
    ends = network.shape_of(projection.source), network.shape_of(projection.target)
    return projection.connection.pairs(projection.weight.shape, *ends)


def _learning(network: NetworkStructure, projection: Projection, limit: float) -> Projection:
    """Return a projection with a list of synapses, and with their delays."""
    connection, weight = projection.connection, projection.weight
    pairs = _pairs(network, projection)
    if not isinstance(connection, Sparse):
        weight = weight.ravel()[pairs.element]
        connection = Sparse(pairs.source, pairs.target)
    present = 0.0 if projection.connection.delays is None else projection.connection.delays
    delays = np.broadcast_to(projection.delay + present, pairs.source.shape)
    return replace(
        projection, weight=weight, connection=replace(connection, delays=delays), delay=0.0,
        longest_delay=limit,
    )  # fmt: skip
