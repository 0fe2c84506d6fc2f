"""A fit as one TOML file: neuron, input, recordings and ranges."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from brianbridge.errors import InputError
from brianbridge.fitting.fit import fit
from brianbridge.fitting.recorded_spikes import recorded_spikes
from brianbridge.fitting.recorded_values import recorded_values
from brianbridge.fitting.result import Fit
from brianbridge.fitting.spike_result import SpikeFit
from brianbridge.neurons.quantities import seconds
from brianbridge.schema import find_toml, read_toml, validated

__all__ = ["FitFile", "fit_file"]

#: The target that is spike trains.
_SPIKES = "spikes"
#: Keys that are arguments of the fit as they stand.
_PLAIN = {
    "dt", "t_start", "starts", "seed", "mask_nan", "optimizer", "precision", "metric",
}  # fmt: skip


class _Table(BaseModel):
    """Refuse unknown keys of a table."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Values(_Table):
    """Name recorded values.

    Parameters
    ----------
    file : str
        A ``.npz``, ``.csv`` or ``.nwb`` file, or one that Neo reads, beside the file of the fit.
    values : str or list of str
        In a ``.npz`` file, an array ``(sweeps, times)``; in a CSV file a column for each sweep; in
        an NWB file a series for each sweep, as ``acquisition/NAME`` or ``stimulus/NAME``; for Neo a
        channel, whose sweeps are the segments.
    unit : str, optional
        The unit of the numbers in a ``.npz`` or CSV file; 1 if not given.
    sweeps : list of int, optional
        Which sweeps, counted from 0; all by default.
    """

    file: str
    values: str | list[str]
    unit: str | None = None
    sweeps: list[int] | None = Field(default=None, min_length=1)


class InputValues(Values):
    """Name the input over time.

    Parameters
    ----------
    sets : str
        The parameter of the equations that it sets; the model's ``drive`` if not given.
    """

    sets: str = ""


class FitFile(_Table):
    """Describe a fit.

    Parameters
    ----------
    model : str
        Name of a neuron model, or the path of its file.
    dt : str
        Length of a step.
    input_dt, target_dt : str, optional
        Time between values of the input and of the targets; if not given, what the files tell, or
        `dt`.
    t_start : str
        The time before which nothing is compared.
    starts, seed : int
        Number of starts, and the seed that draws them.
    mask_nan : bool
        Whether recordings may have NaN, which are left out.
    optimizer : str
        See `brianbridge.fit`.
    input : InputValues, optional
        The input; without it, the equations have all input.
    precision, metric : str
        How spike trains are compared; see `brianbridge.fit`.
    target : dict of str to Values
        What was recorded, by state variable. Or ``spikes`` alone: times in seconds, if they have no
        unit; in a ``.npz`` file an array for each sweep, and in a CSV file a column beside the
        column ``sweep``, which counts from 0.
    learn : dict of str to list of str or float
        The lowest and the highest value of each parameter.
    """

    model: str
    dt: str
    input_dt: str | None = None
    target_dt: str | None = None
    t_start: str = "0 ms"
    starts: int = Field(default=32, ge=1)
    seed: int = Field(default=0, ge=0)
    mask_nan: bool = False
    optimizer: str = "least_squares"
    precision: str = "2 ms"
    metric: str = "gamma"
    input: InputValues | None = None
    target: dict[str, Values]
    learn: dict[str, list[str | float]]


def fit_file(
    path: str,
    progress: Callable[[int, int, float], None] | None = None,
    checkpoint: Path | None = None,
) -> Fit | SpikeFit:
    """Run the fit that a TOML file describes.

    Parameters
    ----------
    path : str
        The file. Its paths are relative to its folder.
    progress, checkpoint
        See `brianbridge.fit`.

    Raises
    ------
    InputError
        If a file cannot be read, a key is unknown or missing, or values do not fit together.
    """
    from brianbridge.neurons.files import model_path
    from brianbridge.neurons.library import read_model

    found = find_toml(path, {}, "fit")
    entries = validated(FitFile, read_toml(found, "fit file"), f"fit file '{found}'")
    own = found.parent / entries.model
    _check_spikes_alone(entries)
    input_dt, target_dt = entries.input_dt, entries.target_dt
    given: Any = None
    if entries.input is not None:
        given, input_dt = _read(found.parent, entries.input, "input_dt", input_dt)
    target: Any = {}
    for name, one in entries.target.items():
        if name != _SPIKES:
            target[name], target_dt = _read(found.parent, one, "target_dt", target_dt)
    if _SPIKES in entries.target:
        one, sweeps = entries.target[_SPIKES], 1 if given is None else len(given)
        unit = "s" if one.unit in (None, "1") else one.unit
        target = recorded_spikes(found.parent / one.file, one.values, unit, sweeps)
    return fit(
        read_model(own if own.is_file() else model_path(entries.model)),
        input=given,
        drive="" if entries.input is None else entries.input.sets,
        target=target,
        learn={name: tuple(bounds) for name, bounds in entries.learn.items()},
        input_dt=input_dt,
        target_dt=target_dt,
        progress=progress,
        checkpoint=checkpoint,
        **entries.model_dump(include=_PLAIN, exclude_unset=True),
    )


def _read(folder: Path, one: Values, what: str, given: Any) -> tuple[Any, Any]:
    """Return the values and the time between them: what is given, else what the file tells."""
    path = folder / one.file
    values, dt = recorded_values(path, one.values, one.unit, one.sweeps)
    if dt is None:
        return values, given
    if given is not None and abs(seconds(given, what) - dt) > 1e-6 * dt:
        raise InputError(
            f"'{path}' has a value each {dt * 1e3:.6g} ms, but {what} is "
            f"{seconds(given, what) * 1e3:g} ms; leave {what} out, or correct it"
        )
    return values, given if given is not None else dt


def _check_spikes_alone(entries: FitFile) -> None:
    """Refuse traces beside spike trains."""
    others = [name for name in entries.target if name != _SPIKES]
    if others and len(others) < len(entries.target):
        raise InputError(
            f"target has spikes and '{others[0]}'; a fit is to one of them, leave one out"
        )
