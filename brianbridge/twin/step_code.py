"""Get the statements of a neuron's time step, as Brian2 would compile them."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, count, repeat
from typing import Any

import numpy as np

from brianbridge.neurons.abstract_code import TEMPORARY, statements_of
from brianbridge.neurons.events import CustomEvent
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.probe import resolve_names
from brianbridge.twin.draws import Draw, named_draws, random_calls

__all__ = ["TEMPORARY", "StepCode", "read_step"]


@dataclass(frozen=True)
class EventCode:
    """Hold a custom event.

    Parameters
    ----------
    happens : str
        Name of the condition in the step.
    condition : list of brian2 Statement
        Statements, the last of which defines the condition.
    code : list of brian2 Statement
        Statements for the neurons that meet it.
    """

    happens: str
    condition: list[Any]
    code: list[Any]


@dataclass(frozen=True)
class StepCode:
    """Hold Brian2's statements of one time step.

    Parameters
    ----------
    update, emit, reset : list of brian2 Statement
        The state update, the spike value, and the reset.
    regular : list of (int, list of brian2 Statement)
        Code at the start of a step, and how many steps lie between two runs of it.
    draws : tuple of Draw
        The random numbers of a step.
    events : tuple of EventCode
        The custom events.
    """

    update: list[Any]
    emit: list[Any]
    reset: list[Any]
    regular: list[tuple[int, list[Any]]]
    draws: tuple[Draw, ...] = ()
    events: tuple[EventCode, ...] = ()

    @property
    def all(self) -> list[Any]:
        """All statements."""
        events = [s for one in self.events for s in (*one.condition, *one.code)]
        return [*self._regularly, *self.update, *self.emit, *self.reset, *events]

    @property
    def _regularly(self) -> list[Any]:
        return [statement for _, statements in self.regular for statement in statements]

    def used_names(self) -> set[str]:
        """Return the names that the right-hand sides use."""
        nodes = (n for s in self.all for n in ast.walk(ast.parse(s.expr, mode="eval")))
        return {node.id for node in nodes if isinstance(node, ast.Name)}

    def assigned_names(self) -> set[str]:
        """Return the variables that a step changes, without temporary ones."""
        return {s.var for s in self.all} - self.temporary_names()

    def temporary_names(self) -> set[str]:
        """Return the names that the code defines itself."""
        return {s.var for s in self.all if s.op == TEMPORARY}

    def reassigned_names(self) -> set[str]:
        """Return the temporary names with several values, also in different pieces of code."""
        times = Counter(s.var for s in self.all)
        return {name for name in self.temporary_names() if times[name] > 1}


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
    update, constant = group.state_updater.abstract_code, ""
    if group.subexpression_updater is not None:  # '(constant over dt)'
        constant = group.subexpression_updater.abstract_code
        update = f"{constant}\n{update}"
    emit = f"_emit = {model.emit}" if fires else ""
    # `emit` itself stays a name in the reset, so that a gradient can pass through it.
    reset = model.reset if fires else ""
    others = [one.code for one in (*model.regular, *model.events)]
    known = resolve_names(group, update, emit, reset, *others)
    known["emit"] = _emit_variable(group)
    draws: list[Draw] = []

    def read(text: str, label: str, calls: Iterator[tuple[str, int]]) -> list[Any]:
        statements, drawn = named_draws(statements_of(text, known, label), calls, label)
        draws.extend(drawn)
        return statements

    def calls_of(part: str) -> Iterator[tuple[str, int]]:
        return zip(repeat(part), count(), strict=False)

    # Brian2 draws in the threshold whether a neuron fires. The value of a graded spike is computed
    # in the reset, before all else.
    reset_calls = calls_of("reset")
    update_calls = chain(
        (("subexpressions", k) for k in range(random_calls(constant))),
        calls_of("state update"),
    )

    def event(one: CustomEvent) -> EventCode:
        name, happens = one.name, f"_happens_{one.name}"
        threshold, reset = (calls_of(f"{part} of {name}") for part in ("threshold", "reset"))
        return EventCode(
            happens,
            read(f"{happens} = {one.condition}", f"if_{name}", threshold),
            read(one.code, f"on_{name}", reset),
        )

    code = StepCode(
        update=read(update, "update", update_calls),
        emit=read(emit, "emit", calls_of("threshold") if model.is_binary else reset_calls),
        reset=read(reset, "reset", reset_calls),
        regular=[
            (
                one.steps(float(group.clock.dt_)),
                read(one.code, f"regular{k}", calls_of(f"regular {k}")),
            )
            for k, one in enumerate(model.regular)
        ],
        events=tuple(event(one) for one in model.events),
    )
    return replace(code, draws=tuple(draws)), known


def _emit_variable(group: Any) -> Any:
    from brian2.core.variables import ArrayVariable

    return ArrayVariable("emit", owner=group, size=group.N, device=None, dtype=np.float64)
