"""Run a twin step by step, each with a graph of its own, and with traces in the products.

Every step starts from the detached states of the one before. A product of spikes has its own value,
but is differentiated as if its input were the trace of the spikes; see `brianbridge.rules.ottt`.
The projections are in evaluation mode, so that their weights contain a normalisation, if any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from brianbridge.network import INPUT
from brianbridge.rules.online.statistics import follow
from brianbridge.rules.online.trace_decay import trace_decay
from brianbridge.twin.network import NetworkTwin
from brianbridge.twin.noise import Noise
from brianbridge.twin.population import PopulationOutput
from brianbridge.twin.projections import ProjectionTwin
from brianbridge.twin.received import batch_of, total

__all__ = ["OnlineStep", "constant_input", "run_online"]


@dataclass(frozen=True)
class OnlineStep:
    """Results of a network in one step.

    Parameters
    ----------
    logits : Tensor, shape (batch, classes)
        What the step adds to the output, in natural units, with the gradient of this step.
    output : Tensor, shape (batch, classes)
        The output of all steps so far, without a gradient.
    spikes : dict of str to Tensor, shape (batch, *shape)
        Spike values of this step, before dropout, with the gradient of this step.
    """

    logits: Tensor
    output: Tensor
    spikes: dict[str, Tensor]


class _Replaced(torch.autograd.Function):
    """Return `value`, with the gradient of `computed`."""

    @staticmethod
    def forward(ctx: Any, computed: Tensor, value: Tensor) -> Tensor:
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


class _Product:
    """Weight the spikes of each step, differentiated as if they were their trace.

    Parameters
    ----------
    weights : ProjectionTwin
        The projection.
    decay : float
        Decay of the trace in a step; with 0 the trace is the spikes.
    """

    def __init__(self, weights: ProjectionTwin, decay: float) -> None:
        self._weights, self._decay = weights.eval(), decay
        self._trace: Tensor | None = None
        self._sum: Tensor | None = None

    def __call__(self, spikes: Tensor) -> Tensor:
        """Return the weighted spikes ``(batch, *target)`` of the next step."""
        sent, before = spikes.detach(), self._trace
        self._trace = sent if before is None or not self._decay else self._decay * before + sent
        if self._weights.norm is not None:
            self._sum = sent if self._sum is None else self._sum + sent
        if self._trace is sent:
            plain: Tensor = self._weights(spikes)
            return plain
        with torch.no_grad():
            value = self._weights(sent)
        computed = self._weights(_Replaced.apply(spikes, self._trace))
        traced: Tensor = _Replaced.apply(computed, value)
        return traced

    def mean_spikes(self, steps: int) -> Tensor:
        """Return the mean spikes of a step, for a normalisation, ``(batch, *source)``."""
        assert self._sum is not None
        return self._sum / steps


class _Output:
    """Keep the output of all steps so far, and say what each adds to it.

    Parameters
    ----------
    twin : NetworkTwin
        The twin.
    state : mapping of str to Tensor, shape (batch, *shape)
        The state of the last population at the start.
    """

    def __init__(self, twin: NetworkTwin, state: Mapping[str, Tensor]) -> None:
        network = twin.network
        self._twin, self._potential = twin, network.output.neuron.potential
        self._decay = trace_decay(network, network.output.name)
        start = state[self._potential].flatten(1)
        fires = network.fires(network.output.name)
        self.so_far = torch.zeros_like(start) if fires else twin.natural_output(start)

    def add(self, ran: PopulationOutput) -> Tensor:
        """Return the part of a step in the output, ``(batch, classes)``, with its gradient."""
        if ran.spikes is not None:
            logits = ran.spikes[0].flatten(1)
            self.so_far = self.so_far + logits.detach()
            return logits
        output = self._twin.natural_output(ran.state[self._potential].flatten(1))
        logits = output - self._decay * self.so_far
        self.so_far = output.detach()
        return logits


def constant_input(twin: NetworkTwin, current: Tensor | None) -> dict[str, Tensor]:
    """Return the input of every step, by population: biases and the weighted constant input.

    Parameters
    ----------
    twin : NetworkTwin
        The twin.
    current : Tensor, shape (batch, *input_shape), optional
        Constant input.

    Returns
    -------
    dict of str to Tensor, shape (batch, *shape) or (*shape)
        Populations without such input are left out.
    """
    found = {}
    for name in twin.populations:
        parts = []
        for projection in twin.network.incoming(name):
            weights = twin.projection(projection.name)
            parts.append(weights.bias_of_neurons())
            if not twin.network.delivers_spikes(projection):
                parts.append(weights.eval()(current))
        constant = total(parts)
        if constant is not None:
            found[name] = constant
    return found


def run_online(
    twin: NetworkTwin,
    current: Tensor | None,
    raster: Tensor | None,
    constants: Callable[[], Mapping[str, Tensor]],
) -> Iterator[OnlineStep]:
    """Run a presentation, and yield each step as soon as it is computed.

    Parameters
    ----------
    twin : NetworkTwin
        A twin without loops and delays.
    current : Tensor, shape (batch, *input_shape), optional
        Constant input.
    raster : Tensor, shape (T, batch, *input_shape), optional
        Input spikes.
    constants : callable
        Returns the constant input of a step; see `constant_input`.
    """
    network, batch = twin.network, batch_of(current, raster)
    layers, last = [population.name for population in network.layers], network.output.name
    noise = Noise.fresh(batch, twin.part)
    masks = {name: twin.mask(name, batch) for name in layers}
    # The logits of a silent output depend on the spikes of their own step alone.
    products = {
        p.name: _Product(
            twin.projection(p.name),
            trace_decay(network, p.target) if network.fires(p.target) else 0.0,
        )
        for p in network.projections
        if network.delivers_spikes(p)
    }
    states = {name: twin.population(name).initial_state(batch) for name in layers}
    output = _Output(twin, states[last])
    steps = network.steps if raster is None else len(raster)
    for k in range(steps):
        sent = {} if raster is None else {INPUT: raster[k]}
        spikes: dict[str, Tensor] = {}
        constant = constants()
        for name in layers:
            incoming = [p for p in network.incoming(name) if p.name in products]
            x = total(products[p.name](sent[p.source]) for p in incoming)
            ran = twin.population(name).run(
                None if x is None else x[None], twin.drive(name, constant.get(name)),
                steps=1, batch=batch, noise=noise, state=states[name], first=k,
            )  # fmt: skip
            if ran.spikes is not None:
                spikes[name] = ran.spikes[0]
                mask = masks[name]
                sent[name] = spikes[name] if mask is None else mask * spikes[name]
            states[name] = {variable: values.detach() for variable, values in ran.state.items()}
            if name == last:
                logits = output.add(ran)
        yield OnlineStep(logits, output.so_far, spikes)
    for name in (projection.name for projection in network.projections):
        weights = twin.projection(name)
        if twin.training and weights.norm is not None:
            mean = products[name].mean_spikes(steps) if name in products else current
            assert mean is not None
            follow(weights, mean)
        weights.train(twin.training)
