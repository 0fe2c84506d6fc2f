"""Check the names in the expressions of a neuron model, before Brian2 sees any of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from brianbridge.errors import InputError, did_you_mean
from brianbridge.neurons.description import INDEX_NAMES, NeuronDescription
from brianbridge.neurons.equations import check_costs, split_equations
from brianbridge.neurons.events import check_event
from brianbridge.neurons.expressions import (
    called_functions,
    check_names,
    names_in,
    one_line,
    parse_expression,
)
from brianbridge.neurons.shared import RANDOM
from brianbridge.neurons.statements import Statement, parse_statements

__all__ = ["check_model_names"]

#: Names that Brian2 gives to every group.
_GROUP_NAMES = frozenset({"t", "dt"})
#: Names that Brian2 gives to groups with a refractory period.
_REFRACTORY_NAMES = frozenset({"lastspike", "not_refractory"})
#: Names with a meaning in every neuron model.
_RESERVED = frozenset({"emit", "spike_value"})


def check_model_names(model: NeuronDescription, what: str) -> None:
    """Refuse a model whose expressions do not parse or use unknown names."""
    from brian2.core.namespace import DEFAULT_FUNCTIONS

    equations = split_equations(model.equations, f"equations of {what}")
    if not equations and not model.emit:
        raise InputError(
            f"equations of {what}: there is no variable; give at least one, 'dv/dt = ... : unit' "
            "or 'v : unit'"
        )
    for name in (*equations, *model.parameters, *model.timed_arrays):
        _check_identifier(name, what)
    clash = sorted({*equations, *model.timed_arrays} & set(model.parameters))
    if clash:
        raise InputError(
            f"{what}: '{clash[0]}' is both a variable of the equations and a parameter; rename one"
        )
    known = {*equations, *model.parameters, *_GROUP_NAMES, *INDEX_NAMES}
    known |= _REFRACTORY_NAMES if model.refractory is not None else set()
    functions = {*DEFAULT_FUNCTIONS, "int", *model.timed_arrays, *model.user_functions}
    for name, expression in equations.items():
        if expression:
            noise = set(re.findall(r"\bxi\w*\b", expression))
            check_names(expression, known | noise, functions, f"{what}, equation of '{name}'")
    if model.emit:
        _check_emit(model, equations, known, functions, what)
    if isinstance(model.refractory, str):
        check_names(model.refractory, known, functions, f"{what}, refractory")
    reset = parse_statements(model.reset, f"{what}, reset")
    regular = [parse_statements(one.code, f"{what}, regular") for one in model.regular]
    others = [parse_statements(one.code, f"{what}, event '{one.name}'") for one in model.events]
    _check_costs(model, equations, [*reset, *chain.from_iterable(regular + others)], what)
    parameters = {name for name, expression in equations.items() if not expression}
    settable = {*model.state_variables, *parameters}
    _check_statements(reset, known | {"emit"}, functions, settable, f"{what}, reset")
    for event in model.events:
        where = f"{what}, event '{event.name}'"
        check_event(event, model.is_binary or not model.emit, what)
        check_names(event.condition, known, functions, where)
        _check_statements(parse_statements(event.code, where), known, functions, settable, where)
    for statements in regular:
        _check_statements(statements, known, functions, settable, f"{what}, regular")
    _check_roles(model, parameters, settable, what)


def _check_emit(
    model: NeuronDescription,
    equations: Mapping[str, str],
    known: set[str],
    functions: set[str],
    what: str,
) -> None:
    """Refuse an emit that uses an unknown name or never changes."""
    parse_expression(model.emit, f"{what}, emit")
    check_names(model.emit, known, functions, f"{what}, emit")
    changing = {*equations, *_GROUP_NAMES, *_REFRACTORY_NAMES}
    random = called_functions(model.emit) & RANDOM
    if random and not model.is_binary:
        raise InputError(
            f"{what}: emit draws random numbers ('{min(random)}') for spikes of several values, "
            "which Brian2 would draw once for the threshold and once for the value; let emit be "
            "int(...) of a condition, or draw them in the equations"
        )
    if not (names_in(model.emit) & changing or called_functions(model.emit) & RANDOM):
        raise InputError(
            f"{what}: emit '{model.emit:.80}' is the same in every step; let it depend on a "
            "variable of the equations, such as 'int(v > 1)'"
        )


def _check_statements(
    statements: Sequence[Statement],
    known: set[str],
    functions: set[str],
    settable: set[str],
    what: str,
) -> None:
    """Refuse statements that use an unknown name, or set something that cannot be set.

    A name without another meaning is a local one, as in Brian2: from where it is set, the
    statements after it may use it.
    """
    local: set[str] = set()
    for position, line in enumerate(statements):
        name = line.target
        check_names(line.expression, known | local, functions, what)
        if name in settable | local:
            continue
        hint = did_you_mean(name, settable | local)
        if line.operation != "=" or name in known:
            raise InputError(f"{what}: '{name}' cannot be set. {hint}")
        read = any(name in names_in(later.expression) for later in statements[position:])
        if not read and hint.startswith("Did you mean"):
            raise InputError(
                f"{what}: '{name}' cannot be set: it is no variable, and nothing reads it. {hint}"
            )
        _check_identifier(name, what)
        local.add(name)


def _check_roles(
    model: NeuronDescription, parameters: set[str], settable: set[str], what: str
) -> None:
    """Refuse a receive, drive or initial value of something that cannot be set."""
    for role, names, allowed in (
        ("receive", [model.receive], settable),
        ("drive", [model.drive], parameters),
        ("potential", [model.potential], settable),
        ("initial", model.initial, settable),
    ):
        for name in names:
            if name and name not in allowed:
                kind = "parameter" if allowed is parameters else "variable"
                raise InputError(
                    f"{what}: {role} names {name!r}, which is not a {kind} of the equations. "
                    + did_you_mean(name, allowed)
                )


def _check_costs(
    model: NeuronDescription,
    equations: Mapping[str, str],
    statements: Iterable[Statement],
    what: str,
) -> None:
    """Refuse a model whose expressions cost too much once subexpressions are written out."""
    expressions = {name: text for name, text in equations.items() if text}
    codes = {"emit": model.emit, "refractory": model.refractory}
    codes |= {f"reset {n + 1}": line.expression for n, line in enumerate(statements)}
    codes |= {f"event {one.name}": one.condition for one in model.events}
    texts = {name: code for name, code in codes.items() if code and isinstance(code, str)}
    check_costs({**expressions, **texts}, model.state_variables, what)


def _check_identifier(name: str, what: str) -> None:
    """Refuse names that have another meaning in Brian2 or in every neuron model."""
    from brian2.equations.equations import Equations

    try:
        if name in _RESERVED | _GROUP_NAMES | _REFRACTORY_NAMES | INDEX_NAMES:
            raise ValueError("it has another meaning")
        Equations.check_identifier(name)
    except (ValueError, SyntaxError) as error:
        raise InputError(
            f"{what}: {name!r} cannot name a variable or parameter: {one_line(str(error))}"
        ) from None
