"""Run the neurons of a large group as compiled loops.

NumPy walks through a group once for every operation. Here Brian2's own statements
(the very ones its NumPy target would run, in the same order) become one loop over the neurons,
compiled by numba with the arithmetic of IEEE 754: no reordering, no fused multiply-add. Where
only ``+ - * /``, comparisons, ``floor``, ``clip`` and ``sqrt`` occur, the results are those of
the NumPy target to the last bit; ``exp`` and its kind may differ in the last one.

What is the same for all neurons NumPy computes, once a step. Compiled loops are kept in
``$XDG_CACHE_HOME/brianbridge/loops``; nothing in them names a group or holds the value of a
parameter, so that groups of one model share them.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import logging
import os
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from brian2.codegen.generators.numpy_generator import NumpyCodeGenerator
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.codegen.templates import Templater
from brian2.core.functions import DEFAULT_FUNCTIONS, Function
from brian2.core.variables import Constant
from brian2.parsing.bast import brian_dtype_from_dtype
from brian2.parsing.rendering import NumpyNodeRenderer
from brian2.utils.stringtools import get_identifiers

from brianbridge.errors import InputError
from brianbridge.io.atomic import writable_folder, write_whole
from brianbridge.simulation.device import is_runtime_device
from brianbridge.simulation.group_code import calls, parts_of

__all__ = ["LoopCodeObject", "run_as_loops"]

#: Brian2's functions that ``templates/loop.py_`` defines.
_FUNCTIONS = {*DEFAULT_FUNCTIONS} - {"rand", "randn", "poisson"}

_LOOP = "_compiled_loop"


class _NoLoopError(Exception):
    """Say why statements cannot become a loop."""


@dataclass(frozen=True)
class _Loop:
    """Hold the source of a loop, and what it needs from the namespace of its code object."""

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


class _LoopGenerator(NumpyCodeGenerator):
    """Generate, beside the code of the NumPy target, the same statements as a loop."""

    loops = Templater("brianbridge.simulation.batched", ".py_")

    def translate_statement_sequence(self, scalar: Any, vector: Any) -> tuple[Any, Any, Any]:
        code = super().translate_statement_sequence(scalar, vector)
        if self.template_name in ("stateupdate", "threshold", "reset"):
            try:
                # Of its generator a code object sees nothing but the code and these variables.
                self.variables[_LOOP] = self._loop(scalar[None], vector[None], code[0][None])
            except _NoLoopError as reason:
                _warn(self.owner.name, self.template_name, str(reason))
        return code

    def _loop(self, before: list[Any], statements: list[Any], scalar_code: list[str]) -> _Loop:
        """Write the loop of `statements`; those `before` it are run by NumPy."""
        read, write, indices, conditions = self.arrays_helper(statements)
        self._check_arrays(read | write | indices, write)
        arrays: dict[str, str] = {}

        def array(variable: str) -> str:
            name = self.get_array_name(self.variables[variable])
            return arrays.setdefault(name, f"_a{len(arrays)}")

        scalars, body = [], []
        for name in (*sorted(indices), *sorted(read)):
            index = self.variable_indices[name]
            if self.variables[name].scalar or index == "0":
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
        own = {statement.var for statement in statements} | read | indices | {"if", "else"}
        numbers = sorted(name for name in used - own if not self._is_function(name))
        for name in {*numbers} - {statement.var for statement in before}:
            if not isinstance(self.variables.get(name), Constant):
                raise _NoLoopError(f"'{name}' is not a number")
        parts["arguments"] = ", ".join([*arrays.values(), *numbers])
        needed = statements or self.template_name == "threshold"
        source = getattr(self.loops, self.template_name)(None, None, **parts) if needed else ""
        space = self.get_array_name(self.variables[space]) if space else ""
        return _Loop(source, "\n".join(scalar_code), [*arrays], numbers, space)

    def _expression(self, statement: Any) -> str:
        """Write the expression of a statement, with the same operations as the NumPy target."""
        write = _Renderer().render_expr
        # NumPy's way of not computing both cases of int(b)*x + int(not b)*y.
        booleans: Any = statement.used_boolean_variables or ()
        if (
            len(booleans) == 1
            and brian_dtype_from_dtype(statement.dtype) == "float"
            and statement.complexity_std > sum(statement.complexities.values())
        ):
            cases = statement.boolean_simplified_expressions
            true, false = (write(cases[((booleans[0], value),)]) for value in (True, False))
            return f"({true}) if {booleans[0]} else ({false})"
        return str(write(statement.expr))

    def _is_function(self, name: str) -> bool:
        variable = self.variables.get(name)
        if not isinstance(variable, Function):
            return name in {"logical_not", "_power"}
        if name not in _FUNCTIONS or variable is not DEFAULT_FUNCTIONS[name]:
            raise _NoLoopError(f"{name}() has no compiled form")
        return True

    def _check_arrays(self, names: Iterable[str], write: set[str]) -> None:
        """Refuse single precision, and what would make neurons depend on each other's order."""
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


class LoopCodeObject(NumpyCodeObject):
    """Run Brian2's statements as a compiled loop, or by NumPy what cannot be compiled after all."""

    generator_class = _LoopGenerator

    def compile(self) -> None:
        """Find the loop's functions; numba compiles them when they are first called."""
        super().compile()
        self._loop: _Loop | None = self.variables.get(_LOOP)
        self._compiled = False
        if self._loop is not None:
            self.namespace.update(_numpy=np, _vectorisation_idx=1)
            self._scalar_code = compile(self._loop.scalar_code, f"<{self.name}>", "exec")
            self._module = _module(self._loop.source) if self._loop.source else None

    def run(self) -> Any:
        """Run one step."""
        if self._loop is None:
            return super().run()
        try:
            self._step(self._loop)
            self._compiled = True
        except Exception as reason:
            if self._compiled:
                raise
            # No neuron was touched; what all share was at most assigned, and may be again.
            _warn(self.owner.name, self.template_name, f"{type(reason).__name__}: {reason}")
            self._loop = None
            return super().run()

    def _step(self, loop: _Loop) -> None:
        exec(self._scalar_code, self.namespace)
        if self._module is None:
            return
        values = [self.namespace[name] for name in loop.arrays]
        values += [np.asarray(self.namespace[name]).item() for name in loop.numbers]
        space: Any = self.namespace.get(loop.space)
        count = int(space[-1]) if self.template_name == "reset" else self.namespace["N"]
        found = self._module.loop(count, *values)
        if self.template_name == "threshold":
            space[-1] = found


@cache
def _warn(group: str, part: str, reason: str) -> None:
    reason = reason.strip().splitlines()[0]
    logging.getLogger(__name__).warning("'%s', %s: run by NumPy: %s", group, part, reason)


@cache
def _module(source: str) -> ModuleType:
    """Import `source` from a file, beside which numba keeps what it has compiled."""
    import numba

    from brianbridge.version import __version__

    key = hashlib.sha256(f"{__version__} {numba.__version__}\n{source}".encode()).hexdigest()
    name = f"brianbridge_loop_{key}"
    folder = _cache_folder(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    if folder is None:
        module = ModuleType(name)
        exec(compile(source, f"<{name}>", "exec"), module.__dict__)
        return module
    path = folder / f"{key}.py"
    # A file that is there is left alone: numba compiles anew if its date changes.
    if not path.is_file() or path.read_text() != source:
        write_whole(path, source)
    spec: Any = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def _cache_folder(base: str) -> Path | None:
    """Return the user's folder for compiled loops, or one for this process; None if none is."""
    try:
        return writable_folder(Path(base).expanduser() / "brianbridge" / "loops")
    except (InputError, RuntimeError):  # the latter where the user has no home
        with suppress(OSError):
            return Path(tempfile.mkdtemp(prefix="brianbridge-loops-"))
    return None


def run_as_loops(group: Any) -> dict[str, str]:
    """Have the neurons of a group updated, compared and reset by compiled loops.

    Parameters
    ----------
    group : brian2.NeuronGroup
        Any group; worthwhile from some ten thousand neurons.

    Returns
    -------
    dict of str to str
        By name of the part ("state update", "threshold", ...), why it stays with Brian2's target.

    Examples
    --------
    >>> from brian2 import NeuronGroup
    >>> group = NeuronGroup(5, "dv/dt = -v/(10*ms) : 1", threshold="v > 1", reset="v = rand()")
    >>> run_as_loops(group)
    {'reset': 'rand() has no compiled form'}
    """
    left = {}
    for name, (runner, code) in parts_of(group).items():
        if reason := _why_not(runner, code, group):
            left[name] = reason
        else:
            runner.codeobj_class = LoopCodeObject
    for name in ("expm1", "log1p", "exprel"):
        # Brian2 does this itself for its NumPy target, but for no class derived from it.
        function = DEFAULT_FUNCTIONS[name]
        if NumpyCodeObject not in function.implementations:
            function.implementations.add_numpy_implementation(function.pyfunc)
    return left


def _why_not(runner: Any, code: Iterable[str], group: Any) -> str:
    """Return why a part cannot be a loop, as far as can be told before a run."""
    if importlib.util.find_spec("numba") is None:
        return "numba is not installed: pip install numba"
    if not is_runtime_device():
        return "a standalone simulation is compiled as a whole"
    if runner is group.state_updater:
        if str(runner.method_choice).startswith("gsl"):
            return "GSL integrates it"
        if group.equations.is_stochastic:
            return "random numbers (xi) have no compiled form"
    unknown = calls(code, group.variables) - _FUNCTIONS
    return f"{min(unknown)}() has no compiled form" if unknown else ""
