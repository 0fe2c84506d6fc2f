"""Choose inputs for the models of the library by unit, so that a new model needs no entry here."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.probe import probe
from brianbridge.neurons.quantity_text import unit_name


def by_unit(model: NeuronModel, variable: str, values: Mapping[str, float], other: float) -> float:
    """Return the value for the unit of a model's variable; `other` for any other unit or none."""
    if not variable:
        return other
    neurons = max(np.size(value) for value in (0, *model.parameters.values()))
    return values.get(unit_name(probe(model, neurons).variables[variable].dim), other)


def firing_drive(model: NeuronModel) -> float:
    """Return a constant drive that makes a model of the library fire within 30 ms."""
    return by_unit(model, model.drive, {"amp": 1e-9, "volt/second": 15.0}, 300.0)


def scale_of_input(model: NeuronModel) -> float:
    """Return the size of synaptic input that matters to a model of the library."""
    return by_unit(model, model.receive, {"volt": 0.02}, 1.0)
