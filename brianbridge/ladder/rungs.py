"""The rungs of a ladder: simulation conditions, and the tolerances that each must meet.

A rung has perturbations (`brianbridge.perturbations`), a number of repeats with different random
numbers, and tolerances. Ladders are TOML files of ``[[rung]]`` tables:

.. code-block:: toml

    [[rung]]
    name = "a bad chip"
    repeats = 3
    attribute = true
    max_accuracy_drop = 0.05
    perturb.mismatch = { cv = 0.2 }
    perturb.weight_quantisation = { bits = 4 }
    remedy.fine_tune = { epochs = 3 }

Two ladders come with the package: ``short`` (parity and a ten times finer step) and ``default``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from brianbridge.errors import InputError
from brianbridge.ladder.remedy import REMEDIES, Remedy
from brianbridge.network import SpikingNetwork
from brianbridge.perturbations import Perturbation, perturbation, perturbed
from brianbridge.perturbations.base import PERTURBATIONS
from brianbridge.perturbations.condition import Condition
from brianbridge.schema import (
    MadeInPython,
    TablesByName,
    files_by_name,
    find_toml,
    read_toml,
    validated,
)

__all__ = ["Rung", "Tolerances", "check_ladder", "ladder_names", "read_ladder"]


class Tolerances(MadeInPython):
    """Describe the tolerances of a rung. A tolerance of None sets no limit.

    Parameters
    ----------
    max_accuracy_drop : float or None
        Largest drop of accuracy below the twin's, as a share of samples.
    min_agreement : float, optional
        Smallest share of samples for which Brian2 predicts the twin's class.
    min_count_correlation : float, optional
        Smallest correlation of spike counts with the twin's that a population may have.
    max_spikes_change : float, optional
        Largest change of the spikes per sample, as a share of the twin's.
    max_spike_mismatches : int, optional
        Largest number of (step, sample, neuron) cells that differ.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    max_accuracy_drop: float | None = Field(default=0.02, ge=0, le=1)
    min_agreement: float | None = Field(default=None, ge=0, le=1)
    min_count_correlation: float | None = Field(default=None, ge=-1, le=1)
    max_spikes_change: float | None = Field(default=None, ge=0)
    max_spike_mismatches: int | None = Field(default=None, ge=0)


class Rung(Tolerances):
    """Describe one simulation condition and its tolerances.

    Parameters
    ----------
    name : str
        Name of the rung in the verdict.
    perturb : mapping of str to mapping
        Options of each perturbation, by its name. If it is empty, nothing is changed.
    repeats : int
        Number of runs, each with different random numbers. A rung without random numbers runs once.
    optional : bool
        Whether the rung is left out if it does not apply to the network, instead of raising an
        error.
    attribute : bool
        Whether to determine the cost of each perturbation, if there are several.
    remedy : mapping of str to mapping
        Options of each remedy to try, by its name. Remedies see the device of the first run.
    **tolerances
        The fields of `Tolerances`.

    Raises
    ------
    InputError
        If there is no such perturbation or remedy, or an option does not fit.

    Examples
    --------
    >>> Rung(name="dt/10", perturb={"finer_dt": {"divisor": 10}}).perturbations
    (FinerDt(divisor=10),)
    """

    name: str = Field(min_length=1)
    perturb: Annotated[dict[str, dict[str, Any]], TablesByName(PERTURBATIONS)] = Field(
        default_factory=dict
    )
    repeats: int = Field(default=1, ge=1, le=10_000)
    optional: bool = False
    attribute: bool = False
    remedy: Annotated[dict[str, dict[str, Any]], TablesByName(REMEDIES)] = Field(
        default_factory=dict
    )

    @field_validator("name")
    @classmethod
    def _printable(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError(f"{value!r} cannot be printed; remove control characters")
        return value

    @field_validator("perturb", "remedy")
    @classmethod
    def _known(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        for name, options in value.items():
            try:
                if info.field_name == "perturb":
                    perturbation(name, **options)
                else:
                    REMEDIES.make(name, options)
            except InputError as error:
                raise InputError(f"rung '{info.data.get('name', '')}': {error}") from None
        return value

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Yield the name and all options that are not at their default."""
        yield "name", self.name
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if name != "name" and value != field.get_default(call_default_factory=True):
                yield name, value

    @property
    def perturbations(self) -> tuple[Perturbation, ...]:
        """The perturbations, with their options."""
        return tuple(perturbation(name, **options) for name, options in self.perturb.items())

    def applied_to(self, network: SpikingNetwork, seed: int = 0) -> Condition:
        """Return the condition of a network on this rung.

        Parameters
        ----------
        network : SpikingNetwork
            The network.
        seed : int
            Seed of the random numbers of the perturbations.

        Raises
        ------
        InputError
            If a perturbation does not fit the network.
        """
        return perturbed(Condition(network), self.perturbations, seed)

    @property
    def remedies(self) -> tuple[Remedy, ...]:
        """The remedies, with their options."""
        return tuple(REMEDIES.make(name, options) for name, options in self.remedy.items())

    @property
    def runs(self) -> int:
        """Number of runs: one if nothing is random."""
        return self.repeats if any(p.random for p in self.perturbations) else 1

    @property
    def tolerances(self) -> Tolerances:
        """The tolerances alone."""
        return Tolerances(**self.model_dump(include=set(Tolerances.model_fields)))


class LadderFile(BaseModel):
    """Hold the rungs of a ladder file, from easy to hard."""

    model_config = ConfigDict(extra="forbid")

    rung: list[Rung] = Field(min_length=1)


def ladder_names() -> list[str]:
    """Return the names of the ladders that come with the package, sorted."""
    return list(_files())


def read_ladder(ladder: str | Path) -> tuple[Rung, ...]:
    """Read a ladder from a TOML file, or by the name of one that comes with the package.

    Raises
    ------
    InputError
        If the file cannot be read, a key is unknown, or a value is out of range.

    Examples
    --------
    >>> [rung.name for rung in read_ladder("short")]
    ['parity', 'dt/10']
    """
    path = find_toml(str(ladder), _files(), "ladder")
    entries = read_toml(path, "ladder file")
    rungs = tuple(validated(LadderFile, entries, f"ladder file '{path}'").rung)
    check_ladder(rungs, f"ladder file '{path}'")
    return rungs


def check_ladder(rungs: Sequence[Rung], what: str = "ladder") -> None:
    """Check that there are rungs, and that their names differ.

    Raises
    ------
    InputError
        If there is no rung, or two have the same name.
    """
    if not rungs:
        raise InputError(f"{what}: there is no rung; give at least one")
    names = [rung.name for rung in rungs]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise InputError(f"{what}: two rungs have the same name, {name!r}; rename one")


def _files() -> dict[str, Path]:
    """Return the ladder files of this package, by name."""
    return files_by_name(Path(str(files("brianbridge.ladder"))) / "ladders")
