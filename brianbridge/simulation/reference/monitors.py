"""Monitors of the reference path: spikes, traces, and the state that crossing times need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from brian2 import Clock, NeuronGroup, SpikeMonitor, StateMonitor

from brianbridge.network import SpikingNetwork
from brianbridge.network.samples import recorded_of
from brianbridge.neurons.crossing import CrossingFinder, crossing_finder
from brianbridge.neurons.model import SPIKE_VALUE

__all__ = ["spike_monitors", "start_monitors", "trace_monitors"]


def spike_monitors(
    network: SpikingNetwork, groups: Mapping[str, NeuronGroup]
) -> dict[str, SpikeMonitor]:
    """Return monitors of the spikes of all populations that fire."""
    return {
        p.name: SpikeMonitor(
            groups[p.name],
            variables=() if p.neuron.is_binary else (SPIKE_VALUE,),
            when="after_resets",
            name=f"{p.name}_spikes",
        )
        for p in network.firing
    }


def trace_monitors(
    network: SpikingNetwork, groups: Mapping[str, NeuronGroup], record: Sequence[str], clock: Clock
) -> dict[str, StateMonitor]:
    """Return monitors of state variables at the end of each step, by population."""
    return {
        p.name: StateMonitor(
            groups[p.name],
            variables,
            record=True,
            when="end",
            clock=clock,
            name=f"{p.name}_traces",
        )
        for p in network.populations
        if (variables := recorded_of(p.name, p.neuron.traceable_variables, record))
    }


def start_monitors(
    network: SpikingNetwork, groups: Mapping[str, NeuronGroup], clock: Clock
) -> dict[str, tuple[CrossingFinder, StateMonitor]]:
    """Return crossing finders, and monitors of the state they need at the start of each step."""
    starts = {}
    for population in network.firing:
        finder = crossing_finder(population.neuron, population.size, float(clock.dt_))
        if finder is not None:
            monitor = StateMonitor(
                groups[population.name],
                finder.variables,
                record=True,
                when="start",
                clock=clock,
                name=f"{population.name}_starts",
            )
            starts[population.name] = finder, monitor
    return starts
