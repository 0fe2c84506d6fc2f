"""Record spikes, crossing times and traces of a chunk of samples, and detect NaN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from brian2 import BrianObject, Clock

from brianbridge.errors import InputError
from brianbridge.network import SpikingNetwork
from brianbridge.neurons.crossing import crossing_finder
from brianbridge.neurons.model import SPIKE_VALUE, NeuronModel
from brianbridge.recording import Events
from brianbridge.simulation.batched.spikes import split
from brianbridge.simulation.request import Request

__all__ = ["SpikeRecorder", "StateWatch", "TraceRecorder", "not_a_number"]

_FIRST, _LAST = -(10**6) + 1, 10**6


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
        super().__init__(clock=clock, when="end", order=_LAST, name=f"{group.name}_recorder")
        self._batch, self._dt = batch, request.dt
        self._graded = not model.is_binary
        self._space = group.variables["_spikespace"].get_value()
        if self._graded:
            self._carried = group.variables[SPIKE_VALUE].get_value()
        self._neurons = group.N // batch
        finder = crossing_finder(model, self._neurons, request.dt) if request.crossing else None
        self._finder, self._crossing = finder, request.crossing
        self.start = None if finder is None else _StartState(group, finder.variables, clock)
        self.rewind()

    def rewind(self) -> None:
        """Discard all spikes, before the next chunk."""
        self._step = 0
        self._starts: list[np.ndarray] = []
        self._nodes: list[np.ndarray] = []
        self._values: list[np.ndarray] = []
        self._within: list[np.ndarray] = []

    def run(self) -> None:
        """Record the spikes of this step."""
        fired = self._space[: self._space[-1]]
        start, node = split(fired, len(fired), self._neurons, self._batch)
        self._starts.append(start)
        self._nodes.append(node)
        if self._graded:
            self._values.append(self._carried[fired])
        if self._finder is not None:
            assert self.start is not None
            before = {name: values[fired] for name, values in self.start.values.items()}
            within = self._finder(before, node) if len(fired) else np.empty(0)
            self._within.append(self._step * self._dt + within)
        self._step += 1

    def events(self, samples: int) -> Events:
        """Return the spikes of the first `samples` samples."""
        kept = [int(start[samples]) for start in self._starts]
        number = np.arange(samples, dtype=np.int32)
        sample = [np.repeat(number, np.diff(s[: samples + 1])) for s in self._starts]
        total = sum(kept)

        def joined(parts: list[np.ndarray]) -> np.ndarray:
            return np.concatenate([p[:n] for p, n in zip(parts, kept, strict=True)])

        return Events(
            sample=np.concatenate(sample),
            node=joined(self._nodes),
            step=np.repeat(np.arange(len(kept), dtype=np.int32), kept),
            value=joined(self._values).astype(np.float64)
            if self._graded
            else np.ones(total, np.int8),
            dt=self._dt,
            t_crossing=joined(self._within)
            if self._finder is not None
            else np.full(total, np.nan)
            if self._crossing
            else None,
        )


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
        super().__init__(clock=clock, when="end", order=_LAST, name=f"{group.name}_traces")
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
        super().__init__(clock=clock, when="end", order=_LAST, name=f"{group.name}_watch")
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
