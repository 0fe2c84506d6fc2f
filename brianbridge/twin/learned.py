"""Which values of a neuron can be learned: parameters, and initial values of its variables."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.neurons.equations import split_equations
from brianbridge.neurons.expressions import names_in, one_line
from brianbridge.neurons.model import NeuronModel

__all__ = ["checked_learned", "start_value"]


def checked_learned(model: NeuronModel, names: Collection[str]) -> tuple[str, ...]:
    """Return the names of learned parameters and variables, sorted.

    Parameters
    ----------
    model : NeuronModel
        The neuron.
    names : collection of str
        Parameters in its equations, emit or reset, or variables whose initial value is learned.

    Raises
    ------
    InputError
        If the model has no such parameter or variable, or it has no gradient: conditions, whole
        numbers, and parameters of the refractory period.
    """
    label = model.label
    if isinstance(names, str):
        raise InputError(f"{label}: learned = '{names}'; give a list of names, ['{names}']")
    variables = set(model.settable_variables)
    period = model.refractory if isinstance(model.refractory, str) else ""
    subexpressions = _subexpressions(model)
    for name in names:
        if name in subexpressions:
            inside = sorted(_resolved(name, subexpressions) & {*model.parameters, *variables})
            raise InputError(
                f"{label}: '{name}' is the expression {subexpressions[name]}; learn what it names, "
                f"{' or '.join(map(repr, inside)) or 'which is nothing here'}"
            )
        if name not in model.parameters and name not in variables:
            hint = did_you_mean(name, {*model.parameters, *variables} - {model.drive})
            raise InputError(f"{label} has no parameter '{name}' to learn. {hint}")
        if name == model.drive:
            raise InputError(
                f"{label}: '{name}' is the drive, which biases and constant input set; learn these"
            )
        if name in variables and _kind(model, name) != "float":
            raise InputError(
                f"{label}: '{name}' is no real number, and has no gradient; leave it out"
            )
        if np.asarray(model.parameters.get(name, 0.0)).dtype.kind == "b":
            raise InputError(
                f"{label}: '{name}' is a condition, which has no gradient; learn a real number"
            )
        if name in _bounds_of_emit(model):
            raise InputError(
                f"{label}: '{name}' bounds the value of a spike, a whole number without a "
                "gradient; leave it out"
            )
        if period and name in _resolved(period, subexpressions):
            raise InputError(
                f"{label}: '{name}' sets the refractory period, a number of steps without a "
                "gradient; leave it out"
            )
    return tuple(sorted(set(names)))


def _subexpressions(model: NeuronModel) -> dict[str, str]:
    lines = split_equations(model.equations, model.label)
    return {n: one_line(t) for n, t in lines.items() if t and n not in model.state_variables}


def _resolved(text: str, subexpressions: Mapping[str, str]) -> set[str]:
    """Return the names in an expression, and in the subexpressions that it names."""
    found = names_in(text)
    inner = (
        _resolved(subexpressions[name], subexpressions) for name in found & set(subexpressions)
    )
    return found.union(*inner)


def _kind(model: NeuronModel, variable: str) -> str:
    from brian2 import Equations

    return str(Equations(model.equations)[variable].var_type)


def _bounds_of_emit(model: NeuronModel) -> set[str]:
    """Return the names in the bounds of a graded spike, ``clip(floor(v), low, high)``."""
    tree = ast.parse(model.emit or "0", mode="eval")
    clips = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "clip"]
    return {
        name for clip in clips for bound in clip.args[1:] for name in names_in(ast.unparse(bound))
    }


def start_value(model: NeuronModel, name: str) -> Any:
    """Return the value of a parameter, or the initial value of a variable."""
    return model.parameters[name] if name in model.parameters else model.initial.get(name, 0.0)
