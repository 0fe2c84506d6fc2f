"""Check that the parts of a spiking network fit together, before anything is built from them."""

from __future__ import annotations

from typing import get_args

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network.delays import LONGEST_DELAY, steps_in
from brianbridge.network.population import INPUT
from brianbridge.network.projection import Projection
from brianbridge.network.readouts import READOUTS
from brianbridge.network.structure import NetworkStructure, Schedule
from brianbridge.network.synapses.model import Side
from brianbridge.neurons.equations import integers_and_booleans
from brianbridge.neurons.model import NeuronModel

__all__ = ["check_network"]


def check_network(network: NetworkStructure) -> None:
    """Refuse names, shapes, weights, delays and loops that do not fit together.

    Raises
    ------
    InputError
        If any of them do not fit.
    """
    _check_choices(network)
    if not network.populations:
        raise InputError("a spiking network needs at least one population")
    shapes = {INPUT: network.shape_of(INPUT)}
    for population in network.populations:
        if population.name in shapes:
            raise InputError(f"two populations are called '{population.name}'; rename one")
        shapes[population.name] = population.shape
    for projection in network.projections:
        _check_projection(network, projection, shapes)
    names = [projection.name for projection in network.projections]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"two projections are called '{name}'; join their weights, or label them"
            )
    _check_names(network, {*names, *_SIMULATION_NAMES})
    _check_activity(network)
    if READOUTS[network.readout].needs_potential:
        network.output.neuron.require_potential(f"readout '{network.readout}'")


def _check_projection(
    network: NetworkStructure, projection: Projection, shapes: dict[str, tuple[int, ...]]
) -> None:
    """Refuse ends, weights and delays of a projection that do not fit the populations."""
    if projection.target == INPUT:
        raise InputError(
            f"projection '{projection.name}' leads to the input, whose spikes come from the "
            "data; give it a population as its target"
        )
    for end in (projection.source, projection.target):
        if end not in shapes:
            raise InputError(
                f"projection '{projection.name}': there is no population '{end}'. "
                + did_you_mean(end, set(shapes) - {INPUT})
            )
    order = list(shapes)
    back = order.index(projection.source) >= order.index(projection.target)
    _check_direction(network, projection, back)
    projection.check(shapes[projection.source], shapes[projection.target])
    _check_target(network, projection)
    _check_delay(network, projection)


#: Names of the objects in a simulation besides populations, projections and their parts.
_SIMULATION_NAMES = ("presenter", "simulation_clock")
#: Endings of names that Brian2 and the simulation give to parts of a population's group.
_PARTS = frozenset(
    f"_{part}"
    for part in (
        "stateupdater", "spike_thresholder", "spike_resetter", "subexpression_update", "start",
        "starts", "run_regularly", "recorder", "traces", "watch", "spikes",
    )
)  # fmt: skip


def _check_names(network: NetworkStructure, taken: set[str]) -> None:
    """Refuse populations with the name of another object in a simulation."""
    names = [population.name for population in network.populations]
    taken = taken | {f"{name}{part}" for name in names for part in _PARTS}
    if clashes := [f"'{name}'" for name in names if name in taken]:
        raise InputError(
            f"the simulation has objects of its own that are called {' and '.join(clashes)}; "
            "rename these populations"
        )


def _check_choices(network: NetworkStructure) -> None:
    READOUTS[network.readout]  # refuses an unknown name
    if network.schedule not in get_args(Schedule):
        hint = did_you_mean(str(network.schedule), get_args(Schedule))
        raise InputError(f"there is no schedule '{network.schedule}'. {hint}")


def _check_direction(network: NetworkStructure, projection: Projection, back: bool) -> None:
    """Refuse a projection whose `feedback` does not match its direction."""
    if network.schedule == "default":
        if projection.feedback:
            raise InputError(
                f"projection '{projection.name}': in Brian2's default schedule all spikes arrive "
                "after the thresholds of their step, and no feedback needs to be declared; drop "
                "feedback = True"
            )
        return
    if back and not projection.feedback:
        raise InputError(
            f"projection '{projection.name}' does not lead from an earlier to a later population, "
            "which makes a loop without delay; set feedback = True, which delivers the spikes of "
            "the previous step"
        )
    if projection.feedback and not back:
        raise InputError(
            f"projection '{projection.name}' leads to a later population, so it is not feedback; "
            "drop feedback = True, or give it a delay instead"
        )


def _check_target(network: NetworkStructure, projection: Projection) -> None:
    """Require a drive for a constant input, and a variable that spikes can add to."""
    neuron = network.population(projection.target).neuron
    constant = not network.delivers_spikes(projection)
    if (constant or projection.bias is not None) and not neuron.drive:
        raise InputError(
            f"projection '{projection.name}' gives a constant input, but {neuron.label} "
            "has no drive; give the model a 'drive' or use bias = false"
        )
    if projection.model is not None:
        _check_model(network, projection)
        return
    receive = network.receive_of(projection)
    if constant:
        # Nothing is received, but an unknown variable is still a mistake.
        _check_receive(projection, projection.receive, neuron)
        return
    if not receive:
        raise InputError(
            f"projection '{projection.name}' delivers spikes, but neuron model '{neuron.name}' "
            "receives none; give the model a 'receive'"
        )
    _check_receive(projection, receive, neuron)


def _check_model(network: NetworkStructure, projection: Projection) -> None:
    """Refuse synapses with a model that change what neurons do not have, or in another order."""
    model = projection.model
    assert model is not None
    what = f"projection '{projection.name}'"
    if network.schedule != "default":
        raise InputError(
            f"{what}: its synapses have a model, which runs in Brian2's order only; give the "
            "network schedule = 'default'"
        )
    if not network.delivers_spikes(projection):
        raise InputError(
            f"{what}: its synapses have a model, which follows spikes, but the input is a "
            "constant current; use an encoding that gives spikes"
        )
    if model.after_source and max(network.update_ranks.values()) >= len(network.populations):
        raise InputError(
            f"{what}: its summed variable is set after the update of '{projection.source}', which "
            f"comes after that of '{projection.target}'; drop after_source"
        )
    side: Side
    for side, name in (("pre", projection.source), ("post", projection.target)):
        changed = model.changed(side)
        if changed and name == INPUT:
            raise InputError(
                f"{what}: its synapses change '{changed[0]}' of the input; leave it out"
            )
        for variable in changed:
            _check_receive(projection, variable, network.population(name).neuron)
    for pathway in model.pathways:
        if pathway.side == "post" and not network.fires(projection.target):
            raise InputError(
                f"{what}: pathway '{pathway.name}' follows the spikes of '{projection.target}', "
                f"which does not fire with readout '{network.readout}'; use readout 'counts'"
            )
        if pathway.steps(network.dt, pathway.delay.size).max(initial=0) > LONGEST_DELAY:
            raise InputError(
                f"{what}: a delay of pathway '{pathway.name}' is more than {LONGEST_DELAY:,} steps "
                f"of {network.dt * 1e3:g} ms; give a shorter one"
            )


def _check_receive(projection: Projection, receive: str, neuron: NeuronModel) -> None:
    """Refuse a variable that a model lacks, or that weights cannot add to."""
    if receive and receive not in neuron.settable_variables:
        raise InputError(
            f"projection '{projection.name}': spikes cannot add to '{receive}' of neuron model "
            f"'{neuron.name}'. " + did_you_mean(receive, neuron.settable_variables)
        )
    kind = integers_and_booleans(neuron.equations).get(receive)
    if kind is not None:
        raise InputError(
            f"projection '{projection.name}': weights cannot add to '{receive}' of neuron model "
            f"'{neuron.name}', which is {kind}; declare it '{receive} : 1'"
        )


def _check_delay(network: NetworkStructure, projection: Projection) -> None:
    what = f"projection '{projection.name}': delay"
    delays = projection.connection.delays
    for delay in (projection.delay, *(() if delays is None else np.unique(delays))):
        if steps_in(float(delay), network.dt, what) > LONGEST_DELAY:
            raise InputError(
                f"{what} = {delay:g} s is more than {LONGEST_DELAY:,} steps of "
                f"{network.dt * 1e3:g} ms; give a shorter one"
            )
    if (projection.delay or delays is not None) and not network.delivers_spikes(projection):
        raise InputError(f"{what}: a constant input is there from the start; drop the delay")
    if projection.pool is not None and delays is not None:
        raise InputError(
            f"{what}: pooling joins synapses, so they cannot have separate delays; drop the "
            "pooling or the delays of the synapses"
        )


def _check_activity(network: NetworkStructure) -> None:
    """Require that every population has input, and fires if its spikes are used."""
    for population in network.populations:
        # Populations of a network that was read from Brian2 may be driven by their equations.
        if not network.incoming(population.name) and network.schedule == "canonical":
            raise InputError(
                f"no projection leads to population '{population.name}'; add one, or drop it"
            )
        away = [
            p.name
            for p in network.projections
            if p.source == population.name and (p.model is None or p.model.follows_spikes)
        ]
        held = population is network.output and not READOUTS[network.readout].fires
        if away and held:
            raise InputError(
                f"projection '{away[0]}' comes from population '{population.name}', which "
                f"does not fire with readout '{network.readout}'; use readout 'counts'"
            )
        counted = population is network.output and not held
        if (away or counted) and not population.neuron.emit:
            raise InputError(
                f"population '{population.name}' never fires: neuron model "
                f"'{population.neuron.name}' has no emit; give it one, or read the output by "
                "readout 'potential'"
            )
