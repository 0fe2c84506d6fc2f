"""Record spikes, crossing times and traces of a chunk of samples, and detect NaN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from brian2 import BrianObject, Clock

from brianbridge.errors import InputError
from brianbridge.network import SpikingNetwork
from brianbridge.neurons.crossing import crossing_finder
from brianbridge.neurons.model import SPIKE_VALUE, NeuronModel
from brianbridge.recording import Events
from brianbridge.simulation.event_store import EventStore
from brianbridge.simulation.request import Request

__all__ = ["LAST", "SpikeRecorder", "StateWatch", "TraceRecorder", "not_a_number"]

_FIRST = -(10**6) + 1
#: Order of recorders in the slot ``end``.
LAST = 10**6


class _StartState(BrianObject):
    """Store the values of some variables at the start of each step."""

    def __init__(self, group: Any, variables: Sequence[str], clock: Clock) -> None:
        super().__init__(clock=clock, when="start", order=_FIRST, name=f"{group.name}_start")
        self._live = {name: group.variables[name].get_value() for name in variables}
        self.values = {name: values.copy() for name, values in self._live.items()}

    def run(self) -> None:
        for name, values in self._live.items():
            np.copyto(self.values[name], values)


class SpikeRecorder(BrianObject):
    """Record the spikes of a group, for one chunk of samples at a time.

    Parameters
    ----------
    group : brian2.NeuronGroup
        Group of ``batch*n`` neurons.
    model : NeuronModel
        Model of the neurons.
    batch : int
        Number of samples in a chunk.
    request : Request
        The request, with the time step and whether to compute crossing times.
    clock : brian2.Clock
        The clock of the simulation.
    """

    def __init__(
        self, group: Any, model: NeuronModel, batch: int, request: Request, clock: Clock
    ) -> None:
        super().__init__(clock=clock, when="end", order=LAST, name=f"{group.name}_recorder")
        self._neurons = group.N // batch
        self._space = group.variables["_spikespace"].get_value()
        graded = not model.is_binary
        self._carried = group.variables[SPIKE_VALUE].get_value() if graded else None
        finder = crossing_finder(model, self._neurons, request.dt) if request.crossing else None
        self._finder, self._crossing = finder, request.crossing
        self.start = None if finder is None else _StartState(group, finder.variables, clock)
        self._store = EventStore(self._neurons, request.dt, graded, finder is not None)
        self.rewind()

    def rewind(self) -> None:
        """Discard all spikes, before the next chunk."""
        self._step = 0
        self.forget()

    def forget(self) -> None:
        """Discard all spikes in the middle of a chunk."""
        self._store.clear()

    def __len__(self) -> int:
        return len(self._store)

    def run(self) -> None:
        """Record the spikes of this step."""
        count = self._space[-1]
        if count:
            fired = self._space[:count]
            value = None if self._carried is None else self._carried[fired]
            node = self._store.append(self._step, fired, value)
            if self._finder is not None:
                assert self.start is not None
                before = {name: values[fired] for name, values in self.start.values.items()}
                self._store.add_crossing(self._step, self._finder(before, node))
        self._step += 1

    def events(self, samples: int) -> Events:
        """Return the spikes of the first `samples` samples."""
        events = self._store.events(samples)
        if self._crossing and self._finder is None:
            return replace(events, t_crossing=np.full(len(events), np.nan))
        return events


class TraceRecorder(BrianObject):
    """Record state variables at the end of each step, for one chunk of samples at a time.

    Parameters
    ----------
    group : brian2.NeuronGroup
        Group of ``batch*n`` neurons.
    variables : sequence of str
        State variables to record.
    shape : tuple of int
        Shape of the population.
    batch, steps : int
        Number of samples in a chunk, and number of steps in a presentation.
    clock : brian2.Clock
        The clock of the simulation.
    """

    def __init__(
        self, group: Any, variables: Sequence[str], shape: tuple[int, ...], batch: int, steps: int,
        clock: Clock,
    ) -> None:  # fmt: skip
        super().__init__(clock=clock, when="end", order=LAST, name=f"{group.name}_traces")
        self._live = {name: group.variables[name].get_value() for name in variables}
        self._kept = {name: np.empty((steps, batch, *shape)) for name in variables}
        self.rewind()

    def rewind(self) -> None:
        """Start from the first step, for the next chunk."""
        self._step = 0

    def run(self) -> None:
        """Record the values at the end of this step."""
        for name, values in self._live.items():
            self._kept[name][self._step] = values.reshape(self._kept[name].shape[1:])
        self._step += 1

    def values(self, samples: int) -> dict[str, np.ndarray]:
        """Return the values ``(steps, samples, *shape)`` of each variable."""
        return {name: values[:, :samples].copy() for name, values in self._kept.items()}


def not_a_number(network: SpikingNetwork, groups: Mapping[str, Any], samples: int) -> str:
    """Describe the first variable that is NaN in any of the first samples; empty if none is.

    Parameters
    ----------
    network : SpikingNetwork
        The network that is simulated.
    groups : mapping of str to brian2.NeuronGroup
        Group of each population, with its neurons sample after sample.
    samples : int
        Number of samples to check.
    """
    for population in network.populations:
        for name in population.neuron.recordable_variables:
            values = np.asarray(groups[population.name].variables[name].get_value())
            if np.isnan(values[: samples * population.size]).any():
                return f"population '{population.name}': '{name}' is not a number (NaN)"
    return ""


class StateWatch(BrianObject):
    """Stop a run at the first step after which a variable is NaN.

    Parameters
    ----------
    group : brian2.NeuronGroup
        The group to check.
    variables : sequence of str
        Variables of the group.
    clock : brian2.Clock
        The clock of the simulation.
    """

    def __init__(self, group: Any, variables: Sequence[str], clock: Clock) -> None:
        super().__init__(clock=clock, when="end", order=LAST, name=f"{group.name}_watch")
        self._population = group.name
        self._live = {name: group.variables[name].get_value() for name in variables}
        self._step = 0

    def run(self) -> None:
        """Check the state at the end of this step."""
        for name, values in self._live.items():
            bad = np.isnan(values)
            if bad.any():
                raise InputError(
                    f"population '{self._population}': '{name}' is not a number (NaN) from step "
                    f"{self._step} on; look for a division by 0 or an overflow in its equations, "
                    "or take a smaller dt"
                )
        self._step += 1
