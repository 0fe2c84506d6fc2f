"""A study as one TOML file: data, network, rule, training and verification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from brianbridge.datasets.sets.array_sets import is_path
from brianbridge.errors import InputError
from brianbridge.rules.base import RULES
from brianbridge.schema import TableBy, files_by_name, find_toml, read_toml, validated
from brianbridge.share import share_folder
from brianbridge.study.entries import (
    DatasetEntry,
    Entry,
    NetworkEntry,
    TrainingEntry,
    VerificationEntry,
)
from brianbridge.twin.spike_function import SpikeFunction

__all__ = ["Study", "read_study", "study_names"]


class Study(Entry):
    """Describe a study.

    Parameters
    ----------
    name : str
        Name of the study: the file's name without ``.toml`` unless the file gives another.
    title : str
        What the study is, in one line.
    seed : int
        Seed of the split, of the initial weights and of the training.
    dataset : DatasetEntry
        The data set and its split.
    network : NetworkEntry
        The network and its input.
    rule : dict
        Name and options of the learning rule; without it, one is chosen that can train the
        network (`brianbridge.rules.chosen_rule`).
    training : TrainingEntry
        Options of the training.
    spike_function : SpikeFunction
        The surrogate derivative of a spike.
    verification : VerificationEntry
        The ladder, and the test samples that Brian2 simulates.
    """

    name: str = ""
    title: str
    seed: int = Field(default=0, ge=0, lt=2**32)  # the range of scikit-learn
    dataset: DatasetEntry
    network: NetworkEntry
    rule: Annotated[dict[str, Any], TableBy(RULES, "name")] = Field(default={})
    training: TrainingEntry = TrainingEntry()
    spike_function: SpikeFunction = SpikeFunction()
    verification: VerificationEntry = VerificationEntry()

    def quick(self) -> Study:
        """Return the study cut down to a smoke test: two epochs, fifty samples, no folds."""
        return self.model_copy(
            update={
                "training": replace(self.training, epochs=2),
                "verification": self.verification.model_copy(update={"samples": 50}),
                "dataset": self.dataset.model_copy(update={"folds": None}),
            }
        )


def study_names() -> tuple[str, ...]:
    """Return the names of the studies that come with the package."""
    return tuple(files_by_name(share_folder("studies")))


def read_study(name: str, changes: Mapping[str, Any] | None = None) -> Study:
    """Read a study that comes with the package, by its name, or any other, by its path.

    Parameters
    ----------
    name : str
        Name or path of the study.
    changes : mapping of str, optional
        Values that replace those of the file, by their keys with dots between the parts, such as
        ``training.epochs`` or, in the first layer, ``network.layers.0.units``.

    Raises
    ------
    InputError
        If there is no such study, or a key is unknown, missing or out of range.

    Examples
    --------
    >>> read_study("digits_spike_count").dataset.name
    'digits'
    >>> read_study("digits_spike_count", {"training.epochs": 3}).training.epochs
    3
    """
    path = find_toml(name, files_by_name(share_folder("studies")), "study")
    entries = read_toml(path, "study file")
    for key, value in (changes or {}).items():
        _set(entries, key, value, f"study file '{path}'")
    study = validated(Study, {"name": path.stem, **entries}, f"study file '{path}'")
    if study.rule and "name" not in study.rule:
        raise InputError(f"study file '{path}': the key 'rule.name' is missing")
    if is_path(study.dataset.name):
        file = str(path.parent / study.dataset.name)
        dataset = study.dataset.model_copy(update={"name": file})
        return study.model_copy(update={"dataset": dataset})
    return study


def _set(entries: dict[str, Any], key: str, value: Any, what: str) -> None:
    """Give a key of a file, which may be in a table or a list of tables, another value."""
    *parts, last = key.split(".")
    here: Any = entries
    for part in parts:
        if isinstance(here, dict):
            here = here.setdefault(part, {})
        elif isinstance(here, list) and part.isdecimal() and int(part) < len(here):
            here = here[int(part)]
        else:
            here = None
            break
    if not isinstance(here, dict) or not last:
        raise InputError(
            f"{what} has no table for the key '{key}'; give the keys of a table with dots between "
            "them, and the number of an entry of a list, from 0"
        )
    here[last] = value
