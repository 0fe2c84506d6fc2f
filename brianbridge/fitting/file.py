"""A fit as one TOML file: neuron, input, recordings and ranges."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from brianbridge.errors import InputError
from brianbridge.fitting.features import Features
from brianbridge.fitting.measured_result import MeasuredFit
from brianbridge.fitting.recorded_spikes import recorded_spikes
from brianbridge.fitting.recorded_values import recorded_values
from brianbridge.fitting.result import Fit
from brianbridge.fitting.run import fit
from brianbridge.fitting.spike_result import SpikeFit
from brianbridge.neurons.quantities import parse_quantity, seconds
from brianbridge.schema import find_toml, read_toml, validated

__all__ = ["FitFile", "fit_file"]

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


class FeatureValues(_Table):
    """Say which features a potential should have; see `brianbridge.fitting.Features`.

    Parameters
    ----------
    variable : str
        The state variable that is the potential.
    values : dict of str to str, float or list of these
        What each feature should be, by its name in efel: one value for all sweeps, or one for each.
    stim_start, stim_end : str, optional
        When the stimulus is on.
    scale : dict of str to str or float
        The difference that counts as 1.
    """

    variable: str
    values: dict[str, str | float | list[str | float]]
    stim_start: str = "0 ms"
    stim_end: str | None = None
    scale: dict[str, str | float] = {}


class Target(BaseModel):
    """Say what was recorded: of state variables, each by its name, or one of these.

    Parameters
    ----------
    spikes : Values, optional
        Spike times, in seconds if they have no unit: in a ``.npz`` file an array for each sweep,
        and in a CSV file a column beside the column ``sweep``, which counts from 0.
    rates : list of str, optional
        A firing rate for each sweep, such as ``"12 Hz"``.
    features : FeatureValues, optional
        Features of a potential.
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Values]

    spikes: Values | None = None
    rates: list[str] | None = Field(default=None, min_length=1)
    features: FeatureValues | None = None


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
    target : Target
        What was recorded, by state variable; or spikes, rates or features.
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
    target: Target
    learn: dict[str, list[str | float]]


def fit_file(
    path: str,
    progress: Callable[[int, int, float], None] | None = None,
    checkpoint: Path | None = None,
) -> Fit | SpikeFit | MeasuredFit:
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
    _check_alone(entries.target)
    input_dt = entries.input_dt
    given: Any = None
    if entries.input is not None:
        given, input_dt = _read(found.parent, entries.input, "input_dt", input_dt)
    sweeps = 1 if given is None else len(given)
    target, target_dt = _target(found.parent, entries.target, entries.target_dt, sweeps)
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


def _target(folder: Path, target: Target, target_dt: Any, sweeps: int) -> tuple[Any, Any]:
    """Return the target of `brianbridge.fit`, and the time between values of traces."""
    if target.spikes is not None:
        one = target.spikes
        unit = "second" if one.unit in (None, "1") else one.unit
        return recorded_spikes(folder / one.file, one.values, unit, sweeps, one.sweeps), target_dt
    if target.rates is not None:
        return parse_quantity(target.rates, "target.rates"), target_dt
    if target.features is not None:
        return _features(target.features), target_dt
    traces = {}
    for name, one in target.__pydantic_extra__.items():
        traces[name], target_dt = _read(folder, one, "target_dt", target_dt)
    return traces, target_dt


def _features(given: FeatureValues) -> Features:
    """Return features with units."""
    parts = {
        part: {
            name: parse_quantity(value, f"target.features.{part}.{name}")
            for name, value in getattr(given, part).items()
        }
        for part in ("values", "scale")
    }
    return Features(given.variable, stim_start=given.stim_start, stim_end=given.stim_end, **parts)


def _check_alone(target: Target) -> None:
    """Refuse spikes, rates or features beside each other, or beside traces."""
    given = [name for name in type(target).model_fields if getattr(target, name) is not None]
    both = [*given, *target.__pydantic_extra__]
    if given and len(both) > 1:
        raise InputError(
            f"target has {both[0]} and '{both[1]}'; a fit is to one of them, leave one out"
        )
