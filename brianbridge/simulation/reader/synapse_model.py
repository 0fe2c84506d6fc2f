"""Read a `Synapses` object that does more than add a weight as a `SynapseModel`.

Its equations and its code stay as they are. Names of constants get their values; constants of
neurons become parameters of the synapses; names of variables of neurons get a suffix.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from brian2 import Quantity, Subgroup
from brian2.codegen.translation import get_identifiers_recursively
from brian2.core.functions import DEFAULT_FUNCTIONS, Function
from brian2.core.namespace import DEFAULT_CONSTANTS, DEFAULT_UNITS
from brian2.core.variables import Constant, Subexpression
from brian2.equations.equations import PARAMETER, SUBEXPRESSION
from brian2.equations.unitcheck import check_units_statements
from brian2.stateupdaters.base import StateUpdateMethod, UnsupportedEquationsException
from brian2.units.fundamentalunits import DIMENSIONLESS, DimensionMismatchError
from brian2.utils.stringtools import get_identifiers

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network.synapses import SynapseModel, SynapsePathway
from brianbridge.network.synapses.code import side_of
from brianbridge.neurons.expressions import one_line
from brianbridge.neurons.from_group import equation_line
from brianbridge.neurons.model import SPIKE_VALUE
from brianbridge.neurons.quantities import unit_name
from brianbridge.neurons.statements import parse_statements
from brianbridge.simulation.code_runners import random_functions
from brianbridge.simulation.reader.synapse_checks import check_order, delay_steps

__all__ = ["ReadModel", "read_model", "whole"]

#: Names of Brian2 that mean something else once there is a copy of the network for each sample.
_OF_THE_OBJECT = ("i", "j", "N", "N_incoming", "N_outgoing", "N_pre", "N_post", "i_pre", "i_post")
#: Names that a trained variable has, if several could be meant.
_WEIGHTS = ("w", "weight")


@dataclass(frozen=True)
class ReadModel:
    """Hold what a `Synapses` object does, and its weights.

    Parameters
    ----------
    model : SynapseModel
        The description.
    weight : numpy.ndarray, shape (synapses,) or (1,)
        The present values of the trained variable; a single 1, which has no effect, if there is
        none.
    """

    model: SynapseModel
    weight: np.ndarray


def whole(group: Any) -> Any:
    """Return the group that a subgroup belongs to, or the group itself."""
    return group.source if isinstance(group, Subgroup) else group


def read_model(
    synapses: Any,
    dt: float,
    outer: Mapping[str, Any],
    orders: Mapping[str, int],
    *,
    from_input: bool,
    train: Mapping[str, str | None],
) -> ReadModel:
    """Return the model of a `Synapses` object.

    Parameters
    ----------
    synapses : brian2.Synapses
        The synapses, which are not changed.
    dt : float
        Time step of the network, in seconds.
    outer : mapping
        Constants that the namespace of the synapses does not have.
    orders : mapping of str to int
        The place of each pathway among those of all models, by its name in Brian2.
    from_input : bool
        Whether the source is a part of the input.
    train : mapping of str to str or None
        The trained variable of some `Synapses`, by their name.

    Raises
    ------
    InputError
        If they do something that no model can hold; the message says what to write instead.
    """
    return _ModelReader(synapses, outer, from_input).read(dt, orders, train)


class _ModelReader:
    """Read one `Synapses` object."""

    def __init__(self, synapses: Any, outer: Mapping[str, Any], from_input: bool) -> None:
        self.synapses, self.outer, self.from_input = synapses, outer, from_input
        self.what = f"synapses '{synapses.name}'"
        self.equations = _all_equations(synapses)
        self.constants: dict[str, Any] = {}
        self.renamed: dict[str, str] = {}
        self.initial: dict[str, np.ndarray] = {}
        self.declared: list[str] = []

    def read(
        self, dt: float, orders: Mapping[str, int], train: Mapping[str, str | None]
    ) -> ReadModel:
        """Return the model."""
        synapses = self.synapses
        self._check_groups()
        texts = [pathway.code for pathway in synapses._pathways]
        texts += [eq.expr.code for _, eq in self.equations if eq.expr is not None]
        names = set().union(*(get_identifiers(text) for text in texts))
        for name in sorted(names - {"and", "or", "not", "True", "False"}):
            self._take(name)
        self._check_units()
        self._check_statements()
        for name, eq in self.equations:
            if eq.type != SUBEXPRESSION:
                values = np.array(synapses.variables[name].get_value(), np.float64).ravel()
                same = len(values) and np.all(values == values[0])
                self.initial[name] = values[:1] if same else values
        trained = self._trained(names, train)
        weight = np.ones(1)
        if trained:
            weight = np.array(synapses.variables[trained].get_value(), np.float64).ravel()
            self.initial.pop(trained)
        lines = [self._renamed(equation_line(eq)) for _, eq in self.equations] + self.declared
        model = SynapseModel(
            "\n".join(lines),
            tuple(self._pathway(pathway, dt, orders) for pathway in synapses._pathways),
            trained=trained,
            initial={name: values for name, values in self.initial.items() if values.any()},
            constants=self.constants,
            method=self._method(),
            updates_first=check_order(synapses, self.outer, self.what),
        )
        return ReadModel(model, weight)

    # ------------------------------------------------------------------ names

    def _take(self, name: str) -> None:
        """Note what a name means; refuse names that a model cannot hold."""
        if name in _OF_THE_OBJECT:
            self._refuse(
                f"'{name}' is the number of a neuron or a synapse, which differs in each copy of "
                "the network; declare a parameter, and give it these values"
            )
        side = side_of(self.synapses, name)
        if side:
            self._take_of_neuron(name, side)
        elif name not in self.synapses.variables:
            self._take_constant(name)

    def _take_of_neuron(self, name: str, side: str) -> None:
        variable, index = self.synapses.variables[name], {"pre": 0, "post": 1}[side]
        group = whole((self.synapses.source, self.synapses.target)[index])
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
        self.renamed[name] = own
        line = f"{own} : {unit_name(eq.dim)} (constant)"
        if line not in self.declared:
            self.declared.append(line)
        numbers = self.synapses.variables["_synaptic_pre" if side == "pre" else "_synaptic_post"]
        values = np.asarray(variable.get_value(), np.float64)
        self.initial[own] = values[np.asarray(numbers.get_value())]

    def _take_constant(self, name: str) -> None:
        try:
            found = self.synapses.resolve_all(
                {name}, run_namespace=self.outer, user_identifiers=()
            )[name]
        except KeyError as error:
            if self._is_temporary(name):
                return
            raise InputError(f"{self.what}: {one_line(str(error.args[0]))}") from None
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
                dim = found.dim
                self.constants[name] = (
                    value if dim is DIMENSIONLESS else Quantity(value, dim=dim)
                )

    def _is_temporary(self, name: str) -> bool:
        """Return whether the code of a pathway defines a name itself."""
        return any(
            line.target == name
            for pathway in self.synapses._pathways
            for line in parse_statements(pathway.code, self.what)
        )

    # ------------------------------------------------------------------ checks

    def _check_groups(self) -> None:
        """Refuse groups whose spikes have values, and sums over a part of a group."""
        for group in (self.synapses.source, self.synapses.target):
            if SPIKE_VALUE in group.variables:
                self._refuse(
                    f"the spikes of '{group.name}' carry values, and then synapses can only add "
                    f"a weight, 'x_post += w*{SPIKE_VALUE}_pre'"
                )
        for name in self.synapses.summed_updaters:
            ends = self.synapses.source, self.synapses.target
            group = ends[0] if name.endswith("_pre") else ends[1]
            if isinstance(group, Subgroup):
                self._refuse(
                    f"'{name}' is a sum for the part '{group.name}' of a group; make the part a "
                    "group of its own"
                )
        if any(eq.type == "stochastic" for _, eq in self.equations) or any(
            eq.expr is not None and eq.expr.stochastic_variables for _, eq in self.equations
        ):
            self._refuse("the equations have noise, which is different in every run; remove 'xi'")

    def _check_units(self) -> None:
        """Let Brian2 check the units of equations and code."""
        synapses = self.synapses
        try:
            synapses.equations.check_units(synapses, run_namespace=self.outer)
            if synapses.event_driven is not None:
                synapses.event_driven.check_units(synapses, run_namespace=self.outer)
            for pathway in synapses._pathways:
                names = get_identifiers_recursively([pathway.code], synapses.variables)
                known = {n for n in names if n in synapses.variables or not self._is_temporary(n)}
                variables = synapses.resolve_all(
                    known, run_namespace=self.outer, user_identifiers=()
                )
                check_units_statements(pathway.code, variables)
        except KeyError as error:
            raise InputError(f"{self.what}: {one_line(str(error.args[0]))}") from None
        except (DimensionMismatchError, SyntaxError, ValueError, TypeError) as error:
            raise InputError(f"{self.what}: {one_line(str(error))}") from None

    def _check_statements(self) -> None:
        """Refuse writes to the source, and results that depend on the order of synapses."""
        for pathway in self.synapses._pathways:
            free: dict[str, bool] = {}
            for line in parse_statements(pathway.code, f"{self.what}, '{pathway.objname}'"):
                code = f"'{line.target} {line.operation} {line.expression}'"
                side = side_of(self.synapses, line.target)
                if side == "pre":
                    self._refuse(
                        f"{code} changes the source; only synapses and their target can change, so "
                        "let other synapses from the target to the source do it"
                    )
                own = any(free.get(n, self._differs(n)) for n in get_identifiers(line.expression))
                if not side:
                    free[line.target] = own if line.target not in self.synapses.variables else True
                elif line.operation == "=" and self._waits(line.target):
                    self._refuse(
                        f"{code} sets a variable with the flag (unless refractory), which Brian2 "
                        "does in refractory neurons with its NumPy target, but not with Cython; "
                        "write '+=' or '*=', or drop the flag"
                    )
                elif line.operation == "=" and own:
                    self._refuse(
                        f"{code} depends on which of several synapses comes last; write '+=', or "
                        "an expression without variables of the synapse and its source"
                    )
            self._check_alias(pathway)

    def _differs(self, name: str) -> bool:
        """Return whether a name may differ between the synapses of one target."""
        variables = self.synapses.variables
        if name not in variables or variables[name].scalar:
            return False
        return side_of(self.synapses, name) != "post"

    def _waits(self, name: str) -> bool:
        """Return whether a variable is not written while its neuron is refractory."""
        return getattr(self.synapses.variables[name], "conditional_write", None) is not None

    def _check_alias(self, pathway: Any) -> None:
        """Refuse code that reads in the source what it changes in the target, if both are one."""
        if whole(self.synapses.source) is not whole(self.synapses.target):
            return
        model = SynapseModel("", [SynapsePathway("x", "pre", self._renamed(pathway.code))])
        read = get_identifiers(pathway.code)
        for name in model.changed("post"):
            if f"{name}_pre" in read:
                self._refuse(
                    f"'{one_line(pathway.code)}' reads '{name}_pre' and changes '{name}_post' of the "
                    "same group, so that the result depends on the order of synapses; let it "
                    "change another variable"
                )

    # ------------------------------------------------------------------ parts of the model

    def _trained(self, names: set[str], train: Mapping[str, str | None]) -> str:
        """Return the variable that training changes; an empty string if there is none."""
        floats = [n for n, eq in self.equations if eq.type != SUBEXPRESSION
                  and eq.var_type == "float"]  # fmt: skip
        if self.synapses.name in train:
            chosen = train[self.synapses.name] or ""
            if chosen and chosen not in floats:
                hint = did_you_mean(chosen, floats)
                self._refuse(f"there is no variable '{chosen}' to train. {hint}")
            return chosen
        found = [n for n, eq in self.equations if n in floats and eq.type == PARAMETER
                 and n in names]  # fmt: skip
        if len(found) > 1:
            found = [name for name in found if name in _WEIGHTS] or found
        if len(found) > 1:
            listed = ", ".join(f"'{name}'" for name in found)
            self._refuse(
                f"training could change {listed}; say which, as in train = "
                f"{{'{self.synapses.name}': '{found[0]}'}}, or None for none of them"
            )
        return found[0] if found else ""

    def _renamed(self, text: str) -> str:
        """Return code with the names that variables of neurons have in the model."""
        return re.sub(r"\b[A-Za-z_]\w*\b", lambda m: self.renamed.get(m[0], m[0]), text)

    def _pathway(self, pathway: Any, dt: float, orders: Mapping[str, int]) -> SynapsePathway:
        steps = delay_steps(pathway, dt, self.what)
        same = len(steps) and np.all(steps == steps[0])
        return SynapsePathway(
            pathway.objname,
            pathway.prepost,
            "\n".join(
                f"{s.target} {s.operation} {s.expression}"
                for s in parse_statements(self._renamed(pathway.code), self.what)
            ),
            delay=steps[0] * dt if same else steps * dt,
            order=orders[pathway.name],
        )

    def _method(self) -> str:
        """Return the name of the method that Brian2 would take for clock-driven equations."""
        updater = self.synapses.state_updater
        if updater is None:
            return "exact"
        choice = updater.method_choice
        names = [choice] if isinstance(choice, str) else choice
        variables = {**self.synapses.variables, **self._namespace()}
        for method in names if isinstance(names, list | tuple) else ():
            if method in StateUpdateMethod.stateupdaters and not method.startswith("gsl"):
                try:
                    StateUpdateMethod.stateupdaters[method](
                        self.synapses.equations, variables, updater.method_options
                    )
                except UnsupportedEquationsException:
                    continue
                return str(method)
        self._refuse(
            f"method {choice!r} cannot take a step of its equations, or has no torch rendering; "
            "use method 'exact', 'euler', 'rk4' or 'exponential_euler'"
        )

    def _namespace(self) -> dict[str, Any]:
        names = self.synapses.equations.identifiers - set(self.synapses.variables) - {"dt"}
        found = self.synapses.resolve_all(names, run_namespace=self.outer, user_identifiers=())
        return dict(found)

    def _refuse(self, why: str) -> NoReturn:
        raise InputError(f"{self.what}: {why}")


def _all_equations(synapses: Any) -> list[tuple[str, Any]]:
    """Return all equations with their names, in a fixed order."""
    found = dict(synapses.equations.items())
    found |= dict((synapses.event_driven or {}).items())
    sums = [(name, _Sum(name, updater)) for name, updater in synapses.summed_updaters.items()]
    return [*found.items(), *sums]


class _Sum:
    """Stand for the equation of a summed variable, which Brian2 does not keep."""

    type, var_type, flags = SUBEXPRESSION, "float", ("summed",)

    def __init__(self, name: str, updater: Any) -> None:
        self.varname, self.expr, self.dim = name, updater.expression, updater.target_var.dim
