"""Single spikes without a loop over time, and a gradient through when they come.

Taylor, King & Harper (2022, "Robust and accelerated single-spike spiking neural network
training"; FastSNN, read in the authors' code): leaky neurons that are not reset, and of whose
threshold crossings only the first is a spike. With ``z = [V > theta]`` in every step,

    B = cumsum(cumsum(z)),      g(B) = B relu(B (1 - B) + 1),

where B is 1 in the step of the first crossing alone, g is 1 there and 0 elsewhere. The derivative
of z is a bump around the threshold; that of g and of both sums is their own. It is 1 before the
spike and 0 from it on, so that a weight learns from the potentials of the steps before a spike and
of neurons that never fired. All V of a presentation are one matrix product
(`brianbridge.surrogate.linear_response`), here of any neuron that is linear and not reset.

The authors read the largest potential of output neurons that do not fire. Here it is the potential
at the end (readout ``potential``, cross-entropy), or the first spike (readout ``first_spike``, the
loss of `brianbridge.rules.race`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
from torch import Tensor

from ..errors import InputError
from ..network import INPUT, Population, SpikingNetwork
from ..network.readout import AT_SPIKE, first_spike_output
from ..surrogate.fired import unit_of
from ..surrogate.linear_response import LinearResponse, linear_response
from ..surrogate.network import SurrogateNetwork
from ..surrogate.scan import first_steps, inputs_of, later
from ..surrogate.spike_function import SpikeFunction
from .base import LearningRule, Response
from .calibration import let_neurons_fire
from .layers import check_layers, parameter_of
from .race import log_chances

__all__ = ["SingleSpikeVectorised", "first_crossings"]


def first_crossings(above: Tensor, bump: SpikeFunction) -> Tensor:
    """Return 1 in the step of the first crossing and 0 elsewhere, with the gradient of g.

    Parameters
    ----------
    above : Tensor, shape (T, batch, *shape)
        Potentials less the threshold.
    bump : SpikeFunction
        The derivative of a crossing.

    Examples
    --------
    >>> above = torch.tensor([-0.1, 0.2, -0.3, 0.4])
    >>> first_crossings(above, SpikeFunction("fast_sigmoid"))
    tensor([0., 1., 0., 0.])
    """
    sums = bump.step(above, strict=True).cumsum(0).cumsum(0)
    return sums * torch.relu(sums * (1 - sums) + 1)


@dataclass(frozen=True)
class SingleSpikeVectorised(LearningRule):
    """Train single spikes by the potentials of all steps before them.

    Parameters
    ----------
    steepness : float
        Of the derivative of a crossing, ``1/(steepness |V - theta|/theta + 1)**2``; the authors'
        is 100.
    softness : float
        Of the race between outputs that fire, in units of the threshold.
    gain : float
        What potentials of outputs that do not fire are multiplied by before the loss.
    calibrate : float
        As in `brianbridge.rules.first_spike.FirstSpike`; 0 leaves the initial weights alone.
    threshold : str
        The parameter of the neuron models that is the threshold.
    """

    name: ClassVar[str] = "single_spike_vectorised"

    steepness: float = 10.0
    softness: float = 0.1
    gain: float = 1.0
    calibrate: float = 1.0
    threshold: str = "theta"

    def __post_init__(self) -> None:
        for option in ("steepness", "softness", "gain"):
            if not 0 < getattr(self, option) < math.inf:
                raise InputError(
                    f"learning rule '{self.name}': {option} = {getattr(self, option)}; give more "
                    "than 0"
                )
        if not 0 <= self.calibrate < math.inf:
            raise InputError(
                f"learning rule '{self.name}': calibrate = {self.calibrate}; give a size of "
                "potentials such as 1.0, in thresholds, or 0 to leave the initial weights alone"
            )

    def check(self, network: SpikingNetwork) -> None:
        """Refuse what is no chain of linear neurons that fire once and are not reset."""
        what = f"learning rule '{self.name}'"
        check_layers(network, self.name, self.threshold)
        if network.schedule != "canonical":
            raise InputError(f"{what}: works in the canonical order of a step only")
        if network.readout not in ("potential", "first_spike"):
            raise InputError(
                f"{what}: counts of single spikes tell little; give readout = 'potential' or "
                "'first_spike'"
            )
        for population in network.populations:
            where = f"{what}: population '{population.name}'"
            if population in network.firing and not population.neuron.fires_once:
                raise InputError(
                    f"{where} must fire once at most, but model '{population.neuron.name}' sets "
                    "no flag that keeps it from it; use 'single_spike_lif'"
                )
            try:
                _response_of(network, population.name)
            except InputError as error:
                raise InputError(f"{where}: {error}") from error

    def respond(
        self, twin: SurrogateNetwork, current: Tensor | None, raster: Tensor | None
    ) -> Response:
        """Return the output, with the gradient of g in every step."""
        spikes, potential = self._forward(twin, current, raster)
        network, judged = twin.network, None
        output = self.gain * potential[-1]
        if network.readout == "first_spike":
            name = network.output.name
            above = self._above(twin, name, potential).flatten(2)
            judged = log_chances(above / self.softness)
            with torch.no_grad():
                first = first_steps(spikes[name])
                at = first.clamp(max=network.steps - 1).long().unsqueeze(0)
                keeps = AT_SPIKE in network.output.neuron.state_variables
                at_spike = potential.gather(0, at)[0] if keeps else torch.zeros_like(first)
                output = first_spike_output(first, at_spike, potential[-1], network.steps)
        return Response(output.flatten(1), lambda name: spikes[name].sum(0), judged=judged)

    def scaled(self, twin: SurrogateNetwork, output: Tensor) -> Tensor:
        """Return the potential of outputs that do not fire as in training."""
        return self.gain * output if twin.network.readout == "potential" else output

    def begin(self, twin: SurrogateNetwork, current: Tensor | None, raster: Tensor | None) -> None:
        """Scale the initial weights so that neurons fire; see `brianbridge.rules.calibration`."""
        if self.calibrate:
            with torch.no_grad():
                self._forward(twin, current, raster, calibrate=True)

    def _forward(
        self,
        twin: SurrogateNetwork,
        current: Tensor | None,
        raster: Tensor | None,
        calibrate: bool = False,
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Return spikes by population, and the output's potential, both ``(T, batch, *shape)``."""
        network = twin.network
        sources = {} if raster is None else {INPUT: raster}
        bump = SpikeFunction("fast_sigmoid", width=1 / self.steepness)
        spikes: dict[str, Tensor] = {}
        for population in network.populations:
            name = population.name
            response = _response_of(network, name)
            if calibrate:
                potential = self._potential(twin, name, response, sources, current)
                self._calibrate(twin, population, response, potential, sources)
            potential = self._potential(twin, name, response, sources, current)
            if population in network.firing:
                spikes[name] = first_crossings(self._above(twin, name, potential), bump)
                mask = twin.mask(name, potential.shape[1])
                sources[name] = spikes[name] if mask is None else spikes[name] * mask
        return spikes, potential

    def _potential(
        self,
        twin: SurrogateNetwork,
        name: str,
        response: LinearResponse,
        sources: dict[str, Tensor],
        current: Tensor | None,
    ) -> Tensor:
        x, constant = inputs_of(twin, name, sources, current)
        return response.potential(x, twin.drive(name, constant))

    def _calibrate(
        self,
        twin: SurrogateNetwork,
        population: Population,
        response: LinearResponse,
        potential: Tensor,
        sources: dict[str, Tensor],
    ) -> None:
        network, middle = twin.network, (twin.network.steps - 1) // 2
        projection = network.incoming(population.name)[0]
        if self.threshold not in population.neuron.parameters or projection.source not in sources:
            return  # read by a potential without a threshold, or driven by a current
        theta = parameter_of(twin, population.name, self.threshold, potential[0])
        heard = later(sources[projection.source], network.delay_steps(projection))
        told = response.potential({network.receive_of(projection): heard}, None)[middle]
        let_neurons_fire(twin, population, potential[middle], theta, told, self.calibrate)

    def _above(self, twin: SurrogateNetwork, name: str, potential: Tensor) -> Tensor:
        """Return how far potentials are above the threshold, in units of it."""
        theta = parameter_of(twin, name, self.threshold, potential[0])
        return (potential - theta) / unit_of(theta)


@lru_cache(maxsize=64)
def _of_model(model: object, dt: float, steps: int, received: tuple[str, ...]) -> LinearResponse:
    return linear_response(model, dt, steps, received)  # type: ignore[arg-type]


def _response_of(network: SpikingNetwork, name: str) -> LinearResponse:
    """Return how the neurons of a population answer."""
    received = {network.receive_of(p) for p in network.incoming(name) if network.delivers_spikes(p)}
    model = network.population(name).neuron
    return _of_model(model, network.dt, network.steps, tuple(sorted(received)))
