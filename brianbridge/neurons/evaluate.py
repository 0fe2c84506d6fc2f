"""Evaluate Brian2's expressions in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from brian2.core.functions import DEFAULT_FUNCTIONS
from brian2.parsing.rendering import NumpyNodeRenderer

from brianbridge.neurons.expressions import one_line

__all__ = ["Compiled", "compiled"]

Compiled = Callable[[Mapping[str, Any]], Any]

_GLOBALS: dict[str, Any] = {k: f.pyfunc for k, f in DEFAULT_FUNCTIONS.items()}
_GLOBALS |= {"__builtins__": {}, "logical_not": np.logical_not}


def compiled(text: str) -> Compiled:
    """Return a function that evaluates an expression, given the values of its names.

    The expression must have passed `brianbridge.neurons.expressions.parse_expression`.

    Examples
    --------
    >>> float(compiled("clip(2*v, 0, theta)")({"v": 1.0, "theta": 1.5}))
    1.5
    """
    code = compile(NumpyNodeRenderer().render_expr(one_line(text)), text, "eval")
    return lambda scope: eval(code, _GLOBALS, scope)
