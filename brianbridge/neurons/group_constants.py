"""Find what the code of a Brian2 group names besides its variables: constants and timed arrays."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.neurons.expressions import substitute_name
from brianbridge.neurons.functions import USER_FUNCTIONS
from brianbridge.neurons.statements import local_names

__all__ = ["GroupConstants", "constants_of_group"]


@dataclass(frozen=True)
class GroupConstants:
    """Objects that the code of a group names besides its variables.

    Parameters
    ----------
    numbers : mapping of str to Quantity, float or array
        Constants.
    timed : mapping of str to brian2.TimedArray
        Functions of time.
    codes : sequence of str
        The statements, in which no local name is that of a constant.
    """

    numbers: Mapping[str, Any]
    timed: Mapping[str, Any]
    codes: Sequence[str]


def constants_of_group(
    group: Any, expressions: Sequence[str], codes: Sequence[str], outer: Mapping[str, Any]
) -> GroupConstants:
    """Return the objects that the code of a group names, resolved as in Brian2.

    Parameters
    ----------
    group : brian2.NeuronGroup
        The group.
    expressions : sequence of str
        The spike value, and the conditions of events.
    codes : sequence of str
        Its statements: the reset, and what runs regularly or on events.
    outer : mapping
        Where to look up names that the group's own namespace lacks.

    Raises
    ------
    InputError
        If a name stands for a function that is not registered.
    """
    from brian2 import TimedArray
    from brian2.core.namespace import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS, DEFAULT_UNITS
    from brian2.utils.stringtools import get_identifiers

    what = f"group '{group.name}'"
    local = [local_names(code, group.variables, f"{what}, '{code:.80}'") for code in codes]
    texts = [*expressions, group._refractory if isinstance(group._refractory, str) else ""]
    used = set(group.equations.identifiers).union(*(get_identifiers(text) for text in texts))
    for code, names in zip(codes, local, strict=True):
        used |= get_identifiers(code) - names
    builtin = {*DEFAULT_CONSTANTS, *DEFAULT_FUNCTIONS, *DEFAULT_UNITS, "int", "and", "or", "not"}
    namespace = group.namespace or {}
    numbers, timed = {}, {}
    for name in sorted(used - set(group.variables)):
        value = namespace.get(name, None if name in builtin else outer.get(name))
        if isinstance(value, TimedArray):
            timed[name] = value
        elif callable(value) and _is_meant(name, value, group, [*texts, *codes]):
            _check_registered(name, value, what)
        if isinstance(value, Number | np.generic | np.ndarray):
            numbers[name] = value
    taken = {*group.variables, *used}.union(*local)  # the model's check reports missing names
    renamed = [
        _renamed(code, names & used, taken) for code, names in zip(codes, local, strict=True)
    ]
    return GroupConstants(numbers, timed, renamed)


def _is_meant(name: str, value: Any, group: Any, texts: Sequence[str]) -> bool:
    """Return whether code means a function that has its name.

    Brian2 looks for functions with units only. One without is meant if the code calls it; it may
    also be anything that the caller of `from_brian2` has under the name of a missing constant.
    """
    from brian2 import Function

    if isinstance(value, Function) or hasattr(value, "_arg_units"):
        return True
    expressions = (eq.expr.code for eq in group.equations.values() if eq.expr is not None)
    call = re.compile(rf"\b{re.escape(name)}\s*\(")
    return any(call.search(text or "") for text in (*texts, *expressions))


def _check_registered(name: str, value: Any, what: str) -> None:
    """Refuse a function that the twin does not know."""
    known = USER_FUNCTIONS.get(name)
    if known is None or value not in (known.given, known.brian2):
        called = getattr(getattr(value, "pyfunc", value), "__name__", "")
        named = "" if called == name else f", name='{name}'"
        other = "" if known is None else ", another than the one that is registered"
        raise InputError(
            f"{what}: '{name}' is a function{other}; give the twin the same one for tensors: "
            f"bb.register_function({name}, torch=...{named})"
        )


def _renamed(code: str, names: set[str], taken: set[str]) -> str:
    """Give other names to the local names of a block that are constants elsewhere."""
    for name in sorted(names):
        other = f"{name}_local"
        while other in taken:
            other += "_"
        code = substitute_name(code, name, other)
    return code
