"""Which parameters of a neuron can be learned."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.neurons.expressions import names_in
from brianbridge.neurons.model import NeuronModel

__all__ = ["checked_learned"]


def checked_learned(model: NeuronModel, names: Collection[str]) -> tuple[str, ...]:
    """Return the names of learned parameters, sorted.

    Parameters
    ----------
    model : NeuronModel
        The neuron.
    names : collection of str
        Parameters in its equations, emit or reset.

    Raises
    ------
    InputError
        If the model has no such parameter, or it has no gradient: conditions, whole numbers of
        steps, and parameters of its code at regular times.
    """
    label = model.label
    if isinstance(names, str):
        raise InputError(f"{label}: learned = '{names}'; give a list of names, ['{names}']")
    period = model.refractory if isinstance(model.refractory, str) else ""
    for name in names:
        if name not in model.parameters:
            hint = did_you_mean(name, model.parameters)
            raise InputError(f"{label}: '{name}' is no parameter{hint}")
        if np.asarray(model.parameters[name]).dtype.kind == "b":
            raise InputError(
                f"{label}: '{name}' is a condition, which has no gradient; learn a real number"
            )
        if period and name in names_in(period):
            raise InputError(
                f"{label}: '{name}' sets the refractory period, a number of steps without a "
                "gradient; leave it out"
            )
    return tuple(sorted(set(names)))
