"""Helpers of rules that learn layer by layer: spikes forward, a simpler network backward.

The spiking layers run without a gradient, one population after the other, each over the whole
presentation. Their spikes then get the gradient that the rule defines, for instance one with
respect to the mean input of the layer, as if it were an analog layer (`respond_by_counts`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from brianbridge.network import INPUT, Population, Projection, SpikingNetwork
from brianbridge.network.gain import driven_variable
from brianbridge.network.scale import potential_unit, unit_of_variable
from brianbridge.neurons.quantities import si_array
from brianbridge.rules.base import Response
from brianbridge.twin.constants import constant_tensor
from brianbridge.twin.delays import shifted
from brianbridge.twin.network import NetworkTwin
from brianbridge.twin.received import batch_of, inputs_of, total
from brianbridge.twin.state import TwinState

__all__ = [
    "LayerActivity",
    "initial_potential",
    "leak_factor",
    "natural_input",
    "over_steps",
    "parameter_tensor",
    "respond_by_counts",
    "run_layer",
    "summed_input",
    "threshold_tensor",
    "with_gradient",
]


class _WithGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, potential: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(slope)
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, None]:
        (slope,) = ctx.saved_tensors
        return None, gradients[0] * slope, None


def with_gradient(value: Tensor, potential: Tensor, slope: Tensor) -> Tensor:
    """Return `value` as if it were a function of `potential` with the derivative `slope`."""
    found: Tensor = _WithGradient.apply(value, potential, slope)
    return found


@dataclass(frozen=True)
class LayerActivity:
    """Spikes or potential of a population over one presentation, without a gradient.

    Parameters
    ----------
    spikes : Tensor or None, shape (T, batch, *shape)
        Spikes before dropout; None if the population does not fire.
    potential : Tensor or None, shape (batch, *shape)
        Membrane potential at the end; None if the population fires.
    mask : Tensor or None, shape (batch, *shape)
        Dropout mask of this presentation.
    state : mapping of str to Tensor, shape (batch, *shape)
        State variables at the end.
    """

    spikes: Tensor | None
    potential: Tensor | None
    mask: Tensor | None
    state: Mapping[str, Tensor]

    @property
    def counts(self) -> Tensor:
        """Summed spike values, ``(batch, *shape)``."""
        assert self.spikes is not None
        return over_steps(self.spikes)


def run_layer(
    twin: NetworkTwin,
    name: str,
    x: dict[str, Tensor],
    constant: Tensor | None,
    batch: int,
    steps: int | None = None,
    start: TwinState | None = None,
) -> LayerActivity:
    """Run one population through a presentation, without a gradient.

    Parameters
    ----------
    twin : NetworkTwin
        The twin.
    name : str
        Name of the population.
    x, constant
        Input of the population; see `brianbridge.twin.received.inputs_of`.
    batch : int
        Number of samples.
    steps : int, optional
        Number of steps; those of the network if not given.
    start : TwinState, optional
        The state to continue from.
    """
    population, start = twin.population(name), start or TwinState()
    with torch.no_grad():
        inputs = {variable: values.detach() for variable, values in x.items()}
        drive = twin.drive(name, None if constant is None else constant.detach())
        ran = population.run(
            inputs or None, drive, steps=steps or twin.network.steps, batch=batch,
            state=start.values.get(name), first=start.step,
        )  # fmt: skip
        if ran.spikes is None:
            potential = ran.state[population.model.require_potential("the output")]
            final = twin.final_output(potential.flatten(1)).reshape(potential.shape)
            return LayerActivity(None, final, None, ran.state)
        spikes = twin.emitted_spikes(name, ran.spikes)
        return LayerActivity(spikes, None, twin.mask(name, batch), ran.state)


#: ``slope(twin, population, free potential, activity)``: the derivative of a spike count.
Slope = Callable[[NetworkTwin, str, Tensor, LayerActivity], Tensor]


def respond_by_counts(
    twin: NetworkTwin, current: Tensor | None, raster: Tensor | None, slope: Slope
) -> Response:
    """Run the spiking layers forward, with the gradient of an analog network of spike counts.

    Parameters
    ----------
    twin : NetworkTwin
        A twin without loops.
    current : Tensor, shape (batch, *input_shape), optional
        Constant input.
    raster : Tensor, shape (T, batch, *input_shape), optional
        Input spikes.
    slope : callable
        Returns the derivative of a population's spike counts with respect to its free potential
        ``sum W c + T b``, which it would have reached without firing, in natural units.
    """
    network = twin.network
    batch = batch_of(current, raster)
    spikes = {} if raster is None else {INPUT: raster}
    counts = {} if raster is None else {INPUT: over_steps(raster)}
    emitted: dict[str, Tensor] = {}

    def sum_of(projection: Projection) -> Tensor:
        if not network.delivers_spikes(projection):
            assert current is not None, "the input of this network is a current"
            return network.steps * current
        count = counts[projection.source]
        if steps := network.delay_steps(projection):
            # Spikes still in transit at the end do not count, but have a gradient like all others.
            arrived = over_steps(shifted(spikes[projection.source], steps))
            count = count + (arrived - count).detach()
        return count

    for population in network.layers:
        name = population.name
        if network.incoming(name):
            free = summed_input(twin, name, sum_of, network.steps, natural=True)
            if any(p.connection.delays is not None for p in network.incoming(name)):
                free = free - in_transit(twin, name, spikes)
        else:  # neurons that their equations alone drive
            free = torch.zeros(batch, *population.shape, dtype=twin.dtype, device=twin.device)
        with torch.no_grad():
            x, constant = inputs_of(twin, name, spikes, current)
        activity = run_layer(twin, name, x, constant, batch)
        if activity.spikes is None:
            assert activity.potential is not None
            # The output's own potential, with the gradient of the free one.
            unit = potential_unit(network, name)
            output = with_gradient(activity.potential, free, torch.full_like(free, unit))
            return Response(output.flatten(1), emitted.__getitem__)
        emitted[name] = with_gradient(activity.counts, free, slope(twin, name, free, activity))
        mask = activity.mask
        spikes[name] = activity.spikes if mask is None else activity.spikes * mask
        counts[name] = emitted[name] if mask is None else emitted[name] * mask
    return Response(emitted[network.output.name].flatten(1), emitted.__getitem__)


def over_steps(spikes: Tensor) -> Tensor:
    """Return spikes summed over time, ``(batch, *shape)``; images keep their order in memory.

    Parameters
    ----------
    spikes : Tensor, shape (T, batch, *shape)
        The spikes.
    """
    if spikes.ndim == 5 and (by_pixel := spikes.permute(0, 1, 3, 4, 2)).is_contiguous():
        return by_pixel.sum(0).permute(0, 3, 1, 2)
    return spikes.sum(0)


def in_transit(twin: NetworkTwin, name: str, spikes: Mapping[str, Tensor]) -> Tensor | float:
    """Return the natural input that delays of single synapses keep from arriving in time.

    Parameters
    ----------
    twin : NetworkTwin
        The twin.
    name : str
        Name of the population that receives.
    spikes : mapping of str to Tensor, shape (T, batch, *shape)
        Spikes of the populations before it, and of the input.
    """
    found: Tensor | float = 0.0
    for projection in twin.network.incoming(name):
        if projection.connection.delays is not None:
            weights, later = twin.projection(projection.name), twin.network.delay_steps(projection)
            raster = spikes[projection.source]
            sent = weights(shifted(raster, later).sum(0))
            arrived = weights.over_time(raster, later).sum(0)
            found = found + divided(sent - arrived, weights.unit)
    return found


def summed_input(
    twin: NetworkTwin,
    name: str,
    sum_of: Callable[[Projection], Tensor],
    steps: int = 1,
    *,
    natural: bool = False,
) -> Tensor:
    """Return the input of a population, summed over some steps, with a gradient.

    If sources give their means, it is the mean input per step.

    Parameters
    ----------
    twin : NetworkTwin
        The twin.
    name : str
        Name of the population.
    sum_of : callable
        Returns the summed spike values of a projection's source, ``(batch, *source)``.
    steps : int
        The number of steps.
    natural : bool
        Whether the result is in natural units; otherwise it is in SI units.

    Returns
    -------
    Tensor, shape (batch, *shape)
    """
    parts: list[Tensor | None] = []
    for projection in twin.network.incoming(name):
        weights = twin.projection(projection.name)
        weighted = weights(sum_of(projection))
        if weights.normalises:  # by the statistics of the mean
            weighted, constant = weights.normalised(weighted / steps)
            weighted = steps * weighted
        else:
            constant = weights.bias_of_neurons()
        if natural:
            weighted = divided(weighted, weights.unit)
            constant = None if constant is None else divided(constant, weights.bias_unit)
        parts += [None if constant is None else steps * constant, weighted]
    found = total(parts)
    assert found is not None
    return found


def natural_input(
    twin: NetworkTwin, name: str, x: dict[str, Tensor], constant: Tensor | None
) -> Tensor:
    """Return the summed input of a population in natural units.

    Parameters
    ----------
    twin : NetworkTwin
        The twin.
    name : str
        Name of the population.
    x, constant
        Its input in SI units; see `brianbridge.twin.received.inputs_of`.
    """
    network = twin.network
    parts = [divided(values, unit_of_variable(network, name, v)) for v, values in x.items()]
    if constant is not None:
        variable = driven_variable(network, name)
        parts.append(divided(constant, unit_of_variable(network, name, variable)))
    found = total(parts)
    assert found is not None
    return found


def divided(values: Tensor, unit: float) -> Tensor:
    """Return values in a unit; the same tensor for a unit of 1."""
    return values if unit == 1 else values / unit


def initial_potential(population: Population) -> np.ndarray:
    """Return the initial potential in SI units: one value, or one for each neuron."""
    neuron = population.neuron
    v = neuron.require_potential(f"population '{population.name}'")
    return np.asarray(si_array(neuron.initial.get(v, 0.0)), dtype=np.float64)


def leak_factor(network: SpikingNetwork, name: str, tau: str) -> float:
    """Return the factor ``exp(-dt/tau)`` by which a potential decays in a step; 1 without a leak.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    name : str
        Name of a population whose neurons all have the same time constant.
    tau : str
        The parameter that holds the time constant; a model without it has no leak.
    """
    parameters = network.population(name).neuron.parameters
    return math.exp(-network.dt / float(np.asarray(parameters[tau]))) if tau in parameters else 1.0


def threshold_tensor(twin: NetworkTwin, name: str, parameter: str, like: Tensor) -> Tensor:
    """Return how far the threshold of a population is from rest, in natural units.

    It is 1, but a parameter of the model if the potential is dimensionless; rest is then at 0.

    Parameters
    ----------
    twin : NetworkTwin
        The twin.
    name : str
        Name of a population that fires.
    parameter : str
        The parameter that holds the threshold of dimensionless potentials.
    like : Tensor, shape (batch, *shape)
        A tensor of the same type, device and shape.
    """
    if twin.network.population(name).neuron.scale.dimensions:
        return like.new_ones(())
    return parameter_tensor(twin, name, parameter, like)


def parameter_tensor(twin: NetworkTwin, name: str, parameter: str, like: Tensor) -> Tensor:
    """Return a parameter of a population in SI units, which broadcasts to ``(batch, *shape)``."""
    values = np.asarray(twin.network.population(name).neuron.parameters[parameter])
    tensor = constant_tensor(values, like)
    return tensor.reshape(like.shape[1:]) if tensor.ndim else tensor
