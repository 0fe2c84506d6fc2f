"""The surrogate: the torch twin of a spiking network.

A feed-forward network has no loops within a presentation, so the twin runs population by
population over all T steps: the currents of a whole presentation are one matrix product, and
only the neurons' own step is a loop. The spikes are those of the canonical step (state update,
then receive, emit and reset from input to output), whatever the order of computation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from ..encoding import EncodedInput
from ..errors import InputError
from ..network import INPUT, Projection, SpikingNetwork
from ..network.gain import input_gain
from ..recording import Events, Recording
from .population import PopulationTwin
from .spike_function import SpikeFunction

__all__ = ["Activity", "SurrogateNetwork", "to_torch"]


class DenseTwin(nn.Module):
    """Hold the trainable weights of a projection: ``weight`` (out, in) and ``bias`` (out,)."""

    def __init__(self, projection: Projection, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(projection.weight, dtype=dtype))
        self.bias = (
            None
            if projection.bias is None
            else nn.Parameter(torch.tensor(projection.bias, dtype=dtype))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the weighted input without the bias, ``(..., out)`` of ``(..., in)``."""
        return linear(x, self.weight)


@dataclass(frozen=True)
class Activity:
    """Hold what a network did during one presentation of a batch.

    Parameters
    ----------
    spikes : mapping of str to Tensor, shape (T, batch, *shape)
        Spike values of every population that fires.
    output : Tensor, shape (batch, classes)
        Spike counts or free potentials of the last population.
    traces : mapping of str to mapping of str to Tensor, shape (T, batch, *shape)
        Recorded variables.
    """

    spikes: Mapping[str, Tensor]
    output: Tensor
    traces: Mapping[str, Mapping[str, Tensor]]


class SurrogateNetwork(nn.Module):
    """Run a spiking network in torch; parameters are named as the projections.

    Parameters
    ----------
    network : SpikingNetwork
        The description, with the initial weights.
    spike_function : SpikeFunction, optional
        How to differentiate through a spike.
    dtype : torch.dtype, optional
        Floating point type; torch's default type if not given.

    Examples
    --------
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.network import Dense
    >>> from brianbridge.neurons.library import neuron_model
    >>> lif = neuron_model("lif")
    >>> net = SpikingNetwork.sequential((4,), [Dense(3, lif), Dense(2, lif)], encoding=Current(5))
    >>> twin = SurrogateNetwork(net)
    >>> twin(torch.ones(7, 4)).shape
    torch.Size([7, 2])
    >>> [name for name, _ in twin.named_parameters()][:2]
    ['projections.input_to_hidden.weight', 'projections.input_to_hidden.bias']
    """

    def __init__(
        self,
        network: SpikingNetwork,
        *,
        spike_function: SpikeFunction | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        dtype = dtype or torch.get_default_dtype()
        self.network = network
        self.spike_function = spike_function or SpikeFunction()
        self.projections = nn.ModuleDict({p.name: DenseTwin(p, dtype) for p in network.projections})
        self.populations = nn.ModuleDict()
        for population in network.populations:
            if hasattr(self.populations, population.name):
                raise InputError(
                    f"population '{population.name}' has a name that torch's modules use; rename it"
                )
            self.populations[population.name] = PopulationTwin(
                population.neuron,
                population.shape,
                network.dt,
                spike_function=self.spike_function,
                fires=network.fires(population.name),
                dtype=dtype,
            )
            gain = input_gain(network, population.name)
            if gain is not None:
                tensor = torch.as_tensor(gain, dtype=dtype)
                tensor = tensor if tensor.ndim == 0 else tensor.reshape(population.shape)
                self.register_buffer(f"_gain_{population.name}", tensor, persistent=False)

    # ------------------------------------------------------------------ running

    def projection(self, name: str) -> DenseTwin:
        """Return the weights of a projection."""
        return cast(DenseTwin, self.projections[name])

    def population(self, name: str) -> PopulationTwin:
        """Return the neurons of a population."""
        return cast(PopulationTwin, self.populations[name])

    def encode(
        self, x: Any, index: Any = None, stream: int = 0
    ) -> tuple[Tensor | None, Tensor | None]:
        """Encode samples ``(batch, *input_shape)`` into a current and a raster, one being None."""
        samples = np.asarray(x.detach().cpu() if isinstance(x, Tensor) else x)
        if samples.shape[1:] != self.network.input_shape:
            raise InputError(
                f"the samples have shape {samples.shape[1:]}; the network takes "
                f"{self.network.input_shape}"
            )
        numbers = np.arange(len(samples)) if index is None else np.asarray(index)
        return self.as_tensors(self.network.encoding.encode(samples, numbers, stream))

    def as_tensors(self, encoded: EncodedInput) -> tuple[Tensor | None, Tensor | None]:
        """Return the current and the raster of an encoded batch as flat tensors of the twin."""
        like = next(self.parameters())

        def tensor(array: np.ndarray | None, axes: int) -> Tensor | None:
            if array is None:
                return None
            flat = array.reshape(*array.shape[:axes], -1)
            return torch.as_tensor(flat).to(device=like.device, dtype=like.dtype)

        return tensor(encoded.current, 1), tensor(encoded.raster, 2)

    def inputs_of(
        self, name: str, current: Tensor | None, spikes: Mapping[str, Tensor]
    ) -> tuple[Tensor | None, Tensor | None]:
        """Return what reaches a population: the received input and the drive.

        Parameters
        ----------
        name : str
            The population.
        current : Tensor, shape (batch, in), optional
            The encoded samples, if they are a current.
        spikes : mapping of str to Tensor, shape (T, batch, *shape)
            Spikes of the populations before it, and of ``"input"`` if samples are a raster.

        Returns
        -------
        received : Tensor, shape (T, batch, *shape), or None
            What synapses add to the receiving variable in each step.
        drive : Tensor, shape (batch, *shape) or (*shape), or None
            Value of the drive variable (SI units).
        """
        shape = self.network.population(name).shape
        received: Tensor | None = None
        constant: Tensor | None = None
        for projection in self.network.incoming(name):
            twin = self.projection(projection.name)
            parts = [] if twin.bias is None else [twin.bias]
            if projection.source == INPUT and current is not None:
                parts.append(twin(current))
            else:
                source = spikes[projection.source].flatten(2)
                jumps = twin(source).unflatten(-1, shape)
                received = jumps if received is None else received + jumps
            for part in parts:
                constant = part if constant is None else constant + part
        if constant is None:
            return received, None
        return received, constant.unflatten(-1, shape) / getattr(self, f"_gain_{name}")

    def run(
        self,
        current: Tensor | None = None,
        raster: Tensor | None = None,
        record: Sequence[str] = (),
    ) -> Activity:
        """Present an encoded batch (see `encode`) and return all spikes and the output.

        Parameters
        ----------
        current : Tensor, shape (batch, in), optional
            Constant input.
        raster : Tensor, shape (T, batch, in), optional
            Input spikes.
        record : sequence of str
            State variables to record in every population that has them.
        """
        encoded = raster if current is None else current
        assert encoded is not None, "give a current or a raster"
        batch = encoded.shape[-2]
        spikes: dict[str, Tensor] = {} if raster is None else {INPUT: raster}
        traces: dict[str, Mapping[str, Tensor]] = {}
        for name in self.populations:
            population = self.population(name)
            received, drive = self.inputs_of(name, current, spikes)
            wanted = [v for v in record if v in population.rendered.state]
            result = population.run(
                received, drive, steps=self.network.steps, batch=batch, record=wanted
            )
            traces[name] = result.traces
            if result.spikes is not None:
                spikes[name] = result.spikes
        last = self.network.output.name
        if self.network.fires(last):
            output = spikes[last].sum(0)
        else:
            output = result.state[population.model.potential]
        spikes.pop(INPUT, None)
        return Activity(spikes, output.flatten(1), traces)

    def forward(self, x: Any) -> Tensor:
        """Return the output ``(batch, classes)`` of samples ``(batch, *input_shape)``."""
        return self.run(*self.encode(x)).output

    # ------------------------------------------------------------------ recording

    def record(
        self,
        x: Any,
        record: Sequence[str] = ("spikes",),
        *,
        index: Any = None,
        batch_size: int = 500,
    ) -> Recording:
        """Run samples in float64 and return the `Recording` that Brian2 is compared with.

        Parameters
        ----------
        x : array, shape (samples, *input_shape)
            The samples.
        record : sequence of str
            ``"spikes"`` and state variables.
        index : array of int, shape (samples,), optional
            Number of each sample in its data set; counted from 0 if not given.
        batch_size : int
            Samples run at a time.
        """
        samples = np.asarray(x)
        numbers = np.arange(len(samples)) if index is None else np.asarray(index)
        exact = to_torch(write_back(self), dtype=torch.float64)
        variables = [name for name in record if name != "spikes"]
        parts = []
        with torch.no_grad():
            for start in range(0, len(samples), batch_size):
                chosen = slice(start, start + batch_size)
                inputs = exact.encode(samples[chosen], numbers[chosen])
                parts.append(exact._recording(exact.run(*inputs, record=variables)))
        return Recording.concatenate(parts)

    def _recording(self, activity: Activity) -> Recording:
        network = self.network
        shapes = {p.name: p.shape for p in network.firing}
        return Recording(
            dt=network.dt,
            steps=network.steps,
            samples=len(activity.output),
            shapes=shapes,
            all_events={
                name: Events.from_raster(activity.spikes[name].flatten(2).numpy(), network.dt)
                for name in shapes
            },
            output=activity.output.numpy(),
            traces={
                name: {v: trace.numpy() for v, trace in variables.items()}
                for name, variables in activity.traces.items()
            },
        )


def to_torch(
    network: SpikingNetwork,
    *,
    spike_function: SpikeFunction | None = None,
    dtype: torch.dtype | None = None,
    device: Any = None,
) -> SurrogateNetwork:
    """Return the torch twin of a spiking network.

    Parameters
    ----------
    network : SpikingNetwork
        The description, with its weights.
    spike_function : SpikeFunction, optional
        How to differentiate through a spike; arctan if not given.
    dtype : torch.dtype, optional
        Floating point type; torch's default type if not given.
    device : torch.device, optional
        Where to run.
    """
    twin = SurrogateNetwork(network, spike_function=spike_function, dtype=dtype)
    return twin if device is None else twin.to(device)


def write_back(twin: SurrogateNetwork, **provenance: Any) -> SpikingNetwork:
    """Return the spiking network with the twin's present weights.

    Parameters
    ----------
    twin : SurrogateNetwork
        A trained twin; it is not changed.
    **provenance
        What to note about where the weights come from (JSON only).
    """

    def array(parameter: Tensor | None) -> np.ndarray | None:
        return None if parameter is None else parameter.detach().cpu().numpy().copy()

    weights: dict[str, tuple[np.ndarray, np.ndarray | None]] = {}
    for name in twin.projections:
        projection = twin.projection(name)
        weight = array(projection.weight)
        assert weight is not None
        weights[name] = (weight, array(projection.bias))
    return twin.network.with_weights(weights, **provenance)
