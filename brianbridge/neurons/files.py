"""Find and read neuron model files. This module imports neither Brian2 nor torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from brianbridge.neurons.folders import model_files
from brianbridge.schema import find_toml, read_toml, validated

__all__ = ["NeuronFile", "model_names", "model_path", "read_entries"]


class NeuronFile(BaseModel):
    """Hold a neuron model file. `brianbridge.neurons.model.NeuronModel` explains its keys."""

    model_config = ConfigDict(extra="forbid")

    summary: str = ""
    equations: str
    emit: str = ""
    threshold: str | None = None
    reset: str = ""
    receive: str | None = None
    drive: str = ""
    potential: str = ""
    refractory: str | None = None
    method: str = "exact"
    parameters: dict[str, str | int | float | list[str | int | float]] = {}
    initial: dict[str, str | int | float] = {}


def model_names() -> tuple[str, ...]:
    """Return the names of the models of this package and of other installed packages.

    Examples
    --------
    >>> "lif" in model_names()
    True
    """
    return tuple(sorted(model_files()))


def model_path(name: str) -> Path:
    """Return the path of a model file, by the model's name or by its path.

    Raises
    ------
    InputError
        If there is no such model. The message suggests the nearest name.
    """
    return find_toml(name, model_files(), "neuron model")


def read_entries(path: Path) -> dict[str, Any]:
    """Return the entries of a model file unchanged, after a check of keys and types.

    Raises
    ------
    InputError
        If the file cannot be read, or has unknown or missing keys.
    """
    entries = read_toml(path, "neuron model file")
    fields = validated(NeuronFile, entries, f"neuron model file '{path}'")
    return fields.model_dump(exclude_unset=True)
