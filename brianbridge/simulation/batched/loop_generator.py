"""Turn Brian2's statements into the source of a loop over neurons.

The statements are the ones that Brian2's NumPy target would run, in the same order. NumPy runs
those that are the same for all neurons, once per step. The loop contains no name of a group and no
value of a parameter, so that groups of one model share it.
"""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from brian2.codegen.generators.numpy_generator import NumpyCodeGenerator
from brian2.codegen.templates import Templater
from brian2.core.functions import DEFAULT_FUNCTIONS, Function
from brian2.core.variables import Constant
from brian2.parsing.bast import brian_dtype_from_dtype
from brian2.parsing.rendering import NumpyNodeRenderer
from brian2.utils.stringtools import get_identifiers

__all__ = ["FUNCTIONS", "LOOP", "Loop", "LoopGenerator", "warn"]

#: Brian2's functions that ``templates/loop.py_`` defines.
FUNCTIONS = {*DEFAULT_FUNCTIONS} - {"rand", "randn", "poisson"}

#: Name of the variable in which a generator passes the `Loop` to its code object.
LOOP = "_compiled_loop"


@cache
def warn(group: str, part: str, reason: str) -> None:
    """Warn, once for each reason, that a part of a group is not compiled."""
    reason = reason.strip().splitlines()[0]
    logging.getLogger(__name__).warning("'%s', %s: run by NumPy: %s", group, part, reason)


class _NoLoopError(Exception):
    """Statements cannot become a loop; the message is the reason."""


@dataclass(frozen=True)
class Loop:
    """Hold the source of a loop, and the names that it needs from its code object's namespace."""

    source: str
    scalar_code: str
    arrays: list[str]
    numbers: list[str]
    space: str


class _Renderer(NumpyNodeRenderer):
    def render_BinOp(self, node: Any) -> str:
        """Write powers other than squares as NumPy computes them: not by multiplication."""
        square = isinstance(node.right, ast.Constant) and node.right.value == 2
        if not isinstance(node.op, ast.Pow) or square:
            return str(super().render_BinOp(node))
        return f"_power({self.render_node(node.left)}, {self.render_node(node.right)})"


def _without_division(text: str) -> str:
    """Compare the time since the last spike, not the number of steps, where all neurons agree.

    The result is the same: a quotient reaches a number when its dividend reaches the least value
    for which it does.
    """
    return re.sub(
        r"^timestep\(t - lastspike, dt\) >= (_lio_\w+)$",
        r"(t - lastspike) + 1e-3 * dt >= _least_\1",
        text,
    )


class LoopGenerator(NumpyCodeGenerator):
    """Generate, beside the code of the NumPy target, the same statements as a loop."""

    loops = Templater("brianbridge.simulation.batched", ".py_")

    def translate_statement_sequence(self, scalar: Any, vector: Any) -> tuple[Any, Any, Any]:
        """Return the code of the NumPy target; leave the loop to the code object."""
        code = super().translate_statement_sequence(scalar, vector)
        if self.template_name in ("stateupdate", "threshold", "reset"):
            try:
                # A code object sees nothing of its generator but the code and these variables.
                self.variables[LOOP] = self._loop(scalar[None], vector[None], code[0][None])
            except _NoLoopError as reason:
                warn(self.owner.name, self.template_name, str(reason))
        return code

    def _loop(self, before: list[Any], statements: list[Any], scalar_code: list[str]) -> Loop:
        """Write the loop of `statements`; NumPy runs the statements `before` it."""
        read, write, indices, conditions = self.arrays_helper(statements)
        self._check_arrays(read | write | indices, write)
        arrays: dict[str, str] = {}

        def array(variable: str) -> str:
            name = self.get_array_name(self.variables[variable])
            return arrays.setdefault(name, f"_a{len(arrays)}")

        scalars, body = [], []
        for name in (*sorted(indices), *sorted(read)):
            index = self.variable_indices[name]
            if self.variables[name].scalar or index == "0" or self._is_uniform(name):
                scalars.append(f"{name} = {array(name)}[0]")
            else:
                body.append(f"{name} = {array(name)}[{index}]")
        used: set[str] = set()
        for statement in statements:
            expression = self._expression(statement)
            used |= get_identifiers(expression)
            body.append(f"{statement.var} {statement.op.lstrip(':')} {expression}")
            if statement.var in conditions:
                body[-1] = f"if {conditions[statement.var]}:\n    {body[-1]}"
        body += [f"{array(v)}[{self.variable_indices[v]}] = {v}" for v in sorted(write)]
        space, refractory = "", {}
        if self.template_name in ("threshold", "reset"):
            space = next(v for v in self.variables if v[0] == "_" and v.endswith("space"))
        if self.template_name == "threshold":
            used.add("_cond")
            if space == "_spikespace" and self.owner._refractory is not False:
                refractory = {v: array(v) for v in ("not_refractory", "lastspike", "t")}
        parts = {"scalars": scalars, "body": body or "pass", "refractory": refractory}
        parts["space"] = array(space) if space else ""
        local = {statement.var for statement in statements} | read | indices | {"if", "else"}
        used |= {name.removeprefix("_least_") for name in used}
        local |= {name for name in used if name.startswith("_least_")}
        numbers = sorted(name for name in used - local if not self._is_function(name))
        for name in {*numbers} - {statement.var for statement in before}:
            if not isinstance(self.variables.get(name), Constant):
                raise _NoLoopError(f"'{name}' is not a number")
        scalars += [f"_least_{n} = _least({n}, dt)" for n in numbers if f"_least_{n}" in used]
        parts["arguments"] = ", ".join([*arrays.values(), *numbers])
        needed = statements or self.template_name == "threshold"
        source = getattr(self.loops, self.template_name)(None, None, **parts) if needed else ""
        space = self.get_array_name(self.variables[space]) if space else ""
        return Loop(source, "\n".join(scalar_code), [*arrays], numbers, space)

    def _is_uniform(self, name: str) -> bool:
        """Return whether all neurons have the same value of a variable that nothing changes."""
        variable = self.variables[name]
        # The variable must be the group's own, as another group may change a linked one.
        if name not in self.owner._fixed or variable.owner.name != self.owner.name:
            return False
        values = variable.get_value()
        return bool((values == values[0]).all())

    def _expression(self, statement: Any) -> str:
        """Write the expression of a statement, with the same operations as the NumPy target."""
        write = _Renderer().render_expr
        # Brian2's NumPy target computes only one case of int(b)*x + int(not b)*y.
        booleans: Any = statement.used_boolean_variables or ()
        if (
            len(booleans) == 1
            and brian_dtype_from_dtype(statement.dtype) == "float"
            and statement.complexity_std > sum(statement.complexities.values())
        ):
            cases = statement.boolean_simplified_expressions
            true, false = (write(cases[((booleans[0], value),)]) for value in (True, False))
            return f"({true}) if {booleans[0]} else ({false})"
        return _without_division(str(write(statement.expr)))

    def _is_function(self, name: str) -> bool:
        variable = self.variables.get(name)
        if not isinstance(variable, Function):
            return name in {"logical_not", "_power", "_least"}
        if name not in FUNCTIONS or variable is not DEFAULT_FUNCTIONS[name]:
            raise _NoLoopError(f"{name}() has no compiled form")
        return True

    def _check_arrays(self, names: Iterable[str], write: set[str]) -> None:
        """Refuse single precision, and variables that make the order of neurons matter."""
        linked = set()
        for name in names:
            variable = self.variables[name]
            if np.issubdtype(variable.dtype, np.floating) and variable.dtype != np.float64:
                raise _NoLoopError(f"'{name}' is in single precision")
            if self.variable_indices[name] not in ("_idx", "0"):
                linked.add(variable)
        for name in sorted(write):
            if self.variables[name] in linked:
                raise _NoLoopError(f"'{name}' is linked to other neurons")
