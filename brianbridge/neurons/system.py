"""The equations of a neuron as smooth functions of its state: their values, slopes and rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.special
import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational

from brianbridge.neurons.description import NeuronDescription
from brianbridge.neurons.probe import probe, resolve_names
from brianbridge.neurons.statements import parse_statements

__all__ = ["NotSmoothError", "SmoothSystem", "slope_of"]

#: Functions that sympy does not know, and NumPy or SciPy computes.
_KNOWN = ("exprel", "int_", "clip", "sign", "floor", "ceil")
_FUNCTIONS = [
    {"exprel": scipy.special.exprel, "int_": lambda x: np.asarray(x, dtype=float) * 1},
    "numpy",
]
#: What sympy and Brian2 raise for expressions that they cannot read or differentiate.
_UNREADABLE = (AttributeError, NotImplementedError, SyntaxError, TypeError, ValueError, KeyError)
#: Largest number of Newton steps, and the relative change at which they end.
_STEPS, _TOLERANCE = 50, 1e-9


#: What random numbers are on average.
_MEANS = {"rand": sp.Rational(1, 2), "randn": sp.Integer(0)}


def _is_input(expression: Any) -> bool:
    """Return whether an expression is a call of a timed array or of a random generator."""
    return isinstance(expression, AppliedUndef) and str(expression.func) not in _KNOWN


def _without_input(expression: Any) -> Any:
    return _MEANS.get(str(expression.func), sp.Integer(0))


class NotSmoothError(Exception):
    """The equations have no finite slope here, or use what is unknown before a run."""


def slope_of(expression: Any, symbol: Any) -> Any:
    """Return the derivative of an expression, in which conditions stay as they are."""
    conditions = {
        call: sp.Dummy() for call in expression.atoms(AppliedUndef) if call.atoms(Relational)
    }
    slope = sp.diff(expression.xreplace(conditions), symbol)
    return slope.xreplace({dummy: call for call, dummy in conditions.items()})


class SmoothSystem:
    """Evaluate the differential equations ``dx/dt = f(x)`` of a neuron without input.

    Neurons that differ are represented by the median of each parameter. Variables that synapses
    add to, and that have no equation, are states that keep their value. Noise is left out.

    Parameters
    ----------
    model : NeuronModel
        The model.
    variables : mapping of str to brian2 Variable or Function
        What its names refer to.
    equations : brian2.Equations
        Its equations.
    """

    def __init__(
        self, model: NeuronDescription, variables: Mapping[str, Any], equations: Any
    ) -> None:
        self._model, self._variables = model, variables
        self._compiled: dict[Any, Any] = {}
        kept = [model.receive] if model.receive not in ("", *model.state_variables) else []
        self.names = (*model.state_variables, *kept)
        right = dict(equations.get_substituted_expressions(variables))
        noise = {sp.Symbol(n, real=True): sp.Integer(0) for n in equations.stochastic_variables}
        self._rates = [
            self.expression(right[name].code).xreplace(noise) if name in right else sp.Integer(0)
            for name in self.names
        ]
        symbols = [sp.Symbol(name, real=True) for name in self.names]
        self._slopes = [[slope_of(rate, symbol) for symbol in symbols] for rate in self._rates]

    @classmethod
    def of(cls, model: NeuronDescription) -> SmoothSystem:
        """Return the system of a model.

        Raises
        ------
        NotSmoothError
            If an expression cannot be read.
        """
        values = {**model.parameters, **model.initial}.values()
        neurons = max([int(np.size(value)) for value in values], default=1)
        group = probe(model, neurons, fires=False)
        variables = resolve_names(group, model.emit, model.reset)
        try:
            return cls(model, variables, group.equations)
        except _UNREADABLE as error:
            raise NotSmoothError(str(error)) from error

    # ------------------------------------------------------------------ expressions

    def expression(self, text: str, temporaries: Mapping[str, str] | None = None) -> Any:
        """Return an expression for sympy, with subexpressions replaced by what they stand for.

        Parameters
        ----------
        text : str
            A Brian2 expression.
        temporaries : mapping of str to str, optional
            Further names that it may use, and the expressions that these stand for.
        """
        from brian2.core.variables import Subexpression
        from brian2.parsing.sympytools import str_to_sympy

        try:
            found = str_to_sympy(text, self._variables)
        except _UNREADABLE as error:
            raise NotSmoothError(str(error)) from error
        flag = sp.Function("int_")(sp.Symbol("not_refractory", real=True))
        found = found.xreplace({flag: sp.Integer(1)}).replace(_is_input, _without_input)
        for symbol in list(found.free_symbols):
            variable = self._variables.get(str(symbol))
            further = (temporaries or {}).get(str(symbol))
            if isinstance(variable, Subexpression):
                further = variable.expr
            if further is not None:
                found = found.xreplace({symbol: self.expression(further, temporaries)})
        return found

    def value(self, expression: Any, state: Mapping[str, float]) -> float:
        """Return the value of an expression in a state.

        Raises
        ------
        NotSmoothError
            If it is not finite or uses what is unknown before a run.
        """
        symbols = sorted(expression.free_symbols, key=str)
        known = [state[str(s)] if str(s) in state else self._median(str(s)) for s in symbols]
        try:
            if expression not in self._compiled:
                self._compiled[expression] = sp.lambdify(symbols, expression, modules=_FUNCTIONS)
            with np.errstate(all="ignore"):
                found = float(self._compiled[expression](*known))
        except (ArithmeticError, AttributeError, NameError, TypeError, ValueError) as error:
            raise NotSmoothError(str(error)) from error
        if not np.isfinite(found):
            raise NotSmoothError(f"{expression} is {found}")
        return found

    def _median(self, name: str) -> float:
        """Return the value of a name that is constant, or as it is at the start."""
        if name in ("t", "emit"):
            return 0.0 if name == "t" else 1.0
        try:
            return float(np.median(np.asarray(self._variables[name].get_value(), dtype=float)))
        except (KeyError, AttributeError, TypeError, ValueError, NotImplementedError) as error:
            raise NotSmoothError(f"'{name}' is unknown") from error

    # ------------------------------------------------------------------ the system

    def initial(self) -> dict[str, float]:
        """Return the initial state, in SI units."""
        return {name: self._median(name) for name in self.names}

    def rates(self, state: Mapping[str, float]) -> np.ndarray:
        """Return ``f(x)``, shape ``(states,)``."""
        return np.array([self.value(rate, state) for rate in self._rates])

    def jacobian(self, state: Mapping[str, float]) -> np.ndarray:
        """Return the slopes ``df/dx``, shape ``(states, states)``."""
        return np.array([[self.value(s, state) for s in row] for row in self._slopes])

    def rest(self) -> dict[str, float]:
        """Return the fixed point that Newton's method finds; without one, the initial state."""
        start = self.initial()
        state = dict(start)
        moved = np.zeros(len(self.names))
        for _ in range(_STEPS):
            try:
                step = self._newton_step(state)
            except (NotSmoothError, np.linalg.LinAlgError):
                return start
            values = np.array(list(state.values()))
            if (np.abs(step) <= _TOLERANCE * np.maximum(np.abs(values), moved)).all():
                return state
            moved = np.maximum(moved, np.abs(step))
            state = dict(zip(self.names, (values + step).tolist(), strict=True))
        return start

    def _newton_step(self, state: Mapping[str, float]) -> np.ndarray:
        """Return the step of Newton's method; variables that nothing moves stay where they are."""
        rates, slopes = self.rates(state), self.jacobian(state)
        moving = np.flatnonzero((slopes != 0).any(axis=1) | (rates != 0))
        step = np.zeros(len(rates))
        if len(moving):
            step[moving] = -np.linalg.solve(slopes[np.ix_(moving, moving)], rates[moving])
        return step

    # ------------------------------------------------------------------ spikes

    def emits(self, state: Mapping[str, float]) -> bool:
        """Return whether a neuron in this state fires; False if this is unknown."""
        from brianbridge.neurons.evaluate import compiled
        from brianbridge.neurons.expressions import names_in

        try:
            scope = {
                name: state[name] if name in state else self.value(self.expression(name), state)
                for name in names_in(self._model.emit)
                if hasattr(self._variables.get(name), "get_value") or name in state
            }
            return bool(compiled(self._model.emit)({**scope, "not_refractory": True}))
        except (NotSmoothError, NameError, TypeError, ValueError):
            return False

    def after_reset(self, state: Mapping[str, float]) -> float:
        """Return the potential after the reset of a neuron that fires in this state."""
        name, state = self._model.potential, dict(state)
        operations = {"+=": "+", "-=": "-", "*=": "*", "/=": "/"}
        for line in parse_statements(self._model.reset, "reset"):
            text = line.expression
            if line.operation in operations:
                text = f"{line.target} {operations[line.operation]} ({text})"
            if line.target == name:
                state[name] = self.value(self.expression(text), state)
        return state[name]
