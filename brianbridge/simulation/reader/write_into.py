"""Write what was trained into the Brian2 network that a network was read from.

That are weights, learned delays and learned neuron parameters.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import NeuronGroup, Quantity, Synapses

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network import Projection, Sparse, SpikingNetwork
from brianbridge.network.origin import ORIGIN
from brianbridge.neurons.quantity_text import quantity_text
from brianbridge.simulation.reader.objects import objects_of
from brianbridge.simulation.reader.projections import ends
from brianbridge.simulation.reader.write_parameters import new_parameters

__all__ = ["write_into"]

#: New weights that are so many times larger than the present ones deserve a warning.
_FACTOR = 10


def write_into(network: SpikingNetwork, into: Any, *, level: int = 0) -> None:
    """Write what a network has learned into the Brian2 objects that it was read from.

    All checks run before any weight is set. A warning tells if the new weights are far larger than
    the present ones or have another sign. The network may have been saved and loaded in between:
    synapses are found by name, and must connect the same neurons.

    Parameters
    ----------
    network : SpikingNetwork
        A network that was read by `brianbridge.from_brian2`, for instance with trained weights.
    into : brian2.Network, or iterable of Brian2 objects
        The Brian2 network that it was read from, or an equal one.
    level : int
        Number of stack frames between this function and the caller, for the magic network.

    Raises
    ------
    InputError
        If the synapses have changed, or have no variable for a trained weight, or a group cannot
        hold a learned parameter.

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
            "the network was not read from Brian2, and thus has no synapses to write into; read it "
            "with from_brian2, or run it with simulate"
        )
    objects = objects_of(into, level=level + 1)
    found = {o.name: o for o in objects if isinstance(o, Synapses)}
    groups = {o.name: o for o in objects if isinstance(o, NeuronGroup)}
    values: dict[tuple[str, str], np.ndarray] = {}
    delays: dict[str, tuple[Any, Any]] = {}
    for projection in network.projections:
        entry = origin.get(projection.name)
        if entry is None:
            raise InputError(f"projection '{projection.name}' was not read from Brian2; remove it")
        if "linked" in entry:
            continue
        if "poisson_input" in entry:
            _check_poisson_input(projection, entry)
            continue
        name, variable, factor = entry["synapses"], entry["variable"], entry["factor"]
        if name not in found:
            raise InputError(f"the network has no synapses '{name}'. {did_you_mean(name, found)}")
        _check_ends(projection, found[name], entry.get("first", 0))
        if projection.longest_delay is not None:
            pathway, times = _pathway(found[name], entry["pathway"]), projection.connection.delays
            if np.any(delays.setdefault(pathway.name, (pathway, times))[1] != times):
                raise InputError(
                    f"synapses '{name}': projection '{projection.name}' and another one have "
                    f"learned different delays, but pathway '{pathway.objname}' has one set of "
                    "them; let only one of the lines of its code learn delays, or give each line a "
                    "pathway"
                )
        if variable:
            _check_variable(found[name], variable, projection.weight.size)
            values[name, variable] = projection.weight.astype(np.float64) / factor
        elif np.any(projection.weight != projection.weight.dtype.type(factor)):
            raise _constant(found[name])
    owners = {n: found[e["synapses"]] for n, e in origin.items() if e.get("synapses") in found}
    for parameter in new_parameters(network, groups, owners):
        parameter.set()
    for pathway, times in delays.values():
        pathway.variables["delay"].set_value(times)
    for (name, variable), weights in values.items():
        _warn_of_range(found[name], variable, weights, level + 1)
        found[name].variables[variable].set_value(weights)


def _warn_of_range(synapses: Any, variable: str, weights: np.ndarray, level: int) -> None:
    """Warn if new weights are far larger than the present ones, or have a sign that none had."""
    at_the_caller = level + 2
    present = np.asarray(synapses.variables[variable].get_value(), dtype=np.float64)
    largest, before = (np.abs(values).max(initial=0.0) for values in (weights, present))
    dim = synapses.variables[variable].dim
    what = f"synapses '{synapses.name}': the new weights '{variable}'"
    if before > 0 and largest > _FACTOR * before:
        old, new = (quantity_text(Quantity.with_dimensions(v, dim)) for v in (before, largest))
        warnings.warn(
            f"{what} reach {new}, where the present ones reach {old}; check the learning rate",
            RuntimeWarning,
            stacklevel=at_the_caller,
        )
    for side, sign in (("below 0", -1), ("above 0", 1)):
        number = int(np.sum(sign * weights > 0))
        if number and np.any(present) and not np.any(sign * present > 0):
            warnings.warn(
                f"{what} are {side} at {number} of {weights.size} synapses, where none was before; "
                "train network.keep_signs() if they must not",
                RuntimeWarning,
                stacklevel=at_the_caller,
            )


def _constant(synapses: Any) -> InputError:
    """Return the error of synapses that add a constant, which cannot hold trained weights."""
    what = f"synapses '{synapses.name}' add a constant and cannot hold trained weights"
    return InputError(
        f"{what}; declare 'w : <unit>' in their model, add 'w' in their on_pre, and read the "
        "network again"
    )


def _check_poisson_input(projection: Projection, entry: Mapping[str, Any]) -> None:
    """Refuse another weight of a `PoissonInput`, which is a constant of the user's script."""
    if projection.longest_delay is not None:
        raise InputError(
            f"'{entry['poisson_input']}' (PoissonInput) has no delay, but projection "
            f"'{projection.name}' learned some; leave it out of learn_delays"
        )
    if np.any(projection.weight != np.asarray(entry["weight"], projection.weight.dtype)):
        raise InputError(
            f"'{entry['poisson_input']}' (PoissonInput) has a constant weight, but that of "
            f"projection '{projection.name}' has changed; build it with the new weight, and read "
            "the network again"
        )


def _check_ends(projection: Projection, synapses: Any, first: int) -> None:
    """Refuse synapses that connect other neurons than when they were read."""
    connection = projection.connection
    assert isinstance(connection, Sparse)
    what = f"synapses '{synapses.name}'"
    if len(synapses) != len(connection.source):
        raise InputError(
            f"{what}: there are {len(synapses)}, but there were {len(connection.source)} when the "
            "network was read; read it again"
        )
    then_ends = (connection.source - first, connection.target)
    for now, then in zip(ends(synapses), then_ends, strict=True):
        changed = np.flatnonzero(now != then)
        if changed.size:
            raise InputError(
                f"{what}: number {changed[0]} connects other neurons than when the network was "
                "read; read it again"
            )


def _pathway(synapses: Any, name: str) -> Any:
    """Return a pathway that can hold a delay for each synapse."""
    for pathway in synapses._pathways:
        if pathway.objname == name and not pathway.variables["delay"].scalar:
            return pathway
    raise InputError(
        f"synapses '{synapses.name}' cannot hold a learned delay for each synapse: their pathway "
        f"'{name}' has one delay for all of them; build them without 'delay=', and set "
        f"'{synapses.name}.{name}.delay' after connect(), and read the network again"
    )


def _check_variable(synapses: Any, variable: str, size: int) -> None:
    """Refuse synapses that no longer have the variable of their weights, or one value of it."""
    known = {*synapses.equations.parameter_names, *synapses.equations.diff_eq_names}
    known |= synapses.event_driven.diff_eq_names if synapses.event_driven else set()
    if variable not in known or np.size(synapses.variables[variable].get_value()) != size:
        raise InputError(
            f"synapses '{synapses.name}' no longer have the parameter '{variable}' of their "
            f"weights. {did_you_mean(variable, known)}"
        )
