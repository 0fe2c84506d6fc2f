"""What a twin computes in one presentation of a batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from brianbridge.arrays import as_array
from brianbridge.kernels.rasters import events_of
from brianbridge.network import SpikingNetwork
from brianbridge.network.readouts import OutputRun
from brianbridge.neurons.model import NeuronModel
from brianbridge.recording import Recording
from brianbridge.twin.scan import first_steps
from brianbridge.twin.state import TwinState

__all__ = ["NetworkOutput", "TwinOutputRun", "recording_of", "summed_sizes"]


@dataclass(frozen=True)
class NetworkOutput:
    """Results of a network in one presentation of a batch.

    Parameters
    ----------
    spikes : mapping of str to Tensor, shape (T, batch, *shape)
        Spike values of every population that fires.
    output : Tensor, shape (batch, classes)
        The network's readout of its last population.
    traces : mapping of str to mapping of str to Tensor, shape (T, batch, *shape)
        Recorded variables, by population.
    state : TwinState, optional
        Where a further piece of the presentation continues, if this was a piece of one.
    """

    spikes: Mapping[str, Tensor]
    output: Tensor
    traces: Mapping[str, Mapping[str, Tensor]]
    state: TwinState | None = None

    def counts(self, name: str) -> Tensor:
        """Return the summed sizes of a population's spike values, ``(batch, *shape)``.

        Autograd follows them also where no spike came: a neuron that is silent counts as one that
        may send a spike above 0.
        """
        return summed_sizes(self.spikes[name])


def summed_sizes(values: Tensor) -> Tensor:
    """Return the sizes of spike values ``(T, batch, *shape)``, summed over the steps.

    Examples
    --------
    >>> summed_sizes(torch.tensor([[[1.0, 0.0]], [[-2.0, 0.0]]]))
    tensor([[3., 0.]])
    """
    # The derivative of abs() is 0 at 0, and a silent population would stay silent.
    return torch.where(values < 0, -values, values).sum(0)


class TwinOutputRun(OutputRun):
    """Give a readout the last population of a twin, as tensors that autograd follows.

    Parameters
    ----------
    neuron : NeuronModel
        Model of the population.
    steps : int
        Number of steps.
    spikes : Tensor, shape (T, batch, *shape), optional
        Spike values; None if the population does not fire.
    state : mapping of str to Tensor, shape (batch, *shape)
        State variables at the end.
    """

    def __init__(
        self,
        neuron: NeuronModel,
        steps: int,
        spikes: Tensor | None,
        state: Mapping[str, Tensor],
    ) -> None:
        self.neuron, self.steps = neuron, steps
        self._spikes, self._state = spikes, state
        # Neurons without any state, such as those that fire at random, have spikes.
        like = next(iter(state.values())) if state or spikes is None else spikes[0]
        self.samples, *shape = like.shape
        self.neurons = math.prod(shape)

    @property
    def spikes(self) -> Tensor:
        """The spike values, shape ``(T, batch, *shape)``."""
        if self._spikes is None:
            raise self.silent()
        return self._spikes

    def counts(self) -> Tensor:
        """Return the summed spike values."""
        return self.spikes.sum(0).flatten(1)

    def first_steps(self) -> Tensor:
        """Return the steps of first spikes."""
        return first_steps(self.spikes).flatten(1)

    def raster(self) -> Tensor:
        """Return the spike values in each step."""
        return self.spikes.flatten(2)

    def state(self, variable: str) -> Tensor:
        """Return a state variable at the end."""
        return self._state[variable].flatten(1)


def recording_of(network: SpikingNetwork, result: NetworkOutput) -> Recording:
    """Return the `Recording` of a presentation, of the type that a simulation returns.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    result : NetworkOutput
        What its twin computed.
    """
    shapes = {p.name: p.shape for p in network.firing}
    events = {
        name: events_of(as_array(result.spikes[name], "recorded spikes"), network.dt)
        for name in shapes
    }
    traces = {
        name: {v: as_array(trace, "recorded values") for v, trace in variables.items()}
        for name, variables in result.traces.items()
    }
    return Recording(
        dt=network.dt,
        steps=network.steps,
        samples=len(result.output),
        shapes=shapes,
        all_events=events,
        output=as_array(result.output, "recorded output"),
        traces=traces,
    )
