"""Find the time within a step at which a neuron of a linear model crossed its threshold.

Brian2 gives a spike the time at which its step starts. A step is a state update over ``dt``, then
synaptic jumps, threshold and reset. With the exact propagator the state in between is known,

    x(s) = x + Gamma(s) (A x + b),     0 <= s <= dt

and so is the ``s`` at which the condition became true. A single variable without coupling changes
monotonically, and passes a level ``c`` after

    s = log1p(a r) / a,     r = (c - x) / (a x + b)

(``s = r`` without leak). All other cases are bisected by *binary stepping*: from the last state at
which the condition is false, advance by ``dt/2``, ``dt/4``, ... as long as it stays false.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.special
import sympy as sp
from brian2.core.variables import Constant
from brian2.parsing.sympytools import str_to_sympy, sympy_to_str

from brianbridge.errors import InputError
from brianbridge.neurons.evaluate import Compiled, compiled
from brianbridge.neurons.expressions import called_functions, names_in, one_line, substitute_name
from brianbridge.neurons.linear import LinearSystem, linear_system
from brianbridge.neurons.matrix_exponential import phi_gamma
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.probe import probe, resolve_names

__all__ = ["CrossingFinder", "CrossingUnknownError", "crossing_finder"]

#: Halvings of a step, down to 1e-13 of it. More would be lost in the rounding of the state.
_HALVINGS = 42
#: Names whose value changes within a step.
_CHANGING = {"t", "rand", "randn", "poisson"}
#: Number of spikes processed at a time, so that they stay in the processor's cache.
_CHUNK = 16384


class CrossingUnknownError(InputError):
    """Report that crossing times within a step cannot be computed for a model."""


class CrossingFinder:
    """Find the times within a step at which neurons of a linear model crossed their threshold.

    Parameters
    ----------
    model : NeuronModel
        A model with method ``"exact"``.
    neurons : int
        Size of the population. Parameters that are arrays are repeated to fill it.
    dt : float
        Length of the step, in seconds.

    Attributes
    ----------
    variables : tuple of str
        Variables whose value at the start of a step is needed: states, a drive, flags.

    Raises
    ------
    CrossingUnknownError
        If the model's method is not exact, or it has no emit, or its emit is random or uses ``t``,
        or the model calls timed arrays or runs code regularly.

    Notes
    -----
    The condition is assumed to become true at most once in a step. If it is false again at the
    end, Brian2 does not see it either. The neuron fired, so it was not refractory, and its
    ``(unless refractory)`` variables changed.

    Examples
    --------
    A neuron that is driven towards 2 reaches 1 after ``tau log(2)``. Another one starts above 1:

    >>> from brianbridge.neurons.library import neuron_model
    >>> finder = crossing_finder(neuron_model("lif"), neurons=5, dt=10e-3)
    >>> finder.variables
    ('v', 'drive')
    >>> start = {"v": np.array([0.0, 1.5]), "drive": np.array([200.0, 0.0])}
    >>> finder(start, node=np.array([3, 0])).round(6)
    array([0.006931, 0.      ])
    """

    def __init__(self, model: NeuronModel, neurons: int, dt: float) -> None:
        group = probe(model, neurons)
        names = resolve_names(group)
        emit, condition = model.emit, model.threshold_condition
        for name, expression in group.equations.get_substituted_expressions(names, True):
            if name in group.equations.subexpr_names:
                emit = substitute_name(emit, name, f"({expression.code})")
                condition = substitute_name(condition, name, f"({expression.code})")
        changing = (names_in(condition) | called_functions(condition)) & _CHANGING
        changing |= {
            *model.timed_arrays,
            *model.user_functions,
            *(one.code for one in model.regular),
        }
        if model.method != "exact" or not emit or changing:
            raise CrossingUnknownError(
                f"{model.label}: crossing times are unknown for method '{model.method}' and emit "
                f"'{model.emit}'; use method 'exact', an emit that depends on the state alone, and "
                "neither timed arrays, own functions nor regular code"
            )
        self._dt = dt
        self._system = _needed(linear_system(group.equations, names), names_in(condition))
        states = self._system.names
        inputs = [sympy_to_str(expression) for expression in self._system.inputs]
        self._inputs = [compiled(text) for text in inputs]
        self._condition = compiled(condition)
        self._levels = _levels(emit, states[0], names) if len(states) == 1 else None
        self._fixed: dict[str, Any] = {"dt": dt, "not_refractory": True}
        self._varied: dict[str, np.ndarray] = {}  # for each neuron
        used = {*self._system.parameters}.union(*map(names_in, [condition, *inputs]))
        for name in used - {*states, *self._fixed}:
            if isinstance(names[name], Constant):
                self._fixed[name] = names[name].get_value()
            elif name in model.heterogeneous or name == "i":
                self._varied[name] = np.array(names[name].get_value())
        rest = sorted(used - {*states, *self._fixed, *self._varied})
        self.variables: tuple[str, ...] = (*states, *rest)
        self._kinds = {k: bool if names[k].is_boolean else np.float64 for k in self.variables}

    def __call__(self, start: Mapping[str, np.ndarray], node: np.ndarray) -> np.ndarray:
        """Return the time from the start of the step to the crossing, for each spike.

        Parameters
        ----------
        start : mapping of str to numpy.ndarray, shape (spikes,)
            Each of `variables` at the start of the spike's step, in SI units.
        node : numpy.ndarray of int, shape (spikes,)
            The neuron of each spike.

        Returns
        -------
        numpy.ndarray, shape (spikes,)
            Times in seconds: 0 if the neuron was above its threshold at the start, `dt` if only
            the synaptic jump at the end crossed it.
        """
        node, found = np.asarray(node), np.empty(len(node))
        arrays = {name: np.asarray(start[name], dtype=kind) for name, kind in self._kinds.items()}
        # Sorted by neuron, the spikes of a chunk have few different parameters.
        order = np.argsort(node, kind="stable") if self._varied else np.arange(len(node))
        for low in range(0, len(node), _CHUNK):
            part = order[low : low + _CHUNK]
            scope = {k: v[part] for k, v in arrays.items()}
            scope |= {k: v[node[part]] for k, v in self._varied.items()}
            scope |= self._fixed
            find = self._bisect if self._levels is None else self._solve
            with np.errstate(all="ignore"):  # some levels are never reached
                s = find(scope) if self._system.names else self._dt
                found[part] = np.where(self._condition(scope), 0.0, s)
        return found

    def _solve(self, scope: dict[str, Any]) -> np.ndarray:
        """Return the time at which the variable passed the level of the condition."""
        (name,) = self._system.names
        x, leak = scope[name], self._system.evaluate(scope)[..., 0, 0]
        slope = leak * x + self._inputs[0](scope)
        end = {name: x + slope * self._dt * scipy.special.exprel(leak * self._dt)}
        # Where the condition is still false, the synaptic jump crossed the threshold: there is
        # nothing to solve. In many networks these are all spikes.
        found, flowed = np.full(len(x), self._dt), self._holds({**scope, **end}, len(x))
        if flowed.any():
            x, leak, slope = (_chosen(values, flowed) for values in (x, leak, slope))
            scope = {k: _chosen(values, flowed) for k, values in scope.items()}
            found[flowed] = self._passed(x, leak, slope, scope)
        return found

    def _passed(
        self, x: np.ndarray, leak: np.ndarray, slope: np.ndarray, scope: dict[str, Any]
    ) -> np.ndarray:
        """Return the time at which the variable passed the level without a synaptic jump."""
        (name,) = self._system.names
        passed = [np.zeros(len(x)), np.full(len(x), self._dt)]
        for level in self._levels or ():
            linear = (level(scope) - x) / slope
            bend = leak * linear
            s = linear * np.where(bend == 0, 1.0, np.log1p(bend) / bend)
            # Levels in the past were passed before; NaN means that a level is never reached.
            passed.append(np.clip(np.nan_to_num(s, nan=self._dt), 0.0, self._dt))
        # A single level lies between start and end; sorting would take most of the time.
        one = len(passed) == 3
        edges = np.array([passed[i] for i in (0, 2, 1)]) if one else np.sort(passed, axis=0)
        found, held = edges[-1], np.ones(len(x), dtype=bool)
        # Between two levels the condition does not change: go back while it is true.
        for before, after in zip(edges[-2::-1], edges[:0:-1], strict=True):
            s = (before + after) / 2
            value = x + slope * s * scipy.special.exprel(leak * s)
            held = held & (self._condition({**scope, name: value}) | (before == after))
            found = np.where(held, before, found)
        return found

    def _bisect(self, scope: dict[str, Any]) -> np.ndarray:
        """Return the end of the longest advance under which the condition stays false."""
        names = self._system.names
        matrices = self._system.evaluate(scope).reshape(-1, len(names), len(names))
        first = [True, *(matrices[1:] != matrices[:-1]).any(axis=(1, 2))]
        runs = np.diff(np.flatnonzero([*first, True]))  # successive spikes with the same matrix
        matrices = matrices[first]
        stages = [phi_gamma(matrices, self._dt / 2**_HALVINGS)[1]]
        while len(stages) <= _HALVINGS:
            half = stages[-1]  # Gamma(2h) = Gamma(h) + Phi(h) Gamma(h), Phi = 1 + Gamma A
            stages.append(2 * half + half @ matrices @ half)
        # The axes are rows, columns, spikes, so that the sum over columns is fast.
        x = np.array([scope[name] for name in names])
        # All spikes share a matrix, or each has its own.
        of_spike = np.repeat(np.arange(len(runs)), runs if len(runs) > 1 else x.shape[1])
        matrix = matrices.transpose(1, 2, 0)[..., of_spike]
        inputs = np.array([np.broadcast_to(b(scope), x[0].shape) for b in self._inputs])

        def ahead(stage: np.ndarray) -> np.ndarray:
            gamma = stage.transpose(1, 2, 0)[..., of_spike]
            return x + np.einsum("ijs,js->is", gamma, np.einsum("ijs,js->is", matrix, x) + inputs)

        def holds(values: np.ndarray) -> np.ndarray:
            return self._holds({**scope, **dict(zip(names, values, strict=True))}, len(of_spike))

        # Neurons below their threshold at the end crossed it by the synaptic jump.
        flowed = holds(ahead(stages[-1]))
        found = np.full(len(of_spike), self._dt)
        scope = {k: _chosen(v, flowed) for k, v in scope.items()}
        of_spike, matrix = of_spike[flowed], matrix[..., flowed]
        x, inputs = x[:, flowed], inputs[:, flowed]
        fraction = np.zeros(len(of_spike))
        for k, stage in enumerate(stages[-2::-1], start=1):  # half of a step, a quarter, ...
            further = ahead(stage)
            below = ~holds(further)
            x = np.where(below, further, x)
            fraction += below * 0.5**k
        found[flowed] = np.minimum(fraction + 0.5 ** (_HALVINGS + 1), 1.0) * self._dt
        return found

    def _holds(self, scope: Mapping[str, Any], spikes: int) -> np.ndarray:
        """Return whether the condition is true, for each spike."""
        return np.broadcast_to(self._condition(scope), spikes)


def _chosen(values: Any, kept: np.ndarray) -> Any:
    """Return the values of some spikes; a number is that of all spikes."""
    return values[kept] if np.ndim(values) else values


def crossing_finder(model: NeuronModel, neurons: int, dt: float) -> CrossingFinder | None:
    """Return the `CrossingFinder` of a model, or None if its crossing times are unknown."""
    try:
        return CrossingFinder(model, neurons, dt)
    except CrossingUnknownError:
        return None


def _needed(system: LinearSystem, used: set[str]) -> LinearSystem:
    """Return the part of a system that the variables in `used` depend on."""
    wanted = [i for i, name in enumerate(system.names) if name in used]
    keep = np.flatnonzero(system.reaches()[wanted].any(axis=0)).tolist()
    names = tuple(system.names[j] for j in keep)
    return LinearSystem(names, system.matrix.extract(keep, keep), system.inputs.extract(keep, [0]))


def _levels(emit: str, state: str, names: Mapping[str, Any]) -> list[Compiled] | None:
    """Return all values of `state` at which emit may change from or to 0; None if unknown."""
    node = ast.parse(one_line(emit), mode="eval").body
    match node:
        case ast.Call(func=ast.Name(id="clip"), args=[value, *limits]):
            node = node if any(state in names_in(ast.unparse(x)) for x in limits) else value
    match node:
        case ast.Call(func=ast.Name(id="floor"), args=[value]):
            text = ast.unparse(value)
            differences = [text, f"({text}) - 1"]  # floor(y) is 0 for y from 0 to below 1
        case _:
            tests = [n for n in ast.walk(node) if isinstance(n, ast.Compare)]
            inside = [m for n in tests for m in ast.walk(n)]
            if any(getattr(n, "id", "") == state and n not in inside for n in ast.walk(node)):
                return None
            tests = [n for n in tests if state in names_in(ast.unparse(n))]
            texts = [(ast.unparse(n.left), ast.unparse(n.comparators[0])) for n in tests]
            differences = [f"({left}) - ({right})" for left, right in texts]
    found, x = [], sp.Symbol(state, real=True)
    for text in differences:
        difference = sp.expand(str_to_sympy(text, names))
        slope = sp.nan if difference.has(sp.Rel) else sp.diff(difference, x)
        if slope.has(sp.nan, x, sp.Derivative):
            return None
        if slope != 0:
            found.append(compiled(sympy_to_str(-difference.subs(x, 0) / slope)))
    return found
