"""The ladder: simulation conditions of rising fidelity, and what each must hold.

The first rung is ``parity`` (same dt, same inputs), where every spike must agree; the second,
``dt/10``, resolves time ten times finer.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from ..errors import InputError
from ..schema import read_toml, validated

__all__ = ["DEFAULT_LADDER", "Rung", "read_ladder"]


class Rung(BaseModel):
    """Describe one simulation condition and its tolerances.

    Parameters
    ----------
    name : str
        How the rung is called in the verdict.
    dt_divisor : int
        Brian2's step is the surrogate's divided by this.
    poisson : bool
        Whether Brian2 draws the input spikes itself, at the rates of encoding 'poisson', so that
        only statistics can agree.
    max_spike_mismatches : int, optional
        Most (step, sample, neuron) cells that may differ; no limit if not given.
    max_accuracy_drop : float
        How far accuracy may fall below the surrogate's, as a share of samples.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    dt_divisor: int = Field(default=1, ge=1)
    poisson: bool = False
    max_spike_mismatches: int | None = Field(default=None, ge=0)
    max_accuracy_drop: float = Field(default=0.02, ge=0, le=1)


class _LadderFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rung: list[Rung] = Field(min_length=1)


DEFAULT_LADDER: tuple[Rung, ...] = (
    Rung(name="parity", max_spike_mismatches=0, max_accuracy_drop=0.0),
    Rung(name="dt/10", dt_divisor=10),
)


def read_ladder(path: Path) -> tuple[Rung, ...]:
    """Read a ladder from a TOML file of ``[[rung]]`` tables.

    Raises
    ------
    InputError
        If the file cannot be read, or a key is unknown or out of range.
    """
    entries = read_toml(path, "ladder file")
    rungs = tuple(validated(_LadderFile, entries, f"ladder file '{path}'").rung)
    names = [rung.name for rung in rungs]
    if len(set(names)) < len(names):
        raise InputError(f"ladder file '{path}': two rungs have the same name")
    return rungs
