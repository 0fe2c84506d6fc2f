"""A spiking network written out in torch, step by step: what rules are compared with.

It shares nothing with the package but the numbers. All layers are chained without latency, and
torch's own autograd does the rest; how a neuron fires, and its derivative, a test says itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from brianbridge.twin.network import NetworkTwin

#: ``fire(layer, inputs of all steps) -> spikes of all steps``.
Fire = Callable[["Layer", list[Tensor]], list[Tensor]]


@dataclass
class Layer:
    """One population and what leads to it; leaves of autograd are in `leaves`."""

    name: str
    weight: Tensor
    bias: Tensor | None
    padding: int
    pooling: bool
    theta: float
    tau: float | None
    dt: float
    delay: int
    gamma: Tensor | None = None
    beta: Tensor | None = None
    leaves: dict[str, Tensor] = field(default_factory=dict)

    @property
    def leak(self) -> Tensor:
        """lambda, what is left of the potential after a step."""
        return torch.exp(torch.tensor(-self.dt / (self.tau or torch.inf), dtype=torch.float64))

    def weighted(self, x: Tensor) -> Tensor:
        """Return W x."""
        if self.pooling:
            return F.avg_pool2d(x, 2)
        if self.weight.ndim == 4:
            return F.conv2d(x, self.weight, padding=self.padding)
        return x.flatten(1) @ self.weight.T

    def constant(self) -> Tensor | float:
        """Return b, to go with what `weighted` returns."""
        return 0.0 if self.bias is None else per_channel(self.bias, self.weight)

    def inputs(self, spikes: list[Tensor]) -> list[Tensor]:
        """Return W s(t) + b for every step, normalised by the mean over steps if need be."""
        late = [torch.zeros_like(spikes[0])] * self.delay + spikes[: len(spikes) - self.delay]
        ys = [self.weighted(x) for x in late]
        if self.gamma is None:
            return [y + self.constant() for y in ys]
        scale, shift = self.normalisation(sum(ys) / len(ys))
        return [scale * y + shift for y in ys]

    def normalisation(self, mean: Tensor) -> tuple[Tensor, Tensor]:
        """Return factor and constant of a batch normalisation of the mean input."""
        dims = [0] if mean.ndim == 2 else [0, 2, 3]
        center = mean.mean(dims, keepdim=True)
        spread = ((mean - center) ** 2).mean(dims, keepdim=True)
        scale = per_channel(self.gamma, self.weight) / torch.sqrt(spread + 1e-5)
        return scale, per_channel(self.beta, self.weight) - scale * center


def per_channel(values: Tensor, weight: Tensor) -> Tensor:
    """Return one value a channel, or a neuron, as it goes with ``(batch, *shape)``."""
    return values.reshape(-1, 1, 1) if weight.ndim == 4 else values


def layers_of(twin: NetworkTwin) -> list[Layer]:
    """Copy the numbers of a twin whose populations are a chain."""
    found = []
    for population, projection in zip(
        twin.network.populations, twin.network.projections, strict=True
    ):
        assert projection.target == population.name
        module, parameters = twin.projection(projection.name), population.neuron.parameters
        numbers = {k: v.detach().clone().requires_grad_() for k, v in module.named_parameters()}
        layer = Layer(
            population.name,
            numbers.get("weight", torch.ones(())),
            numbers.get("bias"),
            getattr(projection.connection, "padding", (0, 0))[0],
            projection.frozen,
            float(parameters["theta"]),
            float(parameters["tau"]) if "tau" in parameters else None,
            twin.network.dt,
            twin.network.delay_steps(projection),
            numbers.get("norm.gamma"),
            numbers.get("norm.beta"),
            leaves={f"projections.{projection.name}.{k}": v for k, v in numbers.items()},
        )
        found.append(layer)
    return found


def run(
    layers: list[Layer], spikes: list[Tensor], fire: Fire, masks: Any = None
) -> tuple[list[list[Tensor]], list[Tensor]]:
    """Return the spikes of all layers but the last, and the input of the last in every step."""
    emitted = []
    for layer in layers[:-1]:
        spikes = fire(layer, layer.inputs(spikes))
        emitted.append(spikes)
        if masks:
            spikes = [s * masks[layer.name] for s in spikes if layer.name in masks] or spikes
    return emitted, layers[-1].inputs(spikes)


def frames(twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> list[Tensor]:
    """Return what the input gives in every step."""
    return [current] * twin.network.steps if raster is None else list(raster)


def assert_same_gradients(twin: NetworkTwin, layers: list[Layer], atol: float = 1e-10) -> None:
    """Compare the gradients of all parameters, none of which may be 0 everywhere."""
    wanted = {k: v.grad for layer in layers for k, v in layer.leaves.items()}
    found = {k: v.grad for k, v in twin.named_parameters()}
    assert found.keys() == wanted.keys()
    for name, gradient in found.items():
        if wanted[name] is None:  # a bias that a normalisation makes void
            assert gradient is None, name
            continue
        assert wanted[name].abs().max() > 1e-6, f"{name}: a gradient of 0 would prove nothing"
        torch.testing.assert_close(
            gradient, wanted[name], rtol=0, atol=atol, msg=lambda m, name=name: f"{name}: {m}"
        )
