"""Random neurons: every model of the library, and what the library lacks, with random parameters.

Parameters are random reals, so that no membrane lands exactly on its threshold: there the last
bit of a sum would decide about a spike. Dyadic models have no leak and parameters that are
multiples of a power of two. All their sums are exact in any order, so that a membrane that does
land on its threshold must fire, or not, on every path.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import Hz, ms, mV, nA, nS, pF, second

from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel

__all__ = [
    "DYADIC_MODELS",
    "MODELS",
    "RANGES",
    "UNBOUNDED",
    "WEIGHT_SCALE",
    "dyadic_model",
    "random_model",
]

#: Parameter -> (lowest, highest, unit), for every model of the library.
RANGES: dict[str, dict[str, tuple[float, float, Any]]] = {
    "if": {"theta": (0.5, 1.5, 1)},
    "if_zero": {"theta": (0.5, 1.5, 1)},
    "if_rest": {"theta": (0.5, 1.5, 1), "rest": (-1.5, 0.0, 1)},
    "lif": {"theta": (0.5, 1.5, 1), "tau": (2, 50, ms)},
    "lif_zero": {"theta": (0.5, 1.5, 1), "tau": (2, 50, ms)},
    "lif_rest": {"theta": (0.5, 1.5, 1), "rest": (-1.5, 0.0, 1), "tau": (2, 50, ms)},
    "ternary_if": {"theta": (0.5, 1.5, 1)},
    "ternary_lif": {"theta": (0.5, 1.5, 1), "tau": (2, 50, ms)},
    # Above `off` neurons are silent: some of them, by their drive.
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

#: What the library lacks: a moving threshold, synapses of two and of changing strength, other
#: integration methods, and spikes whose refractory period stops only some variables.
_OWN: dict[str, dict[str, Any]] = {
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
}  # fmt: skip

_OWN_RANGES: dict[str, dict[str, tuple[float, float, Any]]] = {
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
}  # fmt: skip

#: Every model with real parameters.
MODELS = (*RANGES, *_OWN)

#: What one unit of weight means: that of two models is in volts, of all others it has no unit.
WEIGHT_SCALE = {
    "adex": 0.02, "izhikevich": 0.015, "cuba_lif": 2.0, "alpha_synapse": 4.0,
    "refractory_synapse": 2.0, "multi_threshold_cuba": 2.0,
}  # fmt: skip

#: Without a threshold their membrane explodes; they cannot be read by their potential.
UNBOUNDED = ("adex", "izhikevich", "quadratic")

#: Models without leak; two of them are not in the library.
DYADIC_MODELS = (
    "if", "if_zero", "if_rest", "ternary_if", "ternary_if_gated", "single_spike_if",
    "multi_threshold_if", "graded_if",
)  # fmt: skip
_DYADIC_OWN: dict[str, dict[str, Any]] = {
    "multi_threshold_if": {
        "emit": "clip(floor(v/theta), 0, s_max)", "reset": "v -= theta*emit", "s_max": 3,
    },
    # A spike carries the potential in eighths: values that are no whole numbers.
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
        Whether each neuron has parameters of its own.
    dt : float
        The step, in seconds; half of all refractory periods are a multiple of it.
    rng : numpy.random.Generator
        Where the numbers come from.

    Examples
    --------
    >>> random_model("lif", 3, True, 1e-3, np.random.default_rng(0)).parameters["theta"].shape
    (3,)
    """
    ranges = (RANGES | _OWN_RANGES)[kind]
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
    if kind in _OWN:
        return NeuronModel(**{"drive": "drive", **_OWN[kind]}, parameters=values, name=kind)
    return neuron_model(kind, **values)


def dyadic_model(kind: str, theta: float) -> NeuronModel:
    """Return a model of `DYADIC_MODELS`; `theta` is a multiple of 1/4.

    Examples
    --------
    >>> dyadic_model("graded_if", 0.5).reset
    'v -= emit'
    """
    if kind not in _DYADIC_OWN:
        return neuron_model(kind, theta=theta)
    own = dict(_DYADIC_OWN[kind])
    return NeuronModel(
        "dv/dt = drive : 1\ndrive : Hz", drive="drive", name=kind,
        parameters={"theta": theta, "s_max": own.pop("s_max")}, **own,
    )  # fmt: skip
