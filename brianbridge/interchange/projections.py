"""A chain of layers becomes a projection of a spiking network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from brianbridge.interchange.chains import Bias, Chain, dense
from brianbridge.interchange.graph import Conv, Population, Scale
from brianbridge.interchange.layer_shapes import connection_of, pooling_of
from brianbridge.interchange.rating import unsupported
from brianbridge.network import Projection
from brianbridge.network.connections import AllToAll, Connection, OneToOne, Sparse

__all__ = ["projection_of"]

Factor = float | np.ndarray


def projection_of(
    chain: Chain, target: Population, ends: tuple[str, str], names: Sequence[str], constant: bool
) -> Projection:
    """Return the projection that does what a chain of layers does.

    Parameters
    ----------
    chain : Chain
        The layers.
    target : Population
        Where they lead, which says what an input adds to it.
    ends : (str, str)
        Names of source and target in the network.
    names : sequence of str
        Names of the layers and of the target, for messages.
    constant : bool
        Whether the source is a constant input.
    """
    gain = target.jump if target.gain is None else target.gain
    factor = gain if constant else target.jump
    if chain.before is not None or chain.after is not None or _differ(chain, factor, gain):
        chain = replace(chain, layer=dense(chain, names[0]))
    weight, bias, connection = _weighted(chain, factor, gain)
    pool = None if chain.pool is None else pooling_of(chain.pool)
    delays = _delays(chain, weight, names)
    if delays is not None:
        sources, targets = np.meshgrid(*map(np.arange, weight.shape[::-1]), indexing="ij")
        connection = Sparse(sources.ravel(), targets.ravel(), delays)
        weight = weight.T.ravel()
    return Projection(
        *ends, weight, bias, connection, pool, delay=0.0 if delays is not None else chain.delay
    )


def _differ(chain: Chain, factor: Factor, gain: Factor) -> bool:
    """Return whether inputs add different amounts within a channel of a convolution."""
    if not isinstance(chain.layer, Conv):
        return False
    return any(
        np.ndim(f) and np.ptp(np.reshape(f, (chain.target[0], -1)), axis=1).max() > 0
        for f in (factor, gain)
    )


def _weighted(chain: Chain, factor: Factor, gain: Factor) -> tuple[np.ndarray, Bias, Connection]:
    """Return weight, bias and connection, in what an input adds to the target."""
    layer = chain.layer
    if isinstance(layer, Scale):
        weight = np.ravel(layer.scale * _shaped(factor, chain.target))
        return weight[:1] if np.ptp(weight) == 0 else weight, None, OneToOne()
    if isinstance(layer, Conv):
        channels = (layer.weight.shape[0], -1)
        by_channel, gains = (
            f if not np.ndim(f) else np.reshape(f, channels)[:, 0] for f in (factor, gain)
        )
        weight = _times(layer.weight, _column(by_channel, 4))
        return weight, _bias(layer.bias, gains), connection_of(layer)
    weight = _times(layer.weight, _column(np.ravel(factor), 2))
    return weight, _bias(layer.bias, gain), AllToAll()


def _times(values: np.ndarray, factor: np.ndarray | float) -> np.ndarray:
    """Multiply, and keep the type and every bit if the factor is 1."""
    return values if np.all(np.asarray(factor) == 1) else values * factor


def _column(factor: Factor, dimensions: int) -> np.ndarray:
    return np.reshape(factor, (-1, *(1,) * (dimensions - 1)))


def _bias(bias: Bias, gain: Factor) -> Bias:
    return None if bias is None else _times(bias, np.ravel(gain))


def _shaped(factor: Factor, shape: tuple[int, ...]) -> Factor:
    return np.reshape(factor, shape) if np.ndim(factor) and np.size(factor) > 1 else factor


def _delays(chain: Chain, weight: np.ndarray, names: Sequence[str]) -> np.ndarray | None:
    """Return the delay of each synapse, by source and then by target; None if all are equal."""
    if chain.before is None and chain.after is None:
        return None
    if chain.pool is not None:
        raise unsupported(
            names[0], "chain", "pooled inputs have different delays", "use one delay for all"
        )
    outputs, inputs = weight.shape
    before = np.zeros(inputs) if chain.before is None else chain.before
    after = np.zeros(outputs) if chain.after is None else chain.after
    assert before.size == inputs == math.prod(chain.source)
    return (chain.delay + before[:, None] + after[None, :]).ravel()
