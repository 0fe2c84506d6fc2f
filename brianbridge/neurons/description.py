"""The fields that define a neuron, and what follows from their text alone.

`NeuronDescription` holds the fields of a neuron model and does not check them. The checks of
`brianbridge.neurons.checks` take one; `brianbridge.neurons.model.NeuronModel` is one that has
passed them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.neurons.equations import split_equations
from brianbridge.neurons.expressions import is_condition, parse_expression
from brianbridge.neurons.functions import USER_FUNCTIONS, UserFunction
from brianbridge.neurons.potential import derived_potential
from brianbridge.neurons.quantities import to_json
from brianbridge.neurons.quantity_text import quantity_text

__all__ = ["INDEX_NAMES", "SPIKE_VALUE", "NeuronDescription"]

#: The variable of a group that holds the value of its latest spikes.
SPIKE_VALUE = "spike_value"
#: The index of a neuron in its group, and the number of neurons, as Brian2 calls them.
INDEX_NAMES = frozenset({"i", "N"})

_TEXT_FIELDS = ("equations", "emit", "reset", "receive", "drive", "method", "name", "summary")


@dataclass(frozen=True, eq=False)
class NeuronDescription:
    r"""Hold the fields of a neuron model; see `brianbridge.neurons.model.NeuronModel`.

    Examples
    --------
    >>> lif = NeuronDescription("dv/dt = -v/tau + drive : 1\ndrive : Hz", emit="int(v >= 1)")
    >>> lif.is_binary, lif.state_variables, lif.settable_variables
    (True, ('v',), ('v', 'drive'))
    """

    equations: str
    emit: str = ""
    reset: str = ""
    receive: Any = None
    drive: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    initial: Mapping[str, Any] = field(default_factory=dict)
    refractory: Any = None
    method: str = "exact"
    name: str = ""
    summary: str = ""
    potential: str = ""
    timed_arrays: Mapping[str, Any] = field(default_factory=dict)
    regular: Sequence[Any] = ()
    events: Sequence[Any] = ()

    def __repr__(self) -> str:
        kind = type(self).__name__
        title = f"{kind} '{self.name}'" if self.name else kind
        constants = (f"{k} = {quantity_text(v)}" for k, v in self.parameters.items())
        start = (f"{k} = {quantity_text(v)}" for k, v in self.initial.items())
        lines = {
            "emit": self.emit,
            "reset": "; ".join(line.strip() for line in self.reset.strip().splitlines()),
            "refractory": "" if self.refractory is None else quantity_text(self.refractory),
            "potential": "" if self.potential == self.derived_potential else self.potential,
            "parameters": ", ".join(constants),
            "initial": ", ".join(start),
            "timed arrays": ", ".join(self.timed_arrays),
            "regularly": "; ".join(" ".join(one.code.split()) for one in self.regular),
            "events": "; ".join(f"{one.name}, {one.condition}" for one in self.events),
            "method": self.method,
        }
        text = "".join(f"\n  {equation}" for equation in self.equations.splitlines())
        text += "".join(f"\n  {key}: {line}" for key, line in lines.items() if line)
        return f"{title}: {self.summary}{text}" if self.summary else f"{title}{text}"

    @property
    def label(self) -> str:
        """The name of the model in error messages."""
        return f"neuron model '{self.name}'" if self.name else "neuron model"

    @cached_property
    def _condition(self) -> str:
        """The condition if emit is ``int(condition)``, else an empty string."""
        node = parse_expression(self.emit, self.label) if self.emit else None
        match node:
            case ast.Call(func=ast.Name(id="int"), args=[argument]) if is_condition(argument):
                return ast.get_source_segment(self.emit, argument) or ""
        return ""

    @property
    def is_binary(self) -> bool:
        """Whether every spike has the value 1: emit is ``int(condition)``."""
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
        """The parameters that differ between neurons."""
        return {k: v for k, v in self.parameters.items() if np.ndim(v) > 0}

    @property
    def differ(self) -> bool:
        """Whether neurons differ in a parameter, an initial value, or by their index."""
        arrays = any(np.ndim(v) > 0 for v in self.initial.values())
        return bool(self.heterogeneous) or arrays or bool(self.names & INDEX_NAMES)

    @cached_property
    def names(self) -> frozenset[str]:
        """All names in the code, those of functions and units included."""
        return frozenset(re.findall(r"\b[A-Za-z_]\w*", self._code))

    @property
    def user_functions(self) -> dict[str, UserFunction]:
        """The functions of the user that the code calls, by name."""
        called = set(re.findall(r"\b([A-Za-z_]\w*)\s*\(", self._code))
        return {k: v for k, v in USER_FUNCTIONS.items() if k in called - {*self.timed_arrays}}

    @cached_property
    def _code(self) -> str:
        """All code, without comments and without the ``/dt`` of equations."""
        refractory = self.refractory if isinstance(self.refractory, str) else ""
        codes = (self.emit, self.reset, refractory, *(one.code for one in self.regular))
        codes += tuple(f"{one.condition}\n{one.code}" for one in self.events)
        text = "\n".join((re.sub(r"/\s*dt\b", "", self.equations), *codes))
        return re.sub(r"#.*", "", text)

    @property
    def state_variables(self) -> tuple[str, ...]:
        """The variables that have a differential equation."""
        return tuple(re.findall(r"\bd(\w+)\s*/\s*dt\s*=", self.equations))

    @property
    def recordable_variables(self) -> tuple[str, ...]:
        """The state variables, and the potential if it has no equation."""
        others = {self.potential} - {"", *self.state_variables}
        return (*self.state_variables, *others)

    @property
    def settable_variables(self) -> tuple[str, ...]:
        """The variables that statements may set: state variables and the equations' parameters."""
        equations = split_equations(self.equations, self.label)
        return (*self.state_variables, *(name for name, code in equations.items() if not code))

    @property
    def fires_once(self) -> bool:
        """Whether the reset sets a flag that keeps the neuron from firing again."""
        flags = re.findall(r"\bnot\s+(\w+)", self.emit)
        return any(re.search(rf"\b{flag}\s*=\s*True\b", self.reset) for flag in flags)

    @property
    def traceable_variables(self) -> tuple[str, ...]:
        """The variables that may change in a run: recordable ones, and those statements may set."""
        return tuple(dict.fromkeys((*self.recordable_variables, *self.settable_variables)))

    @property
    def derived_potential(self) -> str:
        """The membrane potential as the equations show it; see `derived_potential`."""
        return derived_potential(self.equations, self.emit, self.receive or "")

    def require_potential(self, why: str) -> str:
        """Return the membrane potential, or refuse a model that does not say which it is.

        Parameters
        ----------
        why : str
            What needs it, for the message.
        """
        if not self.potential:
            candidates = self.state_variables or self.settable_variables
            names = " or ".join(f"'{name}'" for name in candidates)
            raise InputError(
                f"{why} needs the membrane potential of {self.label}, which may be {names}; name "
                f"it, as in potential = '{candidates[0]}'"
            )
        return self.potential

    def to_dict(self) -> dict[str, Any]:
        """Return a description in JSON values, which `from_dict` reads back bit for bit."""
        entry: dict[str, Any] = {k: getattr(self, k) for k in _TEXT_FIELDS}
        if self.potential != self.derived_potential:
            entry["potential"] = self.potential
        entry["parameters"] = {k: to_json(v) for k, v in self.parameters.items()}
        entry["initial"] = {k: to_json(v) for k, v in self.initial.items()}
        if self.refractory is not None:
            text = isinstance(self.refractory, str)
            entry["refractory"] = self.refractory if text else to_json(self.refractory)
        if self.timed_arrays:
            entry["timed_arrays"] = {k: v.to_dict() for k, v in self.timed_arrays.items()}
        if self.regular:
            entry["regular"] = [one.to_dict() for one in self.regular]
        if self.events:
            entry["events"] = [one.to_dict() for one in self.events]
        return entry
