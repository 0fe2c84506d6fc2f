"""Whether neurons that fire once have fired by each step, with a gradient in every step.

Let ``f_k = 1`` from the step of a neuron's spike on, and 0 before. Without a leak, the potential of
its targets in step k is then ``W f_k``, whatever happened in earlier steps. In turn ``f_k`` is 1 as
soon as a potential was above theta in any step up to k. The network is thus a feedforward threshold
network in each step. How early a neuron fired is ``T - t = sum over k of f_k``.

The gradient is our choice: a surrogate in all steps, instead of one at the spike. It is the
derivative of the threshold, ``df_k/dV_k = [|V_k - theta| < width]/(2 width)``, and 0 once a neuron
has fired and its potential is below theta again. A neuron that never fired thus learns from the
steps in which its potential came close. A neuron that fired long before its potential left the
window does not.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from brianbridge.kernels.memory import reused
from brianbridge.kernels.threads import in_threads
from brianbridge.rules.single_spike.cumulative_kernels import fire, potential_gradient
from brianbridge.twin.memory_order import MemoryOrder
from brianbridge.twin.transforms import runs_compiled

__all__ = ["cumulative_spikes", "threshold_scale"]

#: Neurons times steps that are worth a thread.
_PART = 100_000


def cumulative_spikes(potential: Tensor, theta: Tensor, width: float) -> tuple[Tensor, Tensor]:
    """Return whether neurons have fired by each step, with a gradient to their potentials.

    Parameters
    ----------
    potential : Tensor, shape (T, batch, *shape)
        Potentials at the end of each step.
    theta : Tensor
        Thresholds, which broadcast to ``(batch, *shape)``.
    width : float
        Largest distance from the threshold at which a potential has a gradient, in units of the
        threshold; in units of 1 where the threshold is 0.

    Returns
    -------
    fired : Tensor, shape (T, batch, *shape)
        1 from the step of the spike on, and 0 before.
    steps_fired : Tensor, shape (batch, *shape)
        The sum over all steps: how early a neuron fired.

    Examples
    --------
    >>> potential = torch.tensor([0.2, 1.1, 0.9]).reshape(3, 1, 1)
    >>> fired, steps_fired = cumulative_spikes(potential, torch.tensor(1.0), width=0.5)
    >>> fired.flatten(), steps_fired.flatten()
    (tensor([0., 1., 1.]), tensor([2.]))
    """
    found = _CumulativeSpikes.apply(potential, theta, width * threshold_scale(theta))
    return cast(tuple[Tensor, Tensor], found)


def threshold_scale(theta: Tensor) -> Tensor:
    """Return the unit of potentials: the absolute threshold, or 1 where the threshold is 0."""
    return torch.where(theta == 0, 1.0, theta.abs())


class _CumulativeSpikes(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, potential: Tensor, theta: Tensor, width: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        run = _compiled_forward if runs_compiled(potential) else _plain_forward
        *found, learns = run(potential, theta, width)
        ctx.save_for_backward(learns, width)
        return tuple(found)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Any) -> Any:
        given = [gradient for gradient in gradients if gradient is not None]
        if not given:
            return None, None, None
        run = _compiled_backward if runs_compiled(given[0]) else _plain_backward
        return run(*gradients, *ctx.saved_tensors), None, None


def _plain_forward(potential: Tensor, theta: Tensor, width: Tensor) -> tuple[Tensor, ...]:
    """Return the results, and where potentials have a gradient."""
    above = potential - theta
    # One step at a time: `cummax` along the first axis also finds indices, and is far slower.
    steps = (above > 0).unbind()
    fired = torch.stack(list(accumulate(steps, torch.logical_or))).to(potential.dtype)
    return fired, fired.sum(0), (above.abs() < width) & ((fired == 0) | (above > 0))


def _plain_backward(
    of_fired: Tensor | None, of_sums: Tensor | None, learns: Tensor, width: Tensor
) -> Tensor:
    """Return the gradient of the potentials from those of the results; None is a gradient of 0."""
    parts = [one for one in (of_fired, of_sums) if one is not None]
    return torch.where(learns, sum(parts[1:], parts[0]), 0) / (2 * width)


def _compiled_forward(potential: Tensor, theta: Tensor, width: Tensor) -> tuple[Tensor, ...]:
    """Return what `_plain_forward` returns, in one pass, in memory that is used again."""
    potential = potential.detach()
    steps, dtype = len(potential), potential.numpy().dtype
    order = MemoryOrder.of(potential, tuple(potential.shape[1:]))
    size = order.neurons
    fired, learns = reused((steps, size), dtype), reused((steps, size), np.bool_)
    sums = reused((size,), dtype)
    given = order.flat(potential, 1).reshape(steps, size)
    of_neurons = [order.flat(x.to(potential.dtype).expand(order.shape)) for x in (theta, width)]

    def part(low: int, high: int) -> None:
        fire(given, *of_neurons, fired, sums, learns, low, high)

    in_threads(part, size, max(1, _PART // max(1, steps)))
    leads = [(fired, (steps,)), (sums, ()), (learns, (steps,))]
    return tuple(order.shaped(torch.from_numpy(values), lead) for values, lead in leads)


def _compiled_backward(
    of_fired: Tensor | None, of_sums: Tensor | None, learns: Tensor, width: Tensor
) -> Tensor:
    """Return what `_plain_backward` returns, in one pass."""
    order, steps = MemoryOrder.of(learns, tuple(learns.shape[1:])), len(learns)
    like = of_sums if of_fired is None else of_fired
    assert like is not None
    size, dtype = order.neurons, like.numpy().dtype
    total = np.zeros(size, dtype) if of_sums is None else order.flat(of_sums)
    each = np.zeros(steps * size, dtype) if of_fired is None else order.flat(of_fired, 1)
    each, found = each.reshape(steps, size), reused((steps, size), dtype)
    where = order.flat(learns, 1).reshape(steps, size)
    window = order.flat(width.to(like.dtype).expand(order.shape))

    def part(low: int, high: int) -> None:
        potential_gradient(each, total, where, window, found, low, high)

    in_threads(part, size, max(1, _PART // max(1, steps)))
    return order.shaped(torch.from_numpy(found), (steps,))
