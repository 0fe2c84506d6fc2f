"""Read the initial values and the refractory period of a neuron model."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.neurons.description import INDEX_NAMES
from brianbridge.neurons.expressions import check_names, names_in, one_line, parse_expression
from brianbridge.neurons.quantity_text import parse_quantity

__all__ = ["is_expression", "parse_initial", "parse_refractory"]

_STARTS_WITH_A_NUMBER = re.compile(r"\s*[+-]?[\d.]")


def parse_refractory(value: Any, what: str) -> Any:
    """Return a refractory period as a `Quantity`, an expression, or None for none."""
    from brian2 import second

    if value is None or value is False:
        return None
    if isinstance(value, str):
        if not _STARTS_WITH_A_NUMBER.match(value):
            parse_expression(value, f"{what}, refractory")
            return one_line(value)
        value = parse_quantity(value, f"{what}, refractory")
    if getattr(value, "dim", None) is not second.dim or np.ndim(value) > 0:
        raise InputError(
            f"{what}: refractory period {one_line(repr(value))} is not a time; write '2 ms', or "
            "name a parameter"
        )
    # lastspike starts at -1e4 s, and an infinite period would overflow Brian2's step counter.
    if not 0 <= float(value) < 1e4:
        raise InputError(
            f"{what}: refractory period {value} is not between 0 and 10000 s; for a neuron that "
            "fires once, use a flag: 'fired : boolean' with emit 'int(v > theta and not fired)'"
        )
    return value


def is_expression(value: Any) -> bool:
    """Return whether an initial value is an expression of parameters, and no quantity.

    Examples
    --------
    >>> is_expression("E_L - 5*mV"), is_expression("-70 mV")
    (True, False)
    """
    return isinstance(value, str) and not _STARTS_WITH_A_NUMBER.match(value)


def parse_initial(value: Any, parameters: Mapping[str, Any], what: str) -> Any:
    """Return an initial value: a quantity, or an expression of parameters and units."""
    if not is_expression(value):
        return parse_quantity(value, what)
    from brian2.core.namespace import DEFAULT_CONSTANTS, DEFAULT_UNITS

    node = parse_expression(value, what)
    if group_names := names_in(value) & INDEX_NAMES:
        raise InputError(
            f"{what}: '{value:.80}' depends on '{min(group_names)}' of a group, but a model has no "
            "size yet; give an array with one value for each neuron"
        )
    check_names(value, parameters, (), what)
    constants = {name: known.value for name, known in DEFAULT_CONSTANTS.items()}
    scope = {**DEFAULT_UNITS, **constants, **parameters, "__builtins__": {}}
    named = {name: scope[name] for name in ("__builtins__", *names_in(value))}
    try:
        # The check leaves only names, numbers and operators; a `Quantity` checks units.
        with np.errstate(all="ignore"):
            result = eval(compile(ast.Expression(node), what, "eval"), named)
    except Exception as error:  # units that do not match, a division by 0, a root of -1, ...
        raise InputError(
            f"{what}: '{value:.80}' is not a quantity ({one_line(str(error))}); write one such as "
            "'-70 mV'"
        ) from None
    return parse_quantity(result, f"{what}, '{one_line(value):.80}'")
