"""One call of compiled loops: what its tensors mean, and where its gradients go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from brianbridge.kernels.memory import reused
from brianbridge.twin.fused.kernels import Backward, Forward, backward_kernel, forward_kernel
from brianbridge.twin.fused.operations import Program
from brianbridge.twin.memory_order import MemoryOrder
from brianbridge.twin.spike_function import SpikeFunction

__all__ = ["Call", "Loops", "plain_gradients"]


class Loops:
    """Hold the compiled loops of one program.

    Parameters
    ----------
    program : Program
        The step.
    function : SpikeFunction
        The surrogate derivative.
    uniform : frozenset of str
        The initial values and constants that are one number for all neurons.

    Raises
    ------
    NotFusableError
        If the surrogate derivative has no compiled form.
    """

    def __init__(
        self, program: Program, function: SpikeFunction, uniform: frozenset[str] = frozenset()
    ) -> None:
        self.program, self._function, self.uniform = program, function, uniform
        self.forward: Forward = forward_kernel(program, uniform)
        self._backward: dict[Any, Backward] = {}
        # A surrogate derivative without compiled form must be known before the forward pass.
        everything = frozenset({*program.received, *program.constants})
        self.backward(everything, program.emitted is not None, frozenset(program.state))

    def backward(self, given: frozenset[str], emitted: bool, ends: frozenset[str]) -> Backward:
        """Return the loop backward for the names that get a gradient; see `backward_kernel`."""
        key = (given, emitted, ends)
        if key not in self._backward:
            self._backward[key] = backward_kernel(
                self.program, self._function, given, emitted, ends, self.uniform
            )
        return self._backward[key]


@dataclass(frozen=True)
class Call:
    """The meaning of the arguments of one call.

    Parameters
    ----------
    loops : Loops
        The loops.
    order : MemoryOrder
        Shape of the state, ``(batch, *shape)``, and the order of its neurons in memory.
    dtype : torch.dtype
        Type of the state.
    steps, first : int
        Number of steps, and of steps before.
    dt : float
        Length of a step in seconds.
    plain : callable
        Runs the same steps from the same values, given by name, with torch's operations.
    """

    loops: Loops
    order: MemoryOrder
    dtype: torch.dtype
    steps: int
    first: int
    dt: float
    plain: Callable[..., tuple[Tensor, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tensors, in order."""
        program = self.loops.program
        return (*program.received, *program.state, *program.constants)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the state."""
        return self.order.shape

    @property
    def neurons(self) -> int:
        """Number of neurons in the whole batch."""
        return self.order.neurons

    @property
    def numpy_type(self) -> np.dtype[Any]:
        """Type of the state in NumPy."""
        return np.dtype(np.float32 if self.dtype == torch.float32 else np.float64)

    def empty(self, shape: tuple[int, ...]) -> Tensor:
        """Return a tensor of any values, of the type of the state."""
        return torch.from_numpy(reused(shape, self.numpy_type))

    def flat(self, name: str, value: Tensor) -> np.ndarray:
        """Return an argument as one number for each neuron, in each step if it is an input.

        A uniform argument is one number.
        """
        value = value.detach()
        if name in self.loops.uniform:
            return value.as_strided((1,), (1,)).to(self.dtype).numpy()
        lead = (self.steps,) if name in self.loops.program.received else ()
        return self.order.flat(value.to(self.dtype).expand(*lead, *self.shape), len(lead))

    def flat_gradient(self, gradient: Tensor, lead: int) -> np.ndarray:
        """Return the gradient of a result, which has `lead` axes before those of the state."""
        return self.order.flat(gradient.detach().to(self.dtype), lead)

    def results(self, spikes: Tensor | None, state: Iterable[Tensor]) -> tuple[Tensor, ...]:
        """Return spikes and final state in their shapes; conditions are booleans again."""
        program = self.loops.program
        final = (
            self.order.shaped(value) != 0
            if name in program.conditions
            else self.order.shaped(value)
            for name, value in zip(program.state, state, strict=True)
        )
        emitted = () if spikes is None else (self.order.shaped(spikes, (self.steps,)),)
        return (*emitted, *final)

    def without_gradient(self, results: Sequence[Tensor], given: set[str]) -> list[Tensor]:
        """Return the results that do not depend smoothly on the values of these names."""
        program = self.loops.program
        fires = program.emitted is not None
        active = program.active(given)
        names = [*([program.emitted] if fires else []), *program.state]
        return [one for name, one in zip(names, results, strict=True) if name not in active]

    def gradients(
        self, found: Mapping[str, Any], tensors: Sequence[Tensor], needed: Sequence[bool]
    ) -> list[Tensor | None]:
        """Return the gradient of each tensor that needs one, in its shape and type."""
        program = self.loops.program
        gradients: list[Tensor | None] = []
        for name, tensor, need in zip(self.names, tensors, needed, strict=True):
            if not need or name not in found:
                gradients.append(None)
                continue
            lead = (self.steps,) if name in program.received else ()
            gradient = self.order.shaped(torch.as_tensor(found[name]), lead)
            gradients.append(gradient.sum_to_size(tensor.shape).to(tensor.dtype))
        return gradients


def plain_gradients(
    call: Call,
    values: Mapping[str, Tensor],
    needed: Sequence[bool],
    gradients: Sequence[Tensor | None],
) -> list[Tensor | None]:
    """Return the gradients by torch's operations, which can be differentiated again."""
    results = call.plain(**values)
    pairs = [
        (r, g) for r, g in zip(results, gradients, strict=True) if g is not None and r.requires_grad
    ]
    wanted = [x for x, need in zip(values.values(), needed, strict=True) if need]
    found = iter(
        torch.autograd.grad(
            [r for r, _ in pairs], wanted, [g for _, g in pairs], create_graph=True,
            allow_unused=True,
        )
    )  # fmt: skip
    return [next(found) if need else None for need in needed]
