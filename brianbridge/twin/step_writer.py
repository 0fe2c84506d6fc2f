"""Write the Python source of a neuron's torch step from Brian2's statements."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from copy import copy
from typing import Any

from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.scale import units_of_differences
from brianbridge.twin.expression import TorchRenderer
from brianbridge.twin.step_code import TEMPORARY, EventCode, StepCode
from brianbridge.twin.step_variables import StepVariables

__all__ = ["StepWriter"]


class StepWriter:
    """Write the source of ``prepare`` and ``step``, or of ``fire`` and ``settle``.

    Parameters
    ----------
    model : NeuronModel
        The neuron.
    group : brian2.NeuronGroup
        A group of such neurons.
    code : StepCode
        The statements of a step.
    variables : StepVariables
        The variables of the step.
    fires : bool
        Whether the neurons emit and reset.
    canonical : bool
        Whether a step has the canonical order; otherwise it has Brian2's default order.
    detach_reset : bool
        Whether no gradient passes through the spike in the reset.
    """

    def __init__(
        self,
        model: NeuronModel,
        group: Any,
        code: StepCode,
        variables: StepVariables,
        *,
        fires: bool,
        canonical: bool,
        detach_reset: bool,
    ) -> None:
        self._model, self._group = model, group
        self._code, self._variables = code, variables
        self._fires, self._canonical, self._detach_reset = fires, canonical, detach_reset
        self._refractory = fires and model.refractory is not None
        changing = {*variables.state, "t", "emit", *code.reassigned_names()}
        changing |= {one.name for one in code.draws}
        self._local = code.temporary_names()
        temporaries = {s.var: s.expr for s in code.emit if s.op == TEMPORARY}
        self._renderer = TorchRenderer(
            changing,
            variables.unused,
            unit=units_of_differences(model, model.scale, temporaries),
            functions={*model.timed_arrays, *model.user_functions, "poisson_number"},
        )

    def source(self) -> str:
        """Return the source of all functions."""
        update = [line for every, code in self._code.regular for line in self._regular(every, code)]
        update += [self._update(s) for s in _merged(self._code.update)]
        receive = self._receive()
        emit = self._emit() if self._fires else []
        reset = self._reset() if self._fires else []
        conditions = [line for one in self._code.events for line in self._condition(one)]
        late = [self._set_where(s, one.happens) for one in self._code.events for s in one.code]
        state = list(self._variables.state)
        state_and_emit = [*state, *(["emit"] if self._fires else [])]
        x = list(self._variables.received.values())
        if self._canonical:
            steps = [
                (
                    "step",
                    [*state, *x],
                    [*update, *receive, *emit, *conditions, *reset, *late],
                    state_and_emit,
                )
            ]
        else:
            steps = [
                ("fire", state, [*update, *emit, *conditions], state_and_emit),
                # A group with graded spikes resets right after its threshold, to set their value.
                ("settle", [*state_and_emit, *x], [*self._in_turn(receive, reset), *late], state),
            ]
        # All hoisted terms are known only now.
        hoisted = self._renderer.hoisted
        constants = [*self._variables.arrays, *self._variables.inputs]
        functions = [
            _function("prepare", constants, [f"{n} = {c}" for n, c in hoisted], dict(hoisted))
        ]
        rest = [
            "t",
            *(one.name for one in self._code.draws),
            *constants,
            *(name for name, _ in hoisted),
        ]
        functions += [_function(name, [*given, *rest], *body) for name, given, *body in steps]
        # Parsing and unparsing removes unneeded parentheses.
        source = ast.parse("\n".join(functions))
        return "\n\n".join(ast.unparse(function) for function in source.body)

    def _regular(self, every: int, statements: list[Any]) -> list[str]:
        """Return the lines of code that runs in every so many steps."""
        lines = [line for line in map(self._write_to_all, statements) if line]
        if every == 1:
            return lines
        number = f"timestep(t, {float(self._group.clock.dt_)!r})"
        return [f"if {number} % {every} == 0:", *(f"    {line}" for line in lines or ["pass"])]

    def _write_to_all(self, statement: Any) -> str:
        """Return an assignment whose right-hand side may be a number."""
        if statement.var in self._local:
            return self._assign(statement)
        name, value = statement.var, self._renderer.hard(statement.expr)
        new = value if statement.op == "=" else f"{name} {statement.op[:-1]} ({value})"
        flags = self._group.equations[name].flags
        masked = self._refractory and "unless refractory" in flags
        written = "not_refractory" if masked else f"torch.ones_like({name}, dtype=torch.bool)"
        return f"{name} = torch.where({written}, {new}, {name})"

    def _in_turn(self, receive: list[str], reset: list[str]) -> list[str]:
        return [*receive, *reset] if self._model.is_binary else [*reset, *receive]

    def _update(self, statement: Any) -> str:
        name = statement.var
        if not self._divides_by_zero_rate or name == "not_refractory":
            return self._assign(statement)
        statement = copy(statement)
        if "not_refractory" not in self._model.equations:
            # Values of refractory neurons are dropped below, but their gradient must be finite.
            statement.expr = statement.expr.replace("int(not_refractory)", "1.0")
        if statement.op == "=" and "unless refractory" in self._group.equations[name].flags:
            stepped = self._renderer.hard(statement.expr)
            return f"{name} = torch.where(not_refractory, {stepped}, {name})"
        return self._assign(statement)

    @property
    def _divides_by_zero_rate(self) -> bool:
        """Whether a step divides by a rate that is 0 in the refractory period.

        Brian2 computes the result, but does not write it to '(unless refractory)' variables. With
        all other methods the step itself leaves these variables unchanged.
        """
        return self._refractory and self._model.method == "exponential_euler"

    def _assign(self, statement: Any) -> str:
        return self._renderer.assignment(statement)

    def _receive(self) -> list[str]:
        lines = []
        for target, argument in self._variables.received.items():
            received = f"{target} + {argument}"
            # In that period, Brian2's synapses do not write to '(unless refractory)' variables.
            if self._refractory and "unless refractory" in self._group.equations[target].flags:
                received = f"torch.where(not_refractory, {received}, {target})"
            lines += [f"if {argument} is not None:", f"    {target} = {received}"]
        return lines

    def _emit(self) -> list[str]:
        *before, last = self._code.emit
        lines = [self._assign(s) for s in before]
        lines.append(f"emit = {self._renderer.soft(last.expr)}")
        if self._refractory:
            lines.append("emit = emit * as_number(not_refractory)")
            lines.append(f"{self._variables.spiked} = emit != 0")
            lines.append(f"lastspike = torch.where({self._variables.spiked}, t, lastspike)")
            lines.append(f"not_refractory = not_refractory & ~{self._variables.spiked}")
        return lines

    def _reset(self) -> list[str]:
        masked = any(self._needs_mask(s) for s in self._code.reset)
        known = self._refractory and self._canonical
        lines = [f"{self._variables.spiked} = emit != 0"] if masked and not known else []
        resets = [self._reset_line(s) for s in self._code.reset]
        if self._detach_reset and any(resets):
            kept = self._variables.unused("spike")
            resets = [f"{kept} = emit", "emit = emit.detach()", *resets, f"emit = {kept}"]
        return lines + resets

    def _needs_mask(self, statement: Any) -> bool:
        if statement.var in self._local:
            return False
        additive = statement.op in ("+=", "-=")
        return not (additive and (self._model.is_binary or _has_factor(statement.expr, "emit")))

    def _reset_line(self, statement: Any) -> str:
        if statement.var not in self._local and not self._needs_mask(statement):
            # Without a spike the increment is 0: no mask is needed, and emit passes a gradient.
            name, value = statement.var, self._renderer.hard(statement.expr)
            increment = value if _has_factor(statement.expr, "emit") else f"{value} * emit"
            return f"{name} = {name} {statement.op[:-1]} {increment}"
        return self._set_where(statement, self._variables.spiked)

    def _condition(self, event: EventCode) -> list[str]:
        *before, last = event.condition
        # A condition of time alone is no tensor.
        new = f"torch.zeros_like({event.happens}) | ({self._renderer.hard(last.expr)})"
        return [*(self._assign(s) for s in before), f"{event.happens} = {new}"]

    def _set_where(self, statement: Any, chosen: str) -> str:
        """Return an assignment to the neurons for which a condition holds."""
        if statement.var in self._local:
            return self._assign(statement)
        name, value = statement.var, self._renderer.hard(statement.expr)
        new = value if statement.op == "=" else f"{name} {statement.op[:-1]} {value}"
        if new in ("True", "False"):
            return f"{name} = {name} {f'| {chosen}' if new == 'True' else f'& ~{chosen}'}"
        return f"{name} = torch.where({chosen}, {new}, {name})"


def _function(name: str, arguments: list[str], body: list[str], result: Iterable[str]) -> str:
    """Return the source of a function that returns a tuple."""
    lines = "".join(f"    {line}\n" for line in body if line)
    returned = "".join(f"{value}, " for value in result)
    return f"def {name}({', '.join(arguments)}):\n{lines}    return ({returned})\n"


def _merged(statements: list[Any]) -> list[Any]:
    """Write ``_v := ...; v = _v`` as ``v = ...``, which frees the old value at once."""
    merged: list[Any] = []
    for statement in statements:
        last = merged[-1] if merged else None
        moves = statement.op == "=" and statement.expr == f"_{statement.var}"
        if moves and last is not None and (last.op, last.var) == (TEMPORARY, statement.expr):
            merged[-1] = copy(last)
            merged[-1].var, merged[-1].op = statement.var, "="
        else:
            merged.append(statement)
    return merged


def _has_factor(expression: str, name: str) -> bool:
    """Return whether an expression has the factor `name`, and is thus 0 where `name` is 0."""
    node = ast.parse(expression, mode="eval").body

    def factors(n: ast.expr) -> list[ast.expr]:
        if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Mult):
            return factors(n.left) + factors(n.right)
        return [n]

    return any(isinstance(f, ast.Name) and f.id == name for f in factors(node))
