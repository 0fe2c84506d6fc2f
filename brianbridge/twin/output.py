"""What a twin computes in one presentation of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from brianbridge.arrays import as_array
from brianbridge.network import SpikingNetwork
from brianbridge.recording import Events, Recording

__all__ = ["NetworkOutput", "recording_of"]


@dataclass(frozen=True)
class NetworkOutput:
    """Hold what a network computes in one presentation of a batch.

    Parameters
    ----------
    spikes : mapping of str to Tensor, shape (T, batch, *shape)
        Spike values of every population that fires.
    output : Tensor, shape (batch, classes)
        The network's readout of its last population.
    traces : mapping of str to mapping of str to Tensor, shape (T, batch, *shape)
        Recorded variables, by population.
    """

    spikes: Mapping[str, Tensor]
    output: Tensor
    traces: Mapping[str, Mapping[str, Tensor]]


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
        name: Events.from_raster(
            as_array(result.spikes[name].flatten(2), "recorded spikes"), network.dt
        )
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
