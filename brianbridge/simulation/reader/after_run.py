"""Refuse a network that has run, if a presentation could not begin as its own run would go on.

The present state becomes the initial state. A presentation begins at time 0, and without spikes on
their way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from brian2 import MagicNetwork, Network, NeuronGroup, PoissonGroup, SpikeGeneratorGroup
from brian2.core.variables import Subexpression
from brian2.groups.group import CodeRunner
from brian2.synapses.synapses import SynapticPathway
from brian2.utils.stringtools import get_identifiers

from brianbridge.errors import InputError
from brianbridge.simulation.reader.objects import Parts

__all__ = ["STORE", "check_not_run"]

#: The remedy for what has run.
STORE = "build it again, or call network.store() before run() and network.restore() after it"


def check_not_run(network: Any, parts: Parts) -> None:
    """Refuse a network that has run and depends on the time, or has delays.

    Parameters
    ----------
    network : brian2.Network, or iterable of Brian2 objects
        What is read; only a `Network` of the user's own knows its time.
    parts : Parts
        The objects of the network.

    Raises
    ------
    InputError
        If it has run; the message says what cannot be read.
    """
    own = isinstance(network, Network) and not isinstance(network, MagicNetwork)
    reason = next(_reasons(parts), "") if own and network.t_ > 0 else ""
    if reason:
        raise InputError(
            f"network '{network.name}' has run to t = {network.t_ * 1e3:g} ms, and {reason}; "
            f"{STORE}"
        )


def _reasons(parts: Parts) -> Iterator[str]:
    for one in parts.synapses:
        if any(np.any(path.variables["delay"].get_value() > 0) for path in one._pathways):
            yield f"delayed spikes of synapses '{one.name}' cannot be read"
    for one in parts.sources:
        if isinstance(one, SpikeGeneratorGroup):
            yield f"the spikes of '{one.name}' count from t = 0"
    for one in (*parts.groups, *parts.synapses, *parts.sources):
        if any("t" in get_identifiers(code) for code in _codes(one)):
            yield f"the code of '{one.name}' depends on t"
        if any(part.clock.dt_ != one.clock.dt_ for part in one.contained_objects):
            yield f"'{one.name}' runs code at times that count from t = 0"


def _codes(one: Any) -> Iterator[str]:
    """Yield the code that an object runs, as its author wrote it."""
    if isinstance(one, PoissonGroup):
        rates = one.variables["rates"]
        yield rates.expr if isinstance(rates, Subexpression) else ""
    # Equations of a group also have what Brian2 adds for refractory neurons, which reads t.
    equations = getattr(one, "user_equations", None) or getattr(one, "equations", None) or {}
    yield from (eq.expr.code for eq in equations.values() if eq.expr is not None)
    for part in one.contained_objects:
        if type(part) is CodeRunner:
            yield part.abstract_code
        elif isinstance(part, SynapticPathway):
            yield part.code
    if isinstance(one, NeuronGroup):
        yield from (code or "" for code in (*one.events.values(), *one.event_codes.values()))
