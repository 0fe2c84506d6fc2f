"""Neurons of Norse, with time constants in seconds and a step `dt` of their own.

Source: ``norse/torch/functional``, version 1.1.0. All steps are forward Euler, and a neuron fires
if its membrane exceeds the threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from brianbridge.interchange.frameworks.reading import Cell, Reading, numbers
from brianbridge.interchange.graph import Linear
from brianbridge.interchange.neuron_models import Firing, Values, cuba_lif, lif

__all__ = ["NORSE"]


def _own_step(reading: Reading) -> None:
    """Refuse a step other than the module's own."""
    dt = float(reading.module.dt)
    if abs(dt - reading.dt) > 1e-9 * dt:
        raise reading.refuse(
            f"its own dt is {dt:g} s, and not {reading.dt:g} s", f"give dt={1e3 * dt:g}*ms"
        )


def _tau(reading: Reading, inverse: Any) -> Values:
    """Return a time constant."""
    rate = np.asarray(reading.value(inverse))
    with np.errstate(divide="ignore"):
        return (1.0 / rate)[()]


def _firing(reading: Reading, p: Any) -> Firing:
    """Return threshold and reset."""
    method = getattr(getattr(p, "reset_method", None), "__name__", "reset_value")
    if method not in ("reset_value", "reset_subtract"):
        raise reading.refuse(
            f"its reset_method {method} cannot be read", "use reset_value or reset_subtract"
        )
    reset = "to_value" if method == "reset_value" else "subtract"
    return Firing(reading.value(p.v_th), strict=True, reset=reset, v_reset=reading.value(p.v_reset))


def _lif(reading: Reading) -> Cell:
    """Read ``LIFCell`` and ``LIF``."""
    _own_step(reading)
    p = reading.module.p
    rest = reading.value(p.v_leak)
    model = cuba_lif(
        _tau(reading, p.tau_mem_inv),
        _tau(reading, p.tau_syn_inv),
        1.0,
        firing=_firing(reading, p),
        v_leak=rest,
        first=rest,
        name="lif_cell",
    )
    return Cell(model)


def _lif_recurrent(reading: Reading) -> Cell:
    """Read ``LIFRecurrentCell`` and ``LIFRecurrent``, which have weights of their own."""
    module = reading.module
    return Cell(
        _lif(reading).model,
        before=Linear(numbers(module.input_weights)),
        recurrent=(Linear(numbers(module.recurrent_weights)),),
    )


def _lif_box(reading: Reading) -> Cell:
    """Read ``LIFBoxCell``."""
    _own_step(reading)
    p = reading.module.p
    rest, tau = reading.value(p.v_leak), _tau(reading, p.tau_mem_inv)
    model = lif(tau, firing=_firing(reading, p), v_leak=rest, first=rest, name="lif_box_cell")
    return Cell(model, jump=reading.jump((reading.dt / np.asarray(tau))[()]))


def _iaf(reading: Reading) -> Cell:
    """Read ``IAFCell`` and ``IAF``."""
    p = reading.module.p
    firing = _firing(reading, p)
    return Cell(lif(np.inf, firing=firing, first=firing.v_reset, name="iaf_cell"))


def _li(reading: Reading) -> Cell:
    """Read ``LICell`` and ``LI``, which return their membrane."""
    _own_step(reading)
    p = reading.module.p
    rest = reading.value(p.v_leak)
    tau, tau_syn = _tau(reading, p.tau_mem_inv), _tau(reading, p.tau_syn_inv)
    model = cuba_lif(tau, tau_syn, 1.0, v_leak=rest, first=rest, name="li_cell")
    return Cell(model, fires=False)


def _li_linear(reading: Reading) -> Cell:
    """Read ``LILinearCell``, which has weights of its own."""
    before = Linear(numbers(reading.module.input_weights))
    return Cell(_li(reading).model, fires=False, before=before)


def _li_box(reading: Reading) -> Cell:
    """Read ``LIBoxCell``, which returns its membrane."""
    _own_step(reading)
    p = reading.module.p
    rest, tau = reading.value(p.v_leak), _tau(reading, p.tau_mem_inv)
    model = lif(tau, v_leak=rest, first=rest, name="li_box_cell")
    return Cell(model, jump=reading.jump((reading.dt / np.asarray(tau))[()]), fires=False)


NORSE: dict[str, Callable[[Reading], Cell]] = {
    "LIFCell": _lif,
    "LIF": _lif,
    "LIFRecurrentCell": _lif_recurrent,
    "LIFRecurrent": _lif_recurrent,
    "LIFBoxCell": _lif_box,
    "IAFCell": _iaf,
    "IAF": _iaf,
    "LICell": _li,
    "LI": _li,
    "LILinearCell": _li_linear,
    "LIBoxCell": _li_box,
}
