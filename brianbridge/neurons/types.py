"""Check what is assigned to the integer and boolean variables of a neuron.

Brian2's code generators treat a fraction that is assigned to an integer differently: NumPy refuses
``k += 1.5``, C++ truncates it. A model must therefore write ``int(...)`` itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.neurons.description import NeuronDescription
from brianbridge.neurons.equations import TYPED, integers_and_booleans
from brianbridge.neurons.expressions import substitute_name
from brianbridge.neurons.quantities import si_array
from brianbridge.neurons.statements import Statement, parse_statements

__all__ = ["check_types"]


def check_types(model: NeuronDescription, variables: Mapping[str, Any], what: str) -> None:
    """Refuse assignments that would silently be truncated or converted.

    Parameters
    ----------
    model : NeuronModel
        The model; names and units have been checked.
    variables : mapping of str to brian2 Variable or Function
        What its names refer to.
    what : str
        The name of the model in error messages.

    Raises
    ------
    InputError
        If an integer is set to a value that may not be whole, or a boolean to a number; or if
        synapses or a constant input would add to one of them.
    """
    kinds = integers_and_booleans(model.equations)
    spike = "1" if model.is_binary else "spike_value"
    codes = [("reset", model.reset if model.emit else "")]
    codes += [("regular", one.code) for one in model.regular]
    codes += [(f"event '{one.name}'", one.code) for one in model.events]
    for where, code in codes:
        _check_statements(code, kinds, variables, spike, f"{what}, {where}")
    for name, expression, wanted in TYPED.findall(model.equations):
        if expression:
            line = Statement(name, "=", expression.strip())
            kind = _kind_of(line.expression, variables)
            _check_written(line, wanted, kind, f"{what}, equation")
    for name, value in model.initial.items():
        values = si_array(value)
        if kinds.get(name) == "integer" and (values != np.round(values)).any():
            raise InputError(
                f"{what}: initial value {value} of integer '{name}' is not a whole number"
            )
        if kinds.get(name) == "boolean" and not np.isin(values, (0, 1)).all():
            raise InputError(f"{what}: initial value {value} of '{name}' is neither true nor false")
    for role, name in (("receive", model.receive), ("drive", model.drive)):
        if name in kinds:
            raise InputError(
                f"{what}: {role} names '{name}', which is {kinds[name]} and cannot take real "
                f"numbers; declare it '{name} : 1'"
            )


def _check_statements(
    code: str, kinds: Mapping[str, str], variables: Mapping[str, Any], spike: str, what: str
) -> None:
    """Check the statements of a block; its local names have the type of their first value.

    `spike` is what stands for ``emit``.
    """
    from brian2.core.variables import AuxiliaryVariable

    dtypes = {"boolean": bool, "integer": np.int32, "float": np.float64}
    known = dict(variables)
    for line in parse_statements(code, what):
        expression = substitute_name(line.expression, "emit", spike)
        kind = _kind_of(expression, known) if line.operation != "/=" else "float"
        if line.target in kinds:
            _check_written(line, kinds[line.target], kind, what)
        elif line.target not in known:
            known[line.target] = AuxiliaryVariable(line.target, dtype=dtypes[kind])


def _kind_of(expression: str, variables: Mapping[str, Any]) -> str:
    """Return the type that Brian2 gives to an expression: boolean, integer or float."""
    from brian2.parsing.bast import brian_ast

    found: str = brian_ast(expression, variables).dtype
    return found


def _check_written(line: Statement, wanted: str, found: str, what: str) -> None:
    """Refuse a statement whose value has another type than its variable."""
    name, written = line.target, f"{line.target} {line.operation} {line.expression}"
    if wanted == "boolean" and (found != "boolean" or line.operation != "="):
        raise InputError(
            f"{what} '{written}': '{name}' is a condition; set it to one, such as "
            f"'{name} = v > 0' or '{name} = True'"
        )
    if wanted == "integer" and found != "integer":
        remedy = f"{name} {line.operation} int({line.expression})"
        if line.operation in ("*=", "/="):
            remedy = f"{name} = int({name}{line.operation[0]}({line.expression}))"
        raise InputError(
            f"{what} '{written}': '{name}' is an integer, and this may be a fraction; write "
            f"'{remedy}', or declare it '{name} : 1'"
        )
