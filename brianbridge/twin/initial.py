"""Compute in torch the initial values that are expressions of learned parameters."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor

from brianbridge.neurons.expressions import names_in, parse_expression
from brianbridge.neurons.initial_values import is_expression
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import si_array
from brianbridge.twin.constants import constant_tensor

__all__ = ["InitialExpressions"]


class InitialExpressions:
    """Compute the initial values that are expressions of learned parameters, such as ``"EL"``.

    Parameters
    ----------
    model : NeuronModel
        The neuron.
    learned : collection of str
        What is learned. A variable among them starts with the value that is learned.

    Attributes
    ----------
    names : frozenset of str
        The learned parameters that the expressions name.
    """

    def __init__(self, model: NeuronModel, learned: Collection[str]) -> None:
        from brian2.core.namespace import DEFAULT_CONSTANTS, DEFAULT_UNITS

        texts = {
            variable: text
            for variable, text in model.initial_as_given.items()
            if is_expression(text) and variable not in learned
            if names_in(text) & set(learned)
        }
        used = {name for text in texts.values() for name in names_in(text)}
        self.names = frozenset(used & set(learned))
        self._codes = {
            variable: compile(
                ast.Expression(parse_expression(text, model.label)), model.label, "eval"
            )
            for variable, text in texts.items()
        }
        constants: dict[str, Any] = {k: v.value for k, v in DEFAULT_CONSTANTS.items()}
        constants |= {**DEFAULT_UNITS, **model.parameters}
        self._constants = {k: si_array(v) for k, v in constants.items() if k in used}

    def __call__(self, values: Mapping[str, Tensor], shape: tuple[int, ...]) -> dict[str, Tensor]:
        """Return the initial values, by variable.

        Parameters
        ----------
        values : mapping of str to Tensor
            The values of all learned parameters.
        shape : tuple of int
            Shape of the population, for parameters that differ between neurons.
        """
        if not self._codes:
            return {}
        like = next(iter(values.values()))
        scope: dict[str, Any] = {"__builtins__": {}}
        for name, value in self._constants.items():
            tensor = constant_tensor(value, like)
            scope[name] = tensor.reshape(shape) if tensor.numel() > 1 else tensor.reshape(())
        # The model has checked that there are only names, numbers and operators.
        return {variable: eval(code, {**scope, **values}) for variable, code in self._codes.items()}
