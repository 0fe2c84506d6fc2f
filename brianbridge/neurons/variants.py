"""Variants of a neuron model: a term more in an equation, a neuron that cannot fire.

They edit the text of equations and leave all else, so that a variant is a neuron model like any
other: Brian2 runs it, and where it is linear the exact propagator solves it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..errors import InputError, did_you_mean
from .model import NeuronModel

__all__ = ["with_equation", "with_gate", "with_term"]


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
        What is added to the right-hand side, with its sign.
    method : str, optional
        Another method of integration, where the term asks for one.
    **parameters
        Constants that the term names; none of the model's own.

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
    """Return the model with an equation more, a line such as ``"dx/dt = -x/tau_x : 1"``."""
    _check_free(model, {re.sub(r"^\s*d?(\w+?)(/dt)?\s*[=:].*", r"\1", equation): None})
    _check_free(model, parameters)
    return replace(
        model,
        equations=f"{model.equations}\n{equation}",
        parameters={**model.parameters, **parameters},
        initial=model.initial,
    )


def with_gate(model: NeuronModel, name: str, values: Any) -> NeuronModel:
    """Return the model that fires only where a parameter is above 0.

    Parameters
    ----------
    model : NeuronModel
        The model.
    name : str
        Of the parameter.
    values : array
        One a neuron.

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


def _check_free(model: NeuronModel, names: Mapping[str, Any]) -> None:
    text = f"{model.equations} {model.emit} {model.reset}"
    for name in names:
        if re.search(rf"\b{name}\b", text) or name in model.parameters:
            raise InputError(f"neuron model '{model.name}' has something called '{name}' already")
