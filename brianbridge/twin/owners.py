"""What learned parameters belong to: the neurons of a population, or the synapses of a projection.

An owner knows the initial values, the dimensions and the natural units of its parameters.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from brian2 import Equations
from brian2.units.fundamentalunits import get_dimensions

from brianbridge.errors import InputError
from brianbridge.network import Population, Projection, SpikingNetwork
from brianbridge.network.synapses import SynapseModel
from brianbridge.neurons.equations import split_equations
from brianbridge.neurons.expressions import names_in, one_line
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import si_array
from brianbridge.twin.learned import start_value

__all__ = ["Owner", "owner_of", "shared_values"]


class Owner(Protocol):
    """What a learned parameter belongs to."""

    @property
    def label(self) -> str:
        """The owner in messages."""

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of the values, by what has one each (`Learn.each`)."""

    def start(self, name: str) -> np.ndarray:
        """Return the initial values in SI units, one for each neuron or synapse."""

    def dimensions(self, name: str) -> Any:
        """Return the dimensions of a parameter."""

    def keeps_sign(self, name: str) -> bool:
        """Return whether a parameter without a range keeps its sign."""

    def divides(self, name: str) -> bool:
        """Return whether the equations divide by an expression of a parameter."""

    def unit(self, name: str) -> float | None:
        """Return one natural unit of a parameter in SI units; None if it is unknown."""


def owner_of(network: SpikingNetwork, name: str) -> Owner:
    """Return the population or the projection of this name."""
    for projection in network.modelled:
        if projection.name == name and projection.model is not None:
            ends = network.shape_of(projection.source), network.shape_of(projection.target)
            return _Synapses(projection, projection.model, projection.number_of_synapses(*ends))
    return _Neurons(network.population(name))


@dataclass(frozen=True)
class _Neurons:
    """The neurons of a population."""

    population: Population

    @property
    def _model(self) -> NeuronModel:
        return self.population.neuron

    @property
    def label(self) -> str:
        return f"population '{self.population.name}'"

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        shape = self.population.shape
        channels = {"channel": (shape[0], *(1 for _ in shape[1:]))} if len(shape) > 1 else {}
        return {"population": (), "neuron": shape, **channels}

    def start(self, name: str) -> np.ndarray:
        return np.resize(si_array(start_value(self._model, name)), self.population.shape)

    def dimensions(self, name: str) -> Any:
        if name in self._model.parameters:
            return get_dimensions(self._model.parameters[name])
        return Equations(self._model.equations)[name].dim

    def keeps_sign(self, name: str) -> bool:
        if name in self._model.state_variables:
            return False
        scale = self._model.scale
        if not scale.dimensions or tuple(self.dimensions(name)._dims) != scale.dimensions:
            return True
        return self.divides(name)  # A potential in volts may have any value otherwise.

    def divides(self, name: str) -> bool:
        model = self._model
        texts = split_equations(model.equations, model.label).values()
        return _divides(name, [*texts, model.emit])

    def unit(self, name: str) -> float | None:
        scale = self._model.scale
        if scale.responses.get(name, 0.0) > 0:
            return scale.of(name)
        dim = self.dimensions(name)
        if dim.is_dimensionless:
            return 1.0
        equations = Equations(self._model.equations)
        for variable in (self._model.potential, *scale.responses):
            known = variable == self._model.potential or scale.responses[variable] > 0
            if known and variable in equations and equations[variable].dim is dim:
                return scale.of(variable)
        return None


@dataclass(frozen=True)
class _Synapses:
    """The synapses of a projection that have a model."""

    projection: Projection
    model: SynapseModel
    number: int

    @property
    def label(self) -> str:
        return f"projection '{self.projection.name}'"

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {"population": (), "synapse": (self.number,)}

    def start(self, name: str) -> np.ndarray:
        values = self.model.constants.get(name, self.model.initial.get(name, 0.0))
        return np.resize(si_array(values), (self.number,))

    def dimensions(self, name: str) -> Any:
        if name in self.model.constants:
            return get_dimensions(self.model.constants[name])
        return Equations(self.model.equations)[name].dim

    def divides(self, name: str) -> bool:
        return _divides(name, [rate for _, rate, *_ in self.model.expressions])

    def keeps_sign(self, name: str) -> bool:
        return name not in {state for state, *_ in self.model.expressions}

    def unit(self, name: str) -> float | None:
        return 1.0 if self.dimensions(name).is_dimensionless else None


def _divides(name: str, texts: Sequence[str]) -> bool:
    divisors = (
        node.right
        for text in texts
        for node in ast.walk(ast.parse(one_line(text) or "0", mode="eval"))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
    )
    return any(name in names_in(ast.unparse(divisor)) for divisor in divisors)


def shared_values(owner: Owner, name: str, each: str, what: str) -> np.ndarray:
    """Return the initial values of a parameter, in the shape in which it is learned.

    Raises
    ------
    InputError
        If the owner has no such shape, or values that would be shared differ.
    """
    shapes, values = owner.shapes, owner.start(name)
    if each not in shapes:
        known = " or ".join(f"'{one}'" for one in shapes)
        raise InputError(f"{what}: it has no values for each {each}; give each = {known}")
    shape = shapes[each]
    groups = values.reshape(math.prod(shape), -1)
    if np.any(groups != groups[:, :1]):
        *_, finest = (one for one in shapes if one in ("neuron", "synapse"))
        raise InputError(f"{what}: values that would be shared differ; give each = '{finest}'")
    return groups[:, 0].reshape(shape)
