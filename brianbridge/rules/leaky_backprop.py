"""Spike-based backpropagation that knows of the leak, for LIF neurons that reset to 0.

Lee, Sarwar, Panda, Srinivasan & Roy (Front. Neurosci. 14:119, 2020), "Enabling spike-based
backpropagation for training deep neural network architectures". Read in the authors' public code
(*Enabling_Spikebased_Backpropagation*); of the paper only the abstract could be read. With
``gamma`` the spikes of a neuron over the T steps and ``f = sum over t of lambda**(T - t) o(t)``
the leaky trace of its own spikes at the end (``lambda = exp(-dt/tau)``), the approximate
derivative of its activity is

    a' = NG/theta,    NG = [f > 0.001] + ln(lambda) f/gamma

that is the derivative ``1/theta`` of an integrate-and-fire neuron, less what a spike has leaked on
average; 0 for a neuron that was silent. (The code adds 1 to ``gamma`` where it is 0.)

Credit is given in one of two ways:

``"windowed"``, as in the code: a spike at t passes ``a' dL/do(t)`` to the input of all steps since
the spike before it, in equal parts; input that came after the last spike gets none. The leak is
ignored but for NG. ``"count"``, the closed form of the paper as remembered: the derivative ``a'``
is applied to summed spikes, ``dL/dW = delta x`` with x the count of the input; it costs one
backward pass instead of T.

Pooling neurons (those that only fixed weights lead to) pass the gradient on where they fired,
without ``1/theta`` and NG. The output does not fire; it is ``lambda v(T)/(theta T)`` with theta =
1 (the code reads its accumulator after one more leak), with the leak ignored in its gradient. Loss
is the squared distance to one-hot labels, summed over classes; the code also sums over the batch,
and here the mean is taken, so that a learning rate there is one of batch size times as much here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from brianbridge.errors import InputError
from brianbridge.network import INPUT, SpikingNetwork
from brianbridge.rules.base import LearningRule, Response
from brianbridge.rules.layerwise import (
    Ran,
    check_layers,
    parameter_of,
    respond_by_counts,
    run_layer,
    substitute,
)
from brianbridge.twin.network import NetworkTwin
from brianbridge.twin.scan import batch_of, inputs_of

__all__ = ["LeakyBackprop", "leak_corrected", "windowed_credit"]

#: Below this trace a neuron counts as silent, as in the authors' code.
_SILENT = 1e-3


def leak_corrected(spikes: Tensor, leak: Tensor) -> Tensor:
    """Return NG, the derivative of a neuron's activity times its threshold, ``(batch, *shape)``.

    Parameters
    ----------
    spikes : Tensor, shape (T, batch, *shape)
        Its spikes.
    leak : Tensor
        ``lambda``, what is left of a membrane potential after a step; 1 without a leak.

    Examples
    --------
    >>> spikes = torch.tensor([0.0, 1, 0, 1]).reshape(4, 1, 1)
    >>> trace = 0.9**2 + 0.9**0                                # T - t of the spikes: 2 and 0
    >>> found = leak_corrected(spikes, torch.tensor(0.9)).item()
    >>> abs(found - (1 + math.log(0.9)*trace/2)) < 1e-6
    True
    """
    trace = torch.zeros_like(spikes[0])
    for emitted in spikes:
        trace = leak * trace + emitted
    fired = spikes.sum(0)
    return (trace > _SILENT) + torch.log(leak) * trace / torch.where(fired < _SILENT, 1, fired)


class _Windowed(torch.autograd.Function):
    """Return `spikes`; share the gradient of each out over the input since the spike before."""

    @staticmethod
    def forward(ctx: Any, spikes: Tensor, received: Tensor, factor: Tensor) -> Tensor:
        ctx.save_for_backward(spikes, factor)
        return spikes.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, None]:
        spikes, factor = ctx.saved_tensors
        (gradient,) = gradients
        credit = torch.empty_like(gradient)
        running = torch.zeros_like(gradient[0])
        for t in range(len(spikes) - 1, -1, -1):
            running = torch.where(spikes[t] != 0, gradient[t] * factor, running)
            credit[t] = running
        return None, credit, None


def windowed_credit(spikes: Tensor, received: Tensor, factor: Tensor) -> Tensor:
    """Return the spikes, with a gradient to what was received in the steps that led to each.

    Parameters
    ----------
    spikes : Tensor, shape (T, batch, *shape)
        What was emitted.
    received : Tensor, shape (T, batch, *shape)
        The input of every step, with its gradient.
    factor : Tensor, shape (batch, *shape)
        ``a'``.
    """
    found: Tensor = _Windowed.apply(spikes, received, factor)
    return found


@dataclass(frozen=True)
class LeakyBackprop(LearningRule):
    """Train by spikes, with a derivative that is corrected for the leak.

    Parameters
    ----------
    credit : {"windowed", "count"}
        Which input a spike gives credit to; see the module's text.
    correction : bool
        Whether the leak is corrected for; without it NG is 1 for all that fired.
    loss_function : {"squared", "cross_entropy"}
        The paper's, or that of the other rules.
    gain : float
        What outputs are multiplied by before the loss.
    threshold, tau : str
        The parameters of the neuron models that are threshold and time constant of the membrane;
        a model without the latter has no leak.
    """

    name: ClassVar[str] = "leaky_backprop"
    follows_spikes: ClassVar[bool] = True

    credit: Literal["windowed", "count"] = "windowed"
    correction: bool = True
    loss_function: Literal["squared", "cross_entropy"] = "squared"
    gain: float = 1.0
    threshold: str = "theta"
    tau: str = "tau"

    def __post_init__(self) -> None:
        for option, known in (
            ("credit", ("windowed", "count")),
            ("loss_function", ("squared", "cross_entropy")),
        ):
            if getattr(self, option) not in known:
                raise InputError(
                    f"learning rule '{self.name}': {option} = '{getattr(self, option)}'; give "
                    f"'{known[0]}' or '{known[1]}'"
                )
        if not 0 < self.gain < math.inf:
            raise InputError(f"learning rule '{self.name}': gain = {self.gain}; give more than 0")

    def check(self, network: SpikingNetwork) -> None:
        """Refuse loops, neurons without a threshold, graded spikes, and an output that fires."""
        check_layers(network, self.name, self.threshold)
        for population in network.firing:
            if not population.neuron.is_binary:
                raise InputError(
                    f"learning rule '{self.name}': spikes of neuron model "
                    f"'{population.neuron.name}' may carry other values than 1, by which its "
                    "derivative does not go; use 'surrogate_gradient' or 'multi_threshold'"
                )
        if network.readout != "potential":
            raise InputError(
                f"learning rule '{self.name}': the output must not fire; give readout = 'potential'"
            )

    def respond(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> Response:
        """Run the spiking layers, with the credit that was chosen."""
        respond = respond_by_counts if self.credit == "count" else self._respond_by_windows
        found = respond(twin, current, raster, self._factor)
        value = self.scaled(twin, found.output.detach())
        # The leak is ignored in the gradient.
        slope = torch.full_like(value, self.gain / twin.network.steps)
        return replace(found, output=substitute(value, found.output, slope))

    def scaled(self, twin: NetworkTwin, output: Tensor) -> Tensor:
        """Return the output after one more leak, over T, times `gain`."""
        leak = self._leak(twin, twin.network.output.name, output)
        return self.gain / twin.network.steps * (leak.flatten() if leak.ndim else leak) * output

    def loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Return the squared distance to one-hot labels, summed over classes, or cross-entropy."""
        if self.loss_function == "cross_entropy":
            return cross_entropy(output, labels)
        wanted = one_hot(labels, output.shape[1]).to(output.dtype)
        return (output - wanted).square().sum(1).mean()

    def _leak(self, twin: NetworkTwin, name: str, like: Tensor) -> Tensor:
        """Return lambda of a population."""
        if self.tau not in twin.network.population(name).neuron.parameters:
            return torch.ones((), dtype=like.dtype, device=like.device)
        return torch.exp(-twin.network.dt / parameter_of(twin, name, self.tau, like))

    def _factor(self, twin: NetworkTwin, name: str, potential: Tensor, ran: Ran) -> Tensor:
        """Return ``a'`` of a population, shape ``(batch, *shape)``."""
        assert ran.spikes is not None
        if all(p.frozen for p in twin.network.incoming(name)):  # pooling neurons
            return (ran.counts > 0).to(potential.dtype)
        leak = self._leak(twin, name, potential)
        leak = leak if self.correction else torch.ones_like(leak)
        theta = parameter_of(twin, name, self.threshold, potential)
        return leak_corrected(ran.spikes, leak) / theta

    def _respond_by_windows(
        self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None, factor: Any
    ) -> Response:
        network, steps, batch = twin.network, twin.network.steps, batch_of(current, raster)
        spikes = {} if raster is None else {INPUT: raster}
        fired: dict[str, Tensor] = {}
        for population in network.populations:
            name = population.name
            x, constant = inputs_of(twin, name, spikes, current)
            received: Any = sum(x.values())
            if constant is not None:
                received = received + constant
            ran = run_layer(twin, name, x, constant, batch)
            if ran.spikes is None:
                assert ran.potential is not None
                free = received.sum(0) if x else steps * received
                output = substitute(ran.potential, free, torch.ones_like(free))
                return Response(output.flatten(1), fired.__getitem__)
            if not x:
                received = received.expand(steps, *received.shape)
            emitted = windowed_credit(ran.spikes, received, factor(twin, name, ran.spikes[0], ran))
            fired[name] = emitted.sum(0)
            spikes[name] = emitted if ran.mask is None else emitted * ran.mask
        raise AssertionError("the output does not fire: see check")
