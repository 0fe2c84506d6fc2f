"""Single spikes without a loop over time, with a gradient through the step of the spike.

Taylor, King & Harper (2022, "Robust and accelerated single-spike spiking neural network training";
FastSNN, read in the authors' code). Neurons are leaky and are not reset; only the first of their
threshold crossings is a spike. With ``z = [V > theta]`` in every step,

    B = cumsum(cumsum(z)),      g(B) = B relu(B (1 - B) + 1),

where B is 1 in the step of the first crossing alone, and g is 1 there and 0 elsewhere. The
derivative of z is a bump around the threshold; g and both sums have their exact derivatives. The
derivative of g with respect to B is 1 before the spike and 0 from it on. A weight thus learns from
the potentials before a spike, or in all steps if there is none. All V of a presentation are one
matrix product (`brianbridge.rules.single_spike.linear_response`), which works for any linear neuron
without reset.

The authors use the largest potential of output neurons that do not fire, with the cross-entropy.
Here it is the potential at the end, so that output neurons should forget slowly (on digits: 85 %
with tau = 10 ms and 16 steps of 1 ms, 92 % with 200 ms). First spikes at the output train less
well, as nothing in this rule makes an output spike later: use `FirstSpike` for them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
from torch import Tensor

from brianbridge.errors import InputError
from brianbridge.network import INPUT, Population, SpikingNetwork
from brianbridge.neurons.model import NeuronModel
from brianbridge.rules.base import LearningRule, Response
from brianbridge.rules.layer_checks import (
    check_canonical,
    check_feedforward,
    check_reliable,
    check_same_delays,
    check_threshold,
)
from brianbridge.rules.layerwise import parameter_tensor
from brianbridge.rules.option_checks import require_above
from brianbridge.rules.single_spike.cumulative_spikes import threshold_scale
from brianbridge.rules.single_spike.initial_weights import set_initial_weights, was_trained
from brianbridge.rules.single_spike.linear_response import LinearResponse, linear_response
from brianbridge.twin.delays import shifted
from brianbridge.twin.network import NetworkTwin
from brianbridge.twin.received import inputs_of
from brianbridge.twin.spike_function import SpikeFunction

__all__ = ["SingleSpikeVectorised", "first_crossings"]


def first_crossings(above: Tensor, surrogate: SpikeFunction) -> Tensor:
    """Return 1 in the step of the first crossing and 0 elsewhere, with the gradient of g.

    Parameters
    ----------
    above : Tensor, shape (T, batch, *shape)
        Potentials minus the threshold.
    surrogate : SpikeFunction
        Defines the derivative of a threshold crossing.

    Examples
    --------
    >>> above = torch.tensor([-0.1, 0.2, -0.3, 0.4])
    >>> first_crossings(above, SpikeFunction("fast_sigmoid"))
    tensor([0., 1., 0., 0.])
    """
    sums = surrogate.step(above, strict=True).cumsum(0).cumsum(0)
    return sums * torch.relu(sums * (1 - sums) + 1)


@dataclass(frozen=True)
class SingleSpikeVectorised(LearningRule):
    """Train single spikes with a gradient through the potentials of all steps before them.

    Parameters
    ----------
    steepness : float
        Steepness of the derivative of a crossing, ``1/(steepness |V - theta|/theta + 1)**2``; the
        authors use 100.
    gain : float
        Factor of the output's potentials before the loss.
    initial_potential : float
        As in `FirstSpike`; 0 keeps the initial weights.
    threshold : str
        The parameter of the neuron models that holds the threshold.
    """

    name: ClassVar[str] = "single_spike_vectorised"
    takes: ClassVar[str] = "linear layers without loops that fire once, canonical order"
    former_options: ClassVar[Mapping[str, str]] = {"calibrate": "initial_potential"}

    steepness: float = 10.0
    gain: float = 1.0
    initial_potential: float = 1.0
    threshold: str = "theta"

    def __post_init__(self) -> None:
        require_above(self, "steepness", "gain")
        if not 0 <= self.initial_potential < math.inf:
            raise InputError(
                f"learning rule '{self.name}': initial_potential = {self.initial_potential}; give "
                "a size such as 1.0, in thresholds, or 0 to keep the initial weights"
            )

    def check(self, network: SpikingNetwork) -> None:
        """Refuse all but feedforward networks of linear neurons that fire once without a reset."""
        what = f"learning rule '{self.name}'"
        check_feedforward(network, self.name)
        check_threshold(network, self.name, self.threshold)
        check_canonical(network, self.name)
        check_reliable(network, self.name)
        check_same_delays(network, self.name)
        if network.readout != "potential":
            raise InputError(
                f"{what}: the output must not fire; give readout = 'potential', or use the rule "
                "'first_spike'"
            )
        for population in network.layers:
            where = f"{what}: population '{population.name}'"
            if population in network.firing and not population.neuron.fires_once:
                raise InputError(
                    f"{where} must fire at most once, but its model "
                    f"'{population.neuron.name}' may fire more often; use 'single_spike_lif'"
                )
            try:
                _response_of(network, population.name)
            except InputError as error:
                raise InputError(f"{where}: {error}") from error

    def respond(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> Response:
        """Return the output, with the gradient of g in every step."""
        spikes, potential = self._forward(twin, current, raster)
        output = self.gain * twin.natural_output(potential[-1].flatten(1))
        return Response(output, lambda name: spikes[name].sum(0))

    def loss_input(self, twin: NetworkTwin, output: Tensor) -> Tensor:
        """Return the output's potential times `gain`."""
        return self.gain * twin.natural_output(output)

    def before_training(
        self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None
    ) -> None:
        """Scale the initial weights so that neurons fire; see the module `initial_weights`.

        Weights of a network that was trained before stay as they are.
        """
        if self.initial_potential and not was_trained(twin.network):
            with torch.no_grad():
                self._forward(twin, current, raster, initialize=True)

    def _forward(
        self,
        twin: NetworkTwin,
        current: Tensor | None,
        raster: Tensor | None,
        initialize: bool = False,
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Return spikes by population, and the output's potential, both ``(T, batch, *shape)``."""
        network = twin.network
        sources = {} if raster is None else {INPUT: raster}
        surrogate = SpikeFunction("fast_sigmoid", width=1 / self.steepness)
        spikes: dict[str, Tensor] = {}
        for population in network.layers:
            name = population.name
            response = _response_of(network, name)
            if initialize:
                potential = self._potential(twin, name, response, sources, current)
                self._initialize(twin, population, response, potential, sources)
            potential = self._potential(twin, name, response, sources, current)
            if population in network.firing:
                spikes[name] = first_crossings(self._above(twin, name, potential), surrogate)
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

    def _initialize(
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
            return  # an output without a threshold, or neurons driven by a current
        theta = parameter_tensor(twin, population.name, self.threshold, potential[0])
        spikes = shifted(sources[projection.source], network.delay_steps(projection))
        variable = network.receive_of(projection)
        received = response.potential({variable: spikes}, None)[middle]
        set_initial_weights(
            twin, population, potential[middle], theta, received, self.initial_potential
        )

    def _above(self, twin: NetworkTwin, name: str, potential: Tensor) -> Tensor:
        """Return potentials minus the threshold, in units of the threshold."""
        theta = parameter_tensor(twin, name, self.threshold, potential[0])
        return (potential - theta) / threshold_scale(theta)


@lru_cache(maxsize=64)
def _cached_response(
    model: NeuronModel, dt: float, steps: int, received: tuple[str, ...], fires: bool
) -> LinearResponse:
    return linear_response(model, dt, steps, received, fires)


def _response_of(network: SpikingNetwork, name: str) -> LinearResponse:
    """Return the linear response of the neurons of a population."""
    received = {network.receive_of(p) for p in network.incoming(name) if network.delivers_spikes(p)}
    population = network.population(name)
    fires = population in network.firing
    return _cached_response(
        population.neuron, network.dt, network.steps, tuple(sorted(received)), fires
    )
