"""Single spikes without a loop over time, and a gradient through when they come.

Taylor, King & Harper (2022, "Robust and accelerated single-spike spiking neural network
training"; FastSNN, read in the authors' code): leaky neurons that are not reset, and of whose
threshold crossings only the first is a spike. With ``z = [V > theta]`` in every step,

    B = cumsum(cumsum(z)),      g(B) = B relu(B (1 - B) + 1),

where B is 1 in the step of the first crossing alone, g is 1 there and 0 elsewhere. The derivative
of z is a bump around the threshold; that of g and of both sums is their own. It is 1 before the
spike and 0 from it on, so that a weight learns from the potentials of the steps before a spike and
of neurons that never fired. All V of a presentation are one matrix product
(`brianbridge.rules.single_spike.linear_response`), here of any neuron that is linear and not reset.

The authors read the largest potential of output neurons that do not fire, and take the
cross-entropy; here it is the potential at the end, so that output neurons should forget slowly (on
digits: 85 % with tau = 10 ms and 16 steps of 1 ms, 92 % with 200 ms). A first spike at the output
is learned less well, for nothing says to fire later: use `FirstSpike` there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
from torch import Tensor

from brianbridge.errors import InputError
from brianbridge.network import INPUT, Population, SpikingNetwork
from brianbridge.neurons.model import NeuronModel
from brianbridge.rules.base import LearningRule, Response
from brianbridge.rules.layerwise import check_layers, parameter_of
from brianbridge.rules.single_spike.initial_weights import let_neurons_fire
from brianbridge.rules.single_spike.linear_response import LinearResponse, linear_response
from brianbridge.rules.single_spike.threshold_network import unit_of
from brianbridge.twin.network import NetworkTwin
from brianbridge.twin.scan import inputs_of, later
from brianbridge.twin.spike_function import SpikeFunction

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
    gain : float
        What the output's potentials are multiplied by before the loss.
    calibrate : float
        As in `FirstSpike`; 0 leaves the initial weights alone.
    threshold : str
        The parameter of the neuron models that is the threshold.
    """

    name: ClassVar[str] = "single_spike_vectorised"

    steepness: float = 10.0
    gain: float = 1.0
    calibrate: float = 1.0
    threshold: str = "theta"

    def __post_init__(self) -> None:
        for option in ("steepness", "gain"):
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
        if network.readout != "potential":
            raise InputError(
                f"{what}: the output must not fire; give readout = 'potential', or use the rule "
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

    def respond(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> Response:
        """Return the output, with the gradient of g in every step."""
        spikes, potential = self._forward(twin, current, raster)
        output = self.gain * potential[-1].flatten(1)
        return Response(output, lambda name: spikes[name].sum(0))

    def scaled(self, twin: NetworkTwin, output: Tensor) -> Tensor:
        """Return the potential as the loss looks at it."""
        return self.gain * output

    def begin(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> None:
        """Scale the initial weights so that neurons fire; see `initial_weights`."""
        if self.calibrate:
            with torch.no_grad():
                self._forward(twin, current, raster, calibrate=True)

    def _forward(
        self,
        twin: NetworkTwin,
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
        twin: NetworkTwin,
        name: str,
        response: LinearResponse,
        sources: dict[str, Tensor],
        current: Tensor | None,
    ) -> Tensor:
        x, constant = inputs_of(twin, name, sources, current)
        return response.potential(x, twin.drive(name, constant))

    def _calibrate(
        self,
        twin: NetworkTwin,
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

    def _above(self, twin: NetworkTwin, name: str, potential: Tensor) -> Tensor:
        """Return how far potentials are above the threshold, in units of it."""
        theta = parameter_of(twin, name, self.threshold, potential[0])
        return (potential - theta) / unit_of(theta)


@lru_cache(maxsize=64)
def _of_model(
    model: NeuronModel, dt: float, steps: int, received: tuple[str, ...], fires: bool
) -> LinearResponse:
    return linear_response(model, dt, steps, received, fires)


def _response_of(network: SpikingNetwork, name: str) -> LinearResponse:
    """Return how the neurons of a population answer."""
    received = {network.receive_of(p) for p in network.incoming(name) if network.delivers_spikes(p)}
    population = network.population(name)
    fires = population in network.firing
    return _of_model(population.neuron, network.dt, network.steps, tuple(sorted(received)), fires)
