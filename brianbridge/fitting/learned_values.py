"""Which values of a circuit a fit learns: parameters of neurons and synapses, and weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import Equations, Quantity
from brian2.units.fundamentalunits import get_dimensions

from brianbridge.errors import InputError, did_you_mean
from brianbridge.fitting.ranges import Ranges, checked_bounds, checked_ranges
from brianbridge.network import Projection, SpikingNetwork
from brianbridge.network.learned_parameters import with_learned
from brianbridge.network.origin import ORIGIN
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import si_array
from brianbridge.twin.learn import Learn
from brianbridge.twin.owners import owner_of
from brianbridge.twin.synapses.learned import check_learned_synapses

__all__ = ["LearnedValues", "Place", "learned_values"]

#: What the weight of synapses is called that have no variable for it.
_WEIGHT = "weight"


@dataclass(frozen=True)
class Place:
    """Say where a learned value belongs.

    Parameters
    ----------
    owner : str
        Name of the population or projection.
    name : str
        Name of the parameter.
    is_weight : bool
        Whether it is the weight of all synapses of a projection.
    factor : float
        What the weight is of the value: -1 if the code of the synapses subtracts it.
    """

    owner: str
    name: str
    is_weight: bool = False
    factor: float = 1.0


@dataclass(frozen=True)
class LearnedValues:
    """Hold the ranges of learned values, and where these belong.

    Parameters
    ----------
    ranges : Ranges
        The ranges; their names are those of the result of the fit.
    places : tuple of Place
        Where each one belongs, in the order of the ranges.
    """

    ranges: Ranges
    places: tuple[Place, ...]

    @property
    def parameters(self) -> dict[str, tuple[Learn, ...]]:
        """What the twin learns besides weights."""
        found: dict[str, tuple[Learn, ...]] = {}
        for place, (low, high) in zip(self.places, self.ranges.as_given().values(), strict=True):
            if not place.is_weight:
                one = Learn(place.name, low=low, high=high)
                found[place.owner] = (*found.get(place.owner, ()), one)
        return found

    def set_in(self, network: SpikingNetwork, values: np.ndarray) -> SpikingNetwork:
        """Return the network with one set of values, shape (values,)."""
        learned: dict[str, dict[str, Any]] = {}
        weights = {}
        quantities = self.ranges.quantities(values).values()
        for place, quantity in zip(self.places, quantities, strict=True):
            if place.is_weight:
                one = _projection(network, place.owner)
                weight = np.full_like(one.weight, place.factor * float(quantity))
                weights[place.owner] = weight, one.bias
            else:
                learned.setdefault(place.owner, {})[place.name] = quantity
        return with_learned(network.with_weights(weights), learned)


def learned_values(network: SpikingNetwork, learn: Mapping[str, Any]) -> LearnedValues:
    """Return the values to learn, given as ``{"cell": {"tau": (5*ms, 50*ms)}}``.

    Parameters
    ----------
    network : SpikingNetwork
        The circuit.
    learn : mapping of str to mapping of str to tuple of Quantity
        The lowest and the highest value of each parameter, by the name of its population,
        projection or `Synapses`.

    Raises
    ------
    InputError
        If there is no such parameter, or it has no single value, or its range is none.

    Examples
    --------
    >>> import brianbridge as bb
    >>> layers = [bb.Dense(2, bb.neuron_model("lif"))]
    >>> network = SpikingNetwork.sequential((3,), layers, encoding=bb.Current(5))
    >>> learned_values(network, {"output": {"tau": ("5 ms", "50 ms")}}).ranges.names
    ('output.tau',)
    """
    if not isinstance(learn, Mapping) or not learn:
        raise InputError(
            f"learn = {learn!r:.80} names no range; give those of each population or Synapses, as "
            "in {'cell': {'tau': (5*ms, 50*ms)}}"
        )
    names: list[str] = []
    places: list[Place] = []
    bounds: list[tuple[float, float, Any]] = []
    for owner, wanted in learn.items():
        found = _owner(network, owner)
        if not isinstance(wanted, Mapping) or not wanted:
            raise InputError(
                f"learn: '{owner}' = {wanted!r:.80}; give the range of each of its parameters, as "
                "in {'tau': (5*ms, 50*ms)}"
            )
        parts = (
            _of_synapses(network, found, wanted)
            if isinstance(found, Projection)
            else _of_neurons(network, found, wanted)
        )
        for name, (place, range_) in parts.items():
            names.append(f"{owner}.{name}")
            places.append(place)
            bounds.append(range_)
    low, high, dims = zip(*bounds, strict=True)
    return LearnedValues(Ranges(tuple(names), np.array(low), np.array(high), dims), tuple(places))


#: The place and the range of each parameter.
_Parts = dict[str, tuple[Place, tuple[float, float, Any]]]


def _owner(network: SpikingNetwork, name: str) -> str | Projection:
    """Return a population by its name, or a projection by its own or that of its `Synapses`."""
    populations = [p.name for p in network.populations]
    if name in populations:
        return name
    origin = network.provenance.get(ORIGIN, {})
    of_synapses: dict[str, list[str]] = {}
    for projection, entry in origin.items():
        of_synapses.setdefault(entry.get("synapses", projection), []).append(projection)
    chosen = of_synapses.get(name, [name])
    if len(chosen) > 1:
        raise InputError(
            f"learn: synapses '{name}' became several projections; name one of {', '.join(chosen)}"
        )
    projections = [p.name for p in network.projections]
    if chosen[0] not in projections:
        hint = did_you_mean(str(name), [*populations, *of_synapses, *projections])
        raise InputError(f"learn: the circuit has no population or synapses '{name}'. {hint}")
    return _projection(network, chosen[0])


def _projection(network: SpikingNetwork, name: str) -> Projection:
    return next(p for p in network.projections if p.name == name)


def _of_neurons(network: SpikingNetwork, owner: str, wanted: Mapping[str, Any]) -> _Parts:
    ranges = checked_ranges(_with_single_values(network.population(owner).neuron), wanted)
    found = zip(ranges.low, ranges.high, ranges.dims, strict=True)
    return {n: (Place(owner, n), one) for n, one in zip(ranges.names, found, strict=True)}


def _with_single_values(model: NeuronModel) -> NeuronModel:
    """Return a model in which a parameter that is the same for all neurons is one value."""
    same = {
        name: np.ravel(si_array(value))
        for name, value in model.parameters.items()
        if np.ndim(value) and len(np.unique(si_array(value))) == 1
    }
    return model.with_parameters(
        **{n: Quantity(v[0], dim=get_dimensions(model.parameters[n])) for n, v in same.items()}
    )


def _of_synapses(
    network: SpikingNetwork, projection: Projection, wanted: Mapping[str, Any]
) -> _Parts:
    """Return the parts of a projection: constants of its synapses, and its weight."""
    model, what = projection.model, f"projection '{projection.name}'"
    weight, factor = _weight(network, projection)
    others = [name for name in wanted if name != weight]
    if model is not None:
        check_learned_synapses(model, others, what)
    elif others:
        hint = did_you_mean(others[0], [weight])
        raise InputError(f"learn: {what} only adds its weight and has no '{others[0]}'. {hint}")
    found: _Parts = {}
    for name, bounds in wanted.items():
        values, dim = _present(network, projection, name, name == weight)
        if len(np.unique(values)) > 1:
            raise InputError(
                f"learn: '{name}' of {what} differs between synapses, and a fit learns one value; "
                "give all of them the same, or leave it out"
            )
        range_ = checked_bounds(name, bounds, Quantity(1.0, dim=dim))
        of = Place(projection.name, name, name == weight, factor if name == weight else 1.0)
        found[name] = of, range_
    return found


def _present(
    network: SpikingNetwork, projection: Projection, name: str, is_weight: bool
) -> tuple[np.ndarray, Any]:
    """Return the present values of the synapses, and their dimension."""
    if projection.model is None:
        target = network.population(projection.target).neuron
        return projection.weight, Equations(target.equations)[network.receive_of(projection)].dim
    owner = owner_of(network, projection.name)
    if is_weight:
        return projection.weight, owner.dimensions(projection.model.trained)
    return owner.start(name), owner.dimensions(name)


def _weight(network: SpikingNetwork, projection: Projection) -> tuple[str, float]:
    """Return the name of the weight, its variable or "weight", and its factor."""
    if projection.model is not None:
        return projection.model.trained, 1.0
    origin = network.provenance.get(ORIGIN, {}).get(projection.name, {})
    if origin.get("variable") and abs(origin["factor"]) == 1:
        return origin["variable"], origin["factor"]
    return _WEIGHT, 1.0
