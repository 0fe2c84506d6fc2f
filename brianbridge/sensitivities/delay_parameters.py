"""The delays of a network: all synapses of a projection become slower by one step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from brian2 import second

from brianbridge.network import Projection, SpikingNetwork
from brianbridge.sensitivities.parameter import Parameter

__all__ = ["delays_of"]

_NO_GRADIENT = "synapses with a model receive spikes in whole steps"


def delays_of(network: SpikingNetwork) -> Iterator[Parameter]:
    """Yield the delay of each projection, or of each of its pathways, that has any or learns them.

    A hundred per cent is the mean over synapses, or one step if all are 0. A delay changes by one
    step, and not below its value, since the shortest may be 0.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    """
    for projection in network.projections:
        if projection.model is not None:
            for number, pathway in enumerate(projection.model.pathways):
                if pathway.delay.any():
                    slower = partial(_slower_pathway, number)
                    name = f"{pathway.name}.delay"
                    yield _delay(network, projection, name, pathway.delay, slower, _NO_GRADIENT)
        elif network.delivers_spikes(projection):
            each = projection.connection.delays
            delays = projection.delay + np.asarray(0.0 if each is None else each)
            if delays.any() or projection.longest_delay is not None:
                yield _delay(network, projection, "delay", delays, _slower)


def _delay(
    network: SpikingNetwork,
    projection: Projection,
    name: str,
    delays: np.ndarray,
    slower: Callable[[Projection, float], Projection],
    no_gradient: str = "",
) -> Parameter:
    dt = network.dt
    mean = float(np.mean(delays)) if delays.size else 0.0
    whole = mean or dt
    low, high = (delays.min(), delays.max()) if delays.size else (0.0, 0.0)
    value = low * second if low == high else delays * second

    def apply(network: SpikingNetwork, share: float) -> SpikingNetwork:
        later = round(share * whole / dt) * dt
        projections = (
            slower(p, later) if p.name == projection.name else p for p in network.projections
        )
        return replace(network, projections=tuple(projections))

    return Parameter(
        projection.name, name, value, np.asarray(whole), not mean, dt / whole, 0.0, apply,
        no_gradient, is_delay=True,
    )  # fmt: skip


def _slower(projection: Projection, later: float) -> Projection:
    return replace(projection, delay=projection.delay + later)


def _slower_pathway(number: int, projection: Projection, later: float) -> Projection:
    model = projection.model
    assert model is not None, "only a projection with a model has pathways"
    pathways = list(model.pathways)
    pathways[number] = replace(pathways[number], delay=pathways[number].delay + later)
    return replace(projection, model=replace(model, pathways=pathways))
