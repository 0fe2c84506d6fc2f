"""Delay graded spikes in plain Brian2.

`Synapses` read the variables of their source when a delayed spike is delivered. The value that the
spike had when it was emitted is then lost. A delay line keeps it: a group of neurons that fire some
steps after those of the source, with the same values. A shift register holds them meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass

from brian2 import Clock, NeuronGroup, Synapses

from brianbridge.neurons.model import SPIKE_VALUE

__all__ = ["DelayLine", "delay_line"]


@dataclass(frozen=True)
class DelayLine:
    """Hold the two objects of a delay line.

    Parameters
    ----------
    group : brian2.NeuronGroup
        Fires after the delay, with the ``spike_value`` that its source had.
    inlet : brian2.Synapses
        Reads the values; its pathway must run after the source has reset.
    """

    group: NeuronGroup
    inlet: Synapses


def delay_line(source: NeuronGroup, steps: int, clock: Clock) -> DelayLine:
    """Return a delay line that delays the spikes of a graded group.

    Parameters
    ----------
    source : brian2.NeuronGroup
        A group with a variable ``spike_value``.
    steps : int
        The delay in steps, at least 1.
    clock : brian2.Clock
        The clock of the simulation.

    Examples
    --------
    >>> from brian2 import defaultclock
    >>> from brianbridge.neurons.library import neuron_model
    >>> ternary = neuron_model("ternary_if").group(3, name="ternary")
    >>> delay_line(ternary, 2, defaultclock).group.N
    3
    """
    name = f"{source.name}_after_{steps}"
    held = [f"held{k}" for k in range(steps)]
    group = NeuronGroup(
        source.N,
        "\n".join(f"{variable} : 1" for variable in (SPIKE_VALUE, *held)),
        threshold=f"{SPIKE_VALUE} != 0",
        reset="",
        clock=clock,
        name=name,
    )
    shift = [f"held{k} = held{k - 1}" for k in range(steps - 1, 0, -1)]
    group.run_regularly(
        "\n".join([f"{SPIKE_VALUE} = {held[-1]}", *shift, "held0 = 0"]), when="start"
    )
    inlet = Synapses(
        source,
        group,
        on_pre=f"held0_post += {SPIKE_VALUE}_pre",
        clock=clock,
        name=f"into_{name}",
    )
    inlet.connect(j="i")
    return DelayLine(group, inlet)
