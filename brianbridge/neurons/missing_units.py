"""Find parameters that were given without the unit that the equations need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from itertools import combinations, islice, product
from typing import Any

import numpy as np

from brianbridge.neurons.description import NeuronDescription

__all__ = ["told_missing_units"]

#: Units that parameters of neurons have, the most frequent first.
_UNITS = ("ms", "mV", "Hz", "pA", "nS", "pF", "Mohm", "mV/ms")
#: Units of which two parameters may lack one.
_FREQUENT = _UNITS[:2]
#: Most sets of units that are tried; each takes some 20 ms.
_MOST = 60


def told_missing_units(
    model: NeuronDescription, passes: Callable[[NeuronDescription], bool]
) -> str:
    """Return which parameters lack a unit, and a remedy; an empty text if that is not the problem.

    Parameters
    ----------
    model : NeuronDescription
        A model whose units do not fit together.
    passes : callable
        Whether the units of a model do.
    """
    plain = {name: value for name, value in model.parameters.items() if _is_plain(value)}
    for units in islice(_choices(plain), _MOST):
        if not passes(_with_units(model, units)):
            continue
        given = " and ".join(f"{name} = {_shown(plain[name])}" for name in units)
        remedy = " and ".join(
            f"{name} = '{_with_unit(plain[name], unit)}'"
            if not np.ndim(plain[name])
            else f"{name}*{unit}"
            for name, unit in units.items()
        )
        have = "parameter {} has" if len(units) == 1 else "parameters {} have"
        return f"{have.format(given)} no unit, but the equations need one; give {remedy}"
    return ""


def _is_plain(value: Any) -> bool:
    return not hasattr(value, "dim") and np.asarray(value).dtype.kind in "iuf"


def _shown(value: Any) -> str:
    return f"{value:g}" if not np.ndim(value) else f"{np.size(value)} values"


def _with_unit(value: Any, unit: str) -> str:
    """Return a number with its unit; a small one was probably meant in seconds or volts."""
    if unit in ("ms", "mV") and 0 < abs(value) < 0.1:
        value = 1e3 * value
    return f"{value:g} {unit}"


def _choices(plain: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yield a unit for one parameter, then units for two, by name."""
    for number in (1, 2):
        for names in combinations(plain, number):
            for units in product(_UNITS if number == 1 else _FREQUENT, repeat=number):
                yield dict(zip(names, units, strict=True))


def _with_units(model: NeuronDescription, units: Mapping[str, str]) -> NeuronDescription:
    """Return a copy of a model in which some parameters have units; it is not checked."""
    from brianbridge.neurons.quantity_text import parse_quantity

    changed = copy(model)
    given = {
        k: np.asarray(model.parameters[k]) * parse_quantity(f"1 {u}", k) for k, u in units.items()
    }
    object.__setattr__(changed, "parameters", {**model.parameters, **given})
    return changed
