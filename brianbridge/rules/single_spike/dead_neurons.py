"""New weights for neurons that hardly ever fire, and thus have no error to learn from.

S4NN (Kheradpisheh & Masquelier 2020, read in the authors' code) redraws the weights of hidden
neurons that fired for less than a thousandth of the training images in an epoch. Which initial
weights make a neuron fire depends on the layer, and changes as earlier layers learn. Here a neuron
instead gets a permutation of the weights of another neuron of its population that does fire, and
its bias. The neurons of a convolution's channel share their weights and are replaced together.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from brianbridge.twin.network import NetworkTwin

__all__ = ["count_samples", "discard_counts", "replace_dead_neurons"]

#: For each twin in training, by population: in how many samples of this epoch each neuron fired,
#: and the number of samples.
_counts: WeakKeyDictionary[NetworkTwin, dict[str, tuple[Tensor, int]]] = WeakKeyDictionary()


@torch.no_grad()
def count_samples(twin: NetworkTwin, name: str, fired: Tensor) -> None:
    """Count the samples in which each neuron of a population fired, from ``(batch, *shape)``."""
    channels = fired.flatten(2).amax(2) if fired.ndim > 2 else fired
    counts = _counts.setdefault(twin, {})
    before, samples = counts.get(name, (0, 0))
    number = len(fired) if twin.part is None else twin.part.batch
    counts[name] = (before + twin.batch_sum((channels > 0).sum(0)), samples + number)


@torch.no_grad()
def replace_dead_neurons(twin: NetworkTwin, share: float) -> dict[str, int]:
    """Give new weights to neurons that fired in less than a share of the samples; reset counts.

    Only weights that are trained and have an axis for the target's neurons or channels (all-to-all,
    convolutions) change, and only if some neuron of the population fires.

    Parameters
    ----------
    twin : NetworkTwin
        The twin, whose weights change.
    share : float
        Smallest share of the samples, between 0 and 1.

    Returns
    -------
    dict of str to int
        How many neurons, or channels, got new weights, by population.
    """
    replaced = {}
    for name, (fired, samples) in _counts.pop(twin, {}).items():
        dead = fired < share * samples
        alive = (~dead).nonzero().flatten()
        if not dead.any() or not len(alive):
            continue
        for projection in twin.network.incoming(name):
            weights = twin.projection(projection.name)
            by_target = projection.connection.by_target
            if projection.frozen or not by_target or len(weights.weight) != len(fired):
                continue
            for row in dead.nonzero().flatten():
                donor = alive[int(torch.randint(len(alive), ()))]
                values = weights.weight[donor].flatten()
                order = torch.randperm(len(values), device=values.device)
                weights.weight[row] = values[order].reshape(weights.weight[row].shape)
                if weights.bias is not None:
                    weights.bias[row] = weights.bias[donor]
            replaced[name] = int(dead.sum())
    return replaced


def discard_counts(twin: NetworkTwin) -> None:
    """Discard the counts of a training run that ended or was interrupted."""
    _counts.pop(twin, None)
