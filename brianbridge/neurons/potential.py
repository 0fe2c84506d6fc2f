"""Find the variable of a neuron that is its membrane potential."""

from __future__ import annotations

import re
from collections.abc import Mapping

from brianbridge.neurons.equations import integers_and_booleans, split_equations
from brianbridge.neurons.expressions import names_in

__all__ = ["derived_potential"]

_STATE = re.compile(r"\bd(\w+)\s*/\s*dt\s*=[^:]*:\s*(volt\b\s*(?![*/]))?")
#: What a membrane potential is called, by convention; ``v`` takes precedence.
_CALLED = re.compile(r"v_?m?", re.IGNORECASE)


def derived_potential(equations: str, emit: str = "", receive: str = "") -> str:
    r"""Return the variable that is the membrane potential; an empty string if that is not clear.

    The first of these rules that leaves one variable decides. The variable with a differential
    equation

    1. that is called ``v``, or else ``V``, ``vm`` or ``Vm``;
    2. that is in volts;
    3. on which the neuron's firing depends (if there is none, a variable without an equation);
    4. that receives spikes, among those of rule 3 (all, in a neuron that never fires), unless it
       acts on another variable that does not act back, as a synaptic variable does.

    Parameters
    ----------
    equations : str
        The equations of a neuron, checked.
    emit : str
        Its spike value; empty if it never fires.
    receive : str
        The variable that spikes add to, if it is known.

    Examples
    --------
    >>> lif = "dU/dt = (g - U)/tau : 1\ndg/dt = -g/tau_s : 1"
    >>> derived_potential(lif, "int(U > 1)", receive="g")
    'U'
    >>> derived_potential(lif, receive="g")
    ''
    """
    found = _STATE.findall(equations)
    states = [name for name, _ in found]
    code = split_equations(equations, "equations")
    fires = _read_by(emit, code, states) if emit else set(states)
    types = integers_and_booleans(equations)
    seen = fires & set(states) or {n for n in fires if not code[n] and n not in types}
    receives = seen & {receive}
    if _acts_one_way(receive, code, states):
        receives = set()
    for candidates in (
        {"v"} & set(states),
        {name for name in states if _CALLED.fullmatch(name)},
        {name for name, volt in found if volt},
        seen,
        receives,
    ):
        if len(candidates) == 1:
            return candidates.pop()
    return ""


def _read_by(text: str, code: Mapping[str, str], states: list[str]) -> set[str]:
    """Return the variables in an expression, once subexpressions are written out."""
    found: set[str] = set()
    for name in names_in(text) & set(code):
        written_out = code[name] and name not in states
        found |= _read_by(code[name], code, states) if written_out else {name}
    return found


def _acts_one_way(name: str, code: Mapping[str, str], states: list[str]) -> bool:
    """Return whether a variable is read by the equation of another that it does not read."""
    read = {state: _read_by(code[state], code, states) for state in states}
    return any(name in read[other] and other not in read.get(name, ()) for other in read)
