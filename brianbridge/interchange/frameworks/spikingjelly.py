"""Neurons of SpikingJelly, with time constants in steps.

Source: ``spikingjelly/activation_based/functional/neuron.py``, version 2.0.0. A neuron fires if its
membrane is at least the threshold. Its membrane decays towards `v_reset`, or 0 with a reset by
subtraction (``v_reset=None``).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from brianbridge.interchange.frameworks.reading import Cell, Reading, decay_time
from brianbridge.interchange.neuron_models import Firing, Values, cuba_lif, lif

__all__ = ["SPIKINGJELLY"]


def _firing(reading: Reading) -> Firing:
    """Return threshold and reset."""
    module = reading.module
    if not getattr(module.surrogate_function, "spiking", True):
        raise reading.refuse(
            "its surrogate function has spiking=False, so that its output is no spike",
            "set spiking=True",
        )
    threshold = reading.value(module.v_threshold)
    if module.v_reset is None:
        return Firing(threshold, reset="subtract")
    return Firing(threshold, v_reset=reading.value(module.v_reset))


def _if(reading: Reading) -> Cell:
    """Read ``IFNode``."""
    firing = _firing(reading)
    return Cell(lif(np.inf, firing=firing, first=firing.v_reset, name="if_node"))


def _leaky(reading: Reading, rate: Values, name: str) -> Cell:
    """Return a neuron that moves `rate` of the way to its rest in each step."""
    firing = _firing(reading)
    rest = firing.v_reset
    tau = (reading.dt / np.asarray(rate))[()]
    model = lif(tau, firing=firing, v_leak=rest, first=rest, name=name)
    return Cell(model, jump=reading.jump(rate) if reading.module.decay_input else 1.0)


def _lif(reading: Reading) -> Cell:
    """Read ``LIFNode``: ``v += (x - (v - v_reset))/tau``, or ``x`` without the factor 1/tau."""
    return _leaky(reading, 1.0 / float(reading.module.tau), "lif_node")


def _parametric(reading: Reading) -> Cell:
    """Read ``ParametricLIFNode``, which learns ``1/tau = sigmoid(w)``."""
    rate = 1.0 / (1.0 + np.exp(-np.asarray(reading.value(reading.module.w))))
    return _leaky(reading, rate[()], "parametric_lif_node")


def _cuba(reading: Reading) -> Cell:
    """Read ``CUBALIFNode``: ``c = c*c_decay + x``, then ``v = v*v_decay + c``."""
    module, firing = reading.module, _firing(reading)
    kept = float(module.v_decay)
    model = cuba_lif(
        decay_time(kept, reading.dt),
        decay_time(float(module.c_decay), reading.dt),
        1 / (1 - kept) if kept < 1 else 1 / reading.dt,
        firing=firing,
        first=firing.v_reset,
        name="cuba_lif_node",
    )
    return Cell(model)


SPIKINGJELLY: dict[str, Callable[[Reading], Cell]] = {
    "IFNode": _if,
    "LIFNode": _lif,
    "ParametricLIFNode": _parametric,
    "CUBALIFNode": _cuba,
}
