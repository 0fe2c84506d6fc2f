"""A circuit and a loss that it is fitted by: computed by the twin for many sets of values at once.

Twin and Brian2 give the loss the same tensors: traces as a `StateMonitor` records them, and spikes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from brian2 import Equations, Quantity
from torch import Tensor

from brianbridge.errors import InputError
from brianbridge.fitting.learned_values import LearnedValues
from brianbridge.fitting.ranges import Ranges
from brianbridge.fitting.sets_twin import SetsTwin
from brianbridge.network import SpikingNetwork
from brianbridge.neurons.expressions import one_line
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import si_array
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.simulate import simulate

__all__ = ["LossProblem", "Outcome"]

#: Traces by name and spikes by population, of one set: each of shape (neurons, times).
Outcome = tuple[dict[str, Tensor], dict[str, Tensor]]


@dataclass(frozen=True)
class LossProblem:
    """Hold a circuit, what is learned of it and the loss.

    Parameters
    ----------
    model : NeuronModel or SpikingNetwork
        What was given: the neuron, or the circuit.
    network : SpikingNetwork
        The circuit; of a neuron, a population with one neuron for each sweep.
    learned : LearnedValues
        What is learned.
    loss : callable
        Returns a scalar tensor from traces and spikes.
    record : dict of str to tuple of str
        Population and variable of each trace, by the name that the loss knows it by.
    seed : int
        Seed of random numbers.
    """

    model: Any
    network: SpikingNetwork
    learned: LearnedValues
    loss: Callable[[dict[str, Tensor], Any], Tensor]
    record: Mapping[str, tuple[str, str]]
    seed: int

    @property
    def ranges(self) -> Ranges:
        """The ranges of the learned values."""
        return self.learned.ranges

    @property
    def size(self) -> int:
        """The steps times the neurons, and the synapses that have a state of their own."""
        synapses = sum(one.get_buffer("pre").numel() for one in self.twin.synapses.values())
        return self.network.steps * (sum(p.size for p in self.network.populations) + synapses)

    @property
    def of_neuron(self) -> bool:
        """Whether a neuron was given, whose loss takes the spikes without the population's name."""
        return isinstance(self.model, NeuronModel)

    @cached_property
    def twin(self) -> SetsTwin:
        """The twin of the circuit."""
        return SetsTwin(self.network, self.learned, self.seed)

    def losses(self, values: Tensor) -> Tensor:
        """Return the loss of each set of values, shape (sets,), with its gradient.

        Parameters
        ----------
        values : Tensor, shape (sets, values)
            In SI units.
        """
        traces, spikes = self.twin.run_sets(values, list(self.record.values()))
        named = dict(zip(self.record, traces, strict=True))

        def loss_of(k: int) -> Tensor:
            own = {name: one[k] for name, one in spikes.items()}
            return self._loss({name: one[k] for name, one in named.items()}, own)

        return torch.stack([loss_of(k) for k in range(len(values))])

    def _loss(self, traces: dict[str, Tensor], spikes: dict[str, Tensor]) -> Tensor:
        given = next(iter(spikes.values()), None) if self.of_neuron else spikes
        return self.loss(traces, given)

    def check_loss(self) -> None:
        """Refuse a loss that returns no scalar tensor or has no gradient, before any work.

        Raises
        ------
        InputError
            If it does so with the initial state at all times, and no spikes.
        """
        network, rows = self.network, {p.name: p.size for p in self.network.populations}

        def constant(population: str, value: Any) -> Tensor:
            each = np.resize(si_array(value), rows[population])
            return torch.as_tensor(each)[:, None].repeat(1, network.steps).requires_grad_()

        traces = {
            label: constant(population, network.population(population).neuron.initial.get(name, 0))
            for label, (population, name) in self.record.items()
        }
        spikes = {p.name: constant(p.name, 0.0) for p in network.firing}
        try:
            found = self._loss(traces, spikes)
        except Exception as error:
            shapes = {name: tuple(one.shape) for name, one in traces.items()}
            raise InputError(
                f"the loss raises {type(error).__name__} ({one_line(str(error)):.80}) at traces of "
                f"the shapes {shapes}; correct it, or record what it needs"
            ) from error
        if not isinstance(found, Tensor) or found.ndim or not found.is_floating_point():
            what = f"{found!r:.80}"
            if isinstance(found, Tensor):
                what = f"a tensor of shape {tuple(found.shape)} and {found.dtype}"
            raise InputError(f"the loss returns {what}; return a scalar tensor of a real number")
        if not found.requires_grad:
            raise InputError(
                "the loss has no gradient by traces or spikes; compute it by functions of torch, "
                "without detach() or item()"
            )

    def fitted(self, values: np.ndarray) -> Any:
        """Return the neuron or circuit with one set of values."""
        if self.of_neuron:
            return self.model.with_parameters(**self.ranges.quantities(values))
        return self.learned.set_in(self.network, values)

    def in_brian2(self, values: np.ndarray, finer: int = 1, method: str = "") -> Outcome:
        """Return traces and spikes of one set of values in plain Brian2.

        Parameters
        ----------
        values : numpy.ndarray, shape (values,)
            In SI units.
        finer : int
            How many times smaller the step is. Traces have the values of the whole steps, and
            spikes are counted in these.
        method : str
            Another method of integration, for all populations.
        """
        network = self.learned.set_in(self.network, values)
        if method:
            network = _by_method(network, method)
        variables = list({name: None for _, name in self.record.values()})
        found = simulate(
            network, None, dt=network.dt / finer, record=["spikes", *variables], seed=self.seed,
            backend=Backend(path="reference"),
        )  # fmt: skip
        traces = {}
        for label, (population, name) in self.record.items():
            of = network.population(population)
            start = np.resize(si_array(of.neuron.initial.get(name, 0.0)), (1, of.size))
            later = found.traces[population][name][finer - 1 :: finer].reshape(-1, of.size)
            traces[label] = torch.as_tensor(np.concatenate([start, later[:-1]]).T)
        spikes = {}
        for of in network.firing:
            raster = found.spikes[of.name].reshape(network.steps, finer, of.size)
            spikes[of.name] = torch.as_tensor(raster.sum(1).T.astype(np.float64))
        return traces, spikes

    def loss_in_brian2(self, values: np.ndarray, finer: int = 1, method: str = "") -> float:
        """Return the loss of one set of values in plain Brian2; see `in_brian2`."""
        with torch.no_grad():
            return float(self._loss(*self.in_brian2(values, finer, method)))

    def with_unit(self, label: str, trace: Tensor) -> Any:
        """Return a trace as a Quantity."""
        population, name = self.record[label]
        equations = Equations(self.network.population(population).neuron.equations)
        return Quantity(trace.numpy(), dim=equations[name].dim)


def _by_method(network: SpikingNetwork, method: str) -> SpikingNetwork:
    """Return the network with another method of integration."""
    return replace(
        network,
        populations=tuple(
            replace(
                p, neuron=replace(p.neuron, method=method, initial=p.neuron.initial_as_given)
            )
            for p in network.populations
        ),
    )  # fmt: skip
