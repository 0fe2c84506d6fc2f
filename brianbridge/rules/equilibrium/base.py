"""What rules share that learn at the equilibrium of a feedback network.

The mean rates of a spiking network with feedback settle at ``a = sigma(M(a)/U)`` with M the mean
input, ``sigma(x) = min(max(x, 0), 1)`` and ``U = theta - rest`` what a reset takes away (IDE and
SPIDE; Xiao et al. 2021 and 2023, read in the authors' code). The gradient of the loss at the
equilibrium is

    z = g + J^T z,      dL/dW = dM/dW^T (m z/U),      m = [0 < a < 1]

with g the gradient of the rates that the readout sees and J the derivative of the map. Nothing is
kept of the steps that led there; rules differ in how they find z.

Rates are those of the T steps that were run. With a leak ``lambda`` a step, both they and the
output are means weighted by ``lambda**(T - 1 - t)``. Of a population with dropout, rates are as
others hear them, and so include its mask (one for the presentation).

Other than in the authors' code, the mask also enters the gradient of the weights that it stood
before, as in a network without time.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from brianbridge.errors import InputError
from brianbridge.network import INPUT, Population, Projection, SpikingNetwork
from brianbridge.rules.base import LearningRule, Response
from brianbridge.rules.layerwise import check_threshold, leak_of, mean_input, start_of, substitute
from brianbridge.twin.network import NetworkTwin
from brianbridge.twin.population import PopulationTwin

__all__ = ["AtEquilibrium", "Settled", "mean_rate"]

#: Steps in which a neuron is tried.
_TRIED = 30


def mean_rate(spikes: Tensor, leak: float) -> Tensor:
    """Return the mean of spikes ``(T, ...)`` over the steps, weighted by ``leak**(T - 1 - t)``.

    Examples
    --------
    >>> mean_rate(torch.tensor([1.0, 0.0, 1.0]), leak=0.5)
    tensor(0.7143)
    """
    steps = len(spikes)
    if leak == 1:
        return spikes.sum(0) / steps
    weight = leak ** torch.arange(steps - 1, -1, -1, dtype=spikes.dtype, device=spikes.device)
    return torch.tensordot(weight / weight.sum(), spikes, dims=1)


class _Link(torch.autograd.Function):
    """Return rates as they are; hand on the gradient that the equilibrium makes of theirs."""

    @staticmethod
    def forward(ctx: Any, solve: Any, *rates: Tensor) -> tuple[Tensor, ...]:
        ctx.solve = solve
        return tuple(rate.clone() for rate in rates)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return None, *ctx.solve(gradients)


@dataclass(frozen=True)
class Settled:
    """Hold what a presentation came to.

    Parameters
    ----------
    rates : mapping of str to Tensor, shape (batch, *shape)
        Mean rates of the input and of all populations that fire, as others hear them.
    slope : mapping of str to Tensor, shape (batch, *shape)
        The derivative of a population's by its mean input: ``m/U``, times what dropout makes of it.
    counts : mapping of str to Tensor, shape (batch, *shape)
        Summed spikes of each population that fires, as others hear them.
    output : Tensor, shape (batch, classes)
        What the loss looks at.
    notes : dict of str to float
        What to tell of it.
    """

    rates: Mapping[str, Tensor]
    slope: Mapping[str, Tensor]
    counts: Mapping[str, Tensor]
    output: Tensor
    notes: dict[str, float] = field(default_factory=dict)

    def mean_inputs(self, twin: NetworkTwin, rates: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what each population gets in a step at these rates, ``(batch, *shape)``."""

        def mean_of(projection: Projection) -> Tensor:
            return rates[projection.source]

        return {name: mean_input(twin, name, mean_of) for name in self.slope}


@dataclass(frozen=True)
class AtEquilibrium(LearningRule):
    """Learn at the equilibrium; what derives from this says how gradients settle.

    Parameters
    ----------
    feedback_norm : float
        Largest Frobenius norm of the weights of a feedback projection, which are scaled down to it
        at the start and after each step; 0 for no limit. Without one there may be no equilibrium.
    threshold, rest, tau : str
        The parameters of the neuron models that are the threshold, what a spike resets a neuron at
        the threshold to (0 for a model without it), and the time constant of the membrane (no leak
        for a model without it).
    """

    feedback_norm: float = 2.0
    threshold: str = "theta"
    rest: str = "rest"
    tau: str = "tau"

    def __post_init__(self) -> None:
        if not 0 <= self.feedback_norm < math.inf:
            raise InputError(
                f"learning rule '{self.name}': feedback_norm = {self.feedback_norm}; give 0, for "
                "no limit, or more"
            )

    @abstractmethod
    def settled_gradients(
        self, twin: NetworkTwin, settled: Settled, given: Mapping[str, Tensor]
    ) -> Mapping[str, Tensor]:
        """Return z of each population that fires, of the gradients g that its readers give."""

    # ------------------------------------------------------------------ what can be trained

    def check(self, network: SpikingNetwork) -> None:
        """Refuse neurons that differ within a population or in their leak; an output that fires."""
        what = f"learning rule '{self.name}'"
        if network.readout != "potential":
            raise InputError(f"{what}: the output must not fire; give readout = 'potential'")
        if network.schedule != "canonical":
            raise InputError(f"{what}: works in the canonical order of a step only")
        check_threshold(network, self.name, self.threshold)
        for population in network.populations:
            for parameter in (self.threshold, self.rest, self.tau):
                if np.size(population.neuron.parameters.get(parameter, 0.0)) > 1:
                    raise InputError(
                        f"{what}: the neurons of population '{population.name}' differ in "
                        f"'{parameter}'; give them one value"
                    )
        leaks = {p.name: leak_of(network, p.name, self.tau) for p in network.populations}
        if len(set(leaks.values())) > 1:
            raise InputError(
                f"{what}: rates are weighted by the leak, which must be that of all populations, "
                f"but a step leaves {leaks} of a potential"
            )
        firing = {population.name for population in network.firing}
        for population in network.populations:
            unit = self.unit(network, population.name) if population.name in firing else None
            if not _sums_and_subtracts(population, network.dt, leaks[population.name], unit):
                raise InputError(
                    f"{what}: its equilibrium is that of neurons whose spikes are worth 1 and take "
                    f"{self.threshold} - {self.rest} away, whose potential nothing but the leak "
                    "changes besides, and that may fire in every step; model "
                    f"'{population.neuron.name}' of population '{population.name}' is not like "
                    "that; use 'if_rest' or 'lif_rest'"
                )

    def prepare(self, twin: NetworkTwin) -> None:
        """Refuse a batch normalisation, whose statistics are not those of an equilibrium."""
        for projection in twin.network.projections:
            if twin.projection(projection.name).norm is not None:
                raise InputError(
                    f"learning rule '{self.name}': it does not follow the normalisation of "
                    f"projection '{projection.name}'; leave batch_norm out"
                )

    def unit(self, network: SpikingNetwork, name: str) -> float:
        """Return U of a population, what a reset takes away."""
        parameters = network.population(name).neuron.parameters
        return float(parameters[self.threshold]) - float(parameters.get(self.rest, 0.0))

    # ------------------------------------------------------------------ a batch

    def respond(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> Response:
        """Return the output, with the gradient of the equilibrium."""
        settled = self._settle(twin, current, raster)
        names = tuple(settled.slope)
        inputs = settled.mean_inputs(twin, settled.rates)
        self._note_distance(twin, settled, inputs)

        def solve(gradients: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            with torch.no_grad():
                given = dict(zip(names, gradients, strict=True))
                found = self.settled_gradients(twin, settled, given)
            return tuple(found[name] for name in names)

        # Each rate has the gradient of one step of the map, of which z is handed to it.
        mapped = (substitute(settled.rates[n], inputs[n], settled.slope[n]) for n in names)
        rates = dict(zip(names, _Link.apply(solve, *mapped), strict=True))
        heard = {**settled.rates, **rates}
        read = mean_input(twin, twin.network.output.name, lambda p: heard[p.source]).flatten(1)
        output = substitute(settled.output, read, torch.ones_like(read))

        def counts_of(name: str) -> Tensor:
            # With a leak rates say more of late spikes; a count is a count.
            counts = settled.counts[name]
            return substitute(counts, rates[name], torch.full_like(counts, twin.network.steps))

        return Response(output, counts_of, settled.notes)

    def scaled(self, twin: NetworkTwin, output: Tensor) -> Tensor:
        """Return the output's potential as a mean over the steps."""
        return output / self._weights(twin.network)

    def begin(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> None:
        """Let the first step too find feedback weights of a norm that they may have."""
        self.after_step(twin)

    def after_step(self, twin: NetworkTwin) -> None:
        """Scale feedback weights down to the norm that they may have."""
        if not self.feedback_norm:
            return
        with torch.no_grad():
            for projection in twin.network.projections:
                if projection.feedback and not projection.frozen:
                    weight = twin.projection(projection.name).weight
                    weight *= (self.feedback_norm / weight.norm()).clamp(max=1)

    def present(
        self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None
    ) -> tuple[Mapping[str, Tensor], Tensor]:
        """Return spikes ``(T, batch, *shape)`` by population, and the output's potential."""
        activity = twin.run(current, raster)
        return activity.spikes, activity.output

    def leak(self, network: SpikingNetwork) -> float:
        """Return what a step leaves of a potential."""
        return leak_of(network, network.output.name, self.tau)

    def _settle(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> Settled:
        network, leak = twin.network, self.leak(twin.network)
        with torch.no_grad():
            spikes, potential = self.present(twin, current, raster)
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
                loudness = self.loudness(twin, name)
                slope[name] = between.to(rates[name]) * (loudness / self.unit(network, name))
            return Settled(rates, slope, counts, self.scaled(twin, potential))

    def loudness(self, twin: NetworkTwin, name: str) -> float:
        """Return what dropout multiplies the spikes by that it leaves."""
        return 1 / (1 - twin.dropout.get(name, 0.0)) if twin.training else 1.0

    def _weights(self, network: SpikingNetwork) -> float:
        """Return the sum of the weights of a mean over the steps."""
        leak = self.leak(network)
        return network.steps if leak == 1 else (1 - leak**network.steps) / (1 - leak)

    @torch.no_grad()
    def _note_distance(
        self, twin: NetworkTwin, settled: Settled, inputs: Mapping[str, Tensor]
    ) -> None:
        """Note how far rates are from the equilibrium, on average over neurons that fire."""
        far, number = 0.0, 0
        for name, x in inputs.items():
            rate = settled.rates[name] / self.loudness(twin, name)
            fires = rate > 0
            expected = (x / self.unit(twin.network, name)).clamp(0, 1)
            far += float((rate - expected).abs()[fires].sum())
            number += int(fires.sum())
        settled.notes["equilibrium_distance"] = far / max(number, 1)


def _sums_and_subtracts(population: Population, dt: float, leak: float, unit: float | None) -> bool:
    """Try a neuron: ``v = leak*v + x``, and at the threshold a spike that takes `unit` away.

    Parameters
    ----------
    population : Population
        Whose neurons.
    dt : float
        Step, in seconds.
    leak : float
        What a step leaves of a potential.
    unit : float, optional
        What a spike is to take away; None of neurons that do not fire.
    """
    neuron, size = population.neuron, population.size
    twin = PopulationTwin(neuron, (size,), dt, fires=unit is not None, dtype=torch.float64)
    # Between silence and a spike in every step, with some of either sign that are far off.
    scale = 1.0 if unit is None else abs(unit)
    x = scale * np.random.default_rng(0).normal(0.4, 1.0, (_TRIED, 1, size))
    ran = twin.run(torch.as_tensor(x), record=(neuron.potential,))
    v = ran.traces[neuron.potential]
    before = torch.as_tensor(start_of(population)).expand(size) + torch.zeros_like(v[:1])
    free = leak * torch.cat([before, v[:-1]]) + torch.as_tensor(x)
    if unit is None or ran.spikes is None:
        return torch.allclose(v, free)
    return bool(set(ran.spikes.unique().tolist()) == {0.0, 1.0}) and torch.allclose(
        v, free - unit * ran.spikes
    )
