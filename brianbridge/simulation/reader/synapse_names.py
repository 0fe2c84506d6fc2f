"""Find out what the names in the code of synapses mean, and how a model writes them.

Constants get their values, constants of neurons become parameters of the synapses, and names of
variables of neurons get a suffix.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
from brian2 import Quantity, Subgroup
from brian2.core.functions import DEFAULT_FUNCTIONS, Function
from brian2.core.namespace import DEFAULT_CONSTANTS, DEFAULT_UNITS
from brian2.core.variables import Constant, Subexpression
from brian2.equations.equations import PARAMETER
from brian2.units.fundamentalunits import DIMENSIONLESS

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network.synapses.code import side_of
from brianbridge.neurons.expressions import one_line
from brianbridge.neurons.quantities import unit_name
from brianbridge.neurons.statements import parse_statements
from brianbridge.simulation.code_runners import random_functions

__all__ = ["Names", "is_temporary", "whole"]

#: Names of Brian2 that mean something else once there is a copy of the network for each sample.
_OF_THE_OBJECT = ("i", "j", "N", "N_incoming", "N_outgoing", "N_pre", "N_post", "i_pre", "i_post")


def whole(group: Any) -> Any:
    """Return the group that a subgroup belongs to, or the group itself."""
    return group.source if isinstance(group, Subgroup) else group


def is_temporary(synapses: Any, name: str) -> bool:
    """Return whether the code of a pathway defines a name itself."""
    return name not in synapses.variables and any(
        line.target == name
        for pathway in synapses._pathways
        for line in parse_statements(pathway.code, f"synapses '{synapses.name}'")
    )


@dataclass
class Names:
    """Collect what names mean, one after another.

    Parameters
    ----------
    synapses : brian2.Synapses
        The synapses.
    outer : mapping
        Constants that their namespace does not have.
    from_input : bool
        Whether the source is a part of the input.

    Attributes
    ----------
    renamed : dict of str to str
        The names of variables of neurons in the model.
    declared : dict of str to str
        The equations of constants of neurons, by their names in the model.
    initial : dict of str to numpy.ndarray, shape (synapses,)
        The values of these constants in SI units.
    constants : dict of str to Quantity or float
        All other constants.
    """

    synapses: Any
    outer: Mapping[str, Any]
    from_input: bool
    renamed: dict[str, str] = field(default_factory=dict)
    declared: dict[str, str] = field(default_factory=dict)
    initial: dict[str, np.ndarray] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)

    def take(self, name: str) -> None:
        """Note what a name means.

        Raises
        ------
        InputError
            If no model can hold it; the message says what to write instead.
        """
        if name in _OF_THE_OBJECT:
            self._refuse(
                f"'{name}' is the number of a neuron or a synapse, which differs in each copy of "
                "the network; declare a parameter, and give it these values"
            )
        side = side_of(self.synapses, name)
        if side:
            self._take_of_neuron(name, side)
        elif name not in self.synapses.variables and not is_temporary(self.synapses, name):
            self._take_constant(name)
        elif name.endswith(("_pre", "_post")):
            self._refuse(f"'{name}' is no variable of the equations of neurons; remove it")

    def in_model(self, text: str) -> str:
        """Return code with the names that variables of neurons have in the model."""
        return re.sub(r"\b[A-Za-z_]\w*\b", lambda m: self.renamed.get(m[0], m[0]), text)

    def _take_of_neuron(self, name: str, side: str) -> None:
        variable = self.synapses.variables[name]
        group = whole(self.synapses.source if side == "pre" else self.synapses.target)
        if side == "pre" and self.from_input:
            self._refuse(f"'{name}' is a variable of the input, which has only spikes; remove it")
        if isinstance(variable, Subexpression):
            self._refuse(
                f"'{name}' stands for an expression of group '{group.name}'; write out the "
                "expression"
            )
        known = {*group.user_equations, "lastspike", "not_refractory"}
        if variable.name not in known:
            self._refuse(
                f"'{name}' is no variable of the equations of group '{group.name}'. "
                + did_you_mean(variable.name, known)
            )
        eq = group.user_equations.get(variable.name)
        if eq is None or eq.type != PARAMETER or "constant" not in eq.flags:
            self.renamed[name] = f"{variable.name}_{side}"
            return
        own = f"{variable.name}_of_{'source' if side == 'pre' else 'target'}"
        if own in self.synapses.variables:
            self._refuse(f"'{own}' is needed for '{name}'; rename it")
        numbers = self.synapses.variables[f"_synaptic_{side}"].get_value()
        self.renamed[name] = own
        self.declared[own] = f"{own} : {unit_name(eq.dim)} (constant)"
        self.initial[own] = np.asarray(variable.get_value(), np.float64)[np.asarray(numbers)]

    def _take_constant(self, name: str) -> None:
        try:
            found = self.synapses.resolve_all(
                {name}, run_namespace=self.outer, user_identifiers=()
            )[name]
        except KeyError as error:
            self._refuse(one_line(str(error.args[0])))
        if isinstance(found, Function):
            if name in random_functions():
                self._refuse(
                    f"'{name}()' is noise, which is different in every run; remove it, or let "
                    "spikes fail by the perturbation 'synaptic_failure'"
                )
            if name not in DEFAULT_FUNCTIONS:
                self._refuse(f"'{name}' is a function of your own; write out what it computes")
        elif isinstance(found, Constant):
            value = found.get_value()
            default = DEFAULT_UNITS.get(name, DEFAULT_CONSTANTS.get(name))
            if default is None or float(default) != value:
                plain = found.dim is DIMENSIONLESS
                self.constants[name] = value if plain else Quantity(value, dim=found.dim)

    def _refuse(self, why: str) -> NoReturn:
        raise InputError(f"synapses '{self.synapses.name}': {why}")
