"""New weights for neurons that hardly ever fire, for which no error is left to learn from.

S4NN (Kheradpisheh & Masquelier 2020, read in the authors' code) draws the weights of hidden neurons
anew that fired for less than a thousandth of the training images in an epoch. What initial weights
make a neuron fire depends on the layer, and changes as the layers before it learn; here a neuron
gets the weights of another of its population that does fire, in random order, and its bias. The
neurons of a convolution's channel have their weights in common, and are revived together.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from brianbridge.twin.network import NetworkTwin

__all__ = ["forget", "note_fired", "revive"]

#: Of each twin in training: by population, in how many samples of this epoch neurons fired, and
#: of how many.
_noted: WeakKeyDictionary[NetworkTwin, dict[str, tuple[Tensor, int]]] = WeakKeyDictionary()


@torch.no_grad()
def note_fired(twin: NetworkTwin, name: str, fired: Tensor) -> None:
    """Note which neurons of a population fired, ``(batch, *shape)``."""
    channels = fired.flatten(2).amax(2) if fired.ndim > 2 else fired
    noted = _noted.setdefault(twin, {})
    before, samples = noted.get(name, (0, 0))
    noted[name] = (before + (channels > 0).sum(0), samples + len(fired))


@torch.no_grad()
def revive(twin: NetworkTwin, share: float) -> dict[str, int]:
    """Give new weights to neurons that fired in less than a share of the samples noted.

    Forgets what was noted. Only the weights of projections that are trained and have those of a
    neuron, or channel, in a row (all to all, convolutions) change, and only where there is a neuron
    that fires.

    Parameters
    ----------
    twin : NetworkTwin
        The twin, whose weights change.
    share : float
        Of the samples.

    Returns
    -------
    dict of str to int
        How many neurons, or channels, were revived, by population.
    """
    revived = {}
    for name, (fired, samples) in _noted.pop(twin, {}).items():
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
                model = alive[int(torch.randint(len(alive), ()))]
                values = weights.weight[model].flatten()
                order = torch.randperm(len(values), device=values.device)
                weights.weight[row] = values[order].reshape(weights.weight[row].shape)
                if weights.bias is not None:
                    weights.bias[row] = weights.bias[model]
            revived[name] = int(dead.sum())
    return revived


def forget(twin: NetworkTwin) -> None:
    """Forget what was noted, of a training that ended or was interrupted."""
    _noted.pop(twin, None)
