"""Read an existing Brian2 network, so that it gets a torch twin.

Every `NeuronGroup` becomes a population with its equations, constants and present state. Every
`Synapses` object becomes sparse projections with its synapses, in their order. The network keeps
Brian2's order of operations (``schedule="default"``), so that the twin emits the spikes of the
user's network. The user's objects are not changed; `brianbridge.simulation.reader.write_into` sets
the trained weights.

External sources become one input; see `brianbridge.simulation.reader.sources`. Features that a
spiking network does not have are refused, never ignored. Monitors are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

from brian2.core.namespace import get_local_namespace

from brianbridge.blame import count_as_used
from brianbridge.encoding import Encoding
from brianbridge.errors import InputError
from brianbridge.network import INPUT, Projection, SpikingNetwork
from brianbridge.network.delays import steps_in
from brianbridge.network.origin import ORIGIN
from brianbridge.network.readouts import READOUTS
from brianbridge.neurons.plain_seconds import warn_of_seconds
from brianbridge.neurons.quantities import seconds
from brianbridge.simulation.device import check_runtime_device
from brianbridge.simulation.reader.after_run import check_not_run
from brianbridge.simulation.reader.groups import check_regular, read_group
from brianbridge.simulation.reader.links import read_links
from brianbridge.simulation.reader.objects import (
    Parts,
    check_network,
    chosen_group,
    common_dt,
    named_potentials,
    objects_of,
    output_last,
    parts_of,
)
from brianbridge.simulation.reader.poisson_input import read_poisson_input
from brianbridge.simulation.reader.projections import read_projections
from brianbridge.simulation.reader.sources import read_sources

__all__ = ["from_brian2"]


def from_brian2(
    network: Any,
    *,
    steps: Any,
    input: Any = None,
    output: Any = None,
    readout: str = "counts",
    encoding: Encoding | Mapping[str, Encoding] | None = None,
    potential: str | Mapping[str, str] = "",
    namespace: Mapping[str, Any] | None = None,
    seed: int = 0,
    dt: Any = None,
    train: Mapping[str, str | None] | None = None,
) -> SpikingNetwork:
    """Read a Brian2 network into a spiking network, which has a torch twin.

    Parameters
    ----------
    network : brian2.Network, or iterable of Brian2 objects
        Groups and synapses; monitors are ignored. Present values become initial values and
        weights, so read the network before it runs, or call ``store()``
        before the run and ``restore()`` after it.
    steps : int or Quantity
        Length of one presentation, in steps or as a time.
    input : str, group or list of them, optional
        The group whose spikes come from samples (a `SpikeGeneratorGroup`, `PoissonGroup` or
        `NeuronGroup`, or its name), or several; their own spikes are ignored. All other generators
        and Poisson groups keep the spikes that they have in a run. Without `input` all do: a
        sample is then a single number without effect, or None.
    output : str or group, optional
        The group that is the output; if not given, the only group without synapses to another
        one, or the last group if there are several.
    readout : str
        How the output is read; see `brianbridge.network.SpikingNetwork`.
    encoding : Encoding or mapping of str to Encoding, optional
        Encoding of the samples, by the name of the group if there are several. If not given:
        `Poisson` for a `PoissonGroup`, with the group's largest rate for the value 1, and
        ``Bernoulli(steps)`` for other groups. `Frames` takes spike trains.
    potential : str or mapping of str to str
        The variable that is the membrane potential, for all groups that have it or by the name of
        the group. If not given, equations and threshold of a group show it.
    namespace : mapping, optional
        Constants that groups and synapses do not define themselves; by default the variables
        that are visible to the caller, as in a run of Brian2.
    seed : int
        Seed of the random spikes of Poisson groups and Poisson inputs that take no data.
    dt : Quantity, str or float, optional
        Length of a step, a multiple of that of the network's clock; that of the clock if not given.
        With a longer step the twin trains faster. ``simulate(..., dt=...)`` runs the network at the
        step of its clock.
    train : mapping of str to str or None, optional
        The variable that training changes, by the name of its `Synapses`; None if training leaves
        these as they are. If not given, it is the parameter of the synapses; of several, that
        called ``w`` or ``weight``. All other variables of such synapses keep their values. Synapses
        that only add have one parameter for each line of code, and training changes all of them.

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
    warn_of_seconds(dt, "dt")
    # On a standalone device, variables have no values before the program has run.
    check_runtime_device(
        "from_brian2", ", and build the network again: a standalone one has no values to be read"
    )
    check_network(network)
    objects = objects_of(network, level=1)
    given = input if isinstance(input, list | tuple) else [] if input is None else [input]
    with_data = [chosen_group(one, objects, "input") for one in given]
    parts = parts_of(objects, with_data)
    check_not_run(network, parts)
    count_as_used(objects)
    clock = common_dt([*parts.groups, *with_data, *parts.sources])
    step = clock if dt is None else steps_in(seconds(dt, "dt"), clock, "dt") * clock
    external = read_sources(
        with_data, [*parts.sources, *parts.poisson_inputs], encoding,
        steps=_number_of_steps(steps, step), dt=step, seed=seed, outer=outer,
    )  # fmt: skip
    projections, origin = _projections(parts, external.first, clock, outer, train or {})
    links = read_links(parts.groups, projections)
    projections += [link.projection for link in links]
    groups = output_last(parts.groups, output, projections)
    named = named_potentials(potential, groups)
    followed = {g.name: [k.name for k in links if k.projection.target == g.name] for g in groups}
    populations = [
        read_group(g, projections, outer, named.get(g.name, ""), followed[g.name]) for g in groups
    ]
    for population in populations:
        check_regular(population, clock, step)
    if not READOUTS[readout].fires and populations[-1].neuron.emit:
        raise InputError(
            f"group '{groups[-1].name}' fires, but readout '{readout}' needs an output without "
            "spikes; use readout 'counts', or remove the group's threshold"
        )
    return SpikingNetwork(
        input_shape=external.input_shape,
        encoding=external.encoding,
        populations=tuple(populations),
        projections=tuple(projections),
        readout=readout,
        provenance={ORIGIN: {**origin, **{k.projection.name: {"linked": k.name} for k in links}}},
        schedule="default",
    )


def _number_of_steps(steps: Any, dt: float) -> int:
    """Return the steps of a presentation, given as a number or as a time."""
    if isinstance(steps, Integral):
        return int(steps)
    return steps_in(seconds(steps, "steps"), dt, "steps")


def _projections(
    parts: Parts,
    first: Mapping[str, int],
    dt: float,
    outer: Mapping[str, Any],
    train: Mapping[str, str | None],
) -> tuple[list[Projection], dict[str, dict[str, Any]]]:
    """Return all projections, and the origin of their weights by name."""
    populations = {group.name: group.name for group in parts.groups}
    inputs = dict.fromkeys(first, INPUT)
    found = list(read_projections(parts, {**inputs, **populations}, dt, outer, first, train))
    for one in parts.poisson_inputs:
        found.append(read_poisson_input(one, first[one.name], populations, outer))
    return [p for p, _ in found], {p.name: origin for p, origin in found}
