"""The backward phase of learning by spikes alone, as a spiking network of its own.

SPIDE (Xiao et al., Neural Networks 161, 2023; read in the authors' code) computes gradients at the
equilibrium of a feedback network by a second network: each neuron becomes a ternary one, each
projection leads the other way with its weights transposed, and the constant input is the error.
As it is an ordinary `SpikingNetwork`, the twin and Brian2 run it as any other.

A spike of value 1 stands for ``theta - rest`` of an error, what a reset takes away.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from brianbridge.encoding import Current
from brianbridge.network.components import INPUT, Population, Projection
from brianbridge.network.connections import AllToAll, Connection, OneToOne, Sparse
from brianbridge.network.convolution import Convolution, TransposedConvolution
from brianbridge.network.network import SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel

__all__ = ["backward_network", "silencing_input", "transposed"]

#: Hz; the gated models are silent from half of it.
_SILENCING = 2e9


def silencing_input(network: SpikingNetwork) -> float:
    """Return the input a step that keeps a neuron of a backward network silent."""
    return _SILENCING * network.dt


def transposed(
    projection: Projection, source: tuple[int, ...], target: tuple[int, ...]
) -> tuple[Connection, np.ndarray]:
    """Return connection and weights of a projection the other way round.

    Parameters
    ----------
    projection : Projection
        Any; where pooling is part of it, its single synapses are listed.
    source, target : tuple of int
        Shapes of the populations that it connects, in its own direction.

    Examples
    --------
    >>> dense = Projection("a", "b", np.arange(6.0).reshape(2, 3))
    >>> connection, weight = transposed(dense, (3,), (2,))
    >>> connection.kind, weight.shape
    ('all_to_all', (3, 2))
    """
    connection, weight = projection.connection, projection.weight
    if projection.pool is None:
        match connection:
            case AllToAll():
                return connection, weight.T
            case OneToOne():
                return connection, weight
            case Convolution() | TransposedConvolution():
                other = (
                    TransposedConvolution if isinstance(connection, Convolution) else Convolution
                )
                how = (connection.stride, connection.padding, connection.dilation)
                return other(*how, connection.groups), weight
    table = projection.synapses(source, target)
    return Sparse(table.target, table.source), table.weight


@functools.lru_cache(maxsize=8)
def _gated(theta: float, rest: float, tau: float | None) -> NeuronModel:
    """Return the ternary neuron; a training wants the same one for each of its batches."""
    if tau is None:
        return neuron_model("ternary_if_gated", theta=theta, rest=rest)
    from brian2 import second

    return neuron_model("ternary_lif_gated", theta=theta, rest=rest, tau=tau * second)


def backward_network(
    network: SpikingNetwork,
    scale: Mapping[str, float],
    *,
    steps: int,
    theta: float = 0.5,
    rest: float = -0.5,
    tau: Any = None,
) -> SpikingNetwork:
    """Return the network that carries errors back through the populations that fire.

    Its input is flat: the errors of its populations in their order, which is the reverse of that
    of `network`; `silencing_input` in place of an error silences a neuron for a presentation.

    Parameters
    ----------
    network : SpikingNetwork
        The forward network, with its weights.
    scale : mapping of str to float
        What the rate of a population that fires changes with its mean input.
    steps : int
        Steps of the backward phase.
    theta, rest : float
        Threshold of the ternary neurons; a reset takes ``theta - rest`` away.
    tau : Quantity or float, optional
        Their time constant (seconds if a number); without one they do not leak.

    Examples
    --------
    >>> from brianbridge.network import Dense, Recurrent
    >>> neuron = neuron_model("if_rest")
    >>> layers = [Dense(3, neuron), Recurrent(), Dense(2, neuron_model("if"))]
    >>> net = SpikingNetwork.sequential(
    ...     (4,), layers, encoding=Current(30), readout="potential")
    >>> back = backward_network(net, {"hidden": 0.5}, steps=100)
    >>> back.input_shape, [p.name for p in back.projections]
    ((3,), ['input_to_hidden', 'hidden_to_hidden'])
    """
    neuron = _gated(theta, rest, None if tau is None else float(tau))
    populations = tuple(Population(p.name, p.shape, neuron) for p in reversed(network.firing))
    ends = np.cumsum([p.size for p in populations])
    projections = [
        Projection(
            INPUT, p.name, np.ones(p.size), None, Sparse(np.arange(p.size) + end - p.size,
            np.arange(p.size)), frozen=True,
        )
        for p, end in zip(populations, ends, strict=True)
    ]  # fmt: skip
    for projection in network.projections:
        if projection.source == INPUT or projection.target not in scale:
            continue
        shapes = (network.shape_of(projection.source), network.shape_of(projection.target))
        connection, weight = transposed(projection, *shapes)
        projections.append(
            Projection(
                projection.target,
                projection.source,
                weight * ((theta - rest) * scale[projection.target]),
                None,
                connection,
                delay=projection.delay,
                feedback=projection.feedback,
                frozen=True,
                label=projection.label,
            )
        )
    encoding = Current(steps, network.encoding.dt)
    return SpikingNetwork((int(ends[-1]),), encoding, populations, tuple(projections), "counts")
