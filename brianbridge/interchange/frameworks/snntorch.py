"""Neurons of snnTorch, in which a membrane keeps `beta` of itself in each step.

Source: ``snntorch/_neurons``, version 1.0.0. A spike is decided by ``mem > threshold``. The reset
happens in the next step: ``mem = beta*mem + input - threshold``, with ``reset_delay=False`` at
once. Time constants are ``dt/(1 - beta)``, as in snnTorch's own export to NIR.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from brianbridge.interchange.frameworks.reading import Cell, Reading, decay_time
from brianbridge.interchange.graph import Node
from brianbridge.interchange.neuron_models import Firing, Values, cuba_lif, lif

__all__ = ["SNNTORCH"]

#: Options that change the spikes, and the only value that can be read.
_PLAIN = (("inhibition", False), ("state_quant", False), ("graded_spikes_factor", 1.0))


def _firing(reading: Reading, zero: str) -> Firing:
    """Return threshold and reset; `zero` is the reset to zero of this class when it is late."""
    reading.expect(_PLAIN)
    module = reading.module
    late = getattr(module, "reset_delay", True)
    reset = {
        "subtract": "subtract_later" if late else "subtract_waiting",
        "zero": zero if late else "to_value",
        "none": "none",
    }[module.reset_mechanism]
    threshold = reading.value(module.threshold)
    if late and np.any(np.asarray(threshold) < 0):
        raise reading.refuse(
            "with a threshold below 0, snnTorch resets neurons at rest in the first step",
            "use a threshold of at least 0",
        )
    return Firing(threshold, strict=True, reset=reset)


def _beta(reading: Reading, name: str = "beta") -> Values:
    """Return a decay, clamped to [0, 1] as snnTorch does it."""
    return np.clip(reading.value(getattr(reading.module, name)), 0.0, 1.0)


def _keeps(reading: Reading, kept: Values, firing: Firing) -> Values:
    """Return the time constant of a membrane; refuse a late reset of one that keeps nothing."""
    if firing.reset == "subtract_later" and np.any(np.asarray(kept) < 1e-6):
        raise reading.refuse(
            "beta = 0 forgets the membrane from which the threshold would be subtracted one step "
            "later",
            "use reset_delay=False or beta of at least 1e-6",
        )
    return decay_time(kept, reading.dt)


def _recurrent(reading: Reading) -> tuple[Node, ...]:
    """Return the weights from the neurons to themselves."""
    module = reading.module
    if not module.all_to_all:
        return (reading.scale(module.recurrent.V),)
    return (reading.linear(module.recurrent, "recurrent layer"),)


def _leaky(reading: Reading) -> Cell:
    """Read ``Leaky``."""
    firing = _firing(reading, "to_value")
    tau = _keeps(reading, _beta(reading), firing)
    return Cell(lif(tau, firing=firing, name="leaky"))


def _rleaky(reading: Reading) -> Cell:
    """Read ``RLeaky``, whose spikes return to its input one step later."""
    firing = _firing(reading, "zero_later")
    tau = _keeps(reading, _beta(reading), firing)
    return Cell(lif(tau, firing=firing, name="rleaky"), recurrent=_recurrent(reading))


def _lapicque(reading: Reading) -> Cell:
    """Read ``Lapicque``: ``mem = (1 - step/(R*C))*mem + input*step/C``."""
    module = reading.module
    r, c, step = (reading.value(getattr(module, name)) for name in ("R", "C", "time_step"))
    firing = _firing(reading, "zero_later")
    tau = _keeps(reading, 1 - np.asarray(step) / (np.asarray(r) * c), firing)
    return Cell(
        lif(tau, firing=firing, name="lapicque"), jump=reading.jump(np.asarray(step / c)[()])
    )


def _synaptic(reading: Reading) -> Cell:
    """Read ``Synaptic``: ``syn = alpha*syn + input``, then ``mem = beta*mem + syn``."""
    firing = _firing(reading, "zero_later")
    beta = _beta(reading)
    tau = _keeps(reading, beta, firing)
    r = _gain(beta, reading.dt)
    tau_syn = decay_time(_beta(reading, "alpha"), reading.dt)
    return Cell(cuba_lif(tau, tau_syn, r, firing=firing, name="synaptic"))


def _rsynaptic(reading: Reading) -> Cell:
    """Read ``RSynaptic``, whose spikes return to its input one step later."""
    if not reading.module.reset_delay:
        raise reading.refuse(
            "snnTorch's RSynaptic does not run with reset_delay=False", "use reset_delay=True"
        )
    cell = _synaptic(reading)
    return Cell(cell.model, recurrent=_recurrent(reading))


def _gain(kept: Values, dt: float) -> Values:
    """Return the factor of a current of which each step adds all to a membrane."""
    lost = 1.0 - np.asarray(kept)
    return 1.0 / dt if np.all(lost == 0) else (1.0 / lost)[()]


def _alpha(reading: Reading) -> Cell:
    """Read ``Alpha``: the difference of two currents, which starts at 0 and rises.

    With the excitatory current ``e``, ``mem = beta*mem + k*(alpha - beta)*e`` follows from
    snnTorch's formula; its factor ``k`` is ``log(beta)/(log(beta) - log(alpha))``.
    """
    module = reading.module
    if module.reset_mechanism == "subtract":
        raise reading.refuse(
            "reset_mechanism='subtract' of Alpha takes the threshold from a current, which has no "
            "counterpart in continuous time",
            "use reset_mechanism='zero'",
        )
    firing = _firing(reading, "zero_later")
    alpha, beta = np.asarray(_beta(reading, "alpha")), np.asarray(_beta(reading))
    k = np.log(alpha) / (np.log(beta) - np.log(alpha)) + 1
    tau, tau_syn = decay_time(beta[()], reading.dt), decay_time(alpha[()], reading.dt)
    r = (k * (alpha - beta) / (1 - beta))[()]
    return Cell(cuba_lif(tau, tau_syn, r, firing=firing, late_input=True, name="alpha"))


SNNTORCH: dict[str, Callable[[Reading], Cell]] = {
    "Leaky": _leaky,
    "RLeaky": _rleaky,
    "Lapicque": _lapicque,
    "Synaptic": _synaptic,
    "RSynaptic": _rsynaptic,
    "Alpha": _alpha,
}
