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

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
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
from brianbridge.twin.pieces import Piece, in_parts
from brianbridge.twin.received import batch_of, inputs_of
from brianbridge.twin.state import TwinState

__all__ = ["LeakyBackprop", "leak_corrected", "leaky_trace", "windowed_credit"]

#: The owner of what windows carry from piece to piece, beside a population.
_CREDIT = "{}.credit"
#: A neuron with a trace below this value counts as silent, as in the authors' code.
_SILENT = 1e-3


def leaky_trace(spikes: Tensor, leak: Tensor, before: Tensor | None = None) -> Tensor:
    """Return the trace ``sum over t of lambda**(T - t) o(t)`` of spikes, ``(batch, *shape)``.

    Parameters
    ----------
    spikes : Tensor, shape (T, batch, *shape)
        Spikes of a neuron.
    leak : Tensor
        ``lambda``, the factor by which a potential decays in a step; 1 without a leak.
    before : Tensor, shape (batch, *shape), optional
        The trace of the steps before.

    Examples
    --------
    >>> leaky_trace(torch.tensor([[[1.0]], [[0.0]], [[1.0]]]), torch.tensor(0.5))
    tensor([[1.2500]])
    """
    trace = torch.zeros_like(spikes[0]) if before is None else before
    for emitted in spikes:
        trace = leak * trace + emitted
    return trace


def leak_corrected(trace: Tensor, fired: Tensor, leak: Tensor) -> Tensor:
    """Return NG: the derivative of a neuron's activity times its threshold, ``(batch, *shape)``.

    Parameters
    ----------
    trace : Tensor, shape (batch, *shape)
        The `leaky_trace` of the neuron's spikes.
    fired : Tensor, shape (batch, *shape)
        Their number.
    leak : Tensor
        ``lambda``, as in `leaky_trace`.

    Examples
    --------
    >>> import math
    >>> trace = 0.9**2 + 0.9**0                                # spikes at T - t = 2 and 0
    >>> found = leak_corrected(torch.tensor(trace), torch.tensor(2.0), torch.tensor(0.9)).item()
    >>> abs(found - (1 + math.log(0.9)*trace/2)) < 1e-6
    True
    """
    return (trace > _SILENT) + torch.log(leak) * trace / torch.where(fired < _SILENT, 1, fired)


class _Windowed(torch.autograd.Function):
    """Return `spikes`; spread the gradient of each spike over the input since the previous one."""

    @staticmethod
    def forward(
        ctx: Any, spikes: Tensor, received: Tensor, after: Tensor, factor: Callable[[], Tensor]
    ) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(spikes)
        ctx.factor = factor
        ctx.set_materialize_grads(False)
        return spikes.clone(), after.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[None, Tensor, Tensor, None]:
        (spikes,) = ctx.saved_tensors
        gradient, running = gradients
        factor = ctx.factor()
        credit = torch.empty_like(spikes)
        if running is None:
            running = torch.zeros_like(factor)
        for t in range(len(spikes) - 1, -1, -1):
            if gradient is not None:
                running = torch.where(spikes[t] != 0, gradient[t] * factor, running)
            else:
                running = torch.where(spikes[t] != 0, 0, running)
            credit[t] = running
        return None, credit, running, None


def windowed_credit(
    spikes: Tensor, received: Tensor, after: Tensor, factor: Callable[[], Tensor]
) -> tuple[Tensor, Tensor]:
    """Return the spikes, each with a gradient to the input since the previous spike.

    Parameters
    ----------
    spikes : Tensor, shape (T, batch, *shape)
        Emitted spikes.
    received : Tensor, shape (T, batch, *shape)
        Input of every step, with its gradient.
    after : Tensor, shape (batch, *shape)
        Any values. The gradient of this argument is the credit of the first step, which the steps
        before get until their last spike; so pieces of a presentation pass it on.
    factor : callable
        Returns the derivative ``a'``, ``(batch, *shape)``, in the backward pass.

    Returns
    -------
    spikes : Tensor, shape (T, batch, *shape)
        The spikes.
    after : Tensor, shape (batch, *shape)
        What to give as `after` with the steps that follow.
    """
    found: tuple[Tensor, Tensor] = _Windowed.apply(spikes, received, after, factor)
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
    recomputes: ClassVar[bool] = True

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

    def check_recompute(self, twin: NetworkTwin) -> None:
        """Refuse credit by counts, which keeps nothing of single steps, and normalisations."""
        if self.credit == "count":
            raise InputError(
                f"training: recompute = true, but learning rule '{self.name}' with credit = "
                "'count' keeps no graph of all steps that could be computed again; leave out "
                "recompute"
            )
        super().check_recompute(twin)

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
        if self.credit == "count":
            response = respond_by_counts(twin, current, raster, self._slope)
        else:
            response = self._respond_by_windows(twin, current, raster)
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

    def _slope(
        self, twin: NetworkTwin, name: str, potential: Tensor, activity: LayerActivity
    ) -> Tensor:
        """Return ``a'`` of a population, given its spikes."""
        assert activity.spikes is not None
        return self._derivative(
            twin, name, self._trace(twin, name, activity.spikes, None), activity.counts
        )

    def _trace(self, twin: NetworkTwin, name: str, spikes: Tensor, before: Tensor | None) -> Tensor:
        """Return the trace of the spikes of a population, ``(batch, *shape)``."""
        return leaky_trace(spikes, self._leak_of_trace(twin, name, spikes[0]), before)

    def _leak_of_trace(self, twin: NetworkTwin, name: str, like: Tensor) -> Tensor:
        leak = self._leak(twin, name, like)
        return leak if self.correction else torch.ones_like(leak)

    def _derivative(self, twin: NetworkTwin, name: str, trace: Tensor, fired: Tensor) -> Tensor:
        """Return ``a'`` of a population, shape ``(batch, *shape)``."""
        if all(p.frozen for p in twin.network.incoming(name)):  # pooling neurons
            return (fired > 0).to(fired.dtype)
        theta = threshold_tensor(twin, name, self.threshold, fired)
        return leak_corrected(trace, fired, self._leak_of_trace(twin, name, fired)) / theta

    def _respond_by_windows(
        self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None
    ) -> Response:
        derivatives: dict[str, Tensor] = {}
        batch, output = batch_of(current, raster), twin.network.output.name

        def run_piece(
            current: Tensor | None, raster: Tensor | None, start: TwinState, steps: int
        ) -> Piece:
            return self._piece(twin, current, raster, start, steps, batch, derivatives)

        found = in_parts(twin, current, raster, run_piece)
        # They depend on the spikes of all steps, and the backward pass is the first to need them.
        for name, fired in found.summed.items():
            if name != output:
                trace = found.values[_CREDIT.format(name)]["trace"].detach()
                derivatives[name] = self._derivative(twin, name, trace, fired.detach())
        free = found.summed[output]
        unit = potential_unit(twin.network, output)
        potential = found.values[_CREDIT.format(output)]["potential"].detach()
        response = with_gradient(potential, free, torch.full_like(free, unit))
        return Response(response.flatten(1), found.summed.__getitem__)

    def _piece(
        self,
        twin: NetworkTwin,
        current: Tensor | None,
        raster: Tensor | None,
        start: TwinState,
        steps: int,
        batch: int,
        derivatives: Mapping[str, Tensor],
    ) -> Piece:
        """Run some steps; what windows need beside the state of neurons is carried with it."""
        network, longest = twin.network, twin.longest_delay()
        spikes = {} if raster is None else {INPUT: raster}
        summed: dict[str, Tensor] = {}
        values: dict[str, Mapping[str, Tensor]] = {}
        for population in network.layers:
            name = population.name
            x, constant = inputs_of(twin, name, spikes, current, start.emitted)
            if network.incoming(name):
                received = natural_input(twin, name, x, constant)
            else:  # neurons that their equations alone drive
                received = torch.zeros(
                    batch, *population.shape, dtype=twin.dtype, device=twin.device
                )
            activity = run_layer(twin, name, x, constant, batch, steps, start)
            values[name] = activity.state
            own = start.values.get(_CREDIT.format(name), {})
            if activity.spikes is None:
                assert activity.potential is not None
                summed[name] = received.sum(0) if x else steps * received
                values[_CREDIT.format(name)] = {"potential": activity.potential}
                break
            if not x:
                received = received.expand(steps, *received.shape)
            after = own.get("after", torch.zeros_like(activity.spikes[0]))
            credited, after = windowed_credit(
                activity.spikes, received, after, partial(derivatives.__getitem__, name)
            )
            with torch.no_grad():
                trace = self._trace(twin, name, activity.spikes, own.get("trace"))
            values[_CREDIT.format(name)] = {"after": after, "trace": trace}
            summed[name] = credited.sum(0)
            spikes[name] = credited if activity.mask is None else credited * activity.mask
        sent = {name: emitted for name, emitted in spikes.items() if name != INPUT}
        return Piece({}, summed, values, start.kept(sent, longest) if longest else {})
