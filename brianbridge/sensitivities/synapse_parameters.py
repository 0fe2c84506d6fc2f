"""The parameters of synapses with a model: which can change, and by how much."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from brian2.units.fundamentalunits import get_dimensions

from brianbridge.errors import InputError
from brianbridge.network import Projection, SpikingNetwork
from brianbridge.network.learned_parameters import with_learned
from brianbridge.neurons.quantities import si_array
from brianbridge.sensitivities.parameter import LeftOut, Parameter, whole_of, with_unit
from brianbridge.twin.owners import owner_of
from brianbridge.twin.synapses.learned import check_learned_synapses

__all__ = ["parameters_of_synapses"]


def parameters_of_synapses(network: SpikingNetwork, step: float) -> tuple[list[Parameter], LeftOut]:
    """Return constants and parameters of all synapses with a model, and why others are left out.

    Weights are not among them, nor the initial values of variables with an equation.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    step : float
        The change in Brian2, as a share.
    """
    found: list[Parameter] = []
    left_out: LeftOut = {}
    for projection in network.modelled:
        for name, value in _values_of(network, projection):
            place = f"{projection.name}.{name}"
            if np.asarray(value).dtype.kind == "b":
                left_out[place] = "a condition, which has no per cent"
                continue
            try:
                check_learned_synapses(projection.model, [name], "they")
            except InputError:
                left_out[place] = "no real number"
                continue
            whole = whole_of(value, partial(owner_of(network, projection.name).unit, name))
            if whole is None:
                left_out[place] = "it is 0, and nothing says how large it may be"
                continue
            found.append(
                Parameter(
                    projection.name, name, value, whole, not si_array(value).any(), step, -step,
                    partial(_changed, projection.name, name, value, whole),
                )
            )  # fmt: skip
    return found, left_out


def _values_of(network: SpikingNetwork, projection: Projection) -> Iterator[tuple[str, Any]]:
    model = projection.model
    assert model is not None, "only projections with a model have parameters"
    yield from model.constants.items()
    states = {name for name, *_ in model.expressions}
    owner = owner_of(network, projection.name)
    for name in model.variables:
        copied = name.endswith(("_of_source", "_of_target"))  # it changes with the neurons
        if name not in states and name != model.trained and not copied:
            values = model.initial.get(name, np.zeros(1))
            one = values[0] if np.all(values == values[0]) else values
            yield name, with_unit(np.asarray(one), owner.dimensions(name))


def _changed(
    owner: str, name: str, value: Any, whole: np.ndarray, network: SpikingNetwork, share: float
) -> SpikingNetwork:
    """Return the network with `share` of a parameter added to it, for all synapses."""
    values = si_array(value) + share * whole
    return with_learned(network, {owner: {name: with_unit(values, get_dimensions(value))}})
