"""What a study file says: data, network, rule, training and verification, as one TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..errors import InputError, did_you_mean
from ..schema import read_toml, validated
from ..share import share_folder

__all__ = ["DatasetEntry", "Study", "read_study", "study_names"]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatasetEntry(_Entry):
    """Name the data and the split."""

    name: str
    test_fraction: float = Field(default=0.2, gt=0, lt=1)
    folds: int | None = Field(default=None, ge=2)
    folder: str | None = None


class LayerEntry(_Entry):
    """Describe one dense layer."""

    units: int = Field(ge=1)
    neuron: str
    bias: bool = True
    name: str = ""
    method: str | None = None
    refractory: str | None = None
    parameters: dict[str, str | float | list[str | float]] = {}


class NetworkEntry(_Entry):
    """Describe the network; its encoding sets step and number of steps."""

    encoding: dict[str, Any]
    readout: Literal["counts", "potential"] = "counts"
    layers: list[LayerEntry] = Field(min_length=1)


class TrainingEntry(_Entry):
    """Hold the training options; see `brianbridge.rules.TrainingOptions`."""

    epochs: int = Field(default=20, ge=1)
    batch_size: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    schedule: Literal["constant", "cosine"] = "constant"
    validation_fraction: float = Field(default=0.1, ge=0, lt=1)
    patience: int = Field(default=0, ge=0)


class SpikeFunctionEntry(_Entry):
    """Choose the surrogate derivative of a spike."""

    name: str = "arctan"
    width: float = Field(default=1.0, gt=0)
    scale: float = 1.0


class VerificationEntry(_Entry):
    """Choose the ladder and how many test samples climb it."""

    ladder: str = "default"
    samples: int | None = Field(default=None, ge=1)


class Study(_Entry):
    """Describe a study.

    Parameters
    ----------
    name : str
        The file's name without ``.toml``.
    title : str
        What it is, in one line.
    seed : int
        Seed of the split, the initial weights and the training.
    dataset, network, rule, training, spike_function, verification
        The parts; each a table of the file.
    """

    name: str
    title: str
    seed: int = 0
    dataset: DatasetEntry
    network: NetworkEntry
    rule: dict[str, Any]
    training: TrainingEntry = TrainingEntry()
    spike_function: SpikeFunctionEntry = SpikeFunctionEntry()
    verification: VerificationEntry = VerificationEntry()

    def quick(self) -> Study:
        """Return the study cut down to a smoke test: two epochs, fifty samples, no folds."""
        return self.model_copy(
            update={
                "training": self.training.model_copy(update={"epochs": 2}),
                "verification": self.verification.model_copy(update={"samples": 50}),
                "dataset": self.dataset.model_copy(update={"folds": None}),
            }
        )


def study_names() -> tuple[str, ...]:
    """Return the names of the studies that come with the package."""
    return tuple(sorted(path.stem for path in share_folder("studies").glob("*.toml")))


def read_study(name: str) -> Study:
    """Read a study by the name of one that comes with the package, or by its path.

    Raises
    ------
    InputError
        If there is no such study, or a key is unknown, missing or out of range.

    Examples
    --------
    >>> read_study("digits_spike_count").dataset.name
    'digits'
    """
    path = Path(name) if name.endswith(".toml") else share_folder("studies") / f"{name}.toml"
    if not path.exists():
        hint = did_you_mean(path.stem, study_names())
        raise InputError(f"there is no study '{name}'. {hint} Or give the path of a .toml file")
    entries = read_toml(path, "study file")
    study = validated(Study, {"name": path.stem, **entries}, f"study file '{path}'")
    if "name" not in study.rule:
        raise InputError(f"study file '{path}': the key 'rule.name' is missing")
    return study
