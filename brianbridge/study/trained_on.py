"""The split that a network was trained on, from its provenance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from brianbridge.errors import InputError
from brianbridge.schema import validated

__all__ = ["TrainedOn", "trained_on"]


class TrainedOn(BaseModel):
    """Hold the split that a network was trained on: ``provenance["dataset"]`` of its file.

    Parameters
    ----------
    name, split : str
        The data set, and a description of its split.
    seed, test_fraction, folds, fold
        Arguments of `brianbridge.datasets.load_dataset` that make this split; None for the default.
    """

    model_config = ConfigDict(frozen=True)

    name: str = ""
    split: str = ""
    seed: int | None = Field(default=None, ge=0, lt=2**32)
    test_fraction: float | None = Field(default=None, gt=0, lt=1)
    folds: int | None = Field(default=None, ge=2)
    fold: int | None = Field(default=None, ge=0)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments with which `load_dataset` makes the same split."""
        keys = {"seed", "test_fraction", "folds", "fold"}
        return self.model_dump(include=keys, exclude_none=True)


def trained_on(provenance: Mapping[str, Any]) -> TrainedOn:
    """Return the training data that a provenance names; the file need not be trusted.

    Raises
    ------
    InputError
        If its entry ``dataset`` is not such a description.

    Examples
    --------
    >>> trained_on({"dataset": {"name": "digits", "seed": 3}}).arguments()
    {'seed': 3}
    >>> trained_on({"dataset": "x"})
    Traceback (most recent call last):
    brianbridge.errors.InputError: provenance of the network: 'dataset' = 'x'; give a table ...
    """
    what = "provenance of the network"
    entry = provenance.get("dataset", {})
    if not isinstance(entry, Mapping):
        raise InputError(f"{what}: 'dataset' = {entry!r:.80}; give a table with a name and a split")
    return validated(TrainedOn, entry, f"{what}, dataset")
