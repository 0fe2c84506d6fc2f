"""The canonical step in Brian2: layer after layer within one time step.

Brian2's default order (groups, thresholds, synapses, resets) delivers a spike after the target's
threshold and before its reset: every layer lags one step, and a reset to a value wipes out what
arrived in the same step (brian2 issue 1332). Here all of a population's receive, emit and reset
happen in the slot ``thresholds``, in the order of the populations:

    receive (pathways)  <  emit (thresholder)  <  reset (resetter)  <  receive of the next ...
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["position_in_order", "put_in_order"]

_SLOT = "thresholds"


def position_in_order(position: int) -> tuple[str, int]:
    """Return slot and order of what delivers to population number `position`."""
    return _SLOT, 4 * position


def put_in_order(
    position: int, group: Any, synapses: Sequence[Any] = (), relays: Sequence[Any] = ()
) -> None:
    """Give a population, and what leads to it, its place in the canonical step.

    A projection that leads back from a later population comes before that one's threshold, and so
    delivers the spikes of the step before.

    Parameters
    ----------
    position : int
        0 for the input population, 1 for the first layer, and so on.
    group : brian2.NeuronGroup
        The population.
    synapses : sequence of brian2.Synapses
        The projections that lead to it, each with the single pathway ``pre``.
    relays : sequence of Relay
        What delays its spikes: it takes them in after the reset, and fires before all else.
    """
    slot, order = position_in_order(position)
    for synapse in synapses:
        synapse.pre.when, synapse.pre.order = slot, order
    for part, place in (("thresholder", order + 1), ("resetter", order + 2)):
        objects = getattr(group, part, {})  # a group of inputs never resets
        if "spike" in objects:
            objects["spike"].when, objects["spike"].order = slot, place
    for relay in relays:
        relay.inlet.pre.when, relay.inlet.pre.order = slot, order + 3
        thresholder = relay.group.thresholder["spike"]
        thresholder.when, thresholder.order = slot, -1
