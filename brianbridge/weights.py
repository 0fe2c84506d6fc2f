"""Take the trained weights out of a torch twin, and into the user's own Brian2 network."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from brianbridge.network import SpikingNetwork

if TYPE_CHECKING:
    from brianbridge.twin.network import NetworkTwin

__all__ = ["write_back"]


def write_back(
    twin: NetworkTwin | SpikingNetwork, into: Any = None, **provenance: Any
) -> SpikingNetwork:
    """Return the spiking network with the twin's present weights.

    Parameters
    ----------
    twin : NetworkTwin or SpikingNetwork
        A trained twin, or what an earlier call returned; it is not changed.
    into : brian2.Network, or iterable of Brian2 objects, optional
        The network that `from_brian2` read, or one like it. The weights are set in its
        `Synapses`, after all has been checked.
    **provenance
        What to note about where the weights come from (JSON only).

    Raises
    ------
    InputError
        If the synapses of `into` have changed since, or have no variable to hold a weight.

    Examples
    --------
    >>> import brianbridge as bb
    >>> from brian2 import Network, NeuronGroup, Synapses, ms
    >>> group = NeuronGroup(2, "dv/dt = -v/(10*ms) : 1", threshold="v > 1", method="exact")
    >>> wires = Synapses(group, group, "w : 1", on_pre="v += w", name="wires")
    >>> wires.connect(i=0, j=1)
    >>> mine = Network(group, wires)
    >>> twin = bb.to_torch(bb.from_brian2(mine, steps=10))
    >>> for weight in twin.parameters():
    ...     _ = weight.data.fill_(0.5)                   # here it is trained
    >>> trained = bb.write_back(twin, into=mine)
    >>> float(wires.w[0])
    0.5
    """
    if isinstance(twin, SpikingNetwork):
        network = replace(twin, provenance={**twin.provenance, **provenance})
    else:
        from brianbridge.twin.network import write_back as weights_of

        network = weights_of(twin, **provenance)
    if into is not None:
        from brianbridge.simulation.reader.write_into import write_into

        write_into(network, into, level=1)
    return network
