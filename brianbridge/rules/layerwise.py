"""What rules that learn layer by layer share: spikes forward, something simpler backward.

The spiking layers run without a gradient, one population after the other, each over the whole
presentation. What they emitted is then given a gradient of the rule's own: straight to the
*mean input* of the layer, as if the layer were an analog one (`respond_by_counts`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from brianbridge.errors import InputError
from brianbridge.network import INPUT, Population, Projection, SpikingNetwork
from brianbridge.neurons.quantities import si_array
from brianbridge.rules.base import Response
from brianbridge.twin.network import NetworkTwin
from brianbridge.twin.scan import batch_of, inputs_of, later, total

__all__ = [
    "Ran",
    "check_layers",
    "check_threshold",
    "leak_of",
    "mean_input",
    "parameter_of",
    "respond_by_counts",
    "run_layer",
    "start_of",
    "substitute",
]


class _Substitute(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, potential: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(slope)
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, None]:
        (slope,) = ctx.saved_tensors
        return None, gradients[0] * slope, None


def substitute(value: Tensor, potential: Tensor, slope: Tensor) -> Tensor:
    """Return `value`, with a gradient to `potential`: that of the value times `slope`."""
    found: Tensor = _Substitute.apply(value, potential, slope)
    return found


@dataclass(frozen=True)
class Ran:
    """Hold what a population did, without a gradient.

    Parameters
    ----------
    spikes : Tensor or None, shape (T, batch, *shape)
        Its spikes as they were, before any dropout; None if it does not fire.
    potential : Tensor or None, shape (batch, *shape)
        Its membrane potential at the end; None if it fires.
    mask : Tensor or None, shape (batch, *shape)
        The dropout of this presentation.
    """

    spikes: Tensor | None
    potential: Tensor | None
    mask: Tensor | None

    @property
    def counts(self) -> Tensor:
        """Summed spike values, ``(batch, *shape)``."""
        assert self.spikes is not None
        return self.spikes.sum(0)


def run_layer(
    twin: NetworkTwin, name: str, x: dict[str, Tensor], constant: Tensor | None, batch: int
) -> Ran:
    """Run one population through a presentation, without a gradient.

    Parameters
    ----------
    twin : NetworkTwin
        The twin.
    name : str
        The population.
    x, constant
        What reaches it; see `brianbridge.twin.scan.inputs_of`.
    batch : int
        Samples.
    """
    population = twin.population(name)
    with torch.no_grad():
        still = {variable: values.detach() for variable, values in x.items()}
        drive = twin.drive(name, None if constant is None else constant.detach())
        ran = population.run(still or None, drive, steps=twin.network.steps, batch=batch)
        if ran.spikes is None:
            potential = ran.state[population.model.potential]
            concluded = twin.final_output(potential.flatten(1)).reshape(potential.shape)
            return Ran(None, concluded, None)
        return Ran(twin.emitted_spikes(name, ran.spikes), None, twin.mask(name, batch))


#: ``slope(twin, population, free potential, what it did)``: the derivative of a count.
Slope = Callable[[NetworkTwin, str, Tensor, Ran], Tensor]


def respond_by_counts(
    twin: NetworkTwin, current: Tensor | None, raster: Tensor | None, slope: Slope
) -> Response:
    """Run spiking layers forward, with the gradient of an analog network of spike counts.

    Parameters
    ----------
    twin : NetworkTwin
        The twin, without loops.
    current : Tensor, shape (batch, *input_shape), optional
        Constant input.
    raster : Tensor, shape (T, batch, *input_shape), optional
        Input spikes.
    slope : callable
        What a count of a population changes with its free potential ``sum W c + T b``, the
        potential that it would have reached had it never fired.
    """
    network = twin.network
    batch = batch_of(current, raster)
    spikes = {} if raster is None else {INPUT: raster}
    counts = {} if raster is None else {INPUT: raster.sum(0)}
    fired: dict[str, Tensor] = {}

    def mean_of(projection: Projection) -> Tensor:
        if not network.delivers_spikes(projection):
            assert current is not None, "the input of this network is a current"
            return current
        count = counts[projection.source]
        if steps := network.delay_steps(projection):
            # What is still on its way at the end does not count; the gradient is that of all.
            arrived = later(spikes[projection.source], steps).sum(0)
            count = count + (arrived - count).detach()
        return count / network.steps

    for population in network.populations:
        name = population.name
        free = network.steps * mean_input(twin, name, mean_of)
        with torch.no_grad():
            x, constant = inputs_of(twin, name, spikes, current)
        ran = run_layer(twin, name, x, constant, batch)
        if ran.spikes is None:
            assert ran.potential is not None
            # The output's own potential, with the gradient of the free one.
            output = substitute(ran.potential, free, torch.ones_like(free))
            return Response(output.flatten(1), fired.__getitem__)
        fired[name] = substitute(ran.counts, free, slope(twin, name, free, ran))
        spikes[name] = ran.spikes if ran.mask is None else ran.spikes * ran.mask
        counts[name] = fired[name] if ran.mask is None else fired[name] * ran.mask
    return Response(fired[network.output.name].flatten(1), fired.__getitem__)


def mean_input(twin: NetworkTwin, name: str, mean_of: Callable[[Projection], Tensor]) -> Tensor:
    """Return the mean input of a population in a step, ``(batch, *shape)``, with a gradient.

    Parameters
    ----------
    twin : NetworkTwin
        The twin.
    name : str
        The population.
    mean_of : callable
        Returns what a projection's source sends in a step, on average, ``(batch, *source)``.
    """
    parts: list[Tensor | None] = []
    for projection in twin.network.incoming(name):
        weights = twin.projection(projection.name)
        weighted = weights(mean_of(projection))
        parts += reversed(weights.normalised(weighted, weighted))
    found = total(parts)
    assert found is not None
    return found


def check_layers(network: SpikingNetwork, rule: str, threshold: str) -> None:
    """Refuse loops, and neurons that fire without a threshold parameter.

    Raises
    ------
    InputError
        If a rule that works layer by layer cannot train the network.
    """
    if network.has_loops:
        raise InputError(
            f"learning rule '{rule}': its analog layers are computed one after the other, "
            "so that there can be no feedback; leave it out, or use another rule"
        )
    check_threshold(network, rule, threshold)


def check_threshold(network: SpikingNetwork, rule: str, threshold: str) -> None:
    """Refuse neurons that fire without a threshold parameter."""
    for population in network.firing:
        if threshold not in population.neuron.parameters:
            raise InputError(
                f"learning rule '{rule}': neuron model '{population.neuron.name}' has no "
                f"parameter '{threshold}'; name its threshold with the option 'threshold'"
            )


def start_of(population: Population) -> np.ndarray:
    """Return where potentials start, in SI units: one value, or one for each neuron."""
    neuron = population.neuron
    return np.asarray(si_array(neuron.initial.get(neuron.potential, 0.0)), dtype=np.float64)


def leak_of(network: SpikingNetwork, name: str, tau: str) -> float:
    """Return what a step leaves of the potential of a population whose neurons are all alike.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    name : str
        The population.
    tau : str
        The parameter that is the time constant; a model without it has no leak.
    """
    parameters = network.population(name).neuron.parameters
    return math.exp(-network.dt / float(np.asarray(parameters[tau]))) if tau in parameters else 1.0


def parameter_of(twin: NetworkTwin, name: str, parameter: str, like: Tensor) -> Tensor:
    """Return a parameter of a population's neurons, in SI units, to go with ``(batch, *shape)``."""
    values = np.asarray(twin.network.population(name).neuron.parameters[parameter])
    tensor = torch.as_tensor(values, dtype=like.dtype, device=like.device)
    return tensor.reshape(like.shape[1:]) if tensor.ndim else tensor
