"""Functions of users in equations: Brian2's function, and the same one for tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from brianbridge.errors import InputError

__all__ = ["USER_FUNCTIONS", "UserFunction", "register_function"]


@dataclass(frozen=True)
class UserFunction:
    """Hold a function that equations may call.

    Parameters
    ----------
    given : callable
        What the user registered, and has in the namespace of a group.
    brian2 : brian2.Function
        The function for Brian2.
    torch : callable
        The function for tensors, in SI units.
    """

    given: Any
    brian2: Any
    torch: Callable[..., Any]


#: All registered functions, by the name that equations call.
USER_FUNCTIONS: dict[str, UserFunction] = {}


def register_function(function: Any, *, torch: Callable[..., Any], name: str = "") -> Any:
    """Let equations of neurons call a function of your own.

    Brian2 runs your function, and the twin runs `torch`. Both must compute the same numbers, to
    the last bit if spikes are to be equal.

    Parameters
    ----------
    function : brian2.Function or callable
        A Brian2 function, or a Python function with ``@check_units``.
    torch : callable
        The same function of tensors: arguments and result are in SI units, without units.
    name : str, optional
        What equations call it; the name of the function if not given.

    Returns
    -------
    brian2.Function or callable
        The function itself.

    Raises
    ------
    InputError
        If it has no units, is random, or has a name that equations cannot call.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> import brianbridge as bb
    >>> from brian2 import check_units
    >>> @check_units(x=1, result=1)
    ... def bump(x):
    ...     return 1/(1 + x**2)
    >>> _ = bb.register_function(bump, torch=lambda x: 1/(1 + x**2))
    >>> neuron = bb.NeuronModel(
    ...     "dv/dt = (2*bump(v) - v)/(10*ms) : 1", threshold="v > 1", reset="v = 0", method="euler")
    """
    from brian2 import Function
    from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
    from brian2.core.namespace import DEFAULT_FUNCTIONS
    from brian2.equations.equations import Equations

    known = function if isinstance(function, Function) else None
    name = name or getattr(known.pyfunc if known else function, "__name__", "")
    if name in DEFAULT_FUNCTIONS:
        raise InputError(f"'{name}' is a function of Brian2; give yours another name, name='...'")
    try:
        Equations.check_identifier(name)
    except (ValueError, SyntaxError):
        raise InputError(
            f"equations cannot call a function '{name}'; give it a name, name='...'"
        ) from None
    if known is None and not hasattr(function, "_arg_units"):
        raise InputError(
            f"function '{name}' has no units; decorate it with Brian2's @check_units(..., "
            "result=...), or give a brian2.Function"
        )
    known = known or Function(function)
    if not known.stateless:
        raise InputError(
            f"function '{name}' returns another value at each call; use rand(), randn() or "
            "poisson(), which the twin draws too"
        )
    if not callable(torch):
        raise InputError(f"function '{name}': torch = {torch!r} is no function of tensors")
    if NumpyCodeObject not in known.implementations:
        # Brian2 does this for its NumPy target, but not for classes derived from it.
        known.implementations.add_numpy_implementation(known.pyfunc)
    USER_FUNCTIONS[name] = UserFunction(function, known, torch)
    return function
