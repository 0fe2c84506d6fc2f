"""The base class of perturbations, and how they are found by name."""

from __future__ import annotations

import dataclasses
import inspect
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar

import numpy as np

from brianbridge.errors import InputError
from brianbridge.perturbations.condition import Condition
from brianbridge.registry import Registry

__all__ = [
    "PERTURBATIONS",
    "Perturbation",
    "Stage",
    "overview",
    "perturbation",
    "perturbation_names",
]

#: Larger than any sensible option (shares, divisors, bits, seconds).
_LARGEST_OPTION = 1e6
PERTURBATIONS: Registry[type[Perturbation]] = Registry(
    "perturbation", "brianbridge.perturbations", "brianbridge.perturbations"
)


class Stage(IntEnum):
    """The stage at which a perturbation is applied; lower stages come first."""

    TIME = 0  #: step, order of events within a step, type of numbers
    MODEL = 1  #: another neuron model
    WEIGHT_GRID = 2  #: quantisation of weights
    WEIGHT_NOISE = 3  #: noise on weights
    PARAMETERS = 4  #: values of neuron parameters
    NEURON = 5  #: terms added to a neuron's equations
    ARRIVAL = 6  #: whether a spike arrives
    TRANSMISSION = 7  #: when a spike arrives
    SYNAPSE = 8  #: what a spike does when it arrives


@dataclass(frozen=True)
class Perturbation(ABC):
    """Change one thing about a simulation, and say what stays the same.

    A new perturbation is a subclass: a frozen dataclass whose fields are its options, with the
    class attributes below and a method `apply`. It is found by its name in a ladder file if its
    module lies in ``brianbridge/perturbations``, if your program has defined it, or if an installed
    package offers it as an entry point of the group ``brianbridge.perturbations``.

    Attributes
    ----------
    name : str
        Name in ladder files.
    keeps : str
        What the perturbation conserves, in a few words.
    stage : Stage
        When it is applied, if there are several perturbations.
    random : bool
        Whether it draws random numbers, so that a rung is worth repeating with other seeds.

    Raises
    ------
    InputError
        If a subclass has a `name` but lacks `keeps` or `stage`, or its name is taken.

    Examples
    --------
    >>> from dataclasses import replace
    >>> @dataclass(frozen=True)
    ... class WeakInput(Perturbation):
    ...     '''Scale all weights.'''
    ...
    ...     name = "weak_input"
    ...     keeps = "signs and ratios of weights"
    ...     stage = Stage.WEIGHT_NOISE
    ...     factor: float = 0.9
    ...
    ...     def apply(self, condition, rng):
    ...         network = condition.network
    ...         weights = {p.name: (self.factor * p.weight, p.bias) for p in network.projections}
    ...         return replace(condition, network=network.with_weights(weights))
    >>> perturbation("weak_input", factor=0.5)
    WeakInput(factor=0.5)
    """

    name: ClassVar[str]
    keeps: ClassVar[str]
    stage: ClassVar[Stage]
    random: ClassVar[bool] = False

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        name = cls.__dict__.get("name")
        if not isinstance(name, str):
            return  # a base class of several perturbations
        for attribute in ("keeps", "stage"):
            if not hasattr(cls, attribute):
                raise InputError(
                    f"perturbation '{name}': class {cls.__qualname__} has no attribute "
                    f"'{attribute}'; see brianbridge.perturbations.Perturbation"
                )
        PERTURBATIONS.add(name, cls)

    @abstractmethod
    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Return the changed condition.

        Parameters
        ----------
        condition : Condition
            Condition before this perturbation.
        rng : numpy.random.Generator
            Random generator of this perturbation.
        """

    def to_dict(self) -> dict[str, Any]:
        """Return the options by name, for JSON."""
        return dataclasses.asdict(self)

    def refuse(self, option: str, remedy: str) -> InputError:
        """Return the error for an option with a bad value."""
        return InputError(
            f"perturbation '{self.name}': {option} = {getattr(self, option)!r}; {remedy}"
        )


def perturbation_names() -> tuple[str, ...]:
    """Return the names of all perturbations."""
    return PERTURBATIONS.names()


def overview(name: str) -> dict[str, Any]:
    """Describe a perturbation, for JSON and for ladder files.

    Returns
    -------
    dict
        ``name``, ``summary``, ``keeps``, ``random``, ``options`` with their defaults, ``required``
        (names of the options without a default; theirs is None), and ``text``, the whole
        documentation.

    Raises
    ------
    InputError
        If there is no such perturbation.

    Examples
    --------
    >>> overview("finer_dt")["options"]
    {'divisor': 10}
    """
    known = PERTURBATIONS[name]
    text = inspect.getdoc(known) or ""
    fields = dataclasses.fields(known)
    return {
        "name": name,
        "summary": text.partition("\n\n")[0].replace("\n", " "),
        "keeps": known.keeps,
        "random": known.random,
        "options": {field.name: _default(field) for field in fields},
        "required": [field.name for field in fields if _is_required(field)],
        "text": text,
    }


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if _is_required(field) else field.default


def _is_required(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def perturbation(name: str, /, **options: Any) -> Perturbation:
    """Make a perturbation by its name.

    Parameters
    ----------
    name : str
        Name of the perturbation.
    **options
        Its options.

    Raises
    ------
    InputError
        If there is no such perturbation, or an option is unknown, missing or out of range.

    Examples
    --------
    >>> perturbation("finer_dt", divisor=10)
    FinerDt(divisor=10)
    """
    made: Perturbation = PERTURBATIONS.make(name, options)
    for option, value in options.items():
        if isinstance(value, int | float) and not abs(value) <= _LARGEST_OPTION:
            raise InputError(
                f"perturbation '{name}': {option} = {value:g} is out of range; give a number of "
                f"at most {_LARGEST_OPTION:g}"
            )
    return made
