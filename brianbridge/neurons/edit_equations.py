"""Edit the equations of a neuron model: add a term, an equation, or a condition for firing.

The functions change the text of the equations and nothing else. The result is a neuron model like
any other: Brian2 runs it, and the exact propagator solves it if it is linear.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.probe import probe

__all__ = ["with_bounds", "with_equation", "with_gate", "with_term"]

#: A bound that no state reaches.
_HUGE = 1e300


def with_term(
    model: NeuronModel, variable: str, term: str, *, method: str | None = None, **parameters: Any
) -> NeuronModel:
    """Return the model with a term added to the equation of a state variable.

    Parameters
    ----------
    model : NeuronModel
        The model.
    variable : str
        A state variable.
    term : str
        The term to add to the right-hand side, with its sign.
    method : str, optional
        Another method of integration, if the term needs one.
    **parameters
        New constants in the term.

    Raises
    ------
    InputError
        If there is no such state variable, or a name is taken.

    Examples
    --------
    >>> from brianbridge.neurons.library import neuron_model
    >>> with_term(neuron_model("if"), "v", "+ offset", offset="2 Hz").equations.splitlines()[0]
    'dv/dt = drive + offset : 1'
    """
    what = f"neuron model '{model.name}'"
    if variable not in model.state_variables:
        hint = did_you_mean(variable, model.state_variables)
        raise InputError(f"{what} has no state variable '{variable}'. {hint}")
    _check_free(model, parameters)
    lines = [
        re.sub(rf"^(\s*d{variable}\s*/\s*dt\s*=[^:]*?)\s*:", rf"\1 {term} :", line)
        for line in model.equations.splitlines()
    ]
    return replace(
        model,
        equations="\n".join(lines),
        method=model.method if method is None else method,
        parameters={**model.parameters, **parameters},
        initial=model.initial,
    )


def with_equation(model: NeuronModel, equation: str, **parameters: Any) -> NeuronModel:
    """Return the model with another equation, such as ``"dx/dt = -x/tau_x : 1"``.

    Parameters
    ----------
    model : NeuronModel
        The model.
    equation : str
        One line with its unit.
    **parameters
        New constants in the equation.

    Raises
    ------
    InputError
        If a name is taken.
    """
    _check_free(model, {re.sub(r"^\s*d?(\w+?)(/dt)?\s*[=:].*", r"\1", equation): None})
    _check_free(model, parameters)
    return replace(
        model,
        equations=f"{model.equations}\n{equation}",
        parameters={**model.parameters, **parameters},
        initial=model.initial,
    )


def with_gate(model: NeuronModel, name: str, values: Any) -> NeuronModel:
    """Return a model whose neurons fire only if a parameter is above 0.

    Parameters
    ----------
    model : NeuronModel
        The model.
    name : str
        Name of the parameter.
    values : array, shape (neurons,)
        Its value for each neuron.

    Examples
    --------
    >>> from brianbridge.neurons.library import neuron_model
    >>> with_gate(neuron_model("lif"), "alive", [1.0, 0.0]).emit
    'int(v >= theta and alive > 0)'
    """
    _check_free(model, {name: None})
    gate = f"{name} > 0"
    if model.is_binary:
        condition = model.threshold_condition
        inner = f"({condition})" if re.search(r"\bor\b", condition) else condition
        emit = f"int({inner} and {gate})"
    else:
        emit = f"({model.emit})*int({gate})"
    return replace(
        model, emit=emit, parameters={**model.parameters, name: values}, initial=model.initial
    )


def with_bounds(model: NeuronModel, bounded: Any) -> NeuronModel:
    """Return a model in which the equations of some neurons use their initial state.

    The right-hand sides of these neurons are then constant, so that their state cannot diverge.
    The equations of all other neurons stay the same.

    Parameters
    ----------
    model : NeuronModel
        The model.
    bounded : array of bool, shape (neurons,)
        Which neurons use their initial state.

    Examples
    --------
    >>> from brianbridge.neurons.library import neuron_model
    >>> with_bounds(neuron_model("izhikevich"), [True, False]).equations.splitlines()[1]
    'du/dt = a*(b*clip(v, v_lowest, v_highest) - clip(u, u_lowest, u_highest)) : volt/second'
    """
    from brian2 import Quantity

    variables = probe(model, np.size(bounded), fires=False).variables
    bounds = {}
    for name in model.state_variables:
        start, dim = variables[name].get_value(), variables[name].dim
        for bound, value in (("lowest", -_HUGE), ("highest", _HUGE)):
            bounds[f"{name}_{bound}"] = Quantity(np.where(bounded, start, value), dim=dim)
    _check_free(model, bounds)
    states = "|".join(model.state_variables)
    seen = r"clip(\1, \1_lowest, \1_highest)"

    def limited(match: re.Match[str]) -> str:
        return match[1] + re.sub(rf"\b({states})\b", seen, match[2])

    return replace(
        model,
        equations=re.sub(r"^([^=:\n]*=)([^:\n]*)", limited, model.equations, flags=re.MULTILINE),
        parameters={**model.parameters, **bounds},
        initial=model.initial,
    )


def _check_free(model: NeuronModel, names: Mapping[str, Any]) -> None:
    text = f"{model.equations} {model.emit} {model.reset}"
    for name in names:
        if re.search(rf"\b{name}\b", text) or name in model.parameters:
            raise InputError(f"{model.label} already uses the name '{name}'; choose another one")
