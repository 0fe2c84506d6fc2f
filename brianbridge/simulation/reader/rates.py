"""The rates of a `PoissonGroup`, constant or changing in time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import Clock, Network, NeuronGroup, StateMonitor, prefs, second
from brian2.core.variables import Subexpression
from brian2.utils.stringtools import get_identifiers

from brianbridge.errors import InputError
from brianbridge.neurons.expressions import one_line
from brianbridge.simulation.code_runners import random_functions

__all__ = ["rates_of"]


def rates_of(
    group: Any, steps: int, dt: float, outer: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rates of a `PoissonGroup` during a presentation.

    Parameters
    ----------
    group : brian2.PoissonGroup
        The group; its rates may be an expression, for instance with a `TimedArray`.
    steps, dt
        Steps of the presentation, and their length in seconds.
    outer : mapping
        Constants that the namespace of the group does not have.

    Returns
    -------
    rates : numpy.ndarray, shape (times, N)
        Rates in Hz, in force one after another.
    since : numpy.ndarray of int, shape (times,)
        The step from which each row is in force.

    Raises
    ------
    InputError
        If the rates are random, or cannot be computed.

    Examples
    --------
    >>> from brian2 import Hz, PoissonGroup, TimedArray, ms
    >>> stimulus = TimedArray([10, 30]*Hz, dt=2*ms)
    >>> group = PoissonGroup(1, "stimulus(t)", dt=1*ms)
    >>> rates, since = rates_of(group, 4, 1e-3, {"stimulus": stimulus})
    >>> rates.tolist(), since.tolist()
    ([[10.0], [30.0]], [0, 2])
    """
    variable = group.variables["rates"]
    if not isinstance(variable, Subexpression):
        return np.array(variable.get_value(), float).reshape(1, -1), np.zeros(1, np.int64)
    what, code = f"group '{group.name}', rates '{one_line(variable.expr)}'", variable.expr
    names = get_identifiers(code)
    if random := sorted(names & random_functions()):
        raise InputError(
            f"{what}: '{random[0]}' makes the rates random; write rates that are a function of "
            "time, or read the group with input= and give its rates as samples"
        )
    values = _recorded(group, code, steps if "t" in names else 1, dt, outer, what)
    changed = np.flatnonzero(np.any(values[1:] != values[:-1], axis=1)) + 1
    since = np.concatenate([[0], changed])
    return values[since], since


def _recorded(
    group: Any, code: str, steps: int, dt: float, outer: Mapping[str, Any], what: str
) -> np.ndarray:
    """Return the values of an expression in each step, as Brian2 computes them."""
    clock, known = Clock(dt=dt * second), {**outer, **(group.namespace or {})}
    before = prefs["codegen.target"]
    prefs["codegen.target"] = "numpy"  # nothing is worth compiling for one run
    try:
        cells = NeuronGroup(
            len(group), f"rates = {one_line(code)} : Hz", clock=clock,
            namespace={name: known[name] for name in get_identifiers(code) if name in known},
        )  # fmt: skip
        monitor = StateMonitor(cells, "rates", record=True, clock=clock)
        Network(cells, monitor).run(steps * clock.dt, namespace={})
        return np.array(monitor.rates_).T
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{what}: {one_line(str(error))}") from None
    finally:
        prefs["codegen.target"] = before
