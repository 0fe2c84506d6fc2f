"""The backward phase of learning by spikes alone, as a spiking network.

SPIDE (Xiao et al., Neural Networks 161, 2023; read in the authors' code) computes gradients at the
equilibrium of a feedback network by a second network: each neuron is replaced by a ternary one,
each projection is reversed and its weights transposed, and the constant input is the error. The
second network is an ordinary `SpikingNetwork`, so the twin and Brian2 can run it.

A spike of value 1 stands for an error of ``theta - rest``, which is what a reset subtracts.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from brianbridge.encoding import Current
from brianbridge.network.connections import (
    AllToAll,
    Connection,
    Convolution,
    OneToOne,
    Sparse,
    TransposedConvolution,
)
from brianbridge.network.connections.convolution import SlidingKernel
from brianbridge.network.network import SpikingNetwork
from brianbridge.network.population import INPUT, Population
from brianbridge.network.projection import Projection
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel

__all__ = ["backward_network", "silencing_input", "transpose_of", "transposed"]

Shape = tuple[int, ...]
#: Input that silences neurons, in Hz. The gated models are silent from half of it on.
_SILENCING = 2e9


def silencing_input(network: SpikingNetwork) -> float:
    """Return the input in each step that keeps a neuron of a backward network silent."""
    return _SILENCING * network.dt


def transposed(
    projection: Projection, source: tuple[int, ...], target: tuple[int, ...]
) -> tuple[Connection, np.ndarray]:
    """Return connection and weights of a projection in the opposite direction.

    Parameters
    ----------
    projection : Projection
        Any projection. If it pools, or its kind has no transpose, the synapses are listed.
    source, target : tuple of int
        Shapes of the populations that it connects, in its own direction.

    Examples
    --------
    >>> dense = Projection("a", "b", np.arange(6.0).reshape(2, 3))
    >>> connection, weight = transposed(dense, (3,), (2,))
    >>> connection.kind, weight.shape
    ('all_to_all', (3, 2))
    """
    if projection.pool is None:
        return transpose_of(projection.connection, projection, source, target)
    return _listed_in_reverse(projection, source, target)


@functools.singledispatch
def transpose_of(
    connection: Connection, projection: Projection, source: Shape, target: Shape
) -> tuple[Connection, np.ndarray]:
    """Return the transpose of a connection by its kind; by default, list the synapses."""
    return _listed_in_reverse(projection, source, target)


def _listed_in_reverse(
    projection: Projection, source: Shape, target: Shape
) -> tuple[Connection, np.ndarray]:
    table = projection.synapses(source, target)
    return Sparse(table.target, table.source), table.weight


@transpose_of.register(AllToAll)
def _transposed_matrix(
    connection: AllToAll, projection: Projection, source: Shape, target: Shape
) -> tuple[Connection, np.ndarray]:
    return connection, projection.weight.T


@transpose_of.register(OneToOne)
def _unchanged(
    connection: OneToOne, projection: Projection, source: Shape, target: Shape
) -> tuple[Connection, np.ndarray]:
    return connection, projection.weight


@transpose_of.register(SlidingKernel)
def _transposed_kernel(
    connection: SlidingKernel, projection: Projection, source: Shape, target: Shape
) -> tuple[Connection, np.ndarray]:
    other = Convolution if connection.transposed else TransposedConvolution
    how = (connection.stride, connection.padding, connection.dilation, connection.groups)
    return other(*how), projection.weight


@functools.lru_cache(maxsize=8)
def _gated(theta: float, rest: float, tau: float | None) -> NeuronModel:
    """Return the ternary neuron model, the same object for every batch."""
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

    Its input is flat: the errors of its populations one after another. They are in the reverse
    order of those of `network`. `silencing_input` in place of an error silences a neuron for a
    presentation.

    Parameters
    ----------
    network : SpikingNetwork
        The forward network, with its weights.
    scale : mapping of str to float
        Derivative of the rate of each firing population with respect to its mean input.
    steps : int
        Number of steps of the backward phase.
    theta, rest : float
        Threshold of the ternary neurons; a reset subtracts ``theta - rest``.
    tau : Quantity or float, optional
        Time constant of the ternary neurons (seconds if a number). Without one they do not leak.

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
    projections = [*_errors(populations), *_reversed(network, scale, theta - rest)]
    encoding = Current(steps, network.encoding.dt)
    size = sum(p.size for p in populations)
    return SpikingNetwork((size,), encoding, populations, tuple(projections), "counts")


def _errors(populations: Sequence[Population]) -> Iterator[Projection]:
    """Yield the projections from the flat input to each population."""
    ends = np.cumsum([p.size for p in populations])
    for p, end in zip(populations, ends, strict=True):
        part = Sparse(np.arange(p.size) + end - p.size, np.arange(p.size))
        yield Projection(INPUT, p.name, np.ones(p.size), None, part, frozen=True)


def _reversed(
    network: SpikingNetwork, scale: Mapping[str, float], reset: float
) -> Iterator[Projection]:
    """Yield the reversed projections between the populations that fire."""
    for projection in network.projections:
        if projection.source == INPUT or projection.target not in scale:
            continue
        shapes = (network.shape_of(projection.source), network.shape_of(projection.target))
        connection, weight = transposed(projection, *shapes)
        yield Projection(
            projection.target,
            projection.source,
            weight * (reset * scale[projection.target]),
            None,
            connection,
            delay=projection.delay,
            feedback=projection.feedback,
            frozen=True,
            label=projection.label,
        )
