"""The canonical schedule in Brian2: layer by layer within one time step.

Brian2's default order (groups, thresholds, synapses, resets) delivers a spike after the target's
threshold and before its reset. Every layer then lags one step, and a reset to a value discards the
input of the same step (brian2 issue 1332). In the canonical schedule, populations receive, emit and
reset one after another, in the slot ``thresholds``:

    receive (pathways)  <  emit (thresholder)  <  reset (resetter)  <  receive of the next ...
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["position_in_order", "put_in_order"]

_SLOT = "thresholds"


def position_in_order(position: int) -> tuple[str, int]:
    """Return slot and order of the pathways to population number `position`."""
    return _SLOT, 4 * position


def put_in_order(
    position: int, group: Any, synapses: Sequence[Any] = (), delay_lines: Sequence[Any] = ()
) -> None:
    """Set the order of a population and of the synapses to it, as in the canonical schedule.

    Feedback from a later population runs before the threshold of that population, and thus
    delivers the spikes of the previous step.

    Parameters
    ----------
    position : int
        0 for the input population, 1 for the first layer, and so on.
    group : brian2.NeuronGroup
        The population.
    synapses : sequence of brian2.Synapses
        Projections to the population, each with the single pathway ``pre``.
    delay_lines : sequence of DelayLine
        Delay lines of its spikes: they receive after the reset, and fire before all else.
    """
    slot, order = position_in_order(position)
    for synapse in synapses:
        synapse.pre.when, synapse.pre.order = slot, order
    for part, part_order in (("thresholder", order + 1), ("resetter", order + 2)):
        # An input group never resets. Code of custom events follows the reset.
        for event, one in getattr(group, part, {}).items():
            late = part == "resetter" and event != "spike"
            one.when, one.order = slot, part_order + late
    for line in delay_lines:
        line.inlet.pre.when, line.inlet.pre.order = slot, order + 3
        thresholder = line.group.thresholder["spike"]
        thresholder.when, thresholder.order = slot, -1
