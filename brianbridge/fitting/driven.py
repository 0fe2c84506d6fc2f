"""A neuron that is driven by recorded input, and one that follows a recording."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from brianbridge.errors import InputError, did_you_mean
from brianbridge.neurons.description import INDEX_NAMES
from brianbridge.neurons.equations import split_equations
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import si_array
from brianbridge.neurons.quantity_text import unit_name
from brianbridge.neurons.regular import RegularCode
from brianbridge.neurons.timed import TimedValues

__all__ = ["GAIN", "RecordedValues", "driven", "followed", "started_at"]

#: Names of the input and the recordings in the equations.
_INPUT, _RECORDED, GAIN = "fit_input", "fit_recorded", "fit_gain"


class RecordedValues(TimedValues):
    """Hold values whose function has a name that tells of their shape alone.

    Brian2's compiled code has the name and the shape in it, but not the values. So a fit to another
    recording of this shape finds the code compiled. A C++ program would take values of one name for
    the same, but fits run in Python only.
    """

    def _identity(self) -> bytes:
        return f"{si_array(self.values).shape} {self.dt!r}".encode()


def driven(model: NeuronModel, variable: str, values: Any, dt: float) -> NeuronModel:
    r"""Return a population with one neuron for each sweep, driven by its input over time.

    Parameters
    ----------
    model : NeuronModel
        One neuron.
    variable : str
        The parameter that the input sets.
    values : Quantity, shape (sweeps, times)
        The input, each value in force for a time `dt`.
    dt : float
        Seconds between values.

    Raises
    ------
    InputError
        If the model has no such parameter, it has another unit, or the equations use an index.

    Examples
    --------
    >>> from brian2 import Hz
    >>> from brianbridge.neurons.library import neuron_model
    >>> two = driven(neuron_model("lif"), "drive", [[1, 2, 3], [4, 5, 6]]*Hz, 1e-3)
    >>> print(two.equations)
    dv/dt = -v/tau + drive : 1
    drive = fit_input(t, i) : hertz
    """
    from brian2.units.fundamentalunits import get_dimensions

    what = model.label
    lines = split_equations(model.equations, what)
    free = [name for name, code in lines.items() if not code]
    if used := model.names & (INDEX_NAMES | {_INPUT, _RECORDED, GAIN}):
        raise InputError(f"{what} uses the name '{min(used)}', which a fit sets; rename it")
    if variable not in free and variable not in model.parameters:
        hint = did_you_mean(variable, [*free, *model.parameters])
        raise InputError(f"{what} has no parameter '{variable}' for the input to set. {hint}")
    unit = _unit(model, variable)
    if unit_name(get_dimensions(values)) != unit:
        raise InputError(
            f"the input has the unit {unit_name(get_dimensions(values))}, but '{variable}' of "
            f"{what} has {unit}; multiply the input by {unit}"
        )
    equation = f"{variable} = {_INPUT}(t, i) : {unit}"
    others = [
        line for line in model.equations.splitlines()
        if not re.match(rf"\s*{variable}\s*:", line)
    ]  # fmt: skip
    return replace(
        model,
        equations="\n".join([*others, equation]),
        parameters={k: v for k, v in model.parameters.items() if k != variable},
        initial={k: v for k, v in _as_given(model).items() if k != variable},
        timed_arrays={**model.timed_arrays, _INPUT: RecordedValues(values.T, dt)},
        drive="",
        receive="",
    )


def started_at(model: NeuronModel, first: Mapping[str, Any]) -> NeuronModel:
    """Return the model with initial values of variables for which it has none.

    Parameters
    ----------
    model : NeuronModel
        A population with one neuron for each sweep.
    first : mapping of str to Quantity, shape (sweeps,)
        The first value that was recorded of each variable.
    """
    return replace(model, initial={**first, **_as_given(model)})


def followed(model: NeuronModel, recorded: Mapping[str, Any], dt: float) -> NeuronModel:
    """Return the model with variables that follow their recording, as far as a gain says.

    At each recorded value, a variable moves towards it by the share `GAIN` of the difference: not
    at all at 0, which is the model itself, and to the recorded value at 1.

    Parameters
    ----------
    model : NeuronModel
        A population with one neuron for each sweep.
    recorded : mapping of str to Quantity, shape (sweeps, times)
        What was recorded of each variable.
    dt : float
        Seconds between recorded values.
    """
    timed = {f"{_RECORDED}_{k}": RecordedValues(v.T, dt) for k, v in recorded.items()}
    code = "\n".join(f"{k} += {GAIN}*({_RECORDED}_{k}(t, i) - {k})" for k in recorded)
    return replace(
        model,
        parameters={**model.parameters, GAIN: 0.0},
        initial=_as_given(model),
        timed_arrays={**model.timed_arrays, **timed},
        regular=(*model.regular, RegularCode(code, dt)),
    )


def _as_given(model: NeuronModel) -> dict[str, Any]:
    """Return the initial values as they were given: expressions of parameters as text."""
    return dict(model._initial_as_given)  # type: ignore[attr-defined]


def _unit(model: NeuronModel, variable: str) -> str:
    """Return the unit of a parameter of the equations or of the namespace."""
    from brian2 import Equations
    from brian2.units.fundamentalunits import get_dimensions

    if variable in model.parameters:
        return unit_name(get_dimensions(model.parameters[variable]))
    return unit_name(Equations(model.equations)[variable].dim)
