"""The neuron model: equations, emit, reset and parameters; the one description of a neuron.

From it come a Brian2 `NeuronGroup` (`NeuronModel.group`) and, elsewhere, the torch twin, which
renders that very group. `emit` is the spike value as a function of the state, and makes every
family one shape:

=====================  ==========================================
integrate-and-fire     ``int(v >= theta)``
ternary                ``int(v >= theta) - int(v <= -theta)``
multi-threshold        ``clip(floor(v/theta + 1e-9), 0, s_max)``
single spike           ``int(v > theta and not fired)``
=====================  ==========================================
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.neurons.checks import (
    check_model,
    check_model_names,
    parse_initial,
    parse_refractory,
)
from brianbridge.neurons.expressions import (
    is_condition,
    one_line,
    parse_expression,
    split_equations,
    substitute_name,
    without_aliases,
)
from brianbridge.neurons.quantities import from_json, parse_quantity, si_array, to_json, unit_name

__all__ = ["SPIKE_VALUE", "NeuronModel"]

#: The variable of a group that holds what its latest spikes carry.
SPIKE_VALUE = "spike_value"

#: Brian2's names for what the exact propagator does better.
_EXACT = ("exact", "linear", "independent", "propagator")

_TEXT_FIELDS = ("equations", "emit", "reset", "receive", "drive", "method", "name", "summary")


@dataclass(frozen=True, eq=False)
class NeuronModel:
    r"""Describe a point neuron by its equations.

    Parameters
    ----------
    equations : str
        Brian2 equations with units, one to a line.
    emit : str
        The spike value as a function of state; 0 means no spike.
    reset : str
        What happens to the state of a neuron that fired; may use ``emit``.
    receive : str
        The variable that a synaptic weight adds to.
    drive : str
        The variable that a constant input current sets; empty if there is none.
    parameters : mapping of str to Quantity, float, str or array
        Constants named in the equations; an array gives one value a neuron.
    initial : mapping of str to Quantity, float or str
        State at the start of a presentation, by variable; 0 where not given.
    refractory : str or Quantity, optional
        Refractory period, or an expression, as in Brian2.
    method : str
        ``"exact"`` for the exact propagator, or any of Brian2's methods.
    name, summary : str
        How the model is called, and what it is in one line.
    threshold : str, optional
        Brian2's spelling: ``threshold="v > 1"`` stands for ``emit="int(v > 1)"``.

    Raises
    ------
    InputError
        If an expression does not parse, names something unknown or has the wrong unit; or if
        `method` is ``"exact"`` and the equations are not linear.

    Examples
    --------
    >>> from brian2 import ms
    >>> lif = NeuronModel(
    ...     "dv/dt = -v/tau + drive : 1\ndrive : Hz", threshold="v >= theta", reset="v -= theta",
    ...     drive="drive", parameters={"tau": 10*ms, "theta": 1.0},
    ... )
    >>> lif.emit
    'int(v >= theta)'
    >>> lif.group(5).N
    5
    """

    equations: str
    emit: str = ""
    reset: str = ""
    receive: str = "v"
    drive: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    initial: Mapping[str, Any] = field(default_factory=dict)
    refractory: Any = None
    method: str = "exact"
    name: str = ""
    summary: str = ""
    threshold: InitVar[str | None] = None

    def __post_init__(self, threshold: str | None) -> None:
        set_ = object.__setattr__
        if threshold:
            if self.emit:
                raise InputError(f"{self._what}: give emit or threshold, not both")
            set_(self, "emit", f"int({one_line(threshold)})")
        what, method = self._what, self.method.lower()
        set_(self, "method", "exact" if method in _EXACT else method)
        set_(self, "emit", one_line(self.emit))
        set_(self, "equations", "\n".join(s.strip() for s in self.equations.strip().splitlines()))
        parameters = {k: parse_quantity(v, f"{what}, {k}") for k, v in self.parameters.items()}
        set_(self, "parameters", parameters)
        set_(self, "refractory", parse_refractory(self.refractory, what))
        check_model_names(self, what)
        # Expressions are kept, to be evaluated anew when a parameter changes.
        set_(self, "_initial_as_given", dict(self.initial))
        initial = {
            k: parse_initial(v, parameters, f"{what}, initial value of '{k}'")
            for k, v in self.initial.items()
        }
        set_(self, "initial", initial)
        check_model(self, what)

    # ------------------------------------------------------------------ what it is

    @property
    def _what(self) -> str:
        return f"neuron model '{self.name}'" if self.name else "neuron model"

    @cached_property
    def _condition(self) -> str:
        """The condition, where emit is nothing but ``int(condition)``."""
        node = parse_expression(self.emit, self._what) if self.emit else None
        match node:
            case ast.Call(func=ast.Name(id="int"), args=[argument]) if is_condition(argument):
                return ast.get_source_segment(self.emit, argument) or ""
        return ""

    @property
    def is_binary(self) -> bool:
        """Whether a spike can only carry 1: emit is ``int(condition)``."""
        return bool(self._condition)

    @property
    def threshold_condition(self) -> str:
        """The condition under which the neuron fires, as Brian2's ``threshold``."""
        return self._condition or f"({self.emit}) != 0"

    @property
    def brian2_method(self) -> str:
        """The name of the state update method in Brian2's registry."""
        if self.method == "exact":
            from brianbridge.neurons.propagator import METHOD

            return METHOD
        return self.method

    @property
    def heterogeneous(self) -> dict[str, np.ndarray]:
        """The parameters that differ from neuron to neuron."""
        return {k: v for k, v in self.parameters.items() if np.ndim(v) > 0}

    @property
    def differ(self) -> bool:
        """Whether neurons differ, in a parameter or in where they start."""
        return bool(self.heterogeneous) or any(np.ndim(v) > 0 for v in self.initial.values())

    @property
    def state_variables(self) -> tuple[str, ...]:
        """The variables that have a differential equation."""
        return tuple(re.findall(r"\bd(\w+)\s*/\s*dt\s*=", self.equations))

    @property
    def settable_variables(self) -> tuple[str, ...]:
        """The variables that statements may set: those with an equation, and parameters."""
        parameters = (
            k for k, code in split_equations(self.equations, self._what).items() if not code
        )
        return (*self.state_variables, *parameters)

    @property
    def fires_once(self) -> bool:
        """Whether the reset sets a flag that keeps the neuron from firing again."""
        flags = re.findall(r"\bnot\s+(\w+)", self.emit)
        return any(re.search(rf"\b{flag}\s*=\s*True\b", self.reset) for flag in flags)

    @property
    def potential(self) -> str:
        """The variable that stands for the membrane potential: ``v`` where there is one.

        Else what receives, or the only one that has a differential equation; "" if there is none.
        """
        variables = self.state_variables
        only = variables[0] if len(variables) == 1 else ""
        return "v" if "v" in variables else self.receive or only

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NeuronModel) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self.equations, self.emit, self.reset, self.method))

    # ------------------------------------------------------------------ Brian2

    def group(self, n: int, *, fires: bool = True, **keywords: Any) -> Any:
        """Build an ordinary Brian2 `NeuronGroup` of `n` neurons in their initial state.

        Parameters
        ----------
        n : int
            Number of neurons; where parameters are arrays, a multiple of their length.
        fires : bool
            Whether there is a threshold; without one the membrane potential is free.
        **keywords
            Passed on to `NeuronGroup` (``name``, ``order``, ``dt``, ``clock``, ...).

        Returns
        -------
        brian2.NeuronGroup
            With ``spike_value`` as a state variable if spikes can carry anything but 1. Such a
            group resets right after its threshold, so that synapses see the new value.

        Examples
        --------
        >>> from brianbridge.neurons.library import neuron_model
        >>> group = neuron_model("lif").group(3, name="cortex")
        >>> group.events["spike"], group.event_codes["spike"]
        ('v >= theta', 'v -= theta*1')
        """
        from brian2 import NeuronGroup

        from brianbridge.neurons import conditional, propagator  # noqa: F401  (they register their methods)

        lines = [self.equations]
        namespace = {k: v for k, v in self.parameters.items() if np.ndim(v) == 0}
        arrays = {**self.heterogeneous, **self.initial}
        for key, values in arrays.items():
            if n % np.size(values):
                raise InputError(
                    f"{self._what}: '{key}' has {np.size(values)} values for {n} neurons"
                )
        for key, values in self.heterogeneous.items():
            condition = np.asarray(values).dtype == bool
            unit = "boolean" if condition else unit_name(getattr(values, "dim", None))
            lines.append(f"{key} : {unit} (constant)")
        arguments: dict[str, Any] = {}
        if fires and self.emit:
            reset = substitute_name(self.reset, "emit", "1" if self.is_binary else SPIKE_VALUE)
            if not self.is_binary:
                lines.append(f"{SPIKE_VALUE} : 1")
                reset = f"{SPIKE_VALUE} = {self.emit}\n{reset}"
            known = split_equations(self.equations, self._what)
            others = {k: v for k, v in known.items() if k not in self.state_variables}
            reset = without_aliases(reset, others)
            arguments = {"threshold": self.threshold_condition, "reset": reset}
            if self.refractory is not None:
                arguments["refractory"] = self.refractory
        equations = "\n".join(lines)
        if "refractory" not in arguments:
            equations = equations.replace("(unless refractory)", "")
        group = NeuronGroup(
            n, equations, method=self.brian2_method, namespace=namespace, **arguments, **keywords
        )
        if arguments and not self.is_binary:
            group.resetter["spike"].when = "thresholds"
            group.resetter["spike"].order = group.order + 1
        for key, values in arrays.items():
            group.variables[key].set_value(np.resize(si_array(values), n))
        return group

    @classmethod
    def from_group(
        cls,
        group: Any,
        *,
        receive: str | None = None,
        drive: str = "",
        namespace: Mapping[str, Any] | None = None,
    ) -> NeuronModel:
        """Read the model of a `NeuronGroup` that already exists.

        See `brianbridge.neurons.from_group.model_from_group`.
        """
        from brianbridge.neurons.from_group import model_from_group

        return model_from_group(group, receive=receive, drive=drive, namespace=namespace, level=1)

    # ------------------------------------------------------------------ variants and files

    def with_parameters(self, **values: Any) -> NeuronModel:
        """Return the model with some parameters changed.

        Raises
        ------
        InputError
            If there is no such parameter; the near one is suggested.

        Examples
        --------
        >>> from brian2 import ms
        >>> from brianbridge.neurons.library import neuron_model
        >>> neuron_model("lif").with_parameters(tau=20*ms).parameters["tau"]
        20. * msecond
        """
        for key in values:
            if key not in self.parameters:
                raise InputError(
                    f"{self._what} has no parameter '{key}'. " + did_you_mean(key, self.parameters)
                )
        return replace(
            self,
            parameters={**self.parameters, **values},
            initial=self._initial_as_given,  # type: ignore[attr-defined]
        )

    def to_dict(self) -> dict[str, Any]:
        """Return a description that JSON can hold and `from_dict` reads back, bit for bit."""
        entry: dict[str, Any] = {k: getattr(self, k) for k in _TEXT_FIELDS}
        entry["parameters"] = {k: to_json(v) for k, v in self.parameters.items()}
        entry["initial"] = {k: to_json(v) for k, v in self.initial.items()}
        if self.refractory is not None:
            text = isinstance(self.refractory, str)
            entry["refractory"] = self.refractory if text else to_json(self.refractory)
        return entry

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> NeuronModel:
        """Rebuild, and check, a model from the outcome of `to_dict`."""
        fields = dict(entry)
        known = cls.__dataclass_fields__
        for key in (*fields, "equations"):
            if key not in known or key not in fields:
                problem = "unknown" if key in fields else "missing"
                raise InputError(
                    f"description of a neuron model: {problem} key '{key}'. "
                    + did_you_mean(key, known)
                )
        for key in ("parameters", "initial"):
            fields[key] = {k: from_json(v) for k, v in fields.get(key, {}).items()}
        if isinstance(fields.get("refractory"), Mapping):
            fields["refractory"] = from_json(fields["refractory"])
        return cls(**fields)
