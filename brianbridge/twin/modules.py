"""The torch modules of a network's twin: its populations and its projections.

`brianbridge.twin.scan` runs them, and `brianbridge.twin.network.NetworkTwin` is the whole twin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn

from brianbridge.encoding import EncodedInput
from brianbridge.errors import InputError, did_you_mean
from brianbridge.network import SpikingNetwork
from brianbridge.network.gain import input_gain
from brianbridge.network.given import check_network_given
from brianbridge.network.scale import bias_unit, potential_unit, weight_unit
from brianbridge.twin.inputs import as_tensors, encoded_tensors
from brianbridge.twin.learn import Learn, checked_learn
from brianbridge.twin.learned_gain import learned_gains
from brianbridge.twin.noise import Noise
from brianbridge.twin.normalisation import Normalised
from brianbridge.twin.parameters import LearnedParameters, check_used, learned_parameters
from brianbridge.twin.part import Part
from brianbridge.twin.population import PopulationTwin
from brianbridge.twin.presentation import Presentation
from brianbridge.twin.projections import ProjectionTwin
from brianbridge.twin.quantisation import Quantisation
from brianbridge.twin.recorded_spikes import RecordedSpikes, straight_through
from brianbridge.twin.spike_function import SpikeFunction
from brianbridge.twin.synapses.learned import check_not_copied
from brianbridge.twin.synapses.module import PathwayTwin, SynapseTwin
from brianbridge.twin.training_options import (
    check_quantisation,
    checked_dropout,
    projections_to_normalise,
    threshold_of,
)

__all__ = ["NetworkModules"]


class NetworkModules(nn.Module):
    """Hold the populations and projections of a twin; `NetworkTwin` lists the parameters."""

    _like: Tensor
    _recorded: RecordedSpikes | None = None
    #: The part of a batch that is computed; see `computing`.
    part: Part | None = None
    _recomputes = False

    def __init__(
        self,
        network: SpikingNetwork,
        *,
        spike_function: SpikeFunction | None = None,
        dtype: torch.dtype | None = None,
        batch_norm: Normalised = False,
        dropout: float | Mapping[str, float] = 0.0,
        quantisation: Quantisation | None = None,
        learn: Mapping[str, Sequence[str | Learn]] | None = None,
    ) -> None:
        super().__init__()
        check_network_given(network, "to_torch")
        dtype = dtype or torch.get_default_dtype()
        self.learn = checked_learn(network, learn)
        self.network = network
        self.dropout = checked_dropout(network, dropout)
        self.quantisation = quantisation
        normalised = projections_to_normalise(network, batch_norm)
        self.normalises_potential = batch_norm == "potential"
        if quantisation is not None:
            check_quantisation(network, quantisation, batch_norm, self.learn)
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
                    theta=1.0 if p.frozen or quantisation is None else threshold_of(network, p),
                    dt=network.dt,
                    unit=weight_unit(network, p),
                    bias_unit=1.0 if p.bias is None else bias_unit(network, p),
                )
                for p in network.projections
            }
        )
        self._register_gains(dtype)
        self.differentiate_by(spike_function or SpikeFunction())
        self.learned = learned_parameters(network, self.learn, dtype)
        self._learned_gains = learned_gains(network, self.learn)
        for name in self.populations:
            check_used(f"population '{name}'", self.population(name).unused)
        states = {p.name: self.population(p.name).rendered.state for p in network.populations}
        check_not_copied(network, {n: self._names_to_learn(n) for n in states}, states)
        self._register_synapses()
        for name, synapses in self.synapses.items():
            check_used(f"projection '{name}'", cast(SynapseTwin, synapses).unused)

    def _register_synapses(self) -> None:
        """Render the code of all synapses that have a model."""
        network, dtype = self.network, self._like.dtype
        states = {p.name: self.population(p.name).rendered.state for p in network.populations}
        self.synapses = nn.ModuleDict(
            {
                p.name: SynapseTwin(network, p, states, dtype, self._names_to_learn(p.name))
                for p in network.modelled
            }
        )

    def _names_to_learn(self, owner: str) -> list[str]:
        return [one.name for one in self.learn.get(owner, ())]

    def _register_gains(self, dtype: torch.dtype) -> None:
        """Change of each population by a unit drive in a step."""
        for population in self.network.populations:
            gain = input_gain(self.network, population.name)
            if gain is not None:
                tensor = torch.as_tensor(gain, dtype=dtype)
                tensor = tensor if tensor.ndim == 0 else tensor.reshape(population.shape)
                self.register_buffer(f"_gain_{population.name}", tensor, persistent=False)

    def differentiate_by(self, spike_function: SpikeFunction) -> None:
        """Render the neurons again, with another surrogate derivative."""
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
                name=population.name,
                learned=self._names_to_learn(population.name),
            ).to(self._like.device)

    @property
    def device(self) -> torch.device:
        """The device of the twin's tensors."""
        return self._like.device

    @property
    def dtype(self) -> torch.dtype:
        """The floating point type of the state."""
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
        """Encode samples ``(batch, *input_shape)`` as a current or a raster; the other is None.

        See `brianbridge.twin.inputs.encoded_tensors`.
        """
        return encoded_tensors(self.network, x, index, stream, self._like)

    def as_tensors(self, encoded: EncodedInput) -> tuple[Tensor | None, Tensor | None]:
        """Return the current and the raster of an encoded batch as tensors of the twin."""
        return as_tensors(encoded, self._like)

    def keep_bounds(self) -> None:
        """Set weights to 0 that have another sign than allowed, and delays back into their range.

        Training calls this after each step; see `brianbridge.network.Projection`, `sign` and
        `longest_delay`.
        """
        for name in self.projections:
            self.projection(name).keep_bounds()

    def natural_units(self) -> dict[str, float]:
        """Return one natural unit of each parameter, in SI units, by the parameter's name.

        Weights are of order one in these units; see `brianbridge.network.scale`.
        """
        return {
            f"projections.{name}.{part}": unit
            for name in self.projections
            for part, unit in self.projection(name).natural_units().items()
        }

    def natural_output(self, output: Tensor) -> Tensor:
        """Return an output that losses can be computed from: potentials in natural units."""
        network = self.network
        if network.fires(network.output.name):
            return output
        rest = network.output.neuron.scale.rest
        unit = potential_unit(network, network.output.name)
        return output if (rest, unit) == (0, 1) else (output - rest) / unit

    def drive(self, name: str, constant: Tensor | None) -> Tensor | None:
        """Return the drive, in SI units, that adds `constant` to a population in every step."""
        if constant is None:
            return None
        if name in self._learned_gains:
            values = self.learned_of(name)()
            return constant / self._learned_gains[name](values, self.network.shape_of(name))
        return constant / getattr(self, f"_gain_{name}")

    def parameters_of(self, name: str) -> dict[str, Tensor] | None:
        """Return the present values of what a population or projection learns, in SI units.

        Raises
        ------
        InputError
            If there is neither a population nor a projection of this name.
        """
        if name in self.learned:
            return self.learned_of(name)()
        network = self.network
        known = [*(p.name for p in network.populations), *(p.name for p in network.projections)]
        if name not in known:
            raise InputError(f"the twin has no population '{name}'. {did_you_mean(name, known)}")
        return None

    def learned_of(self, name: str) -> LearnedParameters:
        """Return the learned parameters of a population or projection."""
        return cast(LearnedParameters, self.learned[name])

    def present(
        self,
        name: str,
        drive: Tensor | None,
        batch: int,
        noise: Noise | None,
        state: Mapping[str, Tensor] | None = None,
    ) -> Presentation:
        """Start a presentation to a population, with the present values of what it learns."""
        return self.population(name).present(drive, batch, noise, self.parameters_of(name), state)

    def longest_delay(self) -> int:
        """Return for how many steps a spike may be on its way."""
        network, found = self.network, [0]
        for projection in network.projections:
            if projection.model is not None:
                pathways = cast(SynapseTwin, self.synapses[projection.name]).pathways.children()
                found += [step for one in pathways for step in cast(PathwayTwin, one).groups]
            elif network.delivers_spikes(projection):
                each = self.projection(projection.name).longest_delay()
                found.append(network.delay_steps(projection) + each)
        return max(found)

    def mask(self, name: str, batch: int) -> Tensor | None:
        """Draw a dropout mask ``(batch, *shape)`` of a population; None if there is no dropout.

        It is 0 for silenced neurons and ``1/(1 - p)`` for the others, so that the expected input
        stays the same.
        """
        if not self.drops(name):
            return None
        probability = self.dropout[name]
        rows = batch if self.part is None else self.part.batch
        like = self._like.new_ones((rows, *self.network.population(name).shape))
        mask = torch.nn.functional.dropout(like, probability)
        return mask if self.part is None else mask[self.part.rows]

    @contextmanager
    def computing(self, part: Part | None) -> Iterator[None]:
        """Take the samples of the ``with`` block as part of a batch; see `brianbridge.twin.part`.

        Parameters
        ----------
        part : Part, optional
            The part; nothing changes if there is none.
        """
        if part is None:
            yield
            return
        own: list[Any] = [module for module in self.modules() if hasattr(module, "part")]
        for module in own:
            module.part = part
        try:
            yield
        finally:
            for module in own:
                module.part = None

    def batch_sum(self, values: Tensor) -> Tensor:
        """Return a sum over a batch, from that over the samples given: by `Part.sum`."""
        return values if self.part is None else self.part.sum(values)

    def batch_mean(self, values: Tensor) -> Tensor:
        """Return a mean over a batch, from that over the samples given: by `Part.mean`."""
        return values if self.part is None else self.part.mean(values)

    @contextmanager
    def replace_spikes(self, recorded: RecordedSpikes) -> Iterator[None]:
        """Replace the twin's spikes and output by recorded ones within the ``with`` block.

        The gradient stays that of the twin's own spikes; see `brianbridge.twin.recorded_spikes`.
        """
        self._recorded = recorded
        try:
            yield
        finally:
            self._recorded = None

    @contextmanager
    def recomputing(self, wanted: bool = True) -> Iterator[None]:
        """Let rules that learn through time run each part of a presentation again, backward.

        Their responses within the ``with`` block then need memory that grows with the square root
        of the number of steps; see `brianbridge.twin.recompute`.
        """
        before, self._recomputes = self._recomputes, wanted
        try:
            yield
        finally:
            self._recomputes = before

    @property
    def recomputes(self) -> bool:
        """Whether a response that has a graph is to be computed again in the backward pass."""
        return self._recomputes and torch.is_grad_enabled()

    def emitted_spikes(self, name: str, computed: Tensor, step: int | None = None) -> Tensor:
        """Return the spikes that a population emits: recorded ones if there are any.

        Parameters
        ----------
        name : str
            The population.
        computed : Tensor, shape ([T,] batch, *shape)
            The spikes that the twin itself computed.
        step : int, optional
            The step they belong to; all steps if not given.
        """
        if self._recorded is None:
            return computed
        spikes = self._recorded.spikes[name]
        return straight_through(spikes if step is None else spikes[step], computed)

    @property
    def replaces_spikes(self) -> bool:
        """Whether the twin's spikes are replaced by recorded ones."""
        return self._recorded is not None

    @property
    def normalises(self) -> bool:
        """Whether any projection normalises its input."""
        return any(self.projection(name).norm is not None for name in self.projections)

    @property
    def like(self) -> Tensor:
        """A number of the type and on the device of the twin."""
        return self._like

    def drops(self, name: str) -> bool:
        """Whether neurons of a population are silenced in training."""
        return self.training and bool(self.dropout.get(name, 0.0))

    def final_output(self, computed: Tensor) -> Tensor:
        """Return the output ``(batch, classes)``: the recorded one if there is any."""
        if self._recorded is None:
            return computed
        return straight_through(self._recorded.output, computed)
