"""Derive the reverse of a step: the operations that compute its gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

from brianbridge.twin.fused.operations import Argument, NotFusableError, Operation, Program
from brianbridge.twin.spike_function import SpikeFunction

__all__ = ["Reverse", "reverse"]

#: Most levels of a graded spike whose derivatives are written out one by one.
_MOST_LEVELS = 32


@dataclass(frozen=True)
class Reverse:
    """Hold the reverse of a step.

    Parameters
    ----------
    operations : tuple of Operation
        They use the values of the step itself, ``adjoint_<name>`` for the gradient of a state
        variable at the end of the step, and ``adjoint_emit_`` for that of the spike.
    gradients : dict of str to str or float
        The gradient of each active state variable (at the start of the step), synaptic input and
        constant.
    """

    operations: tuple[Operation, ...]
    gradients: dict[str, Argument]


def reverse(
    program: Program, function: SpikeFunction, given: Collection[str], emitted: bool
) -> Reverse:
    """Derive the reverse of a step.

    Parameters
    ----------
    program : Program
        The step.
    function : SpikeFunction
        The surrogate derivative of spikes.
    given : collection of str
        The names that have a gradient: state variables, synaptic input and constants.
    emitted : bool
        Whether the spike value has a gradient.

    Raises
    ------
    NotFusableError
        If the surrogate derivative has no compiled form.
    """
    active = program.active(given)
    writer = _Writer(function, active)
    for name, value in program.state.items():
        if name in active:
            writer.give(value, f"adjoint_{name}")
    if emitted and program.emitted is not None:
        writer.give(program.emitted, "adjoint_emit_")
    for one in reversed(program.operations):
        gradient = writer.gradients.get(one.result)
        if gradient is not None and one.kind in _RULES:
            _RULES[one.kind](writer, one, gradient)
    inputs = [*program.state, *program.received, *program.constants]
    return Reverse(
        tuple(writer.operations),
        {n: writer.gradients.get(n, 0.0) for n in inputs if n in active},
    )


class _Writer:
    """Collect operations, and the gradient of each value so far."""

    def __init__(self, function: SpikeFunction, active: set[str]) -> None:
        self.function, self.active = function, active
        self.operations: list[Operation] = []
        self.gradients: dict[str, Argument] = {}

    def add(self, kind: str, *arguments: Argument) -> str:
        """Append an operation; return the name of its result."""
        one = Operation(f"g{len(self.operations)}_", kind, arguments)
        self.operations.append(one)
        return one.result

    def give(self, value: Argument, gradient: Argument) -> None:
        """Add to the gradient of a value, if it has one."""
        if not isinstance(value, str) or value not in self.active:
            return
        before = self.gradients.get(value)
        self.gradients[value] = gradient if before is None else self.add("add", before, gradient)

    def follows(self, value: Argument) -> bool:
        """Whether a value has a gradient."""
        return isinstance(value, str) and value in self.active


def _add(write: _Writer, one: Operation, g: Argument) -> None:
    for argument in one.arguments:
        write.give(argument, g)


def _subtract(write: _Writer, one: Operation, g: Argument) -> None:
    a, b = one.arguments
    write.give(a, g)
    if write.follows(b):
        write.give(b, write.add("negative", g))


def _multiply(write: _Writer, one: Operation, g: Argument) -> None:
    a, b = one.arguments
    for this, other in ((a, b), (b, a)):
        if write.follows(this):
            write.give(this, write.add("multiply", g, other))


def _divide(write: _Writer, one: Operation, g: Argument) -> None:
    a, b = one.arguments
    quotient = write.add("divide", g, b)
    write.give(a, quotient)
    if write.follows(b):
        write.give(b, write.add("negative", write.add("multiply", quotient, one.result)))


def _negative(write: _Writer, one: Operation, g: Argument) -> None:
    write.give(one.arguments[0], write.add("negative", g))


def _absolute(write: _Writer, one: Operation, g: Argument) -> None:
    x = one.arguments[0]
    below = write.add("choose", write.add("less", x, 0.0), write.add("negative", g), 0.0)
    write.give(x, write.add("choose", write.add("less", 0.0, x), g, below))


def _root(write: _Writer, one: Operation, g: Argument) -> None:
    write.give(one.arguments[0], write.add("divide", g, write.add("multiply", 2.0, one.result)))


def _choose(write: _Writer, one: Operation, g: Argument) -> None:
    mask, a, b = one.arguments
    if write.follows(a):
        write.give(a, write.add("choose", mask, g, 0.0))
    if write.follows(b):
        write.give(b, write.add("choose", mask, 0.0, g))


def _step(write: _Writer, one: Operation, g: Argument) -> None:
    x, _, unit = one.arguments
    assert isinstance(unit, float), "the unit of a difference is a number"
    slope = _slope(write, x, unit)
    write.give(x, write.add("multiply", g, slope))


def _staircase(write: _Writer, one: Operation, g: Argument) -> None:
    x, low, high = one.arguments
    assert isinstance(low, float), "levels are numbers"
    assert isinstance(high, float), "levels are numbers"
    levels = write.function.levels
    if levels == "range":
        inside = write.add(
            "both", write.add("less_or_equal", low, x), write.add("less_or_equal", x, high)
        )
        write.give(
            x, write.add("choose", inside, write.add("multiply", g, write.function.scale), 0.0)
        )
        return
    if levels == "nearest" or not high - low <= _MOST_LEVELS:
        raise NotFusableError(f"the derivative of {high - low:g} levels has no compiled form")
    total: Argument = 0.0
    for k in range(math.ceil(low + 1), math.floor(high) + 1):
        total = write.add("add", total, _slope(write, write.add("subtract", x, float(k)), 1.0))
    write.give(x, write.add("multiply", g, total))


_RULES: dict[str, Callable[[_Writer, Operation, Argument], None]] = {
    "add": _add, "subtract": _subtract, "multiply": _multiply, "divide": _divide,
    "negative": _negative, "absolute": _absolute, "root": _root, "choose": _choose, "step": _step,
    "staircase": _staircase,
}  # fmt: skip


def _slope(write: _Writer, x: Argument, unit: float) -> Argument:
    """Write the surrogate derivative at a distance `x` from the threshold."""
    function = write.function
    kernel = _KERNELS.get(function.name)
    if kernel is None:
        raise NotFusableError(f"spike function '{function.name}' has no compiled form")
    z = x if unit == 1 else write.add("divide", x, unit)
    z = z if function.width == 1 else write.add("divide", z, function.width)
    height = kernel(write, z)
    factor = function.scale / unit
    if not isinstance(height, str):
        return height * factor
    return height if factor == 1 else write.add("multiply", height, factor)


def _arctan(write: _Writer, z: Argument) -> Argument:
    scaled = write.add("multiply", math.pi, z)
    return write.add("divide", 1.0, write.add("add", 1.0, write.add("multiply", scaled, scaled)))


def _fast_sigmoid(write: _Writer, z: Argument) -> Argument:
    base = write.add("add", 1.0, write.add("absolute", z))
    return write.add("divide", 1.0, write.add("multiply", base, base))


def _rectangle(write: _Writer, z: Argument) -> Argument:
    return write.add("choose", write.add("less", write.add("absolute", z), 0.5), 1.0, 0.0)


def _triangle(write: _Writer, z: Argument) -> Argument:
    height = write.add("subtract", 1.0, write.add("absolute", z))
    return write.add("choose", write.add("less", height, 0.0), 0.0, height)


def _straight_through(write: _Writer, z: Argument) -> Argument:
    return 1.0


#: The surrogate derivatives of `brianbridge.twin.spike_function` that need no exponential.
_KERNELS: dict[str, Callable[[_Writer, Argument], Argument]] = {
    "arctan": _arctan, "fast_sigmoid": _fast_sigmoid, "rectangle": _rectangle,
    "triangle": _triangle, "straight_through": _straight_through,
}  # fmt: skip
