"""The twin: the torch twin of a spiking network.

Its spikes are those of the network's step, whatever the order in which they are computed; see
`brianbridge.twin.scan` for the two orders there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from brian2 import Quantity
from torch import Tensor, nn

from brianbridge.arrays import as_array
from brianbridge.encoding import EncodedInput
from brianbridge.errors import InputError
from brianbridge.network import INPUT, Population, SpikingNetwork
from brianbridge.network.gain import input_gain
from brianbridge.network.readout import AT_SPIKE, first_spike_output
from brianbridge.network.samples import checked_samples
from brianbridge.neurons.quantities import si_array
from brianbridge.recording import Events, Recording
from brianbridge.twin.normalisation import Normalised
from brianbridge.twin.population import PopulationTwin
from brianbridge.twin.projections import ProjectionTwin
from brianbridge.twin.quantisation import Quantisation
from brianbridge.twin.scan import batch_of, first_steps, run_in_turn, run_together, total
from brianbridge.twin.spike_function import SpikeFunction
from brianbridge.twin.teacher_forcing import Forced, straight_through
from brianbridge.twin.training_options import (
    check_quantisation,
    checked_dropout,
    projections_to_normalise,
    threshold_of,
)

__all__ = ["Activity", "NetworkTwin", "to_torch"]


@dataclass(frozen=True)
class Activity:
    """Hold what a network did during one presentation of a batch.

    Parameters
    ----------
    spikes : mapping of str to Tensor, shape (T, batch, *shape)
        Spike values of every population that fires.
    output : Tensor, shape (batch, classes)
        What the network's readout makes of the last population.
    traces : mapping of str to mapping of str to Tensor, shape (T, batch, *shape)
        Recorded variables.
    """

    spikes: Mapping[str, Tensor]
    output: Tensor
    traces: Mapping[str, Mapping[str, Tensor]]


class NetworkTwin(nn.Module):
    """Run a spiking network in torch; parameters are named as the projections.

    Parameters
    ----------
    network : SpikingNetwork
        The description, with the initial weights.
    spike_function : SpikeFunction, optional
        How to differentiate through a spike.
    dtype : torch.dtype, optional
        Floating point type; torch's default type if not given.
    batch_norm : bool or "potential"
        Whether dense and convolutional projections to neurons that fire are normalised in
        training, or their potentials; see `brianbridge.twin.normalisation`.
    dropout : float, or mapping of str to float
        Probability that a neuron is silenced in training, for a whole presentation: one mask for
        all its steps. For every population that fires but the output, or by population.
    quantisation : Quantisation, optional
        How to round the weights that are trained.

    Examples
    --------
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.network import Dense
    >>> from brianbridge.neurons.library import neuron_model
    >>> lif = neuron_model("lif")
    >>> net = SpikingNetwork.sequential((4,), [Dense(3, lif), Dense(2, lif)], encoding=Current(5))
    >>> twin = NetworkTwin(net)
    >>> twin(torch.ones(7, 4)).shape
    torch.Size([7, 2])
    >>> [name for name, _ in twin.named_parameters()][:2]
    ['projections.input_to_hidden.weight', 'projections.input_to_hidden.bias']
    """

    _like: Tensor
    _forced: Forced | None = None

    def __init__(
        self,
        network: SpikingNetwork,
        *,
        spike_function: SpikeFunction | None = None,
        dtype: torch.dtype | None = None,
        batch_norm: Normalised = False,
        dropout: float | Mapping[str, float] = 0.0,
        quantisation: Quantisation | None = None,
    ) -> None:
        super().__init__()
        dtype = dtype or torch.get_default_dtype()
        self.network = network
        self.dropout = checked_dropout(network, dropout)
        self.quantisation = quantisation
        normalised = projections_to_normalise(network, batch_norm)
        self.normalises_potential = batch_norm == "potential"
        if quantisation is not None:
            check_quantisation(network, quantisation, batch_norm)
        self.register_buffer("_like", torch.zeros((), dtype=dtype), persistent=False)
        self.projections = nn.ModuleDict(
            {
                p.name: ProjectionTwin(
                    p,
                    network.shape_of(p.source),
                    network.shape_of(p.target),
                    dtype,
                    batch_norm=batch_norm if p.name in normalised else False,
                    quantisation=None if p.frozen else quantisation,
                    theta=1.0
                    if p.frozen or quantisation is None
                    else threshold_of(network, p.target),
                )
                for p in network.projections
            }
        )
        for population in network.populations:
            gain = input_gain(network, population.name)
            if gain is not None:
                tensor = torch.as_tensor(gain, dtype=dtype)
                tensor = tensor if tensor.ndim == 0 else tensor.reshape(population.shape)
                self.register_buffer(f"_gain_{population.name}", tensor, persistent=False)
        self.differentiate_by(spike_function or SpikeFunction())

    def differentiate_by(self, spike_function: SpikeFunction) -> None:
        """Render the neurons anew, with another way to differentiate through a spike."""
        network = self.network
        self.spike_function = spike_function
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
                spike_function=spike_function,
                fires=network.fires(population.name),
                dtype=self._like.dtype,
                received=network.received(population.name),
                schedule=network.schedule,
            ).to(self._like.device)

    # ------------------------------------------------------------------ running

    @property
    def device(self) -> torch.device:
        """Where the twin computes."""
        return self._like.device

    @property
    def dtype(self) -> torch.dtype:
        """Floating point type of its state."""
        return self._like.dtype

    def projection(self, name: str) -> ProjectionTwin:
        """Return the weights of a projection."""
        return cast(ProjectionTwin, self.projections[name])

    def population(self, name: str) -> PopulationTwin:
        """Return the neurons of a population."""
        return cast(PopulationTwin, self.populations[name])

    def encode(
        self, x: Any, index: Any = None, stream: int = 0
    ) -> tuple[Tensor | None, Tensor | None]:
        """Encode samples ``(batch, *input_shape)`` into a current and a raster, one being None."""
        samples = checked_samples(self.network, x)
        numbers = np.arange(len(samples)) if index is None else np.asarray(index)
        return self.as_tensors(self.network.encoding.encode(samples, numbers, stream))

    def as_tensors(self, encoded: EncodedInput) -> tuple[Tensor | None, Tensor | None]:
        """Return the current and the raster of an encoded batch as tensors of the twin."""
        like = self._like

        def tensor(array: np.ndarray | None) -> Tensor | None:
            if array is None:
                return None
            array = np.ascontiguousarray(array)  # torch takes no mirrored ones
            return torch.as_tensor(array).to(device=like.device, dtype=like.dtype)

        return tensor(encoded.current), tensor(encoded.raster)

    def constant_of(self, name: str, current: Tensor | None) -> Tensor | None:
        """Return what a population gets in every step: weighted constant input, and biases.

        Parameters
        ----------
        name : str
            The population.
        current : Tensor, shape (batch, *input_shape), optional
            The encoded samples, if they are a current.

        Returns
        -------
        Tensor, shape (batch, *shape) or (*shape), or None
        """
        constants = []
        for projection in self.network.incoming(name):
            twin = self.projection(projection.name)
            constants.append(twin.bias_of_neurons())
            if projection.source == INPUT and current is not None:
                constants.append(twin(current))
        return total(constants)

    def drive(self, name: str, constant: Tensor | None) -> Tensor | None:
        """Return the drive, in SI units, that adds so much to a population in every step."""
        return None if constant is None else constant / getattr(self, f"_gain_{name}")

    def mask(self, name: str, batch: int) -> Tensor | None:
        """Draw which neurons of a population are silenced, ``(batch, *shape)``; None for none.

        The others count for more, ``1/(1 - p)``, so that the expected input stays the same.
        """
        probability = self.dropout.get(name, 0.0)
        if not self.training or not probability:
            return None
        like = self._like.new_ones((batch, *self.network.population(name).shape))
        return torch.nn.functional.dropout(like, probability)

    @contextmanager
    def emitting(self, forced: Forced) -> Iterator[None]:
        """Emit what is given in place of the own spikes and output, as long as the block lasts.

        The gradient stays that of the own ones; see `brianbridge.twin.teacher_forcing`.
        """
        self._forced = forced
        try:
            yield
        finally:
            self._forced = None

    def emitted(self, name: str, own: Tensor, step: int | None = None) -> Tensor:
        """Return what a population emits in a step, or in all: its own spikes but in `emitting`."""
        if self._forced is None:
            return own
        spikes = self._forced.spikes[name]
        return straight_through(spikes if step is None else spikes[step], own)

    def concluded(self, own: Tensor) -> Tensor:
        """Return the output ``(batch, classes)``: the twin's own, but in `emitting`."""
        return own if self._forced is None else straight_through(self._forced.output, own)

    def run(
        self,
        current: Tensor | None = None,
        raster: Tensor | None = None,
        record: Sequence[str] = (),
    ) -> Activity:
        """Present an encoded batch (see `encode`) and return all spikes and the output.

        Parameters
        ----------
        current : Tensor, shape (batch, *input_shape), optional
            Constant input.
        raster : Tensor, shape (T, batch, *input_shape), optional
            Input spikes.
        record : sequence of str
            State variables to record in every population that has them.
        """
        if self.normalises_potential:
            if self.training:
                raise InputError(
                    "the twin normalises potentials, which only learning rule 'first_spike' does; "
                    "call twin.eval() first, or train with that rule"
                )
            # Where potentials start is the neurons' affair, and changes in training.
            deployed = to_torch(write_back(self), dtype=self.dtype, device=self.device)
            return deployed.run(current, raster, record)
        batch = batch_of(current, raster)
        scan = run_together if self.network.has_loops else run_in_turn
        spikes, state, traces = scan(self, current, raster, batch, record)
        last = self.network.output.name
        output = self._output(spikes.get(last), state[last]).flatten(1)
        return Activity(spikes, self.concluded(output), traces)

    def _output(self, spikes: Tensor | None, state: Mapping[str, Tensor]) -> Tensor:
        """Return the output of the last population, by the network's readout."""
        at_end = state[self.population(self.network.output.name).model.potential]
        if spikes is None:
            return at_end
        if self.network.readout == "counts":
            return spikes.sum(0)
        return cast(
            Tensor,
            first_spike_output(
                first_steps(spikes), state.get(AT_SPIKE, 0.0), at_end, self.network.steps
            ),
        )

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
        from brianbridge.simulation.request import checked_index, checked_variables

        samples = checked_samples(self.network, x)
        numbers = checked_index(index, len(samples))
        checked_variables(self.network, record)
        if batch_size < 1:
            raise InputError(f"batch_size = {batch_size}; give at least 1")
        exact = to_torch(write_back(self), dtype=torch.float64)
        parts = []
        for start in range(0, len(samples), batch_size):
            chosen = slice(start, start + batch_size)
            parts.append(exact.record_batch(samples[chosen], numbers[chosen], record))
        return Recording.concatenate(parts)

    @torch.no_grad()
    def record_batch(
        self, x: Any, index: Any = None, record: Sequence[str] = ("spikes",)
    ) -> Recording:
        """Run one batch as the twin is, in its own precision; arguments as in `record`."""
        variables = [name for name in record if name != "spikes"]
        return self._recording(self.run(*self.encode(x, index), record=variables))

    def _recording(self, activity: Activity) -> Recording:
        network = self.network
        shapes = {p.name: p.shape for p in network.firing}

        def numbers(values: Tensor) -> np.ndarray:
            return as_array(values, "recorded values")

        return Recording(
            dt=network.dt,
            steps=network.steps,
            samples=len(activity.output),
            shapes=shapes,
            all_events={
                name: Events.from_raster(numbers(activity.spikes[name].flatten(2)), network.dt)
                for name in shapes
            },
            output=numbers(activity.output),
            traces={
                name: {v: numbers(trace) for v, trace in variables.items()}
                for name, variables in activity.traces.items()
            },
        )


def to_torch(
    network: SpikingNetwork,
    *,
    spike_function: SpikeFunction | None = None,
    dtype: torch.dtype | None = None,
    device: Any = None,
    **training: Any,
) -> NetworkTwin:
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
    **training
        What is different in training: ``batch_norm``, ``dropout``, ``quantisation``; see
        `NetworkTwin`.
    """
    twin = NetworkTwin(network, spike_function=spike_function, dtype=dtype, **training)
    return twin if device is None else twin.to(device)


def write_back(twin: NetworkTwin, **provenance: Any) -> SpikingNetwork:
    """Return the spiking network with the twin's present weights.

    Parameters
    ----------
    twin : NetworkTwin
        A trained twin; it is not changed.
    **provenance
        What to note about where the weights come from (JSON only).
    """

    def array(parameter: Tensor | None) -> np.ndarray | None:
        return None if parameter is None else as_array(parameter, "weights").copy()

    weights: dict[str, tuple[np.ndarray, np.ndarray | None]] = {}
    for name in twin.projections:
        weight, bias = twin.projection(name).effective()
        values = array(weight)
        assert values is not None
        weights[name] = (values, array(bias))
    network = twin.network.with_weights(weights, **provenance)
    if not twin.normalises_potential:
        return network
    return replace(network, populations=tuple(_with_start(twin, p) for p in network.populations))


def _with_start(twin: NetworkTwin, population: Population) -> Population:
    """Return neurons whose potential starts with what a normalisation adds to it."""
    shift = total(
        twin.projection(p.name).shift_of_potential() for p in twin.network.incoming(population.name)
    )
    if shift is None:
        return population
    neuron, added = population.neuron, shift.detach().flatten().cpu().double().numpy()
    before = neuron.initial.get(neuron.potential, 0.0)
    start = si_array(before) + added
    if isinstance(before, Quantity):
        start = Quantity.with_dimensions(start, before.dim)
    initial = {**neuron.initial, neuron.potential: start}
    return replace(population, neuron=replace(neuron, initial=initial))
