"""Random neurons: every model of the library and some more, with random parameters.

Parameters are random reals, so that no potential lands exactly on its threshold, where the last bit
of a sum would decide whether the neuron fires. Dyadic models have no leak and parameters that are
multiples of a power of two. All their sums are exact in any order. A potential that does land on
its threshold must thus have the same effect on every path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import Hz, ms, mV, nA, nS, pF, second

from brianbridge.neurons.events import CustomEvent
from brianbridge.neurons.files import model_names, model_path, read_entries
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import parse_quantity

__all__ = [
    "DYADIC_MODELS",
    "MODELS",
    "RANGES",
    "UNBOUNDED",
    "WEIGHT_SCALE",
    "dyadic_model",
    "random_model",
]

#: Parameter -> (lowest, highest, unit).
Ranges = dict[str, tuple[float, float, Any]]

#: Ranges of library models whose parameters vary more than in `_ranges_of`.
_WIDE_RANGES: dict[str, Ranges] = {
    "if": {"theta": (0.5, 1.5, 1)},
    "if_zero": {"theta": (0.5, 1.5, 1)},
    "if_rest": {"theta": (0.5, 1.5, 1), "rest": (-1.5, 0.0, 1)},
    "lif": {"theta": (0.5, 1.5, 1), "tau": (2, 50, ms)},
    "lif_zero": {"theta": (0.5, 1.5, 1), "tau": (2, 50, ms)},
    "lif_rest": {"theta": (0.5, 1.5, 1), "rest": (-1.5, 0.0, 1), "tau": (2, 50, ms)},
    "ternary_if": {"theta": (0.5, 1.5, 1)},
    "ternary_lif": {"theta": (0.5, 1.5, 1), "tau": (2, 50, ms)},
    # Neurons are silent if their drive is `off` or more, which holds for some of them.
    "ternary_if_gated": {"theta": (0.3, 1.0, 1), "rest": (-1.0, 0.0, 1), "off": (200, 2000, Hz)},
    "ternary_lif_gated": {
        "theta": (0.3, 1.0, 1), "rest": (-1.0, 0.0, 1), "off": (200, 2000, Hz), "tau": (2, 50, ms),
    },
    "multi_threshold_lif": {"theta": (0.3, 1.0, 1), "tau": (2, 50, ms)},
    "multi_threshold_lif_zero": {"theta": (0.3, 1.0, 1), "tau": (2, 50, ms)},
    "single_spike_if": {"theta": (0.5, 2.5, 1)},
    "single_spike_lif": {"tau": (2, 30, ms), "theta": (0.5, 2.5, 1)},
    "cuba_lif": {"theta": (0.2, 1.0, 1), "tau": (2, 50, ms), "tau_s": (1, 20, ms)},
    "lif_refractory": {"theta": (0.5, 1.5, 1), "tau": (2, 50, ms), "t_ref": (0, 5, ms)},
    "adex": {
        "C": (200, 350, pF), "g_L": (20, 40, nS), "v_T": (-53, -48, mV), "delta_T": (1, 3, mV),
        "tau_w": (50, 200, ms), "a": (0, 10, nS), "b": (0.02, 0.2, nA), "v_r": (-75, -55, mV),
    },
    "izhikevich": {
        "a": (0.01, 0.1, 1 / ms), "b": (0.15, 0.25, 1 / ms), "c": (-70, -50, mV),
        "d": (1, 10, mV / ms), "v_peak": (20, 40, mV),
    },
}  # fmt: skip


def _ranges_of(name: str) -> Ranges:
    """Return the ranges of a library model: each parameter varies by a tenth."""
    values = read_entries(model_path(name)).get("parameters", {})
    quantities = {k: parse_quantity(v, k) for k, v in values.items() if not isinstance(v, int)}
    return {k: (0.9, 1.1, v) for k, v in quantities.items() if np.ndim(v) == 0}


def _receives_volts(name: str) -> bool:
    """Return whether the weights of a library model are in volt."""
    entries = read_entries(model_path(name))
    target = entries.get("receive", "v")
    return (
        re.search(rf"^\s*d{target}/dt[^:]*:\s*volt\b(?!/)", entries["equations"], re.M) is not None
    )


def _is_linear(name: str) -> bool:
    return read_entries(model_path(name)).get("method", "exact") == "exact"


#: Ranges of every library model.
RANGES: dict[str, Ranges] = {
    **_WIDE_RANGES,
    **{name: _ranges_of(name) for name in model_names() if name not in _WIDE_RANGES},
}

#: Models that the library lacks: an adaptive threshold, alpha and conductance-based synapses, a
#: quadratic neuron, other integration methods, a refractory period that stops only the potential,
#: graded spikes with synaptic currents, code of Brian2 users (index, types, local names, events),
#: and noise.
_EXTRA_MODELS: dict[str, dict[str, Any]] = {
    "adaptive_threshold": {
        "equations": "dv/dt = -v/tau + drive : 1\nda/dt = -a/tau_a : 1\ndrive : Hz",
        "emit": "int(v >= theta + a)", "reset": "v -= theta*emit\na += jump",
    },
    "alpha_synapse": {
        "equations": "dv/dt = (g - v)/tau + drive : 1\ndg/dt = (h - g)/tau_s : 1\n"
        "dh/dt = -h/tau_s : 1\ndrive : Hz",
        "emit": "int(v > theta)", "reset": "v = 0", "receive": "h",
    },
    "conductance": {
        "equations": "dv/dt = (g*(top - v) - v)/tau + drive : 1\ndg/dt = -g/tau_s : 1\ndrive : Hz",
        "emit": "int(v >= theta)", "reset": "v = 0", "receive": "g", "method": "rk2",
    },
    "quadratic": {
        "equations": "dv/dt = (v**2 - v)/tau + drive : 1\ndrive : Hz",
        "emit": "int(v >= theta)", "reset": "v = low", "method": "rk4",
    },
    "refractory_synapse": {
        "equations": "dv/dt = (g - v)/tau + drive : 1 (unless refractory)\n"
        "dg/dt = -g/tau_s : 1\ndrive : Hz",
        "emit": "int(v >= theta)", "reset": "v -= theta", "receive": "g", "refractory": "t_ref",
    },
    "multi_threshold_cuba": {
        "equations": "dv/dt = (g - v)/tau + drive : 1\ndg/dt = -g/tau_s : 1\ndrive : Hz",
        "emit": "clip(floor(v/theta), -s_max, s_max)", "reset": "v -= theta*emit", "receive": "g",
    },
    "by_index": {
        "equations": "dv/dt = -v/tau + drive*(1 + 0.3*i/N) : 1\ndrive : Hz\nk : integer\n"
        "high : boolean\nstep : 1 (shared)",
        "emit": "int(v >= theta + step*(k % 3) or high)",
        "reset": "low = 0.2*v; v -= theta; v += low; k += 1 + i % 2; high = False",
        "initial": {"step": 0.05},
        "events": (CustomEvent("up", "v > 0.9*theta and k % 5 == 1", "high = not high; v *= 0.9"),),
    },
    "noisy": {
        "equations": "dv/dt = -v/tau + drive + sigma*xi*tau**-0.5 : 1\ndrive : Hz",
        "emit": "int(v >= theta - 0.1*rand())", "reset": "v = 0.1*randn()", "method": "euler",
    },
}  # fmt: skip

_EXTRA_RANGES: dict[str, Ranges] = {
    "adaptive_threshold": {
        "theta": (0.5, 1.5, 1), "tau": (2, 50, ms), "tau_a": (5, 100, ms), "jump": (0.05, 0.6, 1),
    },
    "alpha_synapse": {"theta": (0.2, 1.0, 1), "tau": (2, 50, ms), "tau_s": (1, 20, ms)},
    "conductance": {
        "theta": (0.2, 0.8, 1), "tau": (5, 50, ms), "tau_s": (2, 20, ms), "top": (1.5, 4, 1),
    },
    "quadratic": {"theta": (1.5, 3.0, 1), "tau": (5, 50, ms), "low": (-1.0, 0.0, 1)},
    "refractory_synapse": {
        "theta": (0.2, 1.0, 1), "tau": (2, 50, ms), "tau_s": (1, 20, ms), "t_ref": (0, 5, ms),
    },
    "multi_threshold_cuba": {"theta": (0.2, 1.0, 1), "tau": (2, 50, ms), "tau_s": (1, 20, ms)},
    "by_index": {"theta": (0.5, 1.5, 1), "tau": (2, 50, ms)},
    "noisy": {"theta": (0.5, 1.5, 1), "tau": (2, 50, ms), "sigma": (0.05, 0.5, 1)},
}  # fmt: skip

#: Every model with real parameters.
MODELS = (*RANGES, *_EXTRA_MODELS)

#: Scale of the weights of each model, if it is not 1.
WEIGHT_SCALE = {
    **{name: 0.02 for name in RANGES if _receives_volts(name)},
    "izhikevich": 0.015, "cuba_lif": 2.0, "alpha_synapse": 4.0,
    "refractory_synapse": 2.0, "multi_threshold_cuba": 2.0,
}  # fmt: skip

#: Nonlinear models. Without a threshold their potential diverges, so it cannot be the readout.
UNBOUNDED = (*(name for name in RANGES if not _is_linear(name)), "quadratic")

#: Models without leak; two of them are not in the library.
DYADIC_MODELS = (
    "if", "if_zero", "if_rest", "ternary_if", "ternary_if_gated", "single_spike_if",
    "multi_threshold_if", "graded_if",
)  # fmt: skip
_EXTRA_DYADIC_MODELS: dict[str, dict[str, Any]] = {
    "multi_threshold_if": {
        "emit": "clip(floor(v/theta), 0, s_max)", "reset": "v -= theta*emit", "s_max": 3,
    },
    # A spike carries the potential in eighths, so values need not be whole numbers.
    "graded_if": {
        "emit": "clip(floor(8*v)/8, 0, s_max)*int(v >= theta)", "reset": "v -= emit", "s_max": 2,
    },
}  # fmt: skip


def random_model(
    kind: str, size: int, per_neuron: bool, dt: float, rng: np.random.Generator
) -> NeuronModel:
    """Return a model with random parameters.

    Parameters
    ----------
    kind : str
        One of `MODELS`.
    size : int
        Number of neurons.
    per_neuron : bool
        Whether each neuron has its own parameters.
    dt : float
        The step, in seconds; half of all refractory periods are a multiple of it.
    rng : numpy.random.Generator
        Source of the random numbers.

    Examples
    --------
    >>> random_model("lif", 3, True, 1e-3, np.random.default_rng(0)).parameters["theta"].shape
    (3,)
    """
    ranges = (RANGES | _EXTRA_RANGES)[kind]
    shape = (size,) if per_neuron else ()
    values = {
        key: rng.uniform(low, high, shape) * unit for key, (low, high, unit) in ranges.items()
    }
    if kind.startswith("multi_threshold"):
        values["s_max"] = float(rng.integers(1, 6))
    if "tau_s" in values and rng.random() < 0.3:
        values["tau_s"] = values["tau"]  # where the textbook solution divides by zero
    if "t_ref" in values and rng.random() < 0.5:
        values["t_ref"] = np.rint(values["t_ref"] / (dt * second)) * dt * second
    return _model(kind, values)


def _model(kind: str, values: Mapping[str, Any]) -> NeuronModel:
    if kind in _EXTRA_MODELS:
        return NeuronModel(
            **{"drive": "drive", **_EXTRA_MODELS[kind]}, parameters=values, name=kind
        )
    return neuron_model(kind, **values)


def dyadic_model(kind: str, theta: float) -> NeuronModel:
    """Return a model of `DYADIC_MODELS`; `theta` is a multiple of 1/4.

    Examples
    --------
    >>> dyadic_model("graded_if", 0.5).reset
    'v -= emit'
    """
    if kind not in _EXTRA_DYADIC_MODELS:
        return neuron_model(kind, theta=theta)
    entries = dict(_EXTRA_DYADIC_MODELS[kind])
    return NeuronModel(
        "dv/dt = drive : 1\ndrive : Hz", drive="drive", name=kind,
        parameters={"theta": theta, "s_max": entries.pop("s_max")}, **entries,
    )  # fmt: skip
