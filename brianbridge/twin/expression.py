"""Write one Brian2 expression as torch code, exact or differentiable."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection
from typing import Any

from brianbridge.errors import InputError
from brianbridge.neurons.abstract_code import TEMPORARY
from brianbridge.twin.torch_functions import TORCH_FUNCTIONS

__all__ = ["TorchRenderer"]

_OPERATORS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//",
    ast.Mod: "%", ast.Pow: "**", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Eq: "==", ast.NotEq: "!=", ast.USub: "-", ast.UAdd: "+",
}  # fmt: skip


class TorchRenderer:
    """Render expressions, and move terms that are constant in a presentation out of the step.

    Parameters
    ----------
    changing : set of str
        Names whose value changes from step to step.
    unused : callable
        Returns a name that the model does not use, close to the given one.
    unit : callable
        Returns one natural unit of the difference of two expressions that a condition compares.
    functions : collection of str
        Functions that only this model has, such as its timed arrays.
    """

    def __init__(
        self,
        changing: set[str],
        unused: Callable[[str], str],
        unit: Callable[[str, str], float],
        functions: Collection[str] = (),
    ) -> None:
        self.changing, self._unit = set(changing), unit
        self.hoisted: list[tuple[str, str]] = []
        self._unused = unused
        self._functions = {*TORCH_FUNCTIONS, *functions}

    def hard(self, expression: str) -> str:
        """Render an expression as it stands."""
        return self._render(ast.parse(expression, mode="eval").body, soft=False)

    def plain(self, expression: str) -> str:
        """Render an expression as it stands, without moving terms out of it."""
        return self._write(ast.parse(expression, mode="eval").body, soft=False)

    def soft(self, expression: str) -> str:
        """Render ``emit``: comparisons become spike functions, logic becomes arithmetic."""
        return self._render(ast.parse(expression, mode="eval").body, soft=True)

    def is_constant(self, expression: str) -> bool:
        """Return whether an expression is constant during a presentation."""
        return self._is_constant(ast.parse(expression, mode="eval").body)

    def keep(self, name: str, code: str) -> str:
        """Compute `code` once per presentation, as `name`."""
        self.hoisted.append((name, code))
        return name

    def assignment(self, statement: Any) -> str:
        """Render one of Brian2's statements; a constant one moves out of the step."""
        if statement.op == TEMPORARY:
            once = statement.var not in self.changing
            if once and self.is_constant(statement.expr):
                self.keep(statement.var, self.plain(statement.expr))
                return ""
            self.changing.add(statement.var)
        expression = self.hard(statement.expr)
        if statement.op in ("=", TEMPORARY):
            return f"{statement.var} = {expression}"
        return f"{statement.var} = {statement.var} {statement.op[:-1]} {expression}"

    def _is_constant(self, node: ast.expr) -> bool:
        for child in ast.walk(node):
            if isinstance(child, ast.Name) and child.id in self.changing:
                return False
        return True

    def _render(self, node: ast.expr, soft: bool) -> str:
        if not isinstance(node, ast.Name | ast.Constant) and self._is_constant(node):
            code = self._write(node, soft=False)
            for name, known in self.hoisted:
                if known == code:
                    return name
            return self.keep(self._unused(f"h{len(self.hoisted) + 1}"), code)
        return self._write(node, soft)

    def _child(self, node: ast.expr, soft: bool, constant: bool) -> str:
        # A term that moves out of the step does so as a whole.
        return self._write(node, soft) if constant else self._render(node, soft)

    def _write(self, node: ast.expr, soft: bool) -> str:
        constant = self._is_constant(node)
        match node:
            case ast.Name(id=name):
                return name
            case ast.Constant(value=value):
                return repr(value)
            case ast.Call(func=ast.Name(id=function), args=arguments):
                return self._call(function, arguments, soft, constant)
            case ast.BoolOp(op=operator, values=values):
                parts = [self._child(v, soft=False, constant=constant) for v in values]
                return "(" + (" & " if isinstance(operator, ast.And) else " | ").join(parts) + ")"
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return f"negation({self._child(operand, soft=False, constant=constant)})"
            case ast.UnaryOp(op=operator, operand=operand):
                return f"({_OPERATORS[type(operator)]}{self._child(operand, soft, constant)})"
            case ast.BinOp(left=left, op=operator, right=right):
                parts = [self._child(part, soft, constant) for part in (left, right)]
                return "(" + f" {_OPERATORS[type(operator)]} ".join(parts) + ")"
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                parts = [self._child(part, False, constant) for part in (left, right)]
                return "(" + f" {_OPERATORS[type(operator)]} ".join(parts) + ")"
        raise InputError(f"'{ast.unparse(node)}' has no torch rendering")

    def _call(self, function: str, arguments: list[ast.expr], soft: bool, constant: bool) -> str:
        if function == "int":
            if soft and not constant:
                return self._logic(arguments[0])
            return f"as_number({self._child(arguments[0], False, constant)})"
        if soft and not constant:
            stairs = self._staircase(function, arguments)
            if stairs:
                return stairs
        if function not in self._functions:
            raise InputError(
                f"the function '{function}' has no torch rendering; give the twin one of yours: "
                "bb.register_function(..., torch=...)"
            )
        return f"{function}({', '.join(self._child(a, soft, constant) for a in arguments)})"

    def _staircase(self, function: str, arguments: list[ast.expr]) -> str:
        """Render ``clip(floor(x), low, high)`` and ``floor(x)`` as differentiable stairs."""
        match function, arguments:
            case "clip", [ast.Call(func=ast.Name(id="floor"), args=[x]), low, high]:
                bounds = [self._render(low, False), self._render(high, False)]
                return f"spike_staircase({self._render(x, False)}, {', '.join(bounds)})"
            case "floor", [x]:
                return f"spike_staircase({self._render(x, False)})"
        return ""

    def _logic(self, node: ast.expr) -> str:
        """Render a condition as a differentiable number: 1 where it holds."""
        if self._is_constant(node):
            return f"as_number({self._render(node, False)})"
        match node:
            case ast.Compare(left=left, ops=[ast.GtE() | ast.Gt() as more], comparators=[right]):
                return self._step(left, right, isinstance(more, ast.Gt))
            case ast.Compare(left=left, ops=[ast.LtE() | ast.Lt() as less], comparators=[right]):
                return self._step(right, left, isinstance(less, ast.Lt))
            case ast.BoolOp(op=ast.And(), values=values):
                return "(" + " * ".join(self._logic(v) for v in values) + ")"
            case ast.BoolOp(op=ast.Or(), values=values):
                misses = " * ".join(f"(1 - {self._logic(v)})" for v in values)
                return f"(1 - {misses})"
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return f"(1 - {self._logic(operand)})"
        return f"as_number({self._write(node, False)})"

    def _step(self, above: ast.expr, below: ast.expr, strict: bool) -> str:
        difference = f"({self._render(above, False)} - {self._render(below, False)})"
        unit = self._unit(ast.unparse(above), ast.unparse(below))
        scaled = "" if unit == 1 else f", {unit!r}"
        return f"spike_step({difference}, {strict}{scaled})"
