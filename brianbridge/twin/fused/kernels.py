"""Write the loops over time of a population as numba code.

The loops go over blocks of neurons, in a block over all steps, and in a step over vectors of 16
neurons. What changes from step to step stays in the cache of the processor. The backward loop keeps
nothing from the forward pass but its input: it runs a block forward once more, keeps the state at
the start of each step in the cache, and then goes back in time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from brianbridge.kernels.generated import import_source
from brianbridge.twin.fused.adjoint import Reverse, reverse
from brianbridge.twin.fused.operations import Argument, Operation, Program
from brianbridge.twin.spike_function import SpikeFunction

__all__ = ["Backward", "Forward", "backward_kernel", "forward_kernel"]


@dataclass(frozen=True)
class Forward:
    """Hold the compiled loop of a forward pass.

    Parameters
    ----------
    loop : callable
        ``loop(low, high, steps, width, first, dt, block, numbers, *arrays)`` runs neurons `low` to
        ``high - 1``. The arrays are those of `emitted` (if the neurons fire), the final state, the
        synaptic input, the initial state, and the constants. Uniform ones have one number.
    numbers : tuple of float
        The numbers in its operations.
    recurrent : callable or None
        ``recurrent(low, high, size, lag, weight, fed, steps, width, first, dt, block, numbers,
        *arrays)`` runs samples `low` to ``high - 1`` of a population of `size` neurons, whose
        spikes add rows of `weight` to the input `fed` after `lag` steps. The arrays are as those
        of `loop`, but with the state at the start of each step, and at the end. None if the
        neurons do not fire.
    """

    loop: Callable[..., None]
    numbers: tuple[float, ...]
    recurrent: Callable[..., None] | None


@dataclass(frozen=True)
class Backward:
    """Hold the compiled loop of a backward pass.

    Parameters
    ----------
    loop : callable
        As in `Forward`. The arrays are those of the gradients of synaptic input, initial state and
        constants as far as they have one, in the order of `gradients`; then the gradients of the
        final state that is named in `ends`, and of the spikes; then the synaptic input, the initial
        state and the constants.
    numbers : tuple of float
        The numbers in its operations.
    gradients : tuple of str
        The names that get a gradient.
    ends : tuple of str
        The state variables whose gradient at the end is given.
    """

    loop: Callable[..., None]
    numbers: tuple[float, ...]
    gradients: tuple[str, ...]
    ends: tuple[str, ...]


def forward_kernel(program: Program, uniform: Collection[str] = ()) -> Forward:
    """Compile the forward pass of a step.

    Parameters
    ----------
    program : Program
        The step.
    uniform : collection of str
        The initial values and constants that are one number for all neurons.
    """
    numbers = _Numbers()
    body = _Body(program, numbers, uniform)
    fires = program.emitted is not None
    emitted = ["out_emit_"] if fires else []
    finals = [f"out_{s}" for s in program.state]
    starts = [f"start_{s}" for s in program.state]
    inputs = [f"in_{x}" for x in program.received]
    constants = [f"each_{c}" for c in program.constants]
    step = [*body.loads("state", "s*windows + w"), *body.operations(program.operations)]
    if fires:
        step.append(f"store(out_emit_, base + at, {body.value(program.emitted)})")
    step += body.stores("state", "s*windows + w")
    common = ["steps", "width", "first", "dt", "block", "numbers"]
    source = _module(
        ["low", "high", *common, *emitted, *finals, *inputs, *starts, *constants],
        numbers,
        len(program.state),
        scratch={"state": "states*windows"},
        before=body.begin("state"),
        forward=step,
        after=body.end("state"),
        time=_uses_time(program),
    )  # fmt: skip
    if fires:
        source += _recurrent(common, finals, inputs, constants)
    module = import_source(source)
    return Forward(module.loop, tuple(numbers.values), getattr(module, "recurrent", None))


def backward_kernel(
    program: Program,
    function: SpikeFunction,
    given: Collection[str],
    emitted: bool,
    ends: Collection[str],
    uniform: Collection[str] = (),
) -> Backward:
    """Compile the backward pass of a step.

    Parameters
    ----------
    program, function, given, emitted
        As those of `reverse`.
    ends : collection of str
        The state variables whose gradient at the end is given.
    uniform : collection of str
        As in `forward_kernel`.
    """
    back = reverse(program, function, given, emitted)
    numbers = _Numbers()
    body = _Body(program, numbers, uniform)
    returned = [n for n in (*program.received, *program.state, *program.constants) if n in given]
    active = [s for s in program.state if s in back.gradients]
    constants = [c for c in program.constants if c in given]
    arguments = [
        "low", "high", "steps", "width", "first", "dt", "block", "numbers",
        *(f"grad_{n}" for n in returned),
        *(f"end_{s}" for s in active if s in ends), *(["end_emit_"] if emitted else []),
        *(f"in_{x}" for x in program.received), *(f"start_{s}" for s in program.state),
        *(f"each_{c}" for c in program.constants),
    ]  # fmt: skip
    # A step forward, of which the state before it is kept.
    forward = [*body.loads("kept", "(k*states + s)*windows + w")]
    forward += body.operations(_needed(program.operations, program.state.values()))
    forward += body.stores("kept", "((k + 1)*states + s)*windows + w")
    needed = {name for one in back.operations for name in one.names}
    step = [*body.loads("kept", "(k*states + s)*windows + w")]
    step += body.operations(_needed(program.operations, needed))
    step += [f"adjoint_{s} = load(adjoint, ({i}*windows + w)*16)" for i, s in enumerate(active)]
    step += ["adjoint_emit_ = load(end_emit_, base + at)"] if emitted else []
    step += body.operations(back.operations)
    step += body.stored_gradients(program, back, returned, active, constants)
    none = "spread(numbers.dtype.type(0))"
    before = [
        f"store(adjoint, ({i}*windows + w)*16, {f'load(end_{s}, at)' if s in ends else none})"
        for i, s in enumerate(active)
    ]
    before += [f"store(summed, ({i}*windows + w)*16, {none})" for i in range(len(constants))]
    after = [
        f"store(grad_{s}, at, load(adjoint, ({i}*windows + w)*16))"
        for i, s in enumerate(active) if s in given
    ]  # fmt: skip
    after += [
        f"store(grad_{c}, at, load(summed, ({i}*windows + w)*16))" for i, c in enumerate(constants)
    ]
    source = _module(
        arguments, numbers, len(program.state),
        scratch={
            "kept": "(steps + 1)*states*windows",
            "adjoint": f"{len(active)}*windows", "summed": f"{len(constants)}*windows",
        },
        before=[*body.begin("kept"), *before], forward=forward, backward=step, after=after,
        time=_uses_time(program),
    )  # fmt: skip
    return Backward(
        import_source(source).loop, tuple(numbers.values), tuple(returned),
        tuple(s for s in active if s in ends),
    )  # fmt: skip


class _Numbers:
    """Collect the numbers of operations; each has a name in the code."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def name(self, value: float) -> str:
        if value not in self.values:
            self.values.append(value)
        return f"k{self.values.index(value)}_"


class _Body:
    """Write lines for a vector of neurons."""

    def __init__(self, program: Program, numbers: _Numbers, uniform: Collection[str]) -> None:
        self._program, self._numbers, self._uniform = program, numbers, uniform
        self._one, self._zero = numbers.name(1.0), numbers.name(0.0)

    def value(self, argument: Argument | None) -> str:
        """Return the name of a value or number."""
        assert argument is not None, "only populations that fire have a spike value"
        return argument if isinstance(argument, str) else self._numbers.name(argument)

    def loads(self, array: str, place: str) -> list[str]:
        """Load state, synaptic input and constants."""
        lines = []
        for i, name in enumerate(self._program.state):
            where = place.replace("s*windows", f"{i}*windows").replace("+ s)", f"+ {i})")
            lines.append(f"{name} = load({array}, ({where})*16)")
            if name in self._program.conditions:
                lines.append(f"{name} = unequal({name}, {self._zero})")
        lines += [f"{x} = load(in_{x}, base + at)" for x in self._program.received]
        return lines + [f"{c} = {self._given('each', c)}" for c in self._program.constants]

    def _given(self, kind: str, name: str) -> str:
        """Return the code that reads an argument that is the same in all steps."""
        array = f"{kind}_{name}"
        return f"spread({array}[0])" if name in self._uniform else f"load({array}, at)"

    def stores(self, array: str, place: str) -> list[str]:
        """Store the new state."""
        lines = []
        for i, (name, value) in enumerate(self._program.state.items()):
            where = place.replace("s*windows", f"{i}*windows").replace("+ s)", f"+ {i})")
            new = self.value(value)
            if name in self._program.conditions:
                new = f"choose({new}, {self._one}, {self._zero})"
            lines.append(f"store({array}, ({where})*16, {new})")
        return lines

    def begin(self, array: str) -> list[str]:
        """Store the state at the start of the presentation."""
        return [
            f"store({array}, ({i}*windows + w)*16, {self._given('start', name)})"
            for i, name in enumerate(self._program.state)
        ]

    def end(self, array: str) -> list[str]:
        """Return the state at the end of the presentation."""
        return [
            f"store(out_{name}, at, load({array}, ({i}*windows + w)*16))"
            for i, name in enumerate(self._program.state)
        ]

    def stored_gradients(
        self, program: Program, back: Reverse, returned: list[str], active: list[str],
        constants: list[str],
    ) -> list[str]:  # fmt: skip
        """Store the gradients of a step, after all of them are computed."""
        found = {name: self.value(g) for name, g in back.gradients.items()}
        lines = [
            f"store(grad_{x}, base + at, {found[x]})" for x in program.received if x in returned
        ]
        lines += [f"store(adjoint, ({i}*windows + w)*16, {found[s]})" for i, s in enumerate(active)]
        for i, c in enumerate(constants):
            place = f"({i}*windows + w)*16"
            lines.append(f"store(summed, {place}, add(load(summed, {place}), {found[c]}))")
        return lines

    def operations(self, operations: Iterable[Operation]) -> list[str]:
        """Write operations, one in each line."""
        return [f"{one.result} = {self._written(one)}" for one in operations]

    def _written(self, one: Operation) -> str:
        values = [self.value(a) for a in one.arguments]
        if one.kind == "step":
            compared = "less" if one.arguments[1] else "less_or_equal"
            return f"choose({compared}({self._zero}, {values[0]}), {self._one}, {self._zero})"
        if one.kind == "staircase":
            x, low, high = values
            floor = f"rounded_down({x})"
            raised = f"choose(less({floor}, {low}), {low}, {floor})"
            return f"choose(less({high}, {raised}), {high}, {raised})"
        if one.kind == "detach":
            return values[0]
        return f"{one.kind}({', '.join(values)})"


def _needed(operations: Iterable[Operation], names: Iterable[Any]) -> list[Operation]:
    """Return the operations that these values depend on."""
    wanted, found = set(names), []
    for one in reversed(tuple(operations)):
        if one.result in wanted:
            wanted.update(one.names)
            found.append(one)
    return found[::-1]


def _uses_time(program: Program) -> bool:
    return any("t" in one.arguments for one in program.operations)


def _module(
    arguments: list[str],
    numbers: _Numbers,
    states: int,
    *,
    scratch: dict[str, str],
    before: list[str],
    forward: list[str],
    after: list[str],
    time: bool,
    backward: list[str] | None = None,
) -> str:
    """Return the source of a module with a function ``loop``."""
    spread = [f"k{i}_ = spread(numbers[{i}])" for i in range(len(numbers.values))]
    now = ["t = spread(real((first + k)*dt))"] if time else []
    lines = [
        "from brianbridge.compiled import compiled",
        "from brianbridge.kernels.vectors import *",
        "import numpy as np",
        "",
        '@compiled(nogil=True, error_model="numpy")',
        f"def loop({', '.join(arguments)}):",
        "    real = numbers.dtype.type",
        f"    states = {states}",
        *(f"    {line}" for line in spread),
        "    most = (min(block, high - low) + 15)//16",
        *(f"    {name} = np.empty(({size.replace('windows', 'most')})*16, numbers.dtype)"
          for name, size in scratch.items()),
        "    for begin in range(low, high, block):",
        "        end = min(begin + block, high)",
        "        windows = (end - begin + 15)//16",
        *_over_windows(before),
        *_over_steps("range(steps)", now, forward),
        *(_over_steps("range(steps - 1, -1, -1)", now, backward) if backward else []),
        *_over_windows(after),
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def _recurrent(
    common: list[str], states: list[str], inputs: list[str], constants: list[str]
) -> str:
    """Return the source of a function that calls ``loop`` for each step, after its feedback."""
    arguments = ["low", "high", "size", "lag", "weight", "fed", *common, "out_emit_"]
    given = [
        "low*size", "high*size", "1", "width", "first + k", "dt", "block", "numbers",
        "out_emit_[now:after]", *(f"{s}[after:after + width]" for s in states),
        *(f"{x}[now:after]" for x in (*inputs, *states)), *constants,
    ]  # fmt: skip
    lines = [
        "",
        "from brianbridge.twin.products.single_step import add_rows",
        "",
        '@compiled(nogil=True, error_model="numpy")',
        f"def recurrent({', '.join([*arguments, *states, *inputs, *constants])}):",
        "    for k in range(steps):",
        "        now, after = k*width, (k + 1)*width",
        "        if k >= lag:",
        "            sent = out_emit_[now - lag*width:after - lag*width]",
        "            add_rows(sent, size, weight, size, low, high, fed[now:after])",
        f"        loop({', '.join(given)})",
        "",
    ]
    return "\n".join(lines)


def _over_windows(lines: list[str], indent: str = "        ") -> list[str]:
    """Return lines that run for each vector of a block; the last one may overlap another."""
    if not lines:
        return []
    return [
        f"{indent}for w in range(windows):",
        f"{indent}    at = min(begin + 16*w, end - 16)",
        *(f"{indent}    {line}" for line in lines),
    ]


def _over_steps(steps: str, now: list[str], lines: list[str]) -> list[str]:
    return [
        f"        for k in {steps}:",
        "            base = k*width",
        *(f"            {line}" for line in now),
        *_over_windows(lines, "            "),
    ]
