"""Run the neurons of a large group as compiled loops.

NumPy walks through a group once for every operation. Here Brian2's own statements become one loop
over the neurons (`brianbridge.simulation.batched.loop_generator`), compiled by numba with the
arithmetic of IEEE 754: no reordering, no fused multiply-add. With only ``+ - * /``, comparisons,
``floor``, ``clip`` and ``sqrt``, the results are those of the NumPy target to the last bit; ``exp``
and similar functions may differ in the last bit.

Compiled loops are kept in ``$XDG_CACHE_HOME/brianbridge/loops``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from typing import Any

import numpy as np
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.core.functions import DEFAULT_FUNCTIONS

from brianbridge.kernels.generated import import_source
from brianbridge.simulation.batched.loop_generator import (
    FUNCTIONS,
    LOOP,
    Loop,
    LoopGenerator,
    warn,
)
from brianbridge.simulation.code_runners import called_functions, code_runners
from brianbridge.simulation.device import is_runtime_device

__all__ = ["LoopCodeObject", "run_as_loops"]


class LoopCodeObject(NumpyCodeObject):
    """Run Brian2's statements as a compiled loop, or by NumPy if they cannot be compiled."""

    generator_class = LoopGenerator

    def compile(self) -> None:
        """Find the loop's function; numba compiles it when it is first called."""
        super().compile()
        self._loop: Loop | None = self.variables.get(LOOP)
        self._compiled = False
        if self._loop is not None:
            self.namespace.update(_numpy=np, _vectorisation_idx=1)
            self._scalar_code = compile(self._loop.scalar_code, f"<{self.name}>", "exec")
            self._module = import_source(self._loop.source) if self._loop.source else None

    def run(self) -> Any:
        """Run one step."""
        if self._loop is None:
            return super().run()
        if self._compiled:
            return self._step(self._loop)
        try:
            self._step(self._loop)
            self._compiled = True
        except Exception as reason:
            # No neuron has changed. Shared variables may be assigned twice, which does no harm.
            warn(self.owner.name, self.template_name, f"{type(reason).__name__}: {reason}")
            self._loop = None
            return super().run()

    def _step(self, loop: Loop) -> None:
        namespace = self.namespace
        if loop.scalar_code:
            exec(self._scalar_code, namespace)
        if self._module is None:
            return
        values = [namespace[name] for name in loop.arrays]
        values += [_number(namespace[name]) for name in loop.numbers]
        space: Any = namespace.get(loop.space)
        count = int(space[-1]) if self.template_name == "reset" else self.namespace["N"]
        found = self._module.loop(count, *values)
        if self.template_name == "threshold":
            space[-1] = found


def _number(value: Any) -> Any:
    """Return a Python number, for which numba compiles once."""
    return value if type(value) in (float, int, bool) else np.asarray(value).item()


def run_as_loops(group: Any, fixed: Iterable[str] = ()) -> dict[str, str]:
    """Let compiled loops update the neurons of a group, and apply its threshold and reset.

    Parameters
    ----------
    group : brian2.NeuronGroup
        Any group; worthwhile from about ten thousand neurons.
    fixed : iterable of str
        Variables that nothing changes in a run. Where all neurons have the same value, loops read
        it once.

    Returns
    -------
    dict of str to str
        The parts that Brian2's target still runs ("state update", ...), each with the reason.

    Examples
    --------
    >>> from brian2 import NeuronGroup
    >>> group = NeuronGroup(5, "dv/dt = -v/(10*ms) : 1", threshold="v > 1", reset="v = rand()")
    >>> run_as_loops(group)
    {'reset': 'rand() has no compiled form'}
    """
    group._fixed = frozenset(fixed)
    left = {}
    for name, (runner, code) in code_runners(group).items():
        if reason := _why_not(runner, code, group):
            left[name] = reason
        else:
            runner.codeobj_class = LoopCodeObject
    for name in ("expm1", "log1p", "exprel"):
        # Brian2 does this for its NumPy target, but not for classes derived from it.
        function = DEFAULT_FUNCTIONS[name]
        if NumpyCodeObject not in function.implementations:
            function.implementations.add_numpy_implementation(function.pyfunc)
    return left


def _why_not(runner: Any, code: Iterable[str], group: Any) -> str:
    """Return the reason why a part cannot be a loop; empty if none is known before a run."""
    if importlib.util.find_spec("numba") is None:
        return "numba is not installed: pip install numba"
    if not is_runtime_device():
        return "a standalone simulation is compiled as a whole"
    if runner is group.state_updater:
        if str(runner.method_choice).startswith("gsl"):
            return "GSL integrates it"
        if group.equations.is_stochastic:
            return "random numbers (xi) have no compiled form"
    unknown = called_functions(code, group.variables) - FUNCTIONS
    return f"{min(unknown)}() has no compiled form" if unknown else ""
