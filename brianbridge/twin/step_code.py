"""Get the statements of a neuron's time step, as Brian2 would compile them."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

import numpy as np

from brianbridge.neurons.abstract_code import TEMPORARY, statements_of
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.probe import resolve_names

__all__ = ["TEMPORARY", "StepCode", "read_step"]


@dataclass(frozen=True)
class StepCode:
    """Hold Brian2's statements of one time step.

    Parameters
    ----------
    update, emit, reset : list of brian2 Statement
        The state update, the spike value, and the reset.
    regular : list of (int, list of brian2 Statement)
        Code at the start of a step, and how many steps lie between two runs of it.
    """

    update: list[Any]
    emit: list[Any]
    reset: list[Any]
    regular: list[tuple[int, list[Any]]]

    @property
    def all(self) -> list[Any]:
        """All statements."""
        return [*self._regularly, *self.update, *self.emit, *self.reset]

    @property
    def _regularly(self) -> list[Any]:
        return [statement for _, statements in self.regular for statement in statements]

    def used_names(self) -> set[str]:
        """Return the names that the right-hand sides use."""
        nodes = (n for s in self.all for n in ast.walk(ast.parse(s.expr, mode="eval")))
        return {node.id for node in nodes if isinstance(node, ast.Name)}

    def assigned_names(self) -> set[str]:
        """Return the variables that a step changes, without temporary ones."""
        return {s.var for s in (*self._regularly, *self.update, *self.reset) if s.op != TEMPORARY}


def read_step(model: NeuronModel, group: Any, fires: bool) -> tuple[StepCode, dict[str, Any]]:
    """Return the statements of a step, and what each of their names refers to.

    Parameters
    ----------
    model : NeuronModel
        The neuron.
    group : brian2.NeuronGroup
        A group of such neurons.
    fires : bool
        Whether the neurons emit and reset.
    """
    group.state_updater.update_abstract_code({})
    update = group.state_updater.abstract_code
    if group.subexpression_updater is not None:  # '(constant over dt)'
        update = f"{group.subexpression_updater.abstract_code}\n{update}"
    emit = f"_emit = {model.emit}" if fires else ""
    # `emit` itself stays a name in the reset, so that a gradient can pass through it.
    reset = model.reset if fires else ""
    known = resolve_names(group, update, emit, reset, *(one.code for one in model.regular))
    known["emit"] = _emit_variable(group)
    code = StepCode(
        statements_of(update, known, "update"),
        statements_of(emit, known, "emit"),
        statements_of(reset, known, "reset"),
        [
            (one.steps(float(group.clock.dt_)), statements_of(one.code, known, f"regular{k}"))
            for k, one in enumerate(model.regular)
        ],
    )
    return code, known


def _emit_variable(group: Any) -> Any:
    from brian2.core.variables import ArrayVariable

    return ArrayVariable("emit", owner=group, size=group.N, device=None, dtype=np.float64)
