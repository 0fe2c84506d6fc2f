"""The ladder: simulation conditions of rising fidelity, and what each must hold.

A rung is a set of perturbations (`brianbridge.perturbations`), how often it is repeated
with other random numbers, and its tolerances. Ladders are TOML files of ``[[rung]]`` tables:

.. code-block:: toml

    [[rung]]
    name = "a bad chip"
    repeats = 3
    attribute = true
    max_accuracy_drop = 0.05
    perturb.mismatch = { cv = 0.2 }
    perturb.weight_quantisation = { bits = 4 }
    remedy.fine_tune = { epochs = 3 }

Two come with the package: ``short`` (parity and a ten times finer step) and ``default``.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from brianbridge.errors import InputError
from brianbridge.perturbations import Perturbation, perturbation
from brianbridge.perturbations.base import PERTURBATIONS
from brianbridge.remedies.remedies import Remedies
from brianbridge.schema import TablesByName, find_toml, read_toml, validated

__all__ = ["Rung", "Tolerances", "check_ladder", "ladder_names", "read_ladder"]


class Tolerances(BaseModel):
    """Say what a rung must hold; None of a tolerance for no limit.

    Parameters
    ----------
    max_accuracy_drop : float or None
        How far accuracy may fall below the twin's, as a share of samples.
    min_agreement : float, optional
        Least share of samples for which Brian2 predicts the twin's class.
    min_count_correlation : float, optional
        Least correlation of spike counts with the twin's, in every population that has one.
    max_spikes_change : float, optional
        How far spikes per sample may be from the twin's, as a share of those.
    max_spike_mismatches : int, optional
        Most (step, sample, neuron) cells that may differ.
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
        How the rung is called in the verdict.
    perturb : mapping of str to mapping
        Options of each perturbation, by its name; nothing is changed if empty.
    repeats : int
        How often it runs, each time with other random numbers; where there are none, once.
    optional : bool
        Whether the rung is left out, and not an error, if it does not apply to the network.
    attribute : bool
        Whether to tell what each perturbation costs, where there are several.
    remedy : Remedies
        What is tried to win back what it costs; of the first run.
    **tolerances
        Those of `Tolerances`.

    Raises
    ------
    pydantic.ValidationError
        If there is no such perturbation, or an option does not fit; a ``ValueError``. Of a file,
        `read_ladder` makes one line of it.

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
    remedy: Remedies = Remedies()

    @field_validator("name")
    @classmethod
    def _printable(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError(f"{value!r} cannot be printed; leave control characters out")
        return value

    @field_validator("perturb")
    @classmethod
    def _known(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        for name, options in value.items():
            try:
                perturbation(name, **options)
            except InputError as error:
                raise InputError(f"rung '{info.data.get('name', '')}': {error}") from None
        return value

    @property
    def perturbations(self) -> tuple[Perturbation, ...]:
        """What is changed."""
        return tuple(perturbation(name, **options) for name, options in self.perturb.items())

    @property
    def runs(self) -> int:
        """How often it runs: once if nothing is random."""
        return self.repeats if any(p.random for p in self.perturbations) else 1

    @property
    def tolerances(self) -> Tolerances:
        """What it must hold."""
        return Tolerances(**self.model_dump(include=set(Tolerances.model_fields)))


class LadderFile(BaseModel):
    """Hold the rungs of a ladder file, from easy to hard."""

    model_config = ConfigDict(extra="forbid")

    rung: list[Rung] = Field(min_length=1)


def ladder_names() -> list[str]:
    """Return the names of the ladders that come with the package."""
    return sorted(path.stem for path in _folder().glob("*.toml"))


def read_ladder(ladder: str | Path) -> tuple[Rung, ...]:
    """Read a ladder: one that comes with the package by name, or a TOML file.

    Raises
    ------
    InputError
        If the file cannot be read, or a key is unknown or out of range.

    Examples
    --------
    >>> [rung.name for rung in read_ladder("short")]
    ['parity', 'dt/10']
    """
    path = find_toml(str(ladder), _folder(), "ladder")
    entries = read_toml(path, "ladder file")
    rungs = tuple(validated(LadderFile, entries, f"ladder file '{path}'").rung)
    check_ladder(rungs, f"ladder file '{path}'")
    return rungs


def check_ladder(rungs: Sequence[Rung], what: str = "ladder") -> None:
    """Check that there are rungs, each with a name of its own.

    Raises
    ------
    InputError
        If not.
    """
    if not rungs:
        raise InputError(f"{what}: there is no rung; give at least one")
    names = [rung.name for rung in rungs]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise InputError(f"{what}: two rungs have the same name, {name!r}; rename one")


def _folder() -> Path:
    return Path(str(files("brianbridge.ladder"))) / "ladders"
