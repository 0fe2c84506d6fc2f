"""Read a `PoissonInput` as a projection from input neurons of its own, one for each target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import Subgroup
from brian2.core.functions import DEFAULT_FUNCTIONS, Function
from brian2.core.variables import ArrayVariable, Constant
from brian2.utils.stringtools import get_identifiers

from brianbridge.errors import InputError
from brianbridge.network import INPUT, Projection, Sparse
from brianbridge.neurons.expressions import one_line
from brianbridge.simulation.code_runners import random_functions

__all__ = ["read_poisson_input"]


def read_poisson_input(
    one: Any, first: int, populations: Mapping[str, str], outer: Mapping[str, Any]
) -> tuple[Projection, dict[str, Any]]:
    """Return the projection of a `PoissonInput`, and the origin of its weights.

    Its weights are constants of the user's script, so training leaves them as they are.

    Parameters
    ----------
    one : brian2.PoissonInput
        The input.
    first : int
        Its first input neuron.
    populations : mapping of str to str
        Name of the population by the name of its group.
    outer : mapping
        Constants that the namespace of its target does not have.

    Raises
    ------
    InputError
        If its target is not in the network, or its weight is not constant.
    """
    what, target = f"'{one.name}' (PoissonInput)", one.group
    whole = target.source if isinstance(target, Subgroup) else target
    if whole.name not in populations:
        raise InputError(f"{what}: its target '{whole.name}' is not a group of the network; add it")
    number = np.arange(len(target))
    weight = _weight(one, target, outer, what)
    projection = Projection(
        INPUT,
        populations[whole.name],
        np.array(np.broadcast_to(weight, number.shape), float),
        connection=Sparse(first + number, target.start + number),
        receive=one.target_var,
        frozen=True,
        label=one.name,
    )
    return projection, {"poisson_input": one.name, "weight": projection.weight.tolist()}


def _weight(one: Any, target: Any, outer: Mapping[str, Any], what: str) -> Any:
    """Return the weight in SI units: one number, or one for each neuron."""
    text = one.weight
    if not isinstance(text, str):
        return np.asarray(text, float)
    names = get_identifiers(text)
    try:
        variables = target.resolve_all(names, run_namespace=outer, user_identifiers=())
    except KeyError as error:
        raise InputError(f"{what}: {one_line(str(error.args[0]))}") from None
    scope: dict[str, Any] = {"__builtins__": {}}
    for name, variable in variables.items():
        if isinstance(variable, Function):
            if name not in DEFAULT_FUNCTIONS or name in random_functions():
                raise InputError(f"{what}: '{name}' in its weight is no constant; give a number")
            scope[name] = variable.pyfunc
        elif isinstance(variable, Constant) or (
            isinstance(variable, ArrayVariable) and variable.constant
        ):
            scope[name] = np.asarray(variable.get_value())
            if scope[name].ndim:  # of the whole group
                scope[name] = scope[name][target.start : target.stop]
        else:
            raise InputError(
                f"{what}: '{name}' in its weight may change in time; declare it '(constant)', or "
                "give a number"
            )
    return eval(compile(text.strip(), "<a weight>", "eval"), scope)  # Brian2 has parsed it
