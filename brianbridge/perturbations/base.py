"""What every perturbation is: a small frozen dataclass that changes a condition.

Perturbations compose in whatever order they are given: each says at which `stage` it is applied,
so that a set of them means one thing (weights are quantised before noise comes on top, a neuron
model is replaced before its parameters vary). The random numbers of one depend on the seed and on
its own name alone, never on what else is in the set: a neuron that is dead on a rung of one
perturbation is dead on a rung of three, and attribution compares like with like.
"""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar

import numpy as np

from brianbridge.errors import InputError
from brianbridge.perturbations.condition import Condition
from brianbridge.registry import Registry

__all__ = [
    "PERTURBATIONS", "Perturbation", "Stage", "overview", "perturbation", "perturbation_names",
    "perturbed",
]  # fmt: skip

#: Shares, divisors, bits, seconds: none is sensibly larger.
_LARGEST_OPTION = 1e6
PERTURBATIONS: Registry[type[Perturbation]] = Registry(
    "perturbation", "brianbridge.perturbations", "brianbridge.perturbations"
)


class Stage(IntEnum):
    """When a perturbation is applied, among others."""

    TIME = 0  #: dt, order within a step, type of numbers
    MODEL = 1  #: another neuron model
    WEIGHT_GRID = 2
    WEIGHT_NOISE = 3
    PARAMETERS = 4  #: values of neuron parameters
    NEURON = 5  #: what is added to a neuron's equations
    ARRIVAL = 6  #: whether a spike arrives
    TRANSMISSION = 7  #: when it arrives
    SYNAPSE = 8  #: what it does there


@dataclass(frozen=True)
class Perturbation(ABC):
    """Change one thing about a simulation, and say what stays the same."""

    name: ClassVar[str]
    #: What it conserves, in a few words, for reports.
    keeps: ClassVar[str]
    stage: ClassVar[Stage]
    #: Whether it draws random numbers, so that a rung is worth repeating over seeds.
    random: ClassVar[bool] = False

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if isinstance(cls.__dict__.get("name"), str):
            PERTURBATIONS.add(cls.name, cls)

    @abstractmethod
    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Return the changed condition.

        Parameters
        ----------
        condition : Condition
            What ran so far.
        rng : numpy.random.Generator
            For the perturbation's own draws.
        """

    def to_dict(self) -> dict[str, Any]:
        """Return the options by name, for JSON."""
        return dataclasses.asdict(self)

    def refuse(self, option: str, remedy: str) -> InputError:
        """Return the error for a bad option."""
        return InputError(
            f"perturbation '{self.name}': {option} = {getattr(self, option)!r}; {remedy}"
        )


def perturbation_names() -> tuple[str, ...]:
    """Return the names of the perturbations there are."""
    return PERTURBATIONS.names()


def overview(name: str) -> dict[str, Any]:
    """Tell about a perturbation what ladder files and readers need, for JSON.

    Returns
    -------
    dict
        ``summary``, ``keeps``, ``random``, ``options`` with their defaults, and ``text``: all of
        its documentation.

    Examples
    --------
    >>> overview("finer_dt")["options"]
    {'divisor': 10}
    """
    known = PERTURBATIONS[name]
    text = inspect.getdoc(known) or ""
    return {
        "name": name,
        "summary": text.partition("\n\n")[0].replace("\n", " "),
        "keeps": known.keeps,
        "random": known.random,
        "options": known().to_dict(),
        "text": text,
    }


def perturbation(name: str, /, **options: Any) -> Perturbation:
    """Return a perturbation by name.

    Raises
    ------
    InputError
        If there is none of that name, or it has no such option; the near one is suggested.

    Examples
    --------
    >>> perturbation("finer_dt", divisor=10)
    FinerDt(divisor=10)
    """
    chosen = PERTURBATIONS.make(name, options)
    for option, value in options.items():
        if isinstance(value, int | float) and not abs(value) <= _LARGEST_OPTION:
            raise InputError(
                f"perturbation '{name}': {option} = {value:g} is beyond all reason; give a number "
                f"of at most {_LARGEST_OPTION:g}"
            )
    return chosen


def perturbed(
    condition: Condition, perturbations: Iterable[Perturbation], seed: int = 0
) -> Condition:
    """Apply perturbations, stage by stage.

    Parameters
    ----------
    condition : Condition
        What they change.
    perturbations : iterable of Perturbation
        In any order; at most one of each kind.
    seed : int
        Of their random numbers.

    Raises
    ------
    InputError
        If there are two of a kind, or one does not fit the network.
    """
    chosen = sorted(perturbations, key=lambda p: (p.stage, p.name))
    for one, other in itertools.pairwise(chosen):
        if one.name == other.name:
            raise InputError(f"perturbation '{one.name}' is there twice; leave one out")
    for one in chosen:
        condition = one.apply(condition, generator(one.name, seed))
    return condition


def generator(name: str, seed: int) -> np.random.Generator:
    """Return the random numbers of a perturbation.

    Raises
    ------
    InputError
        If the seed is below 0.
    """
    if seed < 0:
        raise InputError(f"perturbation '{name}': seed = {seed}; give 0 or more")
    return np.random.default_rng((seed, zlib.crc32(name.encode())))


def from_tables(tables: Mapping[str, Mapping[str, Any]]) -> tuple[Perturbation, ...]:
    """Return what a ladder file lists: options by name of the perturbation."""
    return tuple(perturbation(name, **options) for name, options in tables.items())
