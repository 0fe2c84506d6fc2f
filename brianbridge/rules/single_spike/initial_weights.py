"""Initial weights that let neurons fire which fire once, layer by layer, on a first batch.

Without a leak and a reset nothing sets a scale for such neurons but the sum of their weights: too
small and no spike comes through a deep network, too large and all fire at once. Both functions
change the weights of a population's projections in place.
"""

from __future__ import annotations

from torch import Tensor

from brianbridge.network import AllToAll, Population, Projection
from brianbridge.twin.network import NetworkTwin

__all__ = ["let_fire", "let_neurons_fire", "spread_out"]

#: Standard deviation of the potentials of dense layers, in thresholds.
_SPREAD = 0.3


def let_neurons_fire(
    twin: NetworkTwin,
    population: Population,
    potential: Tensor,
    theta: Tensor,
    told: Tensor,
    spread: float,
) -> None:
    """Set the initial weights of a population: `spread_out` if it is dense, else `let_fire`.

    Parameters
    ----------
    twin, population, potential, theta, spread
        As in `let_fire`.
    told : Tensor, shape (batch, *source)
        As in `spread_out`; of the only projection, where there is one.
    """
    incoming = twin.network.incoming(population.name)
    if len(incoming) == 1 and _is_dense(incoming[0]):
        spread_out(twin, incoming[0], potential, theta, told)
    else:
        let_fire(twin, population, potential, theta, spread)


def _is_dense(projection: Projection) -> bool:
    plain = isinstance(projection.connection, AllToAll) and projection.pool is None
    return plain and not projection.frozen


def let_fire(
    twin: NetworkTwin, population: Population, potential: Tensor, theta: Tensor, spread: float
) -> None:
    """Scale weights so that potentials, where they are not 0, are so large.

    Parameters
    ----------
    twin : NetworkTwin
        The twin, whose weights change.
    population : Population
        The population; nothing happens where all that leads to it is frozen.
    potential : Tensor, shape (batch, *shape)
        With the weights as they are.
    theta : Tensor
        Thresholds, above 0.
    spread : float
        Root of the mean square, in thresholds; of a normal distribution around 0 with 1, a sixth
        is above the threshold.
    """
    relative = potential / theta
    size = float(relative[relative != 0].square().mean().sqrt())
    for projection in twin.network.incoming(population.name):
        if not projection.frozen and size > 0:
            twin.projection(projection.name).weight *= spread / size


def spread_out(
    twin: NetworkTwin, projection: Projection, potential: Tensor, theta: Tensor, told: Tensor
) -> None:
    """Scale and shift the weights of a dense layer so that potentials lie around the threshold.

    Parameters
    ----------
    twin : NetworkTwin
        The twin, whose weights change.
    projection : Projection
        All that leads to the population.
    potential : Tensor, shape (batch, *shape)
        With the weights as they are.
    theta : Tensor
        Thresholds, above 0.
    told : Tensor, shape (batch, *source)
        What a potential has of the spikes of each neuron of the source if weights are 1: whether
        it fired, where there is no leak. Their sum is what larger weights add.
    """
    size, heard = float((potential / theta).std()), float(told.flatten(1).sum(1).mean())
    if not size > 0 or not heard > 0:
        return
    scale = _SPREAD / size
    weight = twin.projection(projection.name).weight
    weight *= scale
    weight += (float(theta.mean()) - scale * float(potential.mean())) / heard
