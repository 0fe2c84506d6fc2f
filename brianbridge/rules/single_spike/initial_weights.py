"""Set initial weights layer by layer on a first batch, so that single-spike neurons fire.

Without leak and reset, potentials are proportional to the weights. If weights are too small, no
spike passes through a deep network; if they are too large, all neurons fire at once. The functions
change the weights of a population's projections in place.
"""

from __future__ import annotations

from torch import Tensor

from brianbridge.network import AllToAll, Population, Projection, SpikingNetwork
from brianbridge.twin.network import NetworkTwin

__all__ = ["center_potentials", "scale_potentials", "set_initial_weights", "was_trained"]

#: Standard deviation of the potentials of dense layers, in units of the threshold.
_SPREAD = 0.3


def set_initial_weights(
    twin: NetworkTwin,
    population: Population,
    potential: Tensor,
    theta: Tensor,
    received: Tensor,
    spread: float,
) -> None:
    """Set the weights of a population: `center_potentials` if dense, else `scale_potentials`.

    Parameters
    ----------
    twin, population, potential, theta, spread
        As in `scale_potentials`.
    received : Tensor, shape (batch, *source)
        As in `center_potentials`, for the first projection.
    """
    incoming = twin.network.incoming(population.name)
    if len(incoming) == 1 and _is_dense(incoming[0]):
        center_potentials(twin, incoming[0], potential, theta, received)
    else:
        scale_potentials(twin, population, potential, theta, spread)


def was_trained(network: SpikingNetwork) -> bool:
    """Return whether a network has the weights of a training, which are no initial weights.

    A study that starts from a trained network keeps that network's provenance as ``start``.
    """
    return not network.provenance.keys().isdisjoint(("rule", "start"))


def _is_dense(projection: Projection) -> bool:
    plain = isinstance(projection.connection, AllToAll) and projection.pool is None
    return plain and not projection.frozen


def scale_potentials(
    twin: NetworkTwin, population: Population, potential: Tensor, theta: Tensor, spread: float
) -> None:
    """Scale weights so that potentials other than 0 have a given root mean square.

    Parameters
    ----------
    twin : NetworkTwin
        The twin, whose weights change.
    population : Population
        The population; projections that are frozen stay unchanged.
    potential : Tensor, shape (batch, *shape)
        Potentials with the present weights.
    theta : Tensor
        Thresholds, above 0.
    spread : float
        Root mean square of the potentials, in units of the threshold. With 1, a sixth of normally
        distributed potentials around 0 is above the threshold.
    """
    relative = potential / theta
    size = float(relative[relative != 0].square().mean().sqrt())
    for projection in twin.network.incoming(population.name):
        if not projection.frozen and size > 0:
            twin.projection(projection.name).weight *= spread / size


def center_potentials(
    twin: NetworkTwin, projection: Projection, potential: Tensor, theta: Tensor, received: Tensor
) -> None:
    """Scale and shift the weights of a dense layer so that potentials lie around the threshold.

    Parameters
    ----------
    twin : NetworkTwin
        The twin, whose weights change.
    projection : Projection
        The only projection to the population.
    potential : Tensor, shape (batch, *shape)
        Potentials with the present weights.
    theta : Tensor
        Thresholds, above 0.
    received : Tensor, shape (batch, *source)
        Contribution of each source neuron to a potential through a weight of 1; without a leak,
        whether it has fired. A shift of all weights by 1 adds the sum of these contributions.
    """
    size, total = float((potential / theta).std()), float(received.flatten(1).sum(1).mean())
    if not size > 0 or not total > 0:
        return
    scale = _SPREAD / size
    weight = twin.projection(projection.name).weight
    weight *= scale
    weight += (float(theta.mean()) - scale * float(potential.mean())) / total
