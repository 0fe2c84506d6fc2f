"""Features of a recorded potential, such as the height of spikes, by efel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.fitting.measures import Measure
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import seconds, si_array, unit_name

__all__ = ["Features"]

#: Features are as good as equal if they differ by this share of their scales.
_ENOUGH = 1e-3


@dataclass(frozen=True)
class Features:
    """Say which features of a potential a neuron should have; a target of `brianbridge.fit`.

    Parameters
    ----------
    variable : str
        The state variable that is the potential, in volts.
    values : mapping of str to Quantity
        What each feature should be, by its name in efel (https://efel.readthedocs.io): one value
        for all sweeps, or one for each. NaN leaves a sweep out. A feature of each spike is its mean
        over the spikes.
    stim_start, stim_end : Quantity, optional
        When the stimulus is on; the whole sweep by default.
    scale : mapping of str to Quantity
        The difference that counts as 1, such as a standard deviation over cells; the largest
        absolute value of the feature by default.

    Examples
    --------
    >>> from brian2 import Hz, ms, mV
    >>> wanted = Features("v", {"AP_amplitude": 70*mV, "mean_frequency": [10, 25]*Hz},
    ...                   stim_start=100*ms, scale={"mean_frequency": 2*Hz})
    """

    variable: str
    values: Mapping[str, Any]
    stim_start: Any = 0.0
    stim_end: Any = None
    scale: Mapping[str, Any] = field(default_factory=dict)

    def measure(self, model: NeuronModel) -> Callable[[int, float, float], Measure]:
        """Check names and units; return what takes the sweeps and returns what is compared.

        Parameters
        ----------
        model : NeuronModel
            The neuron.

        Raises
        ------
        InputError
            If efel is not installed, or names or units do not fit; in what is returned, if lengths
            do not.
        """
        from brian2 import Equations

        name = self.variable
        if name not in model.settable_variables:
            hint = did_you_mean(str(name), model.settable_variables)
            raise InputError(f"features: {model.label} has no state variable '{name}'. {hint}")
        if (unit := unit_name(Equations(model.equations)[name].dim)) != "volt":
            raise InputError(
                f"features: '{name}' of {model.label} has the unit {unit}, but efel reads volts; "
                "name a variable in volts"
            )
        if not isinstance(self.values, Mapping) or not self.values:
            raise InputError("features: no values; give some, as in {'AP_amplitude': 70*mV}")
        known = _units()
        for one in self.values:
            if one not in known:
                raise InputError(f"efel has no feature '{one}'. {did_you_mean(str(one), known)}")
        if not isinstance(self.scale, Mapping):
            raise InputError(
                f"features: scale = {self.scale!r:.80}; give that of features by name, as in "
                "{'AP_amplitude': 5*mV}"
            )
        for one in self.scale:
            if one not in self.values:
                hint = did_you_mean(str(one), self.values)
                raise InputError(f"features: scale has '{one}', which has no value. {hint}")
        return self._measured

    def _measured(self, sweeps: int, _: float, last: float) -> Measure:
        start = seconds(self.stim_start, "stim_start", zero=True)
        end = last if self.stim_end is None else seconds(self.stim_end, "stim_end")
        if not start < end <= last * (1 + 1e-9):
            raise InputError(
                f"features: the stimulus is on from {start * 1e3:g} to {end * 1e3:g} ms of sweeps "
                f"of {last * 1e3:g} ms; give a stim_end after stim_start, within the sweeps"
            )
        units = _units()
        by_name = {name: _wanted(name, one, sweeps) for name, one in self.values.items()}
        return _ByEfel(
            names=tuple(self.values),
            dims=tuple(units[name].dim for name in self.values),
            wanted=np.stack([*by_name.values()], axis=1),
            scale=np.array([_scale(k, self.scale.get(k), v) for k, v in by_name.items()]),
            enough=_ENOUGH**2,
            variable=self.variable,
            start=start,
            end=end,
        )


@dataclass(frozen=True, kw_only=True)
class _ByEfel(Measure):
    """Hold features of each sweep; `start` and `end` are when its stimulus is on, in seconds."""

    variable: str
    start: float
    end: float

    def of(self, recorded: np.ndarray, dt: float) -> np.ndarray:
        """Return the features of traces (sweeps, times), shape (sweeps, features)."""
        import efel

        times = np.arange(recorded.shape[1]) * dt * 1e3
        measured = np.full(self.wanted.shape, np.nan)
        usable = np.flatnonzero(np.isfinite(recorded).all(1))
        stimulus = {"stim_start": [self.start * 1e3], "stim_end": [self.end * 1e3]}
        traces = [{"T": times, "V": recorded[sweep] * 1e3, **stimulus} for sweep in usable]
        found = efel.get_feature_values(traces, list(self.names), raise_warnings=False)
        factors = [float(_units()[name]) for name in self.names]
        for sweep, features in zip(usable, found, strict=True):
            for place, name in enumerate(self.names):
                values = features[name]
                if values is not None and len(values):
                    measured[sweep, place] = np.mean(values) * factors[place]
        return measured


@cache
def _units() -> dict[str, Any]:
    """Return the unit of each feature that needs nothing but the potential."""
    from brian2 import Hz, Quantity, ms, mV, second, volt

    if find_spec("efel") is None:
        raise InputError("features need efel: pip install 'brianbridge[features]'")
    import efel
    from efel.units import get_unit

    units = {
        "mV": mV, "ms": ms, "Hz": Hz, "V/s": volt / second, "1/(ms)": 1 / ms,
        "constant": Quantity(1.0),
    }  # fmt: skip
    known = {}
    for name in sorted(efel.get_feature_names()):
        with suppress(KeyError):  # other names of features, and the trace itself, have no unit
            known[name] = units[get_unit(name)]
    return known


def _wanted(name: str, given: Any, sweeps: int) -> np.ndarray:
    """Return the value of a feature in each sweep, in SI units."""
    values = _in_unit(name, given, "value")
    if values.ndim > 1 or (values.ndim and len(values) != sweeps):
        raise InputError(
            f"features: '{name}' has the shape {values.shape}; give one value, or one for each of "
            f"the {sweeps} sweeps"
        )
    if np.isinf(values).any() or np.isnan(values).all():
        raise InputError(f"features: '{name}' has no finite value; give one, or leave it out")
    return np.broadcast_to(values, sweeps)


def _scale(name: str, given: Any, wanted: np.ndarray) -> float:
    """Return the difference of a feature that counts as 1, in SI units."""
    scale = np.nanmax(abs(wanted)) if given is None else _in_unit(name, given, "scale")
    if np.ndim(scale) or not 0 < scale < np.inf:
        raise InputError(
            f"features: the scale of '{name}' is {scale}; give the difference that counts as 1, as "
            f"in scale={{'{name}': ...}}"
        )
    return float(scale)


def _in_unit(name: str, given: Any, what: str) -> np.ndarray:
    """Return a value or a scale in SI units."""
    from brian2.units.fundamentalunits import get_dimensions

    try:
        values = si_array(given)
        found = unit_name(get_dimensions(given))
    except (TypeError, ValueError):
        raise InputError(
            f"features: the {what} of '{name}' is {given!r:.80}; give numbers with their unit"
        ) from None
    unit = unit_name(_units()[name].dim)
    if unit != found:
        raise InputError(
            f"features: the {what} of '{name}' has the unit {found}, but efel gives {unit}; "
            f"multiply it by {unit}"
        )
    return values
