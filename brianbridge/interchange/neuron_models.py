"""Neuron models whose step is the step of another framework.

In one step of the torch frameworks, the input of this step arrives, the state is updated, and the
neuron fires and resets. One step of brianbridge is: state update, receive, emit, reset (see
docs/design.md). The functions here write the framework's step in this order. At the framework's
own step both give the same spikes; for ever shorter steps they approach the continuous neuron

.. code-block:: text

    dv/dt = (v_leak - v + r*I)/tau
    dI/dt = -I/tau_syn

A framework adds the input of a step to the current, and the new current to the membrane in the
same step. With the membrane ``m`` of the framework, the state is ``v = m - r*I*a``, where ``a`` is
what a step adds of a unit current; ``m`` is then a subexpression, and input moves it at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import hertz, second

from brianbridge.errors import InputError, did_you_mean
from brianbridge.interchange.firing import RESETS, Firing, Values
from brianbridge.neurons.events import CustomEvent
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.regular import RegularCode

__all__ = ["RESETS", "STEPS", "Firing", "Values", "cuba_lif", "lif"]

#: How a step integrates the equations.
STEPS = {
    "euler": "forward Euler: a membrane keeps 1 - dt/tau of itself",
    "exponential": "decay by exp(-dt/tau); the new current acts in the same step",
    "exact": "the exact solution of the continuous equations",
}
#: For each step: what a membrane keeps of itself, and what a current adds at once.
_KEPT = {
    "euler": ("(1 - dt/tau)", "dt/tau"),
    "exponential": ("exp(-dt/tau)", "(1 - exp(-dt/tau))"),
    "exact": ("exp(-dt/tau)", ""),
}
#: For each step: what a current keeps of itself, as a factor.
_LATE = {"euler": "*(1 - dt/tau_syn)", "exponential": "*exp(-dt/tau_syn)", "exact": ""}
#: Stands for a membrane without leak among others that have one, in seconds.
_NEVER = 1e30


def _seconds(values: Values) -> Any:
    """Return time constants with their unit; those without leak among others never decay."""
    array = np.asarray(values, dtype=np.float64)
    return np.where(np.isinf(array), _NEVER, array)[()] * second


def lif(
    tau: Values,
    *,
    step: str = "euler",
    firing: Firing | None = None,
    v_leak: Values = 0.0,
    first: Values = 0.0,
    least: Values | None = None,
    name: str = "lif",
    summary: str = "",
) -> NeuronModel:
    """Return a neuron whose membrane receives its input directly.

    Parameters
    ----------
    tau : float or array
        Membrane time constant in seconds; infinite without leak.
    step : {"euler", "exponential", "exact"}
        See `STEPS`; the last two are the same here.
    firing : Firing, optional
        Not given for a neuron that never fires.
    v_leak, first : float or array
        The potential at rest, and at the start of a presentation.
    least : float or array, optional
        Lower bound of the membrane, applied after the reset.
    name, summary : str
        Name of the model, and one line about it.

    Raises
    ------
    InputError
        If there is no such step or reset, or a reset in the next step has nothing left to decay.

    Examples
    --------
    >>> lif(0.02, firing=Firing(reset="subtract"))
    NeuronModel 'lif'
      dv/dt = -v/tau + drive : 1
      drive : Hz
      emit: int(v >= theta)
      reset: v -= theta*emit
      parameters: tau = 20 ms, theta = 1
      method: euler
    """
    _check_step(step)
    leaks = not np.all(np.isinf(tau))
    rest = bool(np.any(v_leak))
    leak = ("(v_leak - v)/tau + " if rest else "-v/tau + ") if leaks else ""
    parameters: dict[str, Any] = {"tau": _seconds(tau)} if leaks else {}
    if rest and leaks:
        parameters["v_leak"] = v_leak
    decay = ("1 - dt/tau" if step == "euler" else "exp(-dt/tau)") if leaks else ""
    return _model(
        [f"dv/dt = {leak}drive : 1", "drive : Hz"],
        firing,
        parameters,
        membrane="v",
        decay=decay,
        erased=("v = (1 - erased)*v",),
        least=least,
        receive="v",
        initial={"v": first} if np.any(first) else {},
        method="euler" if step == "euler" else "exact",
        name=name,
        summary=summary,
    )


def cuba_lif(
    tau: Values,
    tau_syn: Values,
    r: Values,
    *,
    step: str = "euler",
    firing: Firing | None = None,
    v_leak: Values = 0.0,
    first: Values = 0.0,
    least: Values | None = None,
    decayed: bool = False,
    late_input: bool = False,
    name: str = "cuba_lif",
    summary: str = "",
) -> NeuronModel:
    """Return a neuron with an exponential synaptic current, which receives its input.

    Parameters
    ----------
    tau, tau_syn : float or array
        Time constants of membrane and current in seconds; `tau` is infinite without leak.
    r : float or array
        Factor of the current beside the membrane; without leak, what a unit current adds to the
        membrane in a second.
    step : {"euler", "exponential", "exact"}
        See `STEPS`.
    firing : Firing, optional
        Not given for a neuron that never fires.
    v_leak, first : float or array
        The potential at rest, and at the start of a presentation.
    least : float or array, optional
        Lower bound of the membrane, applied after the reset.
    decayed : bool
        Whether the input of a step decays once before it reaches the membrane (sinabs).
    late_input : bool
        Whether the input of a step acts on the membrane only in the next step (snnTorch's Alpha).
    name, summary : str
        Name of the model, and one line about it.

    Raises
    ------
    InputError
        If there is no such step or reset, or some of the neurons have no leak and others do.

    Examples
    --------
    >>> cuba_lif(0.02, 0.01, 1.0, firing=Firing(strict=True)).emit
    'int(m > theta)'
    """
    _check_step(step)
    leaks = not np.all(np.isinf(tau))
    if leaks and np.any(np.isinf(tau)):
        raise InputError(
            f"neurons '{name}': some have no leak and others do; give each a finite time constant, "
            "or put those without leak into a population of their own"
        )
    rest = leaks and bool(np.any(v_leak))
    parameters: dict[str, Any] = {"tau": _seconds(tau)} if leaks else {}
    parameters |= {"v_leak": v_leak} if rest else {}
    parameters |= {"tau_syn": _seconds(tau_syn), "r": r if leaks else np.asarray(r)[()] * hertz}
    decay, new = _KEPT[step] if leaks else ("", "dt" if step != "exact" else "")
    late = _LATE[step] if decayed else ""
    shift = "" if late_input or not new else f"r*I{late}*{new}"
    current = f"{decay}{'*' if decay else ''}r*I{late}" if shift else "r*I"
    rate = "*(1 - exp(-dt/{}))/dt" if step == "exponential" else "/{}"
    membrane = f"({'v_leak - v' if rest else '-v'} + {current}){rate.format('tau')}"
    written = bool(shift) and firing is None  # no expression can be read as the output
    equations = [
        f"dv/dt = {membrane if leaks else current} : 1",
        f"dI/dt = -I{rate.format('tau_syn')} + drive : 1",
        *([f"m = v + {shift} : 1"] if shift and not written else ["m : 1"] if written else []),
        "drive : Hz",
    ]
    return _model(
        equations,
        firing,
        parameters,
        membrane="m" if shift else "v",
        decay=decay,
        shift=shift,
        erased=_erased(shift, late_input),
        least=least,
        receive="I",
        initial=dict.fromkeys("vm" if written else "v", first) if np.any(first) else {},
        events=(CustomEvent("membrane", "1 > 0", f"m = v + {shift}"),) if written else (),
        potential="m" if written else "v",
        method="exact" if step == "exact" else "euler",
        name=name,
        summary=summary,
    )


def _erased(shift: str, all_of_it: bool) -> tuple[str, ...]:
    """Return the code that sets the membrane to 0, and with `all_of_it` the current as well."""
    membrane = f"v = (1 - erased)*v{f' - erased*{shift}' if shift else ''}"
    return (membrane, "I = (1 - erased)*I") if all_of_it else (membrane,)


def _check_step(step: str) -> None:
    """Refuse a step that does not exist."""
    if step not in STEPS:
        raise InputError(f"neurons: step = {step!r}. " + did_you_mean(step, STEPS))


def _model(
    equations: list[str],
    firing: Firing | None,
    parameters: dict[str, Any],
    *,
    membrane: str,
    decay: str,
    erased: tuple[str, ...],
    least: Values | None,
    shift: str = "",
    **fields: Any,
) -> NeuronModel:
    """Return the model with its threshold, reset and lower bound."""
    regular: list[RegularCode] = []
    if least is not None:
        parameters["v_min"] = least
        back = f" - {shift}" if shift else ""
        regular.append(RegularCode(f"v = clip({membrane}, v_min, 1e30){back}"))
    if firing is not None:
        equations = [*equations, *firing.equations]
        parameters |= firing.parameters
        regular += firing.regular(membrane, erased)
        fields |= {"emit": firing.emit(membrane), "reset": firing.code(decay, shift)}
    return NeuronModel(
        "\n".join(equations),
        drive="drive",
        parameters=parameters,
        regular=tuple(regular),
        **fields,
    )
