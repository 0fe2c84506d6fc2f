"""The layers of a network in plain torch, around the neurons of anyone.

Each projection is applied to all steps at once, then the neurons run over the steps: the quickest
way that every framework supports. A recurrent layer takes step after step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from brianbridge.network import AllToAll, Convolution, Population, Projection, SpikingNetwork
from brianbridge.neurons.quantities import si_array

__all__ = ["Cells", "LayeredNet", "keep_and_theta", "plain_cells", "relu_cells"]


class Cells(nn.Module):
    """The neurons of a layer, one state per presentation.

    Parameters
    ----------
    step : callable
        Maps weighted input ``(batch, *shape)`` and state to spikes and state; the first state is
        None.
    """

    def __init__(self, step: Callable[[Tensor, Any], tuple[Tensor, Any]] | nn.Module) -> None:
        super().__init__()
        self.step = step

    def forward(self, x: Tensor) -> Tensor:
        """Return the spikes of all steps, for weighted input ``(T, batch, *shape)``."""
        state, spikes = None, []
        for received in x.unbind(0):
            emitted, state = self.step(received, state)
            spikes.append(emitted)
        return torch.stack(spikes)


class _Spike(torch.autograd.Function):
    """The step function, with the derivative ``1/(1 + (pi x)**2)``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x >= 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradients[0] / (1 + (torch.pi * x) ** 2)


def keep_and_theta(population: Population, dt: float) -> tuple[float, float]:
    """Return the decay factor of a step, and the threshold, of ``lif`` and ``if`` neurons."""
    parameters = population.neuron.parameters
    tau = parameters.get("tau")
    keep = 1.0 if tau is None else math.exp(-dt / float(si_array(tau)))
    return keep, float(si_array(parameters["theta"]))


def plain_cells(population: Population, dt: float) -> Cells:
    """Return the neurons as their definition says, for torch to differentiate."""
    keep, theta = keep_and_theta(population, dt)

    def step(x: Tensor, v: Tensor | None) -> tuple[Tensor, Tensor]:
        v = x if v is None else keep * v + x
        spike = _Spike.apply(v - theta)
        return spike, v - theta * spike

    return Cells(step)


def relu_cells(population: Population, dt: float) -> Cells:
    """Return rectified linear units."""
    return Cells(lambda x, _: (torch.relu(x), None))


class _Layer(nn.Module):
    def __init__(self, network: SpikingNetwork, population: Population, cells: Cells) -> None:
        super().__init__()
        self.shape, self.cells = population.shape, cells
        into = network.incoming(population.name)
        (self._ahead,) = (p for p in into if not p.feedback)
        self._loop = next((p for p in into if p.feedback), None)
        pool = self._ahead.pool
        self.pool = nn.Identity() if pool is None else nn.AvgPool2d(pool.size, pool.stride)
        self.linear = _weights(self._ahead)
        self.recurrent = None if self._loop is None else _weights(self._loop)

    def weights(self) -> dict[str, nn.Parameter]:
        """Return the trained weights, by projection."""
        modules = ((self._ahead, self.linear), (self._loop, self.recurrent))
        return {p.name: m.weight for p, m in modules if p is not None and not p.frozen}  # type: ignore[union-attr, misc]

    def forward(self, spikes: Tensor) -> Tensor:
        """Return spikes ``(T, batch, *shape)`` from those of the layer before."""
        x = self.linear(self.pool(spikes.flatten(0, 1))).unflatten(0, spikes.shape[:2])
        if self.recurrent is None:
            return self.cells(x)
        state, emitted, found = None, None, []
        for received in x.unbind(0):
            if emitted is not None:
                received = received + self.recurrent(emitted)
            emitted, state = self.cells.step(received, state)
            found.append(emitted)
        return torch.stack(found)


def _weights(projection: Projection) -> nn.Module:
    connection, weight = projection.connection, torch.tensor(projection.weight)
    if projection.frozen:  # pooling neurons
        return nn.Identity()
    module: Any
    if isinstance(connection, Convolution):
        out, inside, height, width = weight.shape
        module = nn.Conv2d(inside, out, (height, width), padding=connection.padding, bias=False)
    else:
        assert isinstance(connection, AllToAll)
        module = _Flattened(weight.shape[1], weight.shape[0], bias=False)
    module.weight = nn.Parameter(weight.to(torch.get_default_dtype()))
    return module


class _Flattened(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(1))


class LayeredNet(nn.Module):
    """The layers of a network, with neurons of some kind.

    Parameters
    ----------
    network : SpikingNetwork
        A chain of layers without biases.
    cells : callable
        Makes the neurons of a population, from it and from the step in seconds.
    """

    def __init__(
        self, network: SpikingNetwork, cells: Callable[[Population, float], Cells]
    ) -> None:
        super().__init__()
        self.chain = [_Layer(network, p, cells(p, network.dt)) for p in network.populations]
        self.layers = nn.ModuleList(self.chain)

    def weights(self) -> dict[str, nn.Parameter]:
        """Return the trained weights, by projection."""
        return {name: w for layer in self.chain for name, w in layer.weights().items()}

    def forward(self, raster: Tensor) -> Tensor:
        """Return the counts of the output ``(batch, classes)`` of spikes ``(T, batch, *shape)``."""
        for layer in self.chain:
            raster = layer(raster)
        return raster.sum(0)
