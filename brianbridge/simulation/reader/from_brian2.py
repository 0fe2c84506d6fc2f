"""Read an existing Brian2 network, so that it gets a torch twin.

Every `NeuronGroup` becomes a population with its equations, constants and present state. Every
`Synapses` object becomes a sparse projection with its synapses, in their order. The network keeps
Brian2's order of operations (``schedule="default"``), so that the twin emits the spikes of the
user's network. The user's objects are not changed; `brianbridge.simulation.reader.write_into` sets
the trained weights.

Features that a spiking network does not have are refused, never ignored: noise, plasticity, custom
events, continuous coupling, further operations. Monitors are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from brian2.core.namespace import get_local_namespace

from brianbridge.encoding import Bernoulli, Current, Encoding
from brianbridge.errors import InputError
from brianbridge.network import INPUT, Projection, SpikingNetwork
from brianbridge.network.delays import steps_in
from brianbridge.network.readouts import READOUTS
from brianbridge.neurons.quantities import seconds
from brianbridge.simulation.device import check_runtime_device
from brianbridge.simulation.reader.groups import read_group, read_synapses
from brianbridge.simulation.reader.objects import (
    check_network,
    chosen_group,
    common_dt,
    groups_and_synapses,
    named_potentials,
    objects_of,
    output_last,
)

__all__ = ["ORIGIN", "from_brian2"]

#: Key of the provenance under which the synapses of each projection's weights are stored.
ORIGIN = "from_brian2"


def from_brian2(
    network: Any,
    *,
    steps: Any,
    input: Any = None,
    output: Any = None,
    readout: str = "counts",
    encoding: Encoding | None = None,
    potential: str | Mapping[str, str] = "",
    namespace: Mapping[str, Any] | None = None,
) -> SpikingNetwork:
    """Read a Brian2 network into a spiking network, which has a torch twin.

    Parameters
    ----------
    network : brian2.Network, or iterable of Brian2 objects
        Groups and synapses; monitors are ignored. Present values become initial values and
        weights, so read the network before it runs, or after ``restore()``.
    steps : int or Quantity
        Length of one presentation, in steps of the network's clock or as a time.
    input : str or group, optional
        The group whose spikes come from samples (a `SpikeGeneratorGroup`, `PoissonGroup` or
        `NeuronGroup`, or its name); its own spikes are ignored. Without it the network has no
        input, and a sample is a single number without effect.
    output : str or group, optional
        The group that is the output; if not given, the only group without synapses to another
        one, or the last group if there are several.
    readout : str
        How the output is read; see `brianbridge.network.SpikingNetwork`.
    encoding : Encoding, optional
        Encoding of the samples; ``Bernoulli(steps)`` if not given.
    potential : str or mapping of str to str
        The variable that is the membrane potential, for all groups that have it or by the name of
        the group. If not given, equations and threshold of a group show it.
    namespace : mapping, optional
        Constants that groups and synapses do not define themselves; by default the variables
        that are visible to the caller, as in a run of Brian2.

    Returns
    -------
    SpikingNetwork
        The network, with ``schedule="default"``. The name of a projection consists of the names of
        its populations and of its `Synapses`.

    Raises
    ------
    InputError
        If an object cannot be read; the message says which and why.

    Examples
    --------
    >>> from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, Synapses, ms
    >>> tau = 10*ms
    >>> pixels = SpikeGeneratorGroup(3, [], []*ms, name="pixels")
    >>> cells = NeuronGroup(2, "dv/dt = -v/tau : 1", threshold="v > 1", reset="v = 0",
    ...                     method="exact", name="cells")
    >>> wires = Synapses(pixels, cells, "w : 1", on_pre="v += w", name="wires")
    >>> wires.connect()
    >>> net = from_brian2(Network(pixels, cells, wires), steps=20*ms, input="pixels")
    >>> net.projections[0].name, net.projections[0].weight.shape, net.steps
    ('input_to_cells_wires', (6,), 200)
    """
    outer = get_local_namespace(1) if namespace is None else namespace
    # On a standalone device, variables have no values before the program has run.
    check_runtime_device(
        "from_brian2", ", and build the network again: a standalone one has no values to be read"
    )
    check_network(network)
    objects = objects_of(network, level=1)
    source = chosen_group(input, objects, "input") if input is not None else None
    groups, synapses = groups_and_synapses(objects, source)
    dt = common_dt([*groups, *([] if source is None else [source])])
    names = {} if source is None else {source.name: INPUT}
    names |= {group.name: group.name for group in groups}
    projections: list[Projection] = []
    origin: dict[str, dict[str, Any]] = {}
    for one in synapses:
        for projection, origin[projection.name] in read_synapses(one, names, dt, outer):
            projections.append(projection)
    groups = output_last(groups, output, projections)
    named = named_potentials(potential, groups)
    populations = [read_group(g, projections, outer, named.get(g.name, "")) for g in groups]
    if not READOUTS[readout].fires and populations[-1].neuron.emit:
        raise InputError(
            f"group '{groups[-1].name}' fires, but readout '{readout}' needs an output without "
            "spikes; use readout 'counts', or remove the group's threshold"
        )
    return SpikingNetwork(
        input_shape=(1 if source is None else len(source),),
        encoding=_encoding(encoding, steps, dt, source),
        populations=tuple(populations),
        projections=tuple(projections),
        readout=readout,
        provenance={ORIGIN: origin},
        schedule="default",
    )


def _encoding(encoding: Encoding | None, steps: Any, dt: float, source: Any) -> Encoding:
    """Return an encoding with these steps; refuse a given one with other steps."""
    number = steps
    if not isinstance(steps, Integral):
        number = steps_in(seconds(steps, "steps"), dt, "steps")
    if encoding is None:
        return (Current if source is None else Bernoulli)(steps=number, dt=dt)
    if encoding.steps != number or not np.isclose(encoding.dt, dt, rtol=1e-9, atol=0):
        raise InputError(
            f"encoding '{encoding.kind}' has {encoding.steps} steps of {encoding.dt * 1e3:g} ms; "
            f"this network needs {number} of {dt * 1e3:g} ms"
        )
    if source is not None and isinstance(encoding, Current):
        raise InputError(
            f"encoding 'current' gives no spikes, but group '{source.name}' needs spikes; use "
            "'bernoulli' or 'latency'"
        )
    return encoding
