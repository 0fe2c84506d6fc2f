"""Neuron models from TOML files: those of the package and those of the user.

A model file needs no Python and no change to the package: `neuron_model` takes the name of a
file in ``models/neurons`` or the path of any other file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brianbridge.neurons.files import model_names, model_path, read_entries
from brianbridge.neurons.model import NeuronModel

__all__ = ["model_names", "neuron_model", "read_model"]


def read_model(path: Path, **changes: Any) -> NeuronModel:
    """Read a neuron model from a TOML file.

    Parameters
    ----------
    path : Path
        The file.
    **changes
        Fields of the model to replace, such as ``method="rk4"`` or ``refractory="2 ms"``.

    Raises
    ------
    InputError
        If the file cannot be read, has unknown keys, or describes no valid model.
    """
    return NeuronModel(name=path.stem, **{**read_entries(path), **changes})


def neuron_model(
    name: str,
    *,
    method: str | None = None,
    refractory: Any = None,
    parameters: Mapping[str, Any] | None = None,
    **values: Any,
) -> NeuronModel:
    """Return a neuron model by name or from a file, with some parameters changed.

    Parameters
    ----------
    name : str
        A name from `model_names`, or the path of a ``.toml`` file.
    method : str, optional
        State update method in place of the model's.
    refractory : str or Quantity, optional
        Refractory period in place of the model's.
    parameters : mapping, optional
        Parameters to change, as strings or quantities.
    **values : Quantity, float or array
        Parameters to change, as keywords.

    Raises
    ------
    InputError
        If there is no such model or parameter. The message suggests the nearest name.

    Examples
    --------
    >>> from brian2 import ms
    >>> neuron_model("lif", tau=20*ms).parameters["tau"]
    20. * msecond
    """
    changes = {"method": method, "refractory": refractory}
    model = read_model(model_path(name), **{k: v for k, v in changes.items() if v is not None})
    values = {**(parameters or {}), **values}
    return model.with_parameters(**values) if values else model
