"""Set the weights of a spiking network in the Brian2 network that it was read from."""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import Synapses

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network import Projection, Sparse, SpikingNetwork
from brianbridge.simulation.reader.from_brian2 import ORIGIN, objects_of
from brianbridge.simulation.reader.groups import ends

__all__ = ["write_into"]


def write_into(network: SpikingNetwork, into: Any, *, level: int = 0) -> None:
    """Set the weights of `network` in the synapses that they were read from.

    All is checked before anything is set. The network may have been saved and loaded meanwhile;
    the synapses are found by name, and must connect the same neurons.

    Parameters
    ----------
    network : SpikingNetwork
        A network that was read by `brianbridge.from_brian2`, with other weights.
    into : brian2.Network, or iterable of Brian2 objects
        The network it was read from, or one like it.
    level : int
        How many functions up the caller is; needed for the magic network only.

    Raises
    ------
    InputError
        If the synapses have changed, or have no variable to hold a weight that was trained.

    Examples
    --------
    >>> from brian2 import Network, NeuronGroup, Synapses, ms
    >>> from brianbridge.simulation.reader.from_brian2 import from_brian2
    >>> group = NeuronGroup(2, "dv/dt = -v/(10*ms) : 1", threshold="v > 1", method="exact")
    >>> wires = Synapses(group, group, "w : 1", on_pre="v += w", name="wires")
    >>> wires.connect(i=0, j=1)
    >>> net = from_brian2(Network(group, wires), steps=10)
    >>> name = net.projections[0].name
    >>> write_into(net.with_weights({name: (np.array([0.5]), None)}), Network(group, wires))
    >>> float(wires.w[0])
    0.5
    """
    origin = network.provenance.get(ORIGIN)
    if origin is None:
        raise InputError(
            "the network was not read from Brian2, so that it has no synapses to write into; read "
            "it by from_brian2, or build it by 'simulate'"
        )
    found = {o.name: o for o in objects_of(into, level=level + 1) if isinstance(o, Synapses)}
    values = {}
    for projection in network.projections:
        entry = origin.get(projection.name)
        if entry is None:
            raise InputError(f"projection '{projection.name}' was not read from Brian2; drop it")
        name, variable, factor = entry["synapses"], entry["variable"], entry["factor"]
        if name not in found:
            raise InputError(f"the network has no synapses '{name}'. {did_you_mean(name, found)}")
        _check_ends(projection, found[name])
        if variable:
            _check_variable(found[name], variable)
            values[name, variable] = projection.weight.astype(np.float64) / factor
        elif np.any(projection.weight != projection.weight.dtype.type(factor)):
            raise InputError(
                f"synapses '{name}' add one constant, so that they cannot hold the weights that "
                "were trained; declare 'w : <unit>' in their model, add 'w' in their on_pre, and "
                "read the network again"
            )
    for (name, variable), weights in values.items():
        # The underscore takes and gives values without units.
        setattr(found[name], f"{variable}_", weights)


def _check_ends(projection: Projection, synapses: Any) -> None:
    connection = projection.connection
    assert isinstance(connection, Sparse)
    what = f"synapses '{synapses.name}'"
    if len(synapses) != len(connection.source):
        raise InputError(
            f"{what}: there are {len(synapses)}, and there were {len(connection.source)} when the "
            "network was read; read it again"
        )
    for now, then in zip(ends(synapses), (connection.source, connection.target), strict=True):
        changed = np.flatnonzero(now != then)
        if changed.size:
            raise InputError(
                f"{what}: number {changed[0]} connects other neurons than when the network was "
                "read; read it again"
            )


def _check_variable(synapses: Any, variable: str) -> None:
    parameters = synapses.equations.parameter_names
    if variable not in parameters or synapses.variables[variable].scalar:
        raise InputError(
            f"synapses '{synapses.name}' have no parameter '{variable}' any more to hold their "
            f"weights. {did_you_mean(variable, parameters)}"
        )
