"""The base class of rules that learn at the equilibrium of a feedback network.

The mean rates of a spiking network with feedback settle at ``a = sigma(M(a)/U)``. Here M is the
mean input, ``sigma(x) = min(max(x, 0), 1)``, and ``U = theta - rest`` is the amount that a reset
subtracts (IDE and SPIDE; Xiao et al. 2021 and 2023, read in the authors' code). The gradient of the
loss at the equilibrium is

    z = g + J^T z,      dL/dW = dM/dW^T (m z/U),      m = [0 < a < 1]

with g the gradient of the rates through the readout, and J the Jacobian of the map. No step of the
presentation needs to be stored. The rules differ in how they find z.

Rates are those of the T simulated steps. With a leak ``lambda`` per step, rates and output are
means weighted by ``lambda**(T - 1 - t)``. The rates of a population with dropout are those that its
targets receive, and thus include its mask (one mask per presentation).

In contrast to the authors' code, the mask also enters the gradient of the weights that lead to the
masked neurons, as in a network without time.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from brianbridge.errors import InputError
from brianbridge.network import INPUT, SpikingNetwork
from brianbridge.rules.base import LearningRule, Response
from brianbridge.rules.equilibrium.checks import check_equilibrium, reset_amount
from brianbridge.rules.equilibrium.state import Equilibrium, mean_rate
from brianbridge.rules.layerwise import leak_factor, summed_input, with_gradient
from brianbridge.twin.network import NetworkTwin

__all__ = ["EquilibriumRule"]


class _ReplaceGradient(torch.autograd.Function):
    """Return rates unchanged; replace their gradients g by z, which `solve` computes."""

    @staticmethod
    def forward(ctx: Any, solve: Any, *rates: Tensor) -> tuple[Tensor, ...]:
        ctx.solve = solve
        return tuple(rate.clone() for rate in rates)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return None, *ctx.solve(gradients)


@dataclass(frozen=True)
class EquilibriumRule(LearningRule):
    """Learn at the equilibrium; subclasses solve for the gradient there.

    Parameters
    ----------
    feedback_norm : float
        Largest Frobenius norm of the weights of a feedback projection. They are scaled down to it
        before training and after each step; 0 for no limit. Without a limit there may be no
        equilibrium.
    threshold, rest, tau : str
        The parameters of the neuron models that hold the threshold, the potential to which a spike
        at the threshold resets (0 for a model without it), and the time constant of the membrane
        (no leak for a model without it).
    """

    takes: ClassVar[str] = "neurons that sum and subtract, a silent output, canonical order"

    feedback_norm: float = 2.0
    threshold: str = "theta"
    rest: str = "rest"
    tau: str = "tau"

    def __post_init__(self) -> None:
        if not 0 <= self.feedback_norm < math.inf:
            raise InputError(
                f"learning rule '{self.name}': feedback_norm = {self.feedback_norm}; give a norm "
                "such as 2.0, or 0 for no limit"
            )

    @abstractmethod
    def solve_gradients(
        self, twin: NetworkTwin, equilibrium: Equilibrium, gradients: Mapping[str, Tensor]
    ) -> Mapping[str, Tensor]:
        """Return z of each population that fires, from the gradients g of its rates."""

    # ------------------------------------------------------------------ before training

    def check(self, network: SpikingNetwork) -> None:
        """Refuse networks whose mean rates have another equilibrium; see `check_equilibrium`."""
        check_equilibrium(network, self.name, self.threshold, self.rest, self.tau)

    def prepare(self, twin: NetworkTwin) -> None:
        """Refuse batch normalisation, whose statistics are not those of an equilibrium."""
        for projection in twin.network.projections:
            if twin.projection(projection.name).norm is not None:
                raise InputError(
                    f"learning rule '{self.name}' does not support the batch normalisation of "
                    f"projection '{projection.name}'; leave batch_norm out"
                )

    def before_training(
        self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None
    ) -> None:
        """Scale feedback weights down to their largest norm before the first step."""
        self.after_step(twin)

    def after_step(self, twin: NetworkTwin) -> None:
        """Scale feedback weights down to their largest norm."""
        if not self.feedback_norm:
            return
        with torch.no_grad():
            for projection in twin.network.projections:
                if projection.feedback and not projection.frozen:
                    weight = twin.projection(projection.name).weight
                    weight *= (self.feedback_norm / weight.norm()).clamp(max=1)

    # ------------------------------------------------------------------ a batch

    def respond(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> Response:
        """Return the output, with the gradient at the equilibrium."""
        equilibrium = self._equilibrium(twin, current, raster)
        names = tuple(equilibrium.slope)
        inputs = equilibrium.mean_inputs(twin, equilibrium.rates)
        self._measure_distance(twin, equilibrium, inputs)

        def solve(gradients: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            with torch.no_grad():
                by_name = dict(zip(names, gradients, strict=True))
                found = self.solve_gradients(twin, equilibrium, by_name)
            return tuple(found[name] for name in names)

        # Each rate is one step of the map from the rates; it receives z as its gradient.
        mapped = (
            with_gradient(equilibrium.rates[n], inputs[n], equilibrium.slope[n]) for n in names
        )
        rates = dict(zip(names, _ReplaceGradient.apply(solve, *mapped), strict=True))
        sources = {**equilibrium.rates, **rates}
        read = summed_input(twin, twin.network.output.name, lambda p: sources[p.source]).flatten(1)
        output = with_gradient(equilibrium.output, read, torch.ones_like(read))

        def spike_counts(name: str) -> Tensor:
            # Counts, not rates: with a leak, rates give late spikes more weight.
            counts = equilibrium.counts[name]
            return with_gradient(counts, rates[name], torch.full_like(counts, twin.network.steps))

        return Response(twin.natural_output(output), spike_counts, equilibrium.metrics)

    def loss_input(self, twin: NetworkTwin, output: Tensor) -> Tensor:
        """Return the output's potential as a mean over the steps."""
        return twin.natural_output(output / self._sum_of_weights(twin.network))

    def run_forward(
        self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None
    ) -> tuple[Mapping[str, Tensor], Tensor]:
        """Return spikes ``(T, batch, *shape)`` by population, and the output's potential."""
        activity = twin.run(current, raster)
        return activity.spikes, activity.output

    def leak(self, network: SpikingNetwork) -> float:
        """Return the factor by which potentials decay in a step."""
        return leak_factor(network, network.output.name, self.tau)

    def reset_amount(self, network: SpikingNetwork, name: str) -> float:
        """Return U of a population: how much a reset subtracts."""
        return reset_amount(network, name, self.threshold, self.rest)

    def dropout_scale(self, twin: NetworkTwin, name: str) -> float:
        """Return the factor by which dropout multiplies the spikes that it keeps."""
        return 1 / (1 - twin.dropout.get(name, 0.0)) if twin.training else 1.0

    def _equilibrium(
        self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None
    ) -> Equilibrium:
        """Run a presentation, and return its mean rates and their derivatives."""
        network, leak = twin.network, self.leak(twin.network)
        with torch.no_grad():
            spikes, potential = self.run_forward(twin, current, raster)
            rates: dict[str, Tensor] = {}
            if raster is not None:
                rates[INPUT] = mean_rate(raster, leak)
            elif current is not None:
                rates[INPUT] = current
            slope, counts = {}, {}
            for population in network.firing:
                name = population.name
                counts[name] = spikes[name].sum(0)
                fired = (spikes[name] != 0).sum(0)
                between = (fired > 0) & (fired < network.steps)
                rates[name] = mean_rate(spikes[name], leak)
                scale = self.dropout_scale(twin, name)
                slope[name] = between.to(rates[name]) * (scale / self.reset_amount(network, name))
            return Equilibrium(rates, slope, counts, self.loss_input(twin, potential))

    def _sum_of_weights(self, network: SpikingNetwork) -> float:
        """Return the sum of the weights of a mean over the steps."""
        leak = self.leak(network)
        return network.steps if leak == 1 else (1 - leak**network.steps) / (1 - leak)

    @torch.no_grad()
    def _measure_distance(
        self, twin: NetworkTwin, equilibrium: Equilibrium, inputs: Mapping[str, Tensor]
    ) -> None:
        """Store the mean distance of rates from the equilibrium, over neurons that fire."""
        distance, number = 0.0, 0.0
        for name, x in inputs.items():
            rate = equilibrium.rates[name] / self.dropout_scale(twin, name)
            fires = rate > 0
            expected = (x / self.reset_amount(twin.network, name)).clamp(0, 1)
            distance += float((rate - expected).abs()[fires].sum())
            number += float(fires.sum())
        if twin.part is not None:
            sums = torch.tensor([distance, number], dtype=torch.float64, device=twin.device)
            distance, number = twin.batch_sum(sums).tolist()
        equilibrium.metrics["equilibrium_distance"] = distance / max(number, 1)
