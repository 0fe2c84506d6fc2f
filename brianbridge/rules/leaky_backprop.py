"""Spike-based backpropagation with a correction for the leak, for LIF neurons that reset to 0.

Lee, Sarwar, Panda, Srinivasan & Roy (Front. Neurosci. 14:119, 2020), "Enabling spike-based
backpropagation for training deep neural network architectures". The rule was read in the authors'
public code (*Enabling_Spikebased_Backpropagation*); of the paper only the abstract was available.
Let ``gamma`` be the number of spikes of a neuron over the T steps, and ``f = sum over t of
lambda**(T - t) o(t)`` the leaky trace of its own spikes at the end (``lambda = exp(-dt/tau)``). The
approximate derivative of its activity is

    a' = NG/theta,    NG = [f > 0.001] + ln(lambda) f/gamma

This is the derivative ``1/theta`` of an integrate-and-fire neuron, minus the mean leak per spike.
It is 0 for a neuron that was silent. (The code adds 1 to ``gamma`` where it is 0.)

The option `credit` selects which inputs get credit for a spike:

``"windowed"``, as in the code
    A spike at t passes ``a' dL/do(t)`` to the input of all steps since the previous spike, in equal
    parts. Input after the last spike gets none. The leak is ignored except in NG.
``"count"``, the closed form of the paper, from memory
    The derivative ``a'`` applies to summed spikes, ``dL/dW = delta x`` with x the count of the
    input. This takes one backward pass instead of T.

Pooling neurons, whose incoming weights are all fixed, pass the gradient on if they fired, without
``1/theta`` and NG. The output does not fire. It is ``lambda v(T)/(theta T)`` with theta = 1 (the
code reads its accumulator after one more leak), and its gradient ignores the leak. The loss is the
squared distance to one-hot labels, summed over classes. The code also sums over the batch, where
this module takes the mean: a learning rate of the code is multiplied by the batch size here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from brianbridge.errors import InputError
from brianbridge.network import INPUT, SpikingNetwork
from brianbridge.network.scale import potential_unit
from brianbridge.rules.base import LearningRule, Response
from brianbridge.rules.layer_checks import check_feedforward, check_scale
from brianbridge.rules.layerwise import (
    LayerActivity,
    natural_input,
    parameter_tensor,
    respond_by_counts,
    run_layer,
    threshold_tensor,
    with_gradient,
)
from brianbridge.rules.option_checks import require_above, require_choice
from brianbridge.twin.network import NetworkTwin
from brianbridge.twin.scan import batch_of, inputs_of

__all__ = ["LeakyBackprop", "leak_corrected", "windowed_credit"]

#: A neuron with a trace below this value counts as silent, as in the authors' code.
_SILENT = 1e-3


def leak_corrected(spikes: Tensor, leak: Tensor) -> Tensor:
    """Return NG: the derivative of a neuron's activity times its threshold, ``(batch, *shape)``.

    Parameters
    ----------
    spikes : Tensor, shape (T, batch, *shape)
        Spikes of the neuron.
    leak : Tensor
        ``lambda``, the factor by which a potential decays in a step; 1 without a leak.

    Examples
    --------
    >>> import math
    >>> spikes = torch.tensor([0.0, 1, 0, 1]).reshape(4, 1, 1)
    >>> trace = 0.9**2 + 0.9**0                                # spikes at T - t = 2 and 0
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
    """Return `spikes`; spread the gradient of each spike over the input since the previous one."""

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
    """Return the spikes, each with a gradient to the input since the previous spike.

    Parameters
    ----------
    spikes : Tensor, shape (T, batch, *shape)
        Emitted spikes.
    received : Tensor, shape (T, batch, *shape)
        Input of every step, with its gradient.
    factor : Tensor, shape (batch, *shape)
        The derivative ``a'``.
    """
    found: Tensor = _Windowed.apply(spikes, received, factor)
    return found


@dataclass(frozen=True)
class LeakyBackprop(LearningRule):
    """Train by spikes, with a derivative corrected for the leak.

    Parameters
    ----------
    credit : {"windowed", "count"}
        Which inputs get credit for a spike; see the docstring of the module.
    correction : bool
        Whether to correct for the leak; without a correction NG is 1 for all neurons that fired.
    loss_function : {"squared", "cross_entropy"}
        The loss of the paper, or that of the other rules.
    gain : float
        Factor of the outputs before the loss.
    threshold, tau : str
        The parameters of the neuron models that hold the threshold and the time constant of the
        membrane; a model without the latter has no leak.
    """

    name: ClassVar[str] = "leaky_backprop"
    takes: ClassVar[str] = "layers without loops, spikes of value 1, a silent output"
    learns_from_given_spikes: ClassVar[bool] = True

    credit: Literal["windowed", "count"] = "windowed"
    correction: bool = True
    loss_function: Literal["squared", "cross_entropy"] = "squared"
    gain: float = 1.0
    threshold: str = "theta"
    tau: str = "tau"

    def __post_init__(self) -> None:
        require_choice(self, "credit", ("windowed", "count"))
        require_choice(self, "loss_function", ("squared", "cross_entropy"))
        require_above(self, "gain")

    def check(self, network: SpikingNetwork) -> None:
        """Refuse loops, neurons without a threshold, graded spikes, and an output that fires."""
        check_feedforward(network, self.name)
        check_scale(network, self.name, self.threshold)
        for population in network.firing:
            if not population.neuron.is_binary:
                raise InputError(
                    f"learning rule '{self.name}' needs spikes of value 1, but those of neuron "
                    f"model '{population.neuron.name}' may have other values; use "
                    "'surrogate_gradient' or 'multi_threshold'"
                )
        if network.readout != "potential":
            raise InputError(
                f"learning rule '{self.name}': the output must not fire; give readout = 'potential'"
            )

    def respond(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> Response:
        """Run the spiking layers, with the gradient that `credit` selects."""
        respond = respond_by_counts if self.credit == "count" else self._respond_by_windows
        response = respond(twin, current, raster, self._factor)
        output = twin.natural_output(response.output)
        value = self._mean_output(twin, output.detach())
        # The leak is ignored in the gradient.
        slope = torch.full_like(value, self.gain / twin.network.steps)
        return replace(response, output=with_gradient(value, output, slope))

    def loss_input(self, twin: NetworkTwin, output: Tensor) -> Tensor:
        """Return the output in natural units, after one more leak, over T, times `gain`."""
        return self._mean_output(twin, twin.natural_output(output))

    def _mean_output(self, twin: NetworkTwin, output: Tensor) -> Tensor:
        leak = self._leak(twin, twin.network.output.name, output)
        return self.gain / twin.network.steps * (leak.flatten() if leak.ndim else leak) * output

    def loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Return the squared distance to one-hot labels, summed over classes, or cross-entropy."""
        if self.loss_function == "cross_entropy":
            return cross_entropy(output, labels)
        target = one_hot(labels, output.shape[1]).to(output.dtype)
        return (output - target).square().sum(1).mean()

    def _leak(self, twin: NetworkTwin, name: str, like: Tensor) -> Tensor:
        """Return the decay factor lambda of a population."""
        if self.tau not in twin.network.population(name).neuron.parameters:
            return torch.ones((), dtype=like.dtype, device=like.device)
        return torch.exp(-twin.network.dt / parameter_tensor(twin, name, self.tau, like))

    def _factor(
        self, twin: NetworkTwin, name: str, potential: Tensor, activity: LayerActivity
    ) -> Tensor:
        """Return ``a'`` of a population, shape ``(batch, *shape)``."""
        assert activity.spikes is not None
        if all(p.frozen for p in twin.network.incoming(name)):  # pooling neurons
            return (activity.counts > 0).to(potential.dtype)
        leak = self._leak(twin, name, potential)
        leak = leak if self.correction else torch.ones_like(leak)
        theta = threshold_tensor(twin, name, self.threshold, potential)
        return leak_corrected(activity.spikes, leak) / theta

    def _respond_by_windows(
        self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None, factor: Any
    ) -> Response:
        network, steps, batch = twin.network, twin.network.steps, batch_of(current, raster)
        spikes = {} if raster is None else {INPUT: raster}
        emitted: dict[str, Tensor] = {}
        for population in network.layers:
            name = population.name
            x, constant = inputs_of(twin, name, spikes, current)
            if network.incoming(name):
                received = natural_input(twin, name, x, constant)
            else:  # neurons that their equations alone drive
                received = torch.zeros(
                    batch, *population.shape, dtype=twin.dtype, device=twin.device
                )
            activity = run_layer(twin, name, x, constant, batch)
            if activity.spikes is None:
                assert activity.potential is not None
                free = received.sum(0) if x else steps * received
                unit = potential_unit(network, name)
                output = with_gradient(activity.potential, free, torch.full_like(free, unit))
                return Response(output.flatten(1), emitted.__getitem__)
            if not x:
                received = received.expand(steps, *received.shape)
            derivative = factor(twin, name, activity.spikes[0], activity)
            credited = windowed_credit(activity.spikes, received, derivative)
            emitted[name] = credited.sum(0)
            spikes[name] = credited if activity.mask is None else credited * activity.mask
        raise AssertionError("the output does not fire: see check")
