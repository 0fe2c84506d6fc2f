"""Take the trained weights out of a torch twin, and set them in the user's own Brian2 network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

from brianbridge.errors import InputError
from brianbridge.network import SpikingNetwork
from brianbridge.network.given import twin_within

__all__ = ["Trained", "write_back"]


class Trained(Protocol):
    """Something with trained weights, such as a `brianbridge.twin.network.NetworkTwin`."""

    def to_network(self, **provenance: Any) -> SpikingNetwork:
        """Return the spiking network with the present weights."""


def write_back(
    twin: Trained | SpikingNetwork, into: Any = None, **provenance: Any
) -> SpikingNetwork:
    """Return the spiking network with the twin's present weights.

    Parameters
    ----------
    twin : NetworkTwin or SpikingNetwork
        A trained twin, or the network that an earlier call returned. It is not changed.
    into : brian2.Network, or iterable of Brian2 objects, optional
        The network that `from_brian2` read, or an equal one. Its `Synapses` get the weights and
        learned delays, and all objects the learned parameters, once everything has been checked. A
        constant outside of the equations becomes one of the object's own namespace.
    **provenance
        JSON values that record where the weights come from.

    Returns
    -------
    SpikingNetwork
        The network with the weights, and with `provenance` added to its own.

    Raises
    ------
    InputError
        If `twin` is neither, or the synapses of `into` have changed since they were read, or have
        no variable that can hold a weight, or a group has one constant where each neuron has
        learned its own value.

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
    ...     _ = weight.data.fill_(0.5)                   # training happens here
    >>> trained = bb.write_back(twin, into=mine)
    >>> float(wires.w[0])
    0.5
    """
    if isinstance(twin, SpikingNetwork):
        network = replace(twin, provenance={**twin.provenance, **provenance})
    elif hasattr(twin, "to_network"):
        network = twin.to_network(**provenance)
    else:
        inner = twin_within(twin) if hasattr(twin, "named_modules") else ""
        remedy = f"give its twin, {inner}" if inner else "give what to_torch returned"
        raise InputError(
            f"write_back: a {type(twin).__name__} was given in place of a twin; {remedy}"
        )
    if into is not None:
        from brianbridge.simulation.reader.write_into import write_into

        write_into(network, into, level=1)
    return network
