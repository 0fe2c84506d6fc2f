"""Run a presentation in parts, and run each part again in the backward pass.

Backpropagation through time keeps what every step computed. Here the T steps are cut into about
``sqrt(T)`` parts, and only the state at their borders is kept (Chen et al. 2016, "Training deep
nets with sublinear memory cost"). The backward pass goes through the parts from the last to the
first, runs each one again, and differentiates it. Memory then grows with ``sqrt(T)``, and a step of
training runs all neurons twice.

Random numbers, among them the masks of dropout, are the same in all parts and when a part runs
again: each part starts from the state that torch's generators had at the start of the presentation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from brianbridge.twin.modules import NetworkModules

__all__ = ["SameDraws", "part_lengths", "recomputed"]

#: The results of a part: tensors, of which those without a floating point type have no gradient.
Part = Callable[[Sequence[Tensor]], tuple[Tensor, ...]]


def part_lengths(steps: int) -> list[int]:
    """Return the lengths of the parts of a presentation, about ``sqrt(steps)`` of them.

    Examples
    --------
    >>> part_lengths(10)
    [4, 3, 3]
    """
    parts = max(1, round(math.sqrt(steps)))
    return [steps // parts + (k < steps % parts) for k in range(parts)]


class SameDraws:
    """Give the same random numbers of torch to every block that asks for them.

    The first block draws as any code does; the generators are left in the state after it.

    Parameters
    ----------
    device : torch.device
        The device whose generator is used, beside that of the processor.
    """

    def __init__(self, device: torch.device) -> None:
        self._devices = [device] if device.type == "cuda" else []
        self._states = [torch.get_rng_state(), *map(torch.cuda.get_rng_state, self._devices)]
        self._begun = False

    @contextmanager
    def again(self) -> Iterator[None]:
        """Draw the numbers that the first block drew."""
        if not self._begun:
            self._begun = True
            yield
            return
        with torch.random.fork_rng(devices=self._devices):
            torch.set_rng_state(self._states[0])
            for device, state in zip(self._devices, self._states[1:], strict=True):
                torch.cuda.set_rng_state(state, device)
            yield


def recomputed(
    part: Part, twin: NetworkModules, tensors: Sequence[Tensor], draws: SameDraws
) -> tuple[Tensor, ...]:
    """Return ``part(tensors)``; its graph is made in the backward pass, by running it again.

    Parameters
    ----------
    part : callable
        Returns tensors of ``tensors`` and of the parameters of the twin alone.
    twin : NetworkModules
        The twin.
    tensors : sequence of Tensor
        What is kept until the backward pass.
    draws : SameDraws
        The random numbers of the presentation.
    """
    trained = [values for values in twin.parameters() if values.requires_grad]
    kind = twin.device.type
    lower = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    dtype = torch.get_autocast_dtype(kind) if lower else None

    def run_part(given: Sequence[Tensor]) -> tuple[Tensor, ...]:
        # The backward pass is outside of the block with lower precision.
        precision = torch.autocast(kind, dtype) if lower else nullcontext()
        with draws.again(), precision:
            return part(given)

    found: tuple[Tensor, ...] = _Part.apply(run_part, len(trained), *trained, *tensors)
    return found


class _Part(torch.autograd.Function):
    """A part of a presentation, which keeps its arguments alone."""

    @staticmethod
    def forward(ctx: Any, part: Part, trained: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.part, ctx.trained = part, trained
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors)
        results = part(tensors[trained:])
        ctx.mark_non_differentiable(*(one for one in results if not one.is_floating_point()))
        return results

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        trained, given = ctx.saved_tensors[: ctx.trained], ctx.saved_tensors[ctx.trained :]
        needed = ctx.needs_input_grad[2:]
        leaves = [
            one.detach().requires_grad_(need)
            for one, need in zip(given, needed[ctx.trained :], strict=True)
        ]
        with torch.enable_grad():
            results = ctx.part(leaves)
        pairs = [
            (result, gradient)
            for result, gradient in zip(results, gradients, strict=True)
            if gradient is not None and result.requires_grad
        ]
        each = zip((*trained, *leaves), needed, strict=True)
        wanted = [one for one, need in each if need]
        found: Iterator[Tensor | None] = iter([None] * len(wanted))
        if pairs:
            outputs, of_outputs = zip(*pairs, strict=True)
            del results, pairs
            found = iter(torch.autograd.grad(outputs, wanted, of_outputs, allow_unused=True))
        return (None, None, *(next(found) if need else None for need in needed))
