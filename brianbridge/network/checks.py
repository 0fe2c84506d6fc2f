"""Check that the parts of a spiking network fit together, before anything is built from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network.components import INPUT, Projection
from brianbridge.network.connections import Sparse
from brianbridge.neurons.types import no_real_numbers

if TYPE_CHECKING:
    from brianbridge.network.network import SpikingNetwork
    from brianbridge.neurons.model import NeuronModel

__all__ = ["check_network", "steps_in"]


#: Steps that Brian2 can count.
_MOST_STEPS = 2**53
#: Steps that a spike may travel: Brian2 and the twin keep room for as many.
_LONGEST_DELAY = 100_000


def steps_in(delay: float, dt: float, what: str) -> int:
    """Return how many steps of `dt` a delay is (both in seconds).

    Raises
    ------
    InputError
        If it is no multiple (the nearest is named) or too long to be counted.

    Examples
    --------
    >>> steps_in(3e-3, 1e-3, "delay")
    3
    """
    if delay / dt > _MOST_STEPS:
        raise InputError(
            f"{what} = {delay:g} s is more than {_MOST_STEPS:,} steps of {dt * 1e3:g} ms; give a "
            "shorter one"
        )
    steps = round(delay / dt)
    if not np.isclose(steps * dt, delay, rtol=1e-9, atol=0):
        raise InputError(
            f"{what} = {delay * 1e3:g} ms is no multiple of the step of {dt * 1e3:g} ms; the "
            f"nearest is {steps * dt * 1e3:.12g} ms"
        )
    return steps


def check_network(network: SpikingNetwork) -> None:
    """Refuse names, shapes, weights, delays and loops that do not fit together."""
    _check_choices(network)
    if not network.populations:
        raise InputError("a spiking network needs at least one population")
    shapes = {INPUT: network.shape_of(INPUT)}
    for population in network.populations:
        if population.name in shapes:
            raise InputError(f"two populations are called '{population.name}'")
        shapes[population.name] = population.shape
    order = list(shapes)
    for projection in network.projections:
        if projection.target == INPUT:
            raise InputError(
                f"projection '{projection.name}' leads to the input, whose spikes the data give"
            )
        for end in (projection.source, projection.target):
            if end not in shapes:
                raise InputError(
                    f"projection '{projection.name}': there is no population '{end}'. "
                    + did_you_mean(end, set(shapes) - {INPUT})
                )
        back = order.index(projection.source) >= order.index(projection.target)
        _check_direction(network, projection, back)
        projection.check(shapes[projection.source], shapes[projection.target])
        _check_target(network, projection)
        _check_delay(network, projection)
    names = [projection.name for projection in network.projections]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"two projections are called '{name}'; join their weights, or label them"
            )
    _check_names(network, {*names, *_OURS})
    _check_activity(network)
    if network.readout != "counts" and not network.output.neuron.potential:
        raise InputError(
            f"readout '{network.readout}' needs a potential, but it cannot be told which variable "
            f"of neuron model '{network.output.neuron.name}' that is; call it 'v', or give the "
            "model a 'receive'"
        )


#: What objects are called in a simulation besides populations, projections and their parts.
_OURS = ("presenter", "simulation_clock")
#: What Brian2 and the simulation call parts of a population's group.
_PARTS = frozenset(
    f"_{part}"
    for part in (
        "stateupdater", "spike_thresholder", "spike_resetter", "subexpression_update", "start",
        "starts", "recorder", "traces", "watch", "spikes",
    )
)  # fmt: skip


def _check_names(network: SpikingNetwork, taken: set[str]) -> None:
    """Refuse populations that are called as something else is in a simulation."""
    names = [population.name for population in network.populations]
    taken = taken | {f"{name}{part}" for name in names for part in _PARTS}
    for name in names:
        if name in taken:
            raise InputError(
                f"population '{name}' is called as something else is in the simulation; rename it"
            )


def _check_choices(network: SpikingNetwork) -> None:
    from brianbridge.network.network import Schedule
    from brianbridge.network.readout import Readout

    for what, value, known in (
        ("readout", network.readout, get_args(Readout)),
        ("schedule", network.schedule, get_args(Schedule)),
    ):
        if value not in known:
            raise InputError(f"there is no {what} '{value}'. {did_you_mean(str(value), known)}")


def _check_direction(network: SpikingNetwork, projection: Projection, back: bool) -> None:
    """Let only a declared feedback lead back in the canonical step: it costs one step."""
    if network.schedule == "default":
        if projection.feedback:
            raise InputError(
                f"projection '{projection.name}': in Brian2's default schedule every spike arrives "
                "after the thresholds of its step, so that there is no feedback to declare; drop "
                "feedback = True"
            )
        return
    if back and not projection.feedback:
        raise InputError(
            f"projection '{projection.name}' does not lead from an earlier to a later population: "
            "a loop without a step of delay; set feedback = True, which delivers the spikes of the "
            "step before"
        )
    if projection.feedback and not back:
        raise InputError(
            f"projection '{projection.name}' leads to a later population, so that it is no "
            "feedback; drop feedback = True, or give it a delay"
        )


def _check_target(network: SpikingNetwork, projection: Projection) -> None:
    """Require a drive for a constant input, and for spikes a variable to add to."""
    neuron = network.population(projection.target).neuron
    constant = not network.delivers_spikes(projection)
    if (constant or projection.bias is not None) and not neuron.drive:
        raise InputError(
            f"projection '{projection.name}' gives a constant input, but neuron model "
            f"'{neuron.name}' names no drive; give the model a 'drive' or use bias = false"
        )
    receive = network.receive_of(projection)
    if constant:
        # Nothing is received, but a name that is no variable is a mistake all the same.
        _check_receive(projection, projection.receive, neuron)
        return
    if not receive:
        raise InputError(
            f"projection '{projection.name}' delivers spikes, but neuron model '{neuron.name}' "
            "receives none; give the model a 'receive'"
        )
    _check_receive(projection, receive, neuron)


def _check_receive(projection: Projection, receive: str, neuron: NeuronModel) -> None:
    """Refuse a variable that a model does not have."""
    if receive and receive not in neuron.settable_variables:
        raise InputError(
            f"projection '{projection.name}': spikes cannot add to '{receive}' of neuron model "
            f"'{neuron.name}'. " + did_you_mean(receive, neuron.settable_variables)
        )
    kind = no_real_numbers(neuron.equations).get(receive)
    if kind is not None:
        raise InputError(
            f"projection '{projection.name}': weights cannot add to '{receive}' of neuron model "
            f"'{neuron.name}', which is {kind}; declare it '{receive} : 1'"
        )


def _check_delay(network: SpikingNetwork, projection: Projection) -> None:
    what = f"projection '{projection.name}': delay"
    connection = projection.connection
    delays = connection.delays if isinstance(connection, Sparse) else None
    for delay in (projection.delay, *(() if delays is None else np.unique(delays))):
        if steps_in(float(delay), network.dt, what) > _LONGEST_DELAY:
            raise InputError(
                f"{what} = {delay:g} s is more than {_LONGEST_DELAY:,} steps of "
                f"{network.dt * 1e3:g} ms; give a shorter one"
            )
    if (projection.delay or delays is not None) and not network.delivers_spikes(projection):
        raise InputError(f"{what}: a constant input is there from the start; drop the delay")


def _check_activity(network: SpikingNetwork) -> None:
    """Require that every population hears something, and fires if it is heard or counted."""
    for population in network.populations:
        # Populations of a network that was read from Brian2 may be driven by their equations.
        if not network.incoming(population.name) and network.schedule == "canonical":
            raise InputError(f"no projection leads to population '{population.name}'")
        away = [p.name for p in network.projections if p.source == population.name]
        if away and not network.fires(population.name):
            raise InputError(
                f"projection '{away[0]}' comes from population '{population.name}', which does not "
                "fire, for it is read by its potential; use readout 'counts'"
            )
        heard = bool(away)
        read = population is network.output and network.readout != "potential"
        if (heard or read) and not population.neuron.emit:
            raise InputError(
                f"population '{population.name}' never fires, for neuron model "
                f"'{population.neuron.name}' has no emit; give it one, or read the output by "
                "readout 'potential'"
            )
