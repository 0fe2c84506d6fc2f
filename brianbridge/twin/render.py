"""Render one time step of a Brian2 group as torch code.

No neuron has a hand-written torch step. A `NeuronGroup` is built from the model, Brian2's state
updater writes its abstract code, and Brian2's own `make_statements` turns that code, emit and
reset into the statements that it would compile, optimised as it would compile them. Those are
rendered here, in the same order of operations, as the source of one Python function

    step(<state>, x, t, <constant arrays>, <hoisted terms>) -> (<state>, emit)

which is the canonical step: state update over dt, receive ``x``, emit, reset. In Brian2's default
order a neuron emits before it receives, so that there the step is cut in two at that point:

    fire(<state>, t, <constant arrays>, <hoisted terms>) -> (<state>, emit)
    settle(<state>, emit, x, t, <constant arrays>, <hoisted terms>) -> (<state>)

Terms that do not change during a presentation (a drive times its gain) are hoisted into
``prepare``. The source can be read: ``print(rendered.source)``.

A reset passes a gradient through the spike where it adds or subtracts a multiple of ``emit``
(``v -= theta*emit``; ``v -= theta`` too where a spike can only be 1). Any other (``v = 0``,
``v *= 0.5``) selects: the gradient takes the branch that was taken, and none goes to the choice.
With `SpikeFunction.detach_reset` no reset passes a gradient through the spike.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from brianbridge.errors import InputError
from brianbridge.neurons.checks import probe, resolve_names
from brianbridge.neurons.model import SPIKE_VALUE, NeuronModel
from brianbridge.twin.expression import TorchRenderer
from brianbridge.twin.spike_function import SpikeFunction
from brianbridge.twin.torch_functions import TORCH_FUNCTIONS, as_number, negation

__all__ = ["RenderedStep", "render"]

_TEMPORARY = ":="


@dataclass(frozen=True)
class RenderedStep:
    """Hold the torch step of a population.

    Parameters
    ----------
    source : str
        The Python source of ``prepare`` and ``step``.
    prepare : callable
        Computes the hoisted terms, once a presentation, from `arrays` and `inputs`.
    step : callable, optional
        One time step in the canonical order.
    fire, settle : callable, optional
        The two halves of a step in Brian2's default order.
    state : tuple of str
        State variables, in the order in which `step` takes and returns them.
    inputs : tuple of str
        Variables that hold still during a presentation (the drive), arguments of both functions.
    arrays : mapping of str to numpy.ndarray, shape (neurons,)
        Constants that differ from neuron to neuron, arguments of both functions.
    initial : mapping of str to numpy.ndarray, shape (neurons,)
        State and inputs at the start of a presentation, in SI units.
    """

    source: str
    prepare: Callable[..., tuple[Any, ...]]
    step: Callable[..., tuple[Any, ...]] | None
    fire: Callable[..., tuple[Any, ...]] | None
    settle: Callable[..., tuple[Any, ...]] | None
    state: tuple[str, ...]
    inputs: tuple[str, ...]
    arrays: dict[str, np.ndarray]
    initial: dict[str, np.ndarray]


def render(
    model: NeuronModel,
    neurons: int,
    dt: float,
    *,
    fires: bool = True,
    spike_function: SpikeFunction | None = None,
    dtype: torch.dtype = torch.float32,
    received: Sequence[str] | None = None,
    schedule: str = "canonical",
) -> RenderedStep:
    """Render the step of `neurons` neurons of a model.

    Parameters
    ----------
    model : NeuronModel
        The description.
    neurons : int
        Number of neurons; more than one matters only where parameters are arrays.
    dt : float
        Length of the step, in seconds.
    fires : bool
        Whether the neurons emit and reset; else the membrane potential is free.
    spike_function : SpikeFunction, optional
        How to differentiate through a spike.
    dtype : torch.dtype
        What spikes are cast to.
    received : sequence of str, optional
        The variables that spikes add to, each an argument of the step in this order; the model's
        ``receive`` if not given.
    schedule : {"canonical", "default"}
        In which order things happen within a step.

    Raises
    ------
    InputError
        If the equations call a function that has no torch rendering.

    Examples
    --------
    >>> from brianbridge.neurons.library import neuron_model
    >>> print(render(neuron_model("lif"), 1, dt=1e-3).source)
    def prepare(drive):
        h1 = _gamma_v__v * drive
        return (h1,)
    <BLANKLINE>
    def step(v, x, t, drive, h1):
        v = _phi_v__v * v + h1
        if x is not None:
            v = v + x
        emit = spike_step(v - theta, False)
        v = v - theta * emit
        return (v, emit)
    """
    from brian2 import second

    what = f"neuron model '{model.name}'"
    if model.method.startswith("gsl"):
        raise InputError(f"{what}: method '{model.method}' has no torch rendering; use 'rk4'")
    group = probe(model, neurons, fires=fires, dt=dt * second)
    group.state_updater.update_abstract_code({})
    update = group.state_updater.abstract_code
    if group.subexpression_updater is not None:  # '(constant over dt)'
        update = f"{group.subexpression_updater.abstract_code}\n{update}"
    fires = fires and bool(model.emit)
    emit_code = f"_emit = {model.emit}" if fires else ""
    # `emit` itself stays a name in the reset, so that a gradient can pass through it.
    reset_code = model.reset if fires else ""
    variables = resolve_names(group, update, emit_code, reset_code)
    variables["emit"] = _emit_variable(group)
    if received is None:
        received = (model.receive,) if model.receive else ()
    blocks = [
        _statements(code, variables, label)
        for label, code in (("update", update), ("emit", emit_code), ("reset", reset_code))
    ]
    functions = spike_function or SpikeFunction()
    helpers: dict[str, Any] = {
        "torch": torch,
        "spike_step": functions.step,
        "spike_staircase": functions.staircase,
        "as_number": lambda x: as_number(x, dtype),
        "negation": negation,
    }
    for name in sorted(set(helpers) & set(variables)):
        raise InputError(f"{what}: '{name}' has a meaning in the torch step; rename it")
    writer = _StepWriter(model, group, variables, blocks, fires, tuple(received), schedule)
    writer.detach_reset = functions.detach_reset
    source = writer.source()
    scope = {**TORCH_FUNCTIONS, **writer.numbers, **helpers}
    exec(compile(source, f"<torch step of {model.name or 'a neuron model'}>", "exec"), scope)
    return RenderedStep(
        source=source,
        prepare=scope["prepare"],
        step=scope.get("step"),
        fire=scope.get("fire"),
        settle=scope.get("settle"),
        state=writer.state,
        inputs=writer.inputs,
        arrays=writer.arrays,
        initial={
            name: np.array(group.variables[name].get_value())
            for name in (*writer.state, *writer.inputs)
        },
    )


def _emit_variable(group: Any) -> Any:
    from brian2.core.variables import ArrayVariable

    return ArrayVariable("emit", owner=group, size=group.N, device=None, dtype=np.float64)


def _statements(code: str, variables: dict[str, Any], label: str) -> list[Any]:
    from brian2 import prefs
    from brian2.codegen.translation import make_statements

    if not code.strip():
        return []
    optimise = prefs.codegen.loop_invariant_optimisations
    scalar, vector = make_statements(code, variables, np.float64, optimise=optimise)
    # Brian2 keeps what it returned for the next time, so change copies. Every block numbers its
    # loop invariants from 1; keep them apart.
    statements = [copy(statement) for statement in (*scalar, *vector)]
    for statement in statements:
        statement.var = statement.var.replace("_lio_", f"_{label}_")
        statement.expr = str(statement.expr).replace("_lio_", f"_{label}_")
    return statements


class _StepWriter:
    """Write the source of ``prepare`` and ``step``, and find what they need as arguments."""

    detach_reset = False

    def __init__(
        self,
        model: NeuronModel,
        group: Any,
        variables: dict[str, Any],
        blocks: Any,
        fires: bool,
        received: tuple[str, ...],
        schedule: str,
    ) -> None:
        from brian2.core.variables import ArrayVariable, Constant

        self.canonical = schedule == "canonical"

        self.model, self.group, self.variables, self.fires = model, group, variables, fires
        self.update, self.emit, self.reset = blocks
        self.refractory = fires and model.refractory is not None
        declared = {n for n in group.equations.names if n in group.variables} - {SPIKE_VALUE}
        parameters = set(model.heterogeneous)
        assigned = {s.var for s in (*self.update, *self.reset) if s.op != _TEMPORARY}
        assigned |= {*received} | ({"lastspike"} if self.refractory else set())
        arrays = {n for n in declared if isinstance(group.variables[n], ArrayVariable)} - parameters
        self.state = tuple(sorted(arrays & assigned))
        self.numbers: dict[str, float] = {}
        self.arrays: dict[str, np.ndarray] = {}
        used = self._used_names()
        self.names = {*variables, *used, *(s.var for block in blocks for s in block)}
        self.spiked = self._unused("spiked")
        one = len(received) == 1
        self.received = {n: self._unused("x" if one else f"x_{n}") for n in received}
        for name in sorted((used - arrays - {"t", "emit"}) & set(variables)):
            variable = variables[name]
            if isinstance(variable, Constant) or getattr(variable, "scalar", False):
                self.numbers[name] = float(np.ravel(variable.get_value())[0])
            elif isinstance(variable, ArrayVariable):
                values = np.array(variable.get_value())
                self.arrays[name] = values if values.dtype == bool else values.astype(np.float64)
        self.inputs = tuple(sorted((arrays - set(self.state)) & (used | {model.drive} - {""})))
        moving = {*self.state, "t", "emit"}
        self.renderer = TorchRenderer(moving, self._unused, like=self.state[0])

    def _unused(self, name: str) -> str:
        """Return `name`, with underscores behind it if the model has such a name."""
        while name in self.names:
            name += "_"
        return name

    def _used_names(self) -> set[str]:
        names: set[str] = set()
        for statement in (*self.update, *self.emit, *self.reset):
            for node in ast.walk(ast.parse(statement.expr, mode="eval")):
                if isinstance(node, ast.Name):
                    names.add(node.id)
        return names

    def source(self) -> str:
        """Return the source of all functions."""
        update = [self._update(s) for s in _merged(self.update)]
        receive = self._receive()
        emit = self._emit() if self.fires else []
        reset = self._reset() if self.fires else []
        moving, both = list(self.state), [*self.state, *(["emit"] if self.fires else [])]
        x = list(self.received.values())
        if self.canonical:
            steps = [("step", [*moving, *x], [*update, *receive, *emit, *reset], both)]
        else:
            steps = [
                ("fire", moving, [*update, *emit], both),
                # A group with graded spikes resets right after its threshold, to set their value.
                ("settle", [*both, *x], self._in_turn(receive, reset), moving),
            ]
        # Only now are all hoisted terms known.
        hoisted = self.renderer.hoisted
        still = [*self.arrays, *self.inputs]
        functions = [_function("prepare", still, [f"{n} = {c}" for n, c in hoisted], dict(hoisted))]
        rest = ["t", *still, *(name for name, _ in hoisted)]
        functions += [_function(name, [*given, *rest], *body) for name, given, *body in steps]
        # Parsing and writing the tree once more drops the parentheses that nobody needs.
        source = ast.parse("\n".join(functions))
        return "\n\n".join(ast.unparse(function) for function in source.body)

    def _in_turn(self, receive: list[str], reset: list[str]) -> list[str]:
        return [*receive, *reset] if self.model.is_binary else [*reset, *receive]

    def _update(self, statement: Any) -> str:
        name = statement.var
        if not self._divides_by_rest or name == "not_refractory":
            return self._assign(statement)
        statement = copy(statement)
        if "not_refractory" not in self.model.equations:
            # What is computed for the others is dropped below; it must be finite for the gradient.
            statement.expr = statement.expr.replace("int(not_refractory)", "1.0")
        if statement.op == "=" and "unless refractory" in self.group.equations[name].flags:
            stepped = self.renderer.hard(statement.expr)
            return f"{name} = torch.where(not_refractory, {stepped}, {name})"
        return self._assign(statement)

    @property
    def _divides_by_rest(self) -> bool:
        """Whether a step divides by the rate of what stands still while a neuron is refractory.

        Brian2 computes it, and does not write it to '(unless refractory)' variables. With all other
        methods these are left as they are by the step itself.
        """
        return self.refractory and self.model.method == "exponential_euler"

    def _assign(self, statement: Any) -> str:
        if statement.op == _TEMPORARY:
            if self.renderer.is_still(statement.expr):
                self.renderer.keep(statement.var, self.renderer.plain(statement.expr))
                return ""
            self.renderer.moving.add(statement.var)
        expression = self.renderer.hard(statement.expr)
        if statement.op in ("=", _TEMPORARY):
            return f"{statement.var} = {expression}"
        operator = statement.op[:-1]
        return f"{statement.var} = {statement.var} {operator} {expression}"

    def _receive(self) -> list[str]:
        lines = []
        for target, argument in self.received.items():
            received = f"{target} + {argument}"
            # Brian2 does not let synapses write to '(unless refractory)' variables meanwhile.
            if self.refractory and "unless refractory" in self.group.equations[target].flags:
                received = f"torch.where(not_refractory, {received}, {target})"
            lines += [f"if {argument} is not None:", f"    {target} = {received}"]
        return lines

    def _emit(self) -> list[str]:
        *before, last = self.emit
        lines = [self._assign(s) for s in before]
        lines.append(f"emit = {self.renderer.soft(last.expr)}")
        if self.refractory:
            lines.append("emit = emit * as_number(not_refractory)")
            lines.append(f"{self.spiked} = emit != 0")
            lines.append(f"lastspike = torch.where({self.spiked}, t, lastspike)")
            lines.append(f"not_refractory = not_refractory & ~{self.spiked}")
        return lines

    def _reset(self) -> list[str]:
        masked = any(self._needs_mask(s) for s in self.reset)
        known = self.refractory and self.canonical
        lines = [f"{self.spiked} = emit != 0"] if masked and not known else []
        resets = [self._reset_line(s) for s in self.reset]
        if self.detach_reset and any(resets):
            kept = self._unused("spike")
            resets = [f"{kept} = emit", "emit = emit.detach()", *resets, f"emit = {kept}"]
        return lines + resets

    def _needs_mask(self, statement: Any) -> bool:
        if statement.op == _TEMPORARY:
            return False
        additive = statement.op in ("+=", "-=")
        return not (additive and (self.model.is_binary or _has_factor(statement.expr, "emit")))

    def _reset_line(self, statement: Any) -> str:
        if statement.op == _TEMPORARY:
            return self._assign(statement)
        name = statement.var
        value = self.renderer.hard(statement.expr)
        if not self._needs_mask(statement):
            # Where nothing was emitted the increment is 0: no mask, and a gradient through emit.
            increment = value if _has_factor(statement.expr, "emit") else f"{value} * emit"
            return f"{name} = {name} {statement.op[:-1]} {increment}"
        new = value if statement.op == "=" else f"{name} {statement.op[:-1]} {value}"
        if new in ("True", "False"):
            change = f"| {self.spiked}" if new == "True" else f"& ~{self.spiked}"
            return f"{name} = {name} {change}"
        return f"{name} = torch.where({self.spiked}, {new}, {name})"


def _function(name: str, arguments: list[str], body: list[str], result: Iterable[str]) -> str:
    """Return the source of a function that returns a tuple."""
    lines = "".join(f"    {line}\n" for line in body if line)
    returned = "".join(f"{value}, " for value in result)
    return f"def {name}({', '.join(arguments)}):\n{lines}    return ({returned})\n"


def _merged(statements: list[Any]) -> list[Any]:
    """Write ``_v := ...; v = _v`` as ``v = ...``, so that the old value is freed at once."""
    merged: list[Any] = []
    for statement in statements:
        last = merged[-1] if merged else None
        moves = statement.op == "=" and statement.expr == f"_{statement.var}"
        if moves and last is not None and (last.op, last.var) == (_TEMPORARY, statement.expr):
            merged[-1] = copy(last)
            merged[-1].var, merged[-1].op = statement.var, "="
        else:
            merged.append(statement)
    return merged


def _has_factor(expression: str, name: str) -> bool:
    """Tell whether an expression is a product with `name` as a factor: 0 where `name` is 0."""
    node = ast.parse(expression, mode="eval").body

    def factors(n: ast.expr) -> list[ast.expr]:
        if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Mult):
            return factors(n.left) + factors(n.right)
        return [n]

    return any(isinstance(f, ast.Name) and f.id == name for f in factors(node))
