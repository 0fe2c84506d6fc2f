"""A neuron that fires at recorded times, and how far it is from its threshold at any time."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.fitting.driven import RecordedValues
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.probe import probe
from brianbridge.neurons.quantity_text import unit_name
from brianbridge.neurons.regular import RegularCode

__all__ = ["DISTANCE", "LIMIT", "forced"]

#: Names of the distance from the threshold, its limit, and the recorded spikes.
DISTANCE, LIMIT, _SPIKES = "fit_distance", "fit_limit", "fit_spikes"


def forced(model: NeuronModel, spikes: np.ndarray, dt: float) -> NeuronModel:
    """Return the population in which each neuron fires when its recording does, and never else.

    The variable `DISTANCE` is above 0 where the neuron itself would fire. A neuron that is further
    above its threshold than the parameter `LIMIT` is set back to it at the next step, so that it
    does not run away: to the threshold itself, unless the parameter is changed.

    Parameters
    ----------
    model : NeuronModel
        A population with one neuron for each sweep.
    spikes : numpy.ndarray, shape (sweeps, steps)
        Whether there is a spike in a step.
    dt : float
        Length of a step, in seconds.

    Raises
    ------
    InputError
        If the model does not fire when one variable passes a level.

    Examples
    --------
    >>> from brianbridge.neurons.library import neuron_model
    >>> forced(neuron_model("lif_zero"), np.zeros((1, 5)), 1e-3).equations.splitlines()[-1]
    'fit_distance = (v) - (theta) : 1'
    """
    from brian2 import Quantity

    variable, level = _crossing(model)
    dim = probe(model, 1, fires=False).variables[variable].dim
    unit = unit_name(dim)
    back = f"{variable} -= ({DISTANCE} - {LIMIT})*int({DISTANCE} > {LIMIT})"
    return replace(
        model,
        equations=f"{model.equations}\n{DISTANCE} = ({variable}) - ({level}) : {unit}",
        emit=f"int({_SPIKES}(t, i) > 0.5)",
        potential=variable,
        parameters={**model.parameters, LIMIT: Quantity(0.0, dim=dim)},
        regular=(*model.regular, RegularCode(back)),
        timed_arrays={
            **model.timed_arrays,
            _SPIKES: RecordedValues(np.transpose(spikes) * 1.0, dt),
        },
        initial=dict(model._initial_as_given),  # type: ignore[attr-defined]
    )


def _crossing(model: NeuronModel) -> tuple[str, str]:
    """Return the variable and the level of the threshold."""
    condition: Any = ast.parse(model.threshold_condition, mode="eval").body
    if model.is_binary and isinstance(condition, ast.Compare) and len(condition.ops) == 1:
        left, right = condition.left, condition.comparators[0]
        if isinstance(condition.ops[0], ast.Lt | ast.LtE):
            left, right = right, left
        if (
            isinstance(left, ast.Name)
            and left.id in model.state_variables
            and not isinstance(condition.ops[0], ast.Eq | ast.NotEq)
        ):
            return left.id, ast.unparse(right)
    raise InputError(
        f"{model.label} fires if {model.threshold_condition!r:.80}; a fit to spikes needs one "
        "variable that passes a level, such as 'v > V_T'"
    )
