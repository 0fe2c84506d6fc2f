"""All steps of a population as one operation of torch, with a compiled gradient."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from brianbridge.kernels.memory import reused
from brianbridge.kernels.threads import in_threads
from brianbridge.kernels.vectors import LANES
from brianbridge.twin.fused.call import Call, Loops, plain_gradients
from brianbridge.twin.fused.operations import NotFusableError, read_program
from brianbridge.twin.fused.recurrent import Feedback, run_recurrent
from brianbridge.twin.memory_order import MemoryOrder
from brianbridge.twin.render import RenderedStep
from brianbridge.twin.spike_function import SpikeFunction
from brianbridge.twin.transforms import runs_compiled

__all__ = ["FusedScan"]

#: Neurons times steps from which on a compiled loop is used, and that are worth a thread.
_WORTHWHILE, _PART = 5_000, 20_000
#: Neurons of a block, and bytes that its states may take in the cache. Blocks of less than 200
#: neurons would read little from each step, and the next step is far away in memory.
_BLOCK, _CACHE = 512, 2**20

#: Runs the same steps with torch's own operations, from synaptic input, state, constants, and the
#: weights of a feedback.
Plain = Callable[
    [Mapping[str, Tensor], Sequence[Tensor], Sequence[Any], Tensor | None], tuple[Tensor, ...]
]


class FusedScan:
    """Run the steps of a population in one compiled loop, where that is possible.

    The step must consist of arithmetic, comparisons and choices, so that results are those of
    torch's operations to the last bit. Gradients are sums of the same terms in another order.

    Parameters
    ----------
    rendered : RenderedStep
        The step.
    function : SpikeFunction
        The surrogate derivative.
    received : sequence of str
        The variables that spikes add to.
    """

    def __init__(
        self, rendered: RenderedStep, function: SpikeFunction, received: Sequence[str]
    ) -> None:
        self._rendered, self._function, self._received = rendered, function, received
        self._conditions = frozenset(
            name for name in rendered.state if rendered.initial[name].dtype == np.bool_
        )
        self._loops: dict[Any, Loops | None] = {}
        stepped = rendered.step or rendered.settle
        assert stepped is not None, "a rendered step has one function, or two"
        arguments = inspect.getfullargspec(stepped).args
        time = arguments.index("t")
        given = [a for a in arguments[:time] if a not in rendered.state and a != "emit"]
        self._arguments = dict(zip(received, given, strict=True))
        self._constants = tuple(arguments[time + 1 + len(rendered.draws) :])

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._rendered, self._function, self._received)

    def applies(self, steps: int, like: Tensor) -> bool:
        """Return whether a compiled loop is worthwhile, and torch needs no operations of its own.

        Parameters
        ----------
        steps : int
            Number of steps.
        like : Tensor, shape (batch, *shape)
            Its shape, type and device are those of the state.
        """
        neurons = like.numel()
        return neurons >= LANES and steps * neurons >= _WORTHWHILE and runs_compiled(like)

    def run(
        self,
        inputs: Mapping[str, Tensor],
        state: Sequence[Tensor],
        constants: Sequence[Any],
        like: Tensor,
        steps: int,
        first: int,
        dt: float,
        plain: Plain,
        feedback: Feedback | None = None,
    ) -> tuple[Tensor, ...] | None:
        """Run the steps; return the spikes if there are any, and the final state.

        Parameters
        ----------
        inputs : mapping of str to Tensor, shape (T, batch, *shape)
            Synaptic input, by the variable that it adds to.
        state : sequence of Tensor, shape (batch, *shape)
            The initial state.
        constants : sequence of Tensor or float
            The arguments of the step that it does not change.
        like : Tensor, shape (batch, *shape)
            Its shape and type are those of the state.
        steps, first : int
            Number of steps, and of steps before.
        dt : float
            Length of a step in seconds.
        plain : callable
            Runs the same steps with torch's operations, from other values of `inputs`, `state`
            and `constants`. It serves gradients of gradients.
        feedback : Feedback, optional
            Synapses of the population with itself.

        Returns
        -------
        tuple of Tensor, or None
            None if the step has no compiled form.
        """
        if not self.applies(steps, like):
            return None
        names = self._constants
        numbers = {
            n: float(c) for n, c in zip(names, constants, strict=True) if not isinstance(c, Tensor)
        }
        received = {self._arguments[n]: x for n, x in inputs.items()}
        values = {**received, **dict(zip(self._rendered.state, state, strict=True))}
        values |= {n: c for n, c in zip(names, constants, strict=True) if n not in numbers}
        # With feedback the state is kept for each step, and every step is a call of its own.
        uniform = [] if feedback else [n for n in values if n not in received]
        loops = self._loops_for(
            tuple(received), numbers, frozenset(n for n in uniform if _is_uniform(values[n]))
        )
        if loops is None:
            return None

        def again(weight: Tensor | None = None, **values: Tensor) -> tuple[Tensor, ...]:
            return plain(
                {n: values[self._arguments[n]] for n in inputs},
                [values[n] for n in self._rendered.state],
                [values.get(n, c) for n, c in zip(names, constants, strict=True)],
                weight,
            )

        values_in_order = None if feedback else next(iter(received.values()), None)
        order = MemoryOrder.of(values_in_order, tuple(like.shape))
        call = Call(loops, order, like.dtype, steps, first, dt, again)
        tensors = [values[name] for name in call.names]
        if feedback is not None:
            return run_recurrent(call, self._arguments[feedback.variable], feedback, tensors)
        found: tuple[Tensor, ...] = _Scan.apply(call, *tensors)
        return found

    def _loops_for(
        self, received: tuple[str, ...], numbers: Mapping[str, float], uniform: frozenset[str]
    ) -> Loops | None:
        """Return the loops for the given input and constant numbers; None if there is none."""
        key = (received, tuple(numbers.items()), uniform)
        if key not in self._loops:
            try:
                program = read_program(self._rendered, received, numbers, self._conditions)
                self._loops[key] = Loops(program, self._function, uniform)
            except NotFusableError:
                self._loops[key] = None
        return self._loops[key]


def _is_uniform(value: Tensor) -> bool:
    """Return whether a tensor is one number, expanded to many."""
    return value.numel() > 0 and all(
        stride == 0 or size == 1 for stride, size in zip(value.stride(), value.shape, strict=True)
    )


class _Scan(torch.autograd.Function):
    """The steps of a population, and their gradient."""

    @staticmethod
    def forward(ctx: Any, call: Call, *tensors: Tensor) -> tuple[Tensor, ...]:
        program = call.loops.program
        ctx.call = call
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors)
        spikes = None if program.emitted is None else call.empty((call.steps, call.neurons))
        state = [call.empty((call.neurons,)) for _ in program.state]
        arrays = [x.view(-1).numpy() for x in ([] if spikes is None else [spikes])]
        arrays += [x.numpy() for x in state]
        arrays += [call.flat(n, x) for n, x in zip(call.names, tensors, strict=True)]
        _run(call, call.loops.forward.loop, call.loops.forward.numbers, arrays, _BLOCK)
        results = call.results(spikes, state)
        needed = {n for n, x in zip(call.names, tensors, strict=True) if x.requires_grad}
        ctx.mark_non_differentiable(*call.without_gradient(results, needed))
        return results

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        call: Call = ctx.call
        tensors, needed = ctx.saved_tensors, ctx.needs_input_grad[1:]
        values = dict(zip(call.names, tensors, strict=True))
        if torch.is_grad_enabled():  # the gradient itself is to be differentiated
            return (None, *plain_gradients(call, values, needed, gradients))
        program = call.loops.program
        fires = program.emitted is not None
        of_spikes = gradients[0] if fires else None
        of_state = dict(zip(program.state, gradients[fires:], strict=True))
        given = frozenset(n for n, need in zip(call.names, needed, strict=True) if need)
        ends = frozenset(name for name, gradient in of_state.items() if gradient is not None)
        back = call.loops.backward(given, of_spikes is not None, ends)
        found = {
            name: reused(
                ((call.steps if name in program.received else 1) * call.neurons,), call.numpy_type
            )
            for name in back.gradients
        }
        arrays = list(found.values())
        for name in back.ends:
            gradient = of_state[name]
            assert gradient is not None, "ends are the variables with a gradient"
            arrays.append(call.flat_gradient(gradient, lead=0))
        if of_spikes is not None:
            arrays.append(call.flat_gradient(of_spikes, lead=1))
        arrays += [call.flat(name, values[name]) for name in call.names]
        states = max(1, len(program.state)) * (call.steps + 1)
        block = _CACHE // (states * call.numpy_type.itemsize) // LANES * LANES
        _run(call, back.loop, back.numbers, arrays, min(max(block, LANES), _BLOCK))
        return (None, *call.gradients(found, tensors, needed))


def _run(
    call: Call, loop: Any, numbers: Sequence[float], arrays: Sequence[np.ndarray], block: int
) -> None:
    """Run a loop, shared between threads."""
    constants = np.array(numbers, call.numpy_type)

    def part(low: int, high: int) -> None:
        loop(low, high, call.steps, call.neurons, call.first, call.dt, block, constants, *arrays)

    in_threads(part, call.neurons, max(LANES, _PART // call.steps))
