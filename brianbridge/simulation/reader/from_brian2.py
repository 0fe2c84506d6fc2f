"""Read a network that a Brian2 user already has, so that it gets a torch twin.

Every `NeuronGroup` becomes a population with the equations, constants and present state it has;
every `Synapses` object a sparse projection with the synapses it has, in their order. The network
is stepped in Brian2's own order (``schedule="default"``), so that the twin's spikes are those of
the user's network. Nothing of the user's is changed; `brianbridge.simulation.reader.write_into`
sets the trained weights.

What a spiking network cannot hold is refused and never left out: noise, plasticity, events of
one's own, continuous coupling, operations besides. Recording is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

import numpy as np
from brian2 import (
    MagicNetwork,
    Network,
    NeuronGroup,
    PoissonGroup,
    PopulationRateMonitor,
    SpikeGeneratorGroup,
    StateMonitor,
    Synapses,
    collect,
)
from brian2.core.base import BrianObject
from brian2.core.namespace import get_local_namespace
from brian2.monitors.spikemonitor import EventMonitor

from brianbridge.encoding import Bernoulli, Current, Encoding
from brianbridge.errors import InputError, did_you_mean
from brianbridge.network import INPUT, Projection, Readout, SpikingNetwork
from brianbridge.network.delays import steps_in
from brianbridge.neurons.quantities import seconds
from brianbridge.simulation.device import check_runtime_device
from brianbridge.simulation.reader.groups import read_group, read_synapses

__all__ = ["ORIGIN", "from_brian2", "objects_of"]

#: Entry of the provenance that says, by projection, which synapses its weights came from.
ORIGIN = "from_brian2"

_MONITORS = (EventMonitor, StateMonitor, PopulationRateMonitor)
_ORDER = ["start", "groups", "thresholds", "synapses", "resets", "end"]


def from_brian2(
    network: Any,
    *,
    steps: Any,
    input: Any = None,
    output: Any = None,
    readout: Readout = "counts",
    encoding: Encoding | None = None,
    namespace: Mapping[str, Any] | None = None,
) -> SpikingNetwork:
    """Read a Brian2 network into a spiking network, which has a torch twin.

    Parameters
    ----------
    network : brian2.Network, or iterable of Brian2 objects
        Groups and synapses; monitors are left out. Present values become initial values and
        weights, so read it before it runs, or after ``restore()``.
    steps : int or Quantity
        Length of one presentation, in steps of the network's clock or as a time.
    input : str or group, optional
        The group whose spikes come from samples (`SpikeGeneratorGroup`, `PoissonGroup` or
        `NeuronGroup`, by name or itself); its own spikes are not read. Without one the network
        runs by itself, and a sample is one number that nothing listens to.
    output : str or group, optional
        The population whose spikes are the output; if not given, the only one that leads to no
        other, else the last one.
    readout : {"counts", "potential"}
        What the output is.
    encoding : Encoding, optional
        How samples become spikes; ``Bernoulli(steps)`` if not given.
    namespace : mapping, optional
        Where to look up constants that groups and synapses have no value for; by default the
        variables where the function is called, as when Brian2 runs.

    Returns
    -------
    SpikingNetwork
        With ``schedule="default"``. A projection is called by its ends and its `Synapses`.

    Raises
    ------
    InputError
        If something cannot be read; it is named, with the reason.

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
    # A standalone device does not know the values of variables before its program has run.
    check_runtime_device("from_brian2")
    _check_network(network)
    objects = objects_of(network, level=1)
    source = _chosen(input, objects, "input") if input is not None else None
    groups, synapses = _sorted_out(objects, source)
    dt = _common_dt([*groups, *([] if source is None else [source])])
    names = {} if source is None else {source.name: INPUT}
    names |= {group.name: group.name for group in groups}
    projections: list[Projection] = []
    origin: dict[str, dict[str, Any]] = {}
    for one in synapses:
        for projection, origin[projection.name] in read_synapses(one, names, dt, outer):
            projections.append(projection)
    groups = _output_last(groups, output, projections)
    populations = [read_group(group, projections, outer) for group in groups]
    if readout == "potential" and populations[-1].neuron.emit:
        raise InputError(
            f"group '{groups[-1].name}' fires, so that its potential is no free one as readout "
            "'potential' takes it; use readout 'counts', or drop the group's threshold"
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


# ---------------------------------------------------------------------- objects


def objects_of(network: Any, level: int = 0) -> list[Any]:
    """Return the Brian2 objects of a network; those of a `Network` by name, for it has no order.

    Parameters
    ----------
    network : brian2.Network, or iterable of Brian2 objects
        The magic network stands for the objects where the caller stands.
    level : int
        How many functions up the caller is.
    """
    if isinstance(network, MagicNetwork):
        found: Any = collect(level + 1)
    elif isinstance(network, Network):
        found = network.objects
    elif isinstance(network, Iterable) and not isinstance(network, str | BrianObject):
        found = list(network)
    else:
        found = [None]
    for thing in found:
        if not isinstance(thing, BrianObject):
            raise InputError(
                f"{type(network).__name__} is no Brian2 network; give a brian2.Network, or a list "
                "of its groups and synapses"
            )
    return sorted(found, key=_natural) if isinstance(found, set) else found


def _natural(thing: Any) -> list[Any]:
    """Sort ``group_2`` before ``group_10``."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", thing.name)]


def _chosen(choice: Any, objects: list[Any], what: str) -> Any:
    """Return a group given by itself or by name."""
    kinds = (NeuronGroup, SpikeGeneratorGroup, PoissonGroup)
    groups = {thing.name: thing for thing in objects if isinstance(thing, kinds)}
    name = choice if isinstance(choice, str) else getattr(choice, "name", repr(choice))
    if name not in groups:
        raise InputError(f"{what}: the network has no group '{name}'. {did_you_mean(name, groups)}")
    return groups[name]


def _sorted_out(objects: list[Any], source: Any) -> tuple[list[Any], list[Any]]:
    """Return groups and synapses; refuse all else that does something in a run."""
    groups, synapses = [], []
    for thing in objects:
        what = f"'{thing.name}' ({type(thing).__name__})"
        if thing is source or isinstance(thing, _MONITORS):
            continue
        if not thing.active:
            raise InputError(f"{what} is not active; set its 'active', or leave it out")
        if type(thing) is NeuronGroup:
            groups.append(thing)
        elif type(thing) is Synapses:
            synapses.append(thing)
        elif isinstance(thing, SpikeGeneratorGroup | PoissonGroup):
            raise InputError(
                f"{what} has spikes that no equations give, which only the input of a network "
                f"has; read it with input='{thing.name}', or replace it"
            )
        else:
            raise InputError(
                f"{what} can not be read; a spiking network holds NeuronGroup and Synapses only"
            )
    if not groups:
        raise InputError("the network has no NeuronGroup besides the input; give it one")
    return groups, synapses


def _check_network(network: Any) -> None:
    """Refuse a network that does not run in Brian2's order from the start."""
    if isinstance(network, Network):
        if not isinstance(network, MagicNetwork) and network.t_ > 0:
            raise InputError(
                f"network '{network.name}' has run to t = {network.t_ * 1e3:g} ms, and spikes that "
                "are on their way cannot be read; read it before it runs, or after restore()"
            )
        order = [slot for slot in network.schedule if slot in _ORDER]
        if order != _ORDER:
            raise InputError(
                f"network '{network.name}' has a schedule of its own, {order}; only Brian2's own "
                "order can be read, so set network.schedule = None"
            )


def _common_dt(groups: list[Any]) -> float:
    """Return the step that all clocks share, in seconds."""
    first = groups[0]
    for group in groups:
        if group.clock.dt_ != first.clock.dt_:
            raise InputError(
                f"group '{group.name}' has a step of {group.clock.dt_ * 1e3:g} ms, and group "
                f"'{first.name}' one of {first.clock.dt_ * 1e3:g} ms; give both the same clock"
            )
    return float(first.clock.dt_)


def _output_last(groups: list[Any], output: Any, projections: list[Projection]) -> list[Any]:
    if output is None:
        leads = {p.source for p in projections if p.source != p.target}
        ends = [group for group in groups if group.name not in leads]
        last = ends[0] if len(ends) == 1 else groups[-1]
    else:
        last = _chosen(output, groups, "output")
    return [*(group for group in groups if group is not last), last]


def _encoding(encoding: Encoding | None, steps: Any, dt: float, source: Any) -> Encoding:
    """Return an encoding with these steps; one that is given must have them."""
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
            f"encoding 'current' gives no spikes, and group '{source.name}' sends spikes; use "
            "'bernoulli' or 'latency'"
        )
    return encoding
