"""The base class of remedies, and their registry.

A remedy uses training samples to change a network, to win back what a rung costs. It sees the
perturbations of the rung with the same seed, that is, the same device. The changed network then
runs on the rung again. Remedies are defined in `brianbridge.remedies`, one per file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from brianbridge.datasets import Dataset
from brianbridge.errors import InputError
from brianbridge.network import SpikingNetwork
from brianbridge.perturbations import Perturbation
from brianbridge.registry import Registry

__all__ = ["REMEDIES", "Remedy", "check_remedies", "in_order", "label_of"]

REMEDIES: Registry[type[Remedy]] = Registry(
    "remedy", "brianbridge.remedies", "brianbridge.remedies"
)


@dataclass(frozen=True)
class Remedy(ABC):
    """Change a network so that it copes better with the perturbations of a rung.

    A subclass is a frozen dataclass. Its fields are the options that a ladder file may give.
    """

    #: Name in a ladder file: ``remedy.NAME``.
    name: ClassVar[str]
    #: What the changed network is called in a verdict, such as ``"calibrated"``.
    outcome: ClassVar[str]

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if isinstance(cls.__dict__.get("name"), str):
            REMEDIES.add(cls.name, cls)

    @property
    def starts_from(self) -> str | None:
        """Name of the remedy whose network this one changes; the trained network if None."""
        return None

    @abstractmethod
    def check(
        self,
        network: SpikingNetwork,
        train: Dataset,
        perturbations: tuple[Perturbation, ...],
        seed: int,
    ) -> None:
        """Check before any work whether the remedy can be applied.

        Raises
        ------
        InputError
            If it cannot.
        """

    @abstractmethod
    def apply(
        self,
        network: SpikingNetwork,
        train: Dataset,
        perturbations: tuple[Perturbation, ...],
        seed: int,
        checkpoint: Path | None = None,
    ) -> SpikingNetwork:
        """Return the changed network, without perturbations.

        Parameters
        ----------
        network : SpikingNetwork
            The network to change.
        train : Dataset
            The training samples.
        perturbations : tuple of Perturbation
            Perturbations of the rung.
        seed : int
            Seed of the perturbations.
        checkpoint : Path, optional
            File for intermediate states, from which an interrupted remedy can go on.
        """

    def options(self, train: Dataset) -> dict[str, Any]:
        """Return the options as they were used, for the verdict.

        An option `samples` limits the number of training samples that are used.
        """
        options = asdict(self)
        if "samples" in options:
            options["samples"] = min(options["samples"], len(train))
        return options

    def facts(self, changed: SpikingNetwork) -> Mapping[str, Any]:
        """Return further facts about a changed network for the verdict, as JSON values."""
        return {}


def in_order(remedies: Iterable[Remedy]) -> list[Remedy]:
    """Return remedies by name, those that start from another one last.

    Raises
    ------
    InputError
        If a remedy starts from one that is not there, or that itself starts from another one.
    """
    chosen = sorted(remedies, key=lambda r: (r.starts_from is not None, r.name))
    first = {remedy.name for remedy in chosen if remedy.starts_from is None}
    for remedy in chosen:
        before = remedy.starts_from
        if before is not None and before not in first:
            raise InputError(
                f"remedy.{remedy.name} starts from the {REMEDIES[before].outcome} network, but "
                f"there is no remedy.{before}; add it"
            )
    return chosen


def label_of(remedy: Remedy) -> str:
    """Describe in words how a network was changed.

    Examples
    --------
    >>> label_of(REMEDIES.make("fine_tune", {"start": "calibrated"}))
    'calibrated and fine-tuned'
    """
    outcome = remedy.outcome.replace("_", "-")
    if remedy.starts_from is None:
        return outcome
    return f"{REMEDIES[remedy.starts_from].outcome.replace('_', '-')} and {outcome}"


def check_remedies(
    remedies: Iterable[Remedy],
    network: SpikingNetwork,
    train: Dataset | None,
    perturbations: tuple[Perturbation, ...],
    seed: int,
) -> None:
    """Check before any work whether all remedies of a rung can be applied.

    Raises
    ------
    InputError
        If there are no training samples, or a remedy cannot be applied.
    """
    for remedy in in_order(remedies):
        if train is None:
            raise InputError("a remedy needs training samples; give train = a data set")
        remedy.check(network, train, perturbations, seed)
