"""The neuron models that come as TOML files, and those of the user.

A model file needs no Python and no change to the package: `neuron_model` takes the name of a
file in ``models/neurons`` or the path of any other.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from ..errors import InputError, did_you_mean
from ..schema import validated
from ..share import share_folder
from .model import NeuronModel

__all__ = ["model_names", "neuron_model", "read_model"]


class _ModelFile(BaseModel):
    """What a neuron model file may hold; see `NeuronModel` for the meaning."""

    model_config = ConfigDict(extra="forbid")

    summary: str = ""
    equations: str
    emit: str = ""
    threshold: str | None = None
    reset: str = ""
    receive: str = "v"
    drive: str = ""
    refractory: str | None = None
    method: str = "exact"
    parameters: dict[str, str | int | float | list[str | int | float]] = {}
    initial: dict[str, str | int | float] = {}


def model_names() -> tuple[str, ...]:
    """Return the names of the models that come with the package.

    Examples
    --------
    >>> "lif" in model_names()
    True
    """
    return tuple(sorted(path.stem for path in (share_folder("models") / "neurons").glob("*.toml")))


def read_model(path: Path, **changes: Any) -> NeuronModel:
    """Read a neuron model from a TOML file.

    Parameters
    ----------
    path : Path
        The file.
    **changes
        Fields of the model to replace (``method="rk4"``, ``refractory="2 ms"``).

    Raises
    ------
    InputError
        If the file cannot be read, has unknown keys, or describes no valid model.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"neuron model file '{path}' cannot be read: {error}") from None
    fields = validated(_ModelFile, entries, f"neuron model file '{path}'")
    return NeuronModel(name=path.stem, **{**fields.model_dump(exclude_unset=True), **changes})


def neuron_model(
    name: str,
    *,
    method: str | None = None,
    refractory: Any = None,
    parameters: Mapping[str, Any] | None = None,
    **values: Any,
) -> NeuronModel:
    """Return a model by name, or from a file, with some of its parameters changed.

    Parameters
    ----------
    name : str
        A name from `model_names`, or the path of a ``.toml`` file.
    method : str, optional
        Another state update method.
    refractory : str or Quantity, optional
        Another refractory period.
    parameters : mapping, optional
        Parameters to change, as text or quantities.
    **values : Quantity, float or array
        The same, as keywords.

    Raises
    ------
    InputError
        If there is no such model or parameter; the near name is suggested.

    Examples
    --------
    >>> from brian2 import ms
    >>> neuron_model("lif", tau=20*ms).parameters["tau"]
    20. * msecond
    """
    path = Path(name) if name.endswith(".toml") else share_folder("models") / f"neurons/{name}.toml"
    if not path.exists():
        raise InputError(
            f"there is no neuron model '{name}'. {did_you_mean(name, model_names())} "
            "A model of your own is named by the path of its .toml file"
        )
    changes = {"method": method, "refractory": refractory}
    model = read_model(path, **{k: v for k, v in changes.items() if v is not None})
    values = {**(parameters or {}), **values}
    return model.with_parameters(**values) if values else model
