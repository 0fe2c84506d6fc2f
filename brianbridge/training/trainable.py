"""Check before training that there is something to train, and that data and loss depend on it."""

from __future__ import annotations

from collections.abc import Iterable

from brian2 import Equations

from brianbridge.errors import InputError
from brianbridge.network import INPUT, Projection, SpikingNetwork
from brianbridge.network.origin import ORIGIN, is_read, synapses_of
from brianbridge.network.sample_shapes import takes_data
from brianbridge.neurons.quantity_text import unit_name
from brianbridge.twin.network import NetworkTwin

__all__ = ["check_trainable"]


def check_trainable(twin: NetworkTwin) -> None:
    """Refuse a twin without trained parameters, or whose output no data or no weight can reach.

    Raises
    ------
    InputError
        If training could change nothing.
    """
    network = twin.network
    trained = [name for name, values in twin.named_parameters() if values.requires_grad]
    if not trained:
        raise InputError(
            f"training: all projections are frozen, so there is nothing to train; {_thaw(network)}"
        )
    output = network.output.name
    before = _before(network, output)
    if takes_data(network) and INPUT not in before:
        raise InputError(f"training: {_unreached(network, before)}")
    weights = tuple(f"projections.{p.name}." for p in network.projections if p.target in before)
    if not any(name.startswith((*weights, "learned.")) for name in trained):
        raise InputError(
            f"training: no trained weight can reach the readout of '{output}', because all of its "
            f"projections are frozen; {_thaw(network)}"
        )


def _before(network: SpikingNetwork, output: str) -> set[str]:
    """Return the output, and all populations and the input that lead to it."""
    found = {output}
    joined = [p for p in network.projections if _has_synapses(p)]
    edges = [(p.source, p.target) for p in joined]
    edges += [(p.target, p.source) for p in joined if p.model is not None]  # may change both ends
    for _ in network.populations:
        found |= {source for source, target in edges if target in found}
    return found


def _has_synapses(projection: Projection) -> bool:
    return projection.weight.size > 0


def _unreached(network: SpikingNetwork, before: Iterable[str]) -> str:
    """Return an error text: which connection is missing between the input and the output."""
    output, read = network.output.name, is_read(network)
    kind, add = ("group", "add its Synapses to the Network") if read else (
        "population", "add a projection to it"
    )  # fmt: skip
    joined = [p for p in network.projections if _has_synapses(p)]
    if not any(p.target == output and p.source != output for p in joined):
        what = "synapses" if read else "projections"
        return (
            f"{kind} '{output}' receives no {what}, so nothing can reach the readout; {add}, or "
            "choose another output"
        )
    if not any(p.source == INPUT for p in joined):
        wanted = "add the Synapses that leave it to the Network" if read else "add a projection"
        return f"the input leads to no {kind}, so the samples have no effect; {wanted}"
    first = min(name for name in before if name != output)
    return (
        f"no path leads from the input to the output '{output}'; connect the {kind}s that the "
        f"input reaches with those before the output, such as '{first}'"
    )


def _thaw(network: SpikingNetwork) -> str:
    """Return how a network gets weights that training changes."""
    if not is_read(network):
        return "unfreeze one, or let to_torch learn neuron parameters"
    constant = [p for p in network.projections if p.frozen and _adds_constants(network, p)]
    if not constant:
        return "read it without train=, or let to_torch learn neuron parameters"
    names = " and ".join(f"'{synapses_of(network, p.name)}'" for p in constant)
    p = constant[0]
    variable = p.receive or network.population(p.target).neuron.receive
    equations = Equations(network.population(p.target).neuron.equations)
    unit = unit_name(equations[variable].dim if variable in equations else None)
    return f"synapses {names} add constants; write {variable} += w, with 'w : {unit}'"


def _adds_constants(network: SpikingNetwork, projection: Projection) -> bool:
    entry = network.provenance[ORIGIN].get(projection.name)
    return bool(synapses_of(network, projection.name)) and entry.get("variable") == ""
