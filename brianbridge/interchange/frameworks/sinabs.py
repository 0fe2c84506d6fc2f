"""Neurons of sinabs, with time constants in steps and exponential decays.

Source: ``sinabs/layers/functional/lif.py``, version 3.1.3. A membrane keeps ``exp(-1/tau_mem)`` of
itself in a step. By default a neuron that holds several thresholds fires several spikes at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from brianbridge.interchange.frameworks.reading import Cell, Reading
from brianbridge.interchange.neuron_models import Firing, Values, cuba_lif, lif

__all__ = ["SINABS"]

#: Largest value of a spike of `MultiSpike`, which has no limit of its own.
_MANY = 2**16


def _most(reading: Reading, function: Any) -> int:
    """Return the largest value of a spike."""
    match getattr(function, "__name__", type(function).__name__):
        case "SingleSpike":
            return 1
        case "MultiSpike":
            return _MANY
        case "MaxSpike":
            return int(function.max_num_spikes_per_bin or _MANY)
        case other:
            raise reading.refuse(
                f"its spike_fn {other} cannot be read", "use SingleSpike, MultiSpike or MaxSpike"
            )


def _firing(reading: Reading) -> Firing:
    """Return threshold and reset."""
    module, reset = reading.module, reading.module.reset_fn
    threshold, most = reading.value(module.spike_threshold), _most(reading, module.spike_fn)
    if type(reset).__name__ == "MembraneReset":
        if reset.reset_value:
            raise reading.refuse(
                f"MembraneReset(reset_value={reset.reset_value}) of sinabs adds its value to all "
                "neurons in every step",
                "use reset_value=0",
            )
        return Firing(threshold, most=most)
    subtract = getattr(reset, "subtract_value", None)
    return Firing(threshold, reset="subtract", subtract=subtract, most=most)


def _tau(reading: Reading, name: str) -> Values:
    """Return a time constant; infinite for `IAF`."""
    module = reading.module
    if name == "mem" and "IAF" in type(module).__name__:
        return np.inf
    if module.train_alphas:
        kept = np.asarray(reading.value(getattr(module, f"alpha_{name}")))
        return (-reading.dt / np.log(kept))[()]
    return (reading.dt * np.asarray(reading.value(getattr(module, f"tau_{name}"))))[()]


def _cell(reading: Reading, firing: Firing | None) -> Cell:
    """Return the neurons, with or without synaptic current."""
    module, name = reading.module, type(reading.module).__name__.lower()
    tau = _tau(reading, "mem")
    gain = 1 - np.exp(-reading.dt / np.asarray(tau))
    least = None if module.min_v_mem is None else reading.value(module.min_v_mem)
    options: dict[str, Any] = {
        "step": "exponential",
        "firing": firing,
        "least": least,
        "name": name,
    }
    if module.alpha_syn_calculated is None:
        jump = reading.jump(gain[()]) if module.norm_input else 1.0
        return Cell(lif(tau, **options), jump=jump, fires=firing is not None)
    r: Values = 1.0 if module.norm_input else (1 / gain)[()] if np.all(gain) else 1 / reading.dt
    model = cuba_lif(tau, _tau(reading, "syn"), r, decayed=True, **options)
    return Cell(model, fires=firing is not None)


def _spiking(reading: Reading) -> Cell:
    """Read ``LIF``, ``IAF`` and their variants for squeezed input."""
    return _cell(reading, _firing(reading))


def _leak(reading: Reading) -> Cell:
    """Read ``ExpLeak``, which returns its membrane."""
    return _cell(reading, None)


def _recurrent(reading: Reading) -> Cell:
    """Read ``LIFRecurrent`` and ``IAFRecurrent``, whose spikes return one step later."""
    connect = reading.module.rec_connect
    layers = list(connect) if type(connect).__name__ == "Sequential" else [connect]
    layers = [one for one in layers if type(one).__name__ not in ("Flatten", "Unflatten")]
    if len(layers) != 1:
        raise reading.refuse("rec_connect has several layers", "use a single nn.Linear")
    node = reading.linear(layers[0], "rec_connect")
    cell = _spiking(reading)
    if node.bias is not None and np.any(node.bias):
        cell = _without_first_bias(reading, cell, node.bias)
    return Cell(cell.model, cell.jump, recurrent=(node,))


def _without_first_bias(reading: Reading, cell: Cell, bias: np.ndarray) -> Cell:
    """Return neurons whose initial state cancels the recurrent bias of the first step.

    In sinabs the recurrent layer is silent in the first step, with its bias; here a bias is an
    input of every step.
    """
    dt, tau = reading.dt, np.asarray(_tau(reading, "mem"))
    model = cell.model
    if "I" not in model.state_variables:
        first = {"v": -np.ravel(cell.jump) * bias * np.exp(dt / tau)}
        if "v_min" in model.parameters and np.any(first["v"] < model.parameters["v_min"]):
            raise reading.refuse(
                "the bias of rec_connect is missing in sinabs' first step, which a start above "
                "min_v_mem cannot cancel",
                "use nn.Linear(..., bias=False) there, and a bias in the layer before",
            )
    else:
        added = 1 - np.exp(-dt / tau) if np.isfinite(tau).all() else dt
        first = {
            "v": np.asarray(model.parameters["r"]) * added * bias,
            "I": -bias * np.exp(dt / np.asarray(_tau(reading, "syn"))),
        }
    return replace(cell, model=replace(model, initial=first))


SINABS: dict[str, Callable[[Reading], Cell]] = {
    "LIF": _spiking,
    "LIFSqueeze": _spiking,
    "LIFRecurrent": _recurrent,
    "IAF": _spiking,
    "IAFSqueeze": _spiking,
    "IAFRecurrent": _recurrent,
    "ExpLeak": _leak,
    "ExpLeakSqueeze": _leak,
}
