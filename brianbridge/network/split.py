"""Split projections whose synapses have individual delays into projections with one delay each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from brianbridge.network.connections import Sparse
from brianbridge.network.network import SpikingNetwork
from brianbridge.network.projection import Projection

__all__ = ["groups_by_delay", "split_by_delay"]


def groups_by_delay(delays: np.ndarray, dt: float) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each delay in steps, and the synapses that have it.

    The longest delay comes first: of all spikes that arrive in one step these were emitted first,
    and Brian2 delivers them first.

    Parameters
    ----------
    delays : numpy.ndarray, shape (synapses,)
        Delays in seconds.
    dt : float
        Length of a step, in seconds.

    Examples
    --------
    >>> [(steps, found.tolist()) for steps, found in groups_by_delay(np.array([1, 3, 1]), 0.5)]
    [(6, [1]), (2, [0, 2])]
    """
    steps = np.rint(np.asarray(delays) / dt).astype(np.int64)
    order = np.argsort(steps, kind="stable")
    found, starts = np.unique(steps[order], return_index=True)
    for number, chosen in reversed(list(zip(found, np.split(order, starts[1:]), strict=True))):
        yield int(number), chosen


def split_by_delay(network: SpikingNetwork, dt: float) -> SpikingNetwork:
    """Return an equal network in which all synapses of a projection have the same delay.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    dt : float
        Length of a step, in seconds; delays are rounded to it.
    """
    if all(p.connection.delays is None for p in network.projections):
        return network
    projections = [part for p in network.projections for part in _parts(network, p, dt)]
    return replace(network, projections=tuple(projections))


def _parts(network: SpikingNetwork, projection: Projection, dt: float) -> Iterator[Projection]:
    connection, weight = projection.connection, projection.weight
    if connection.delays is None:
        yield projection
        return
    ends = network.shape_of(projection.source), network.shape_of(projection.target)
    pairs, bias = connection.pairs(weight.shape, *ends), projection.bias
    for steps, chosen in groups_by_delay(connection.delays, dt):
        yield replace(
            projection,
            weight=weight.ravel()[pairs.element[chosen]],
            bias=bias,
            connection=Sparse(pairs.source[chosen], pairs.target[chosen]),
            delay=projection.delay + steps * dt,
            longest_delay=None,
            label="_".join(filter(None, (projection.label, f"after_{steps}"))),
        )
        bias = None  # the target receives it once
