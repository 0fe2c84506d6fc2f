"""The kinds of fit, and which options of `brianbridge.fit` each of them has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.neurons.expressions import one_line

__all__ = ["check_options", "kind_of"]

_NEURON = {"input", "drive"}
_TRACES = {"target_dt", "t_start", "weights", "mask_nan"}

#: The options of each kind, beside those that all have.
_OPTIONS = {
    "traces": {*_NEURON, *_TRACES, "input_dt", "optimizer", "checkpoint"},
    "spike trains": {*_NEURON, "precision", "metric", "checkpoint"},
    "rates or features": {*_NEURON, "input_dt", "t_start", "checkpoint"},
    "a loss": {*_NEURON, "input_dt", "record", "duration", "iterations"},
    "traces of a circuit": {*_TRACES, "duration", "iterations"},
    "a loss of a circuit": {"record", "duration", "iterations"},
}


def kind_of(target: Any, loss: Any, *, circuit: bool, measured: bool) -> str:
    """Return the kind of a fit.

    Parameters
    ----------
    target, loss
        As `brianbridge.fit` is given them.
    circuit : bool
        Whether the model is a network.
    measured : bool
        Whether the target has rates or features.

    Raises
    ------
    InputError
        If there are a target and a loss, or neither; or a circuit has a target without names.

    Examples
    --------
    >>> kind_of({"v": []}, None, circuit=False, measured=False)
    'traces'
    """
    if (target is None) == (loss is None):
        given = "neither" if loss is None else "both"
        raise InputError(f"a fit needs a target or a loss, and there are {given}; give one of them")
    if loss is not None:
        if not callable(loss):
            raise InputError(f"loss = {loss!r:.80} is no function; give one of traces and spikes")
        return "a loss of a circuit" if circuit else "a loss"
    if circuit:
        return "traces of a circuit"
    if measured:
        return "rates or features"
    if isinstance(target, Mapping):
        return "traces"
    if not _is_trains(target):
        raise InputError(
            f"target = {one_line(repr(target)):.80} is no recording; give traces by variable, as "
            "in {'v': traces}, spike times of each sweep in a list, rates in Hz, or Features"
        )
    return "spike trains"


def _is_trains(target: Any) -> bool:
    """Return whether a target may be spike trains: a list, or times without one."""
    from brian2 import second
    from brian2.units.fundamentalunits import have_same_dimensions

    if isinstance(target, np.ndarray) and target.dtype != object:
        return bool(have_same_dimensions(target, second))
    return isinstance(target, list | tuple | np.ndarray)


def check_options(kind: str, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Refuse options of other kinds.

    Parameters
    ----------
    kind : str
        The kind of the fit.
    given, defaults : mapping of str to Any
        All options, and their defaults.

    Raises
    ------
    InputError
        If an option of another kind has another value than its default.

    Examples
    --------
    >>> check_options("traces", {"precision": "1 ms"}, {"precision": "2 ms"})
    Traceback (most recent call last):
    ...
    brianbridge.errors.InputError: precision is for a fit to spike trains, and this one is to \
traces; leave it out
    """
    for name in sorted({n for names in _OPTIONS.values() for n in names} - _OPTIONS[kind]):
        value, default = given.get(name), defaults.get(name)
        if value is default or (type(value) is type(default) and value == default):
            continue
        owners = " or ".join(other for other, names in _OPTIONS.items() if name in names)
        remedy = "leave it out"
        if name == "input" and kind.endswith("circuit"):
            remedy = "give a circuit its input by a SpikeGeneratorGroup or a TimedArray"
        raise InputError(f"{name} is for a fit to {owners}, and this one is to {kind}; {remedy}")
