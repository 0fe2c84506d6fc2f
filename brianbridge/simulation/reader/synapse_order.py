"""Refuse spikes that a generator emits in another order than that of its neurons, if it matters.

Within a step, a `SpikeGeneratorGroup` emits spikes in the order of their times, all other groups in
that of their neurons. The order matters to code in which a synapse reads what others have changed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import SpikeGeneratorGroup
from brian2.parsing.sympytools import str_to_sympy
from brian2.utils.stringtools import get_identifiers
from sympy.core.relational import Relational

from brianbridge.errors import InputError
from brianbridge.network.delays import step_of
from brianbridge.network.synapses.code import side_of
from brianbridge.neurons.statements import Statement, parse_statements

__all__ = ["check_emission"]


def check_emission(synapses: Any) -> None:
    """Refuse code that depends on the order of synapses, if a generator emits them in its own.

    Parameters
    ----------
    synapses : brian2.Synapses
        The synapses.

    Raises
    ------
    InputError
        If the source is such a generator; the message says when.
    """
    source = synapses.source
    if not isinstance(source, SpikeGeneratorGroup):
        return
    dt = float(source.clock.dt_)
    step, node = step_of(np.asarray(source._spike_time), dt), np.asarray(source._neuron_index)
    mixed = (step[1:] == step[:-1]) & (node[1:] < node[:-1])
    if not mixed.any():
        return
    for pathway in synapses._pathways:
        for line in parse_statements(pathway.code, f"synapses '{synapses.name}'"):
            if pathway.prepost == "pre" and _depends_on_order(synapses, line):
                raise InputError(
                    f"synapses '{synapses.name}': '{line.target} {line.operation} "
                    f"{line.expression}' depends on the order of spikes, but in the step at "
                    f"{step[1:][mixed][0] * dt * 1e3:g} ms '{source.name}' does not emit them in "
                    "that of its neurons; round its spike times to whole steps"
                )


def _depends_on_order(synapses: Any, line: Statement) -> bool:
    """Return whether two synapses of a target may change a variable differently in another order.

    Examples
    --------
    Synapses with a reversal potential may change places, but not those with a condition:

    >>> from brian2 import NeuronGroup, Synapses
    >>> group = NeuronGroup(2, "v : 1")
    >>> synapses = Synapses(group, group, "w : 1")
    >>> [_depends_on_order(synapses, Statement("v_post", "+=", expression))
    ...  for expression in ("w", "w*(1.5 - v_post)", "w*int(v_post < 1)")]
    [False, False, True]
    """
    names = get_identifiers(line.expression)
    if side_of(synapses, line.target) != "post" or line.operation == "=":
        return False  # all synapses of a target assign the same, or it is refused
    if line.operation in ("+=", "-=") and line.target not in names:
        return False
    own = [
        name
        for name in names
        if name not in synapses.variables or side_of(synapses, name) != "post"
    ]
    change = str_to_sympy(f"{line.target} {line.operation[0]} ({line.expression})")
    symbols = {symbol.name: symbol for symbol in change.free_symbols}
    target = symbols[line.target]
    if any(condition.has(target) for condition in change.atoms(Relational)):
        return True
    others = {symbols[name]: str_to_sympy(f"_other_{name}") for name in own if name in symbols}
    other = change.subs(others, simultaneous=True)
    difference = change.subs(target, other) - other.subs(target, change)
    return bool(difference.expand() != 0)
