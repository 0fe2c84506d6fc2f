"""The steps of a population that excites itself, as one operation of torch.

The spikes of a step are weighted when they arrive, event by event. The gradient of the weights is
one product over all steps. What the neurons received and their state at the start of each step are
kept for the backward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from brianbridge.kernels.memory import reused
from brianbridge.kernels.threads import in_threads
from brianbridge.kernels.vectors import LANES
from brianbridge.twin.fused.call import Call, plain_gradients
from brianbridge.twin.products.dense import product_of_gradient

__all__ = ["Feedback", "run_recurrent"]

#: Neurons that are worth a thread in one step, in all steps together, and neurons of a block.
_PART, _WORTHWHILE, _BLOCK = 50_000, 20_000, 512


@dataclass(frozen=True, eq=False)
class Feedback:
    """Hold the synapses of a population with itself.

    Parameters
    ----------
    weight : Tensor, shape (neurons, neurons)
        Their weights, in torch's layout.
    variable : str
        The variable that they add to.
    lag : int
        Steps after which a spike arrives, at least 1.
    """

    weight: Tensor
    variable: str
    lag: int


def run_recurrent(
    call: Call, argument: str, feedback: Feedback, tensors: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    """Run the steps; return the spikes and the final state.

    Parameters
    ----------
    call : Call
        What the tensors mean.
    argument : str
        The argument of the step that the population's own spikes add to.
    feedback : Feedback
        The synapses.
    tensors : sequence of Tensor
        The values of `call.names`.
    """
    found: tuple[Tensor, ...] = _Recurrent.apply(
        call, argument, feedback.lag, feedback.weight, *tensors
    )
    return found


class _Recurrent(torch.autograd.Function):
    """The steps of a population with feedback, and their gradient."""

    @staticmethod
    def forward(
        ctx: Any, call: Call, argument: str, lag: int, weight: Tensor, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        program, steps, size = call.loops.program, call.steps, call.neurons
        values = dict(zip(call.names, tensors, strict=True))
        flat = {name: call.flat(name, x) for name, x in values.items()}
        received = {x: flat[x].reshape(steps, size) for x in program.received}
        total = reused((steps, size), call.numpy_type)
        total[:] = received[argument]
        received[argument] = total
        spikes = reused((steps, size), call.numpy_type)
        state = {name: reused((steps + 1, size), call.numpy_type) for name in program.state}
        for name, history in state.items():
            history[0] = flat[name]
        constants = [flat[name] for name in program.constants]
        _run_forward(
            call, lag, weight, total, [spikes, *state.values(), *received.values()], constants
        )
        ctx.call, ctx.argument, ctx.lag = call, argument, lag
        ctx.received, ctx.state, ctx.constants = received, state, constants
        ctx.set_materialize_grads(False)
        results = call.results(
            torch.from_numpy(spikes), [torch.from_numpy(h[steps].copy()) for h in state.values()]
        )
        ctx.save_for_backward(weight, results[0], *tensors)
        # The gradient also comes back through the feedback.
        needed = {n for n, x in values.items() if x.requires_grad}
        needed |= {argument} if weight.requires_grad else set()
        ctx.mark_non_differentiable(*call.without_gradient(results, needed))
        return results

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        call, lag = ctx.call, ctx.lag
        weight, spikes, *tensors = ctx.saved_tensors
        of_weight, needed = ctx.needs_input_grad[3], ctx.needs_input_grad[4:]
        if torch.is_grad_enabled():  # the gradient itself is to be differentiated
            values = {"weight": weight, **dict(zip(call.names, tensors, strict=True))}
            found = plain_gradients(call, values, (of_weight, *needed), gradients)
            return None, None, None, *found
        program, steps, size = call.loops.program, call.steps, call.neurons
        wanted = {n for n, need in zip(call.names, needed, strict=True) if need}
        active = program.active({*wanted, ctx.argument})
        carried = [s for s in program.state if s in active]
        returned = frozenset({*wanted, ctx.argument, *carried})
        back = call.loops.backward(returned, True, frozenset(carried))
        grads = {
            name: reused((steps, size) if name in program.received else (size,), call.numpy_type)
            for name in back.gradients
        }
        sums = {n: np.zeros(size, call.numpy_type) for n in program.constants if n in grads}
        after = dict(zip(program.state, gradients[1:], strict=True))
        ends = {
            name: np.zeros(size, call.numpy_type)
            if after[name] is None
            else call.flat_gradient(after[name], lead=0).copy()
            for name in back.ends
        }
        of_spikes = gradients[0]
        given = None
        if of_spikes is not None:
            given = call.flat_gradient(of_spikes, lead=1).reshape(steps, size)
        emitted = reused((size,), call.numpy_type)
        own = torch.from_numpy(emitted).view(call.shape[0], -1)
        numbers = np.array(back.numbers, call.numpy_type)
        fed = grads[ctx.argument]
        for k in range(steps - 1, -1, -1):
            emitted[:] = 0 if given is None else given[k]
            if k + lag < steps:
                later = torch.from_numpy(fed[k + lag]).view(call.shape[0], -1)
                own.addmm_(later, weight.detach())
            arrays = [grads[n][k] if n in program.received else grads[n] for n in back.gradients]
            arrays += [*ends.values(), emitted]
            arrays += [x[k] for x in ctx.received.values()]
            arrays += [h[k] for h in ctx.state.values()]
            _run_step(back.loop, call, k, numbers, [*arrays, *ctx.constants])
            for name, total in sums.items():
                total += grads[name]
            for name in back.ends:
                ends[name], grads[name] = grads[name], ends[name]
        grads.update(sums)
        grads.update(ends)
        of_weights = None
        if of_weight:
            sent = spikes.detach().reshape(steps, *call.shape[:1], -1)[: steps - lag].flatten(0, 1)
            arrived = torch.from_numpy(fed).view(steps, call.shape[0], -1)[lag:].flatten(0, 1)
            of_weights = product_of_gradient(arrived, sent)
        return None, None, None, of_weights, *call.gradients(grads, tensors, needed)


def _run_forward(
    call: Call, lag: int, weight: Tensor, fed: np.ndarray, over_time: Sequence[np.ndarray],
    constants: Sequence[np.ndarray],
) -> None:  # fmt: skip
    """Run all steps; threads share the samples, which do not depend on each other."""
    kernel, samples = call.loops.forward, call.shape[0]
    run = kernel.recurrent
    assert run is not None, "only neurons that fire have feedback"
    size = call.neurons // samples
    numbers = np.array(kernel.numbers, call.numpy_type)
    rows = weight.detach().t().contiguous().numpy().reshape(-1)
    fed, *arrays = (x.reshape(-1) for x in (fed, *over_time))

    def part(low: int, high: int) -> None:
        run(
            low, high, size, lag, rows, fed, call.steps, call.neurons, call.first, call.dt, _BLOCK,
            numbers, *arrays, *constants,
        )  # fmt: skip

    in_threads(part, samples, max(LANES, _WORTHWHILE // (call.steps * size)))


def _run_step(loop: Any, call: Call, k: int, numbers: np.ndarray, arrays: list[Any]) -> None:
    def part(low: int, high: int) -> None:
        loop(low, high, 1, call.neurons, call.first + k, call.dt, _BLOCK, numbers, *arrays)

    in_threads(part, call.neurons, _PART)
