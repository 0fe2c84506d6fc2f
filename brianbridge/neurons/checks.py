"""Check a neuron model before anything is built from it: units, types, method, one trial step.

Brian2 itself checks the units, on a group that never runs. Names have been checked before by
`brianbridge.neurons.names`.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.neurons.description import NeuronDescription
from brianbridge.neurons.equations import flags_of, split_equations
from brianbridge.neurons.expressions import one_line
from brianbridge.neurons.missing_units import told_missing_units
from brianbridge.neurons.probe import on_runtime_device, probe, resolve_names
from brianbridge.neurons.quantity_text import unit_name, with_named_units
from brianbridge.neurons.trial import try_model
from brianbridge.neurons.types import check_types

__all__ = ["check_model"]

#: Length of the trial step, in seconds: Brian2's default.
_TRIAL_STEP = 1e-4
#: Digests of models that passed; each check takes some 20 ms.
_PASSED: set[bytes] = set()
_MOST_PASSED = 10_000


def check_model(model: NeuronDescription, what: str) -> None:
    """Let Brian2 check the units of a model, and try one step. Equal models are checked once.

    Raises
    ------
    InputError
        If a unit is wrong, the method does not apply, or a step is not finite.
    """
    digest = _digest(model)
    if digest in _PASSED:
        return
    _check_model_units(model, what)
    if len(_PASSED) >= _MOST_PASSED:
        _PASSED.clear()
    _PASSED.add(digest)


def _digest(model: NeuronDescription) -> bytes:
    """Return a hash of everything that a simulation of a model depends on."""
    digest = hashlib.sha256()
    texts = ("equations", "emit", "reset", "receive", "drive", "method")
    values = {**model.parameters, **{f"{k} at first": v for k, v in model.initial.items()}}
    values["refractory"] = model.refractory
    values |= {f"{k} in time": v.values for k, v in model.timed_arrays.items()}
    values |= {f"dt of {k}": v.dt for k, v in model.timed_arrays.items()}
    functions = [(name, id(one.brian2)) for name, one in model.user_functions.items()]
    code = [*(getattr(model, text) for text in texts), model.regular, model.events, functions]
    digest.update(repr(code).encode())
    for name, value in sorted(values.items()):
        array = np.asarray(value)
        unit = getattr(value, "dim", None)
        digest.update(repr((name, array.dtype, array.shape, unit)).encode())
        digest.update(repr(value).encode() if array.dtype.kind == "O" else array.tobytes())
    return digest.digest()


def _check_model_units(model: NeuronDescription, what: str) -> None:
    """Build a group of a model, check it, and try one step."""
    arrays = [v for v in (*model.parameters.values(), *model.initial.values()) if np.ndim(v)]
    sizes = sorted({np.size(v) for v in arrays}) or [1]
    if len(sizes) > 1:
        raise InputError(
            f"{what}: its parameters and initial values are arrays of different sizes {sizes}; "
            "give each one value for each neuron"
        )
    _check_flags(model, what)
    with _told(what, lambda error: _missing_units(model, 2 * sizes[0], what, error)):
        group, variables = _checked_trial(model, 2 * sizes[0], what)
    _check_variables(model, group, what)
    check_types(model, variables, what)
    _check_method(model, group.equations, variables, what)
    if not model.method.startswith("gsl"):  # the trial runs in NumPy, which has no GSL
        try_model(model, group, what)


def _checked_trial(model: NeuronDescription, neurons: int, what: str) -> tuple[Any, dict[str, Any]]:
    """Return a group of a model, and what its names refer to, after Brian2 checked the units."""
    group = _trial_group(model, neurons)
    variables = resolve_names(group, model.emit, *(one.code for one in model.regular))
    _check_expressions(model, group, variables, what)
    return group, variables


def _missing_units(
    model: NeuronDescription, neurons: int, what: str, error: Exception
) -> str | None:
    """Return which parameters lack a unit, if that alone is wrong."""
    from brian2.units.fundamentalunits import DimensionMismatchError

    if not isinstance(error, DimensionMismatchError):
        return None
    return told_missing_units(model, lambda one: _passes(one, neurons, what))


def _passes(model: NeuronDescription, neurons: int, what: str) -> bool:
    """Return whether Brian2 finds nothing wrong with a model."""
    try:
        _checked_trial(model, neurons, what)
    except Exception:
        return False
    return True


@contextmanager
def _told(
    what: str, cause: Callable[[Exception], str | None] = lambda error: None
) -> Iterator[None]:
    """Raise an error of Brian2's checks as one line on a part of a model, or on its cause."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:  # they have no common type
        text = str(error.args[0] if len(error.args) == 1 else error)
        reason = with_named_units(one_line(text)) or type(error).__name__
        raise InputError(f"{what}: {cause(error) or reason}") from error


def _name_of_emit(emit: str) -> str:
    """Return emit as its author knows it: the threshold is ``int(condition)``."""
    match ast.parse(one_line(emit), mode="eval").body:
        case ast.Call(func=ast.Name(id="int"), args=[ast.Compare() | ast.BoolOp() as condition]):
            return f"threshold '{ast.unparse(condition)}'"
    return f"emit '{one_line(emit)}'"


def _trial_group(model: NeuronDescription, neurons: int) -> Any:
    """Return a group with its own clock, which runs in NumPy."""
    from brian2 import Clock, second
    from brian2.codegen.runtime.numpy_rt import NumpyCodeObject

    with on_runtime_device():
        return probe(
            model,
            neurons,
            samples=2,
            name="brianbridge_trial*",
            clock=Clock(_trial_step(model) * second, name="brianbridge_trial_clock*"),
            dtype=np.float64,
            codeobj_class=NumpyCodeObject,
        )


def _trial_step(model: NeuronDescription) -> float:
    """Return a step within which timed arrays do not change, if there is a simple one."""
    periods = [values.dt for values in model.timed_arrays.values()]
    if all(round(period / _TRIAL_STEP) * _TRIAL_STEP == period for period in periods):
        return _TRIAL_STEP
    return float(min(periods))


def _check_expressions(
    model: NeuronDescription, group: Any, variables: Mapping[str, Any], what: str
) -> None:
    """Let Brian2 check the units of equations, emit, reset and refractory period."""
    from brian2.equations.unitcheck import check_units_statements
    from brian2.parsing.expressions import is_boolean_expression, parse_expression_dimensions
    from brian2.units.fundamentalunits import DIMENSIONLESS

    for code in (model.emit, *split_equations(model.equations, what).values()):
        _check_conditions(code, variables, what)
    group.equations.check_units(group, run_namespace={})
    for one in (*model.regular, *model.events):
        with _told(f"{what}, code '{one_line(one.code)}'"):
            check_units_statements(one.code, variables)
    for event in model.events:
        with _told(f"{what}, event '{event.name}'"):
            is_condition = is_boolean_expression(event.condition, variables)
        if not is_condition:
            raise InputError(
                f"{what}: event '{event.name}' happens if '{event.condition}', which is no "
                "condition; write one such as 'v > 0.5'"
            )
    if model.emit:
        with _told(f"{what}, {_name_of_emit(model.emit)}"):
            is_condition = is_boolean_expression(model.emit, variables)
            dimension = parse_expression_dimensions(model.emit, variables)
        if is_condition:
            raise InputError(
                f"{what}: emit '{model.emit}' is a condition; write 'int({model.emit})'"
            )
        if dimension is not DIMENSIONLESS:
            raise InputError(f"{what}: emit '{model.emit}' has a unit; a spike value has none")
        with _told(f"{what}, reset '{one_line(model.reset)}'"):
            check_units_statements(group.event_codes["spike"], variables)
    group.state_updater._get_refractory_code(run_namespace={})


def _check_flags(model: NeuronDescription, what: str) -> None:
    """Refuse variables that belong to another group."""
    for name, flags in flags_of(model.equations).items():
        if "linked" in flags:
            raise InputError(
                f"{what}: '{name}' has the flag (linked), but a model belongs to no network; give "
                f"its values as a parameter, parameters={{'{name}': ...}}, or link it in a group "
                "that from_group reads"
            )


def _check_variables(model: NeuronDescription, group: Any, what: str) -> None:
    """Refuse initial values with the wrong unit."""
    from brian2.units.fundamentalunits import DIMENSIONLESS

    for name, value in model.initial.items():
        wanted = group.variables[name].dim
        if getattr(value, "dim", DIMENSIONLESS) is not wanted:
            raise InputError(
                f"{what}: initial value {value!r} of '{name}' has the wrong unit; '{name}' is in "
                f"{unit_name(wanted)}"
            )


def _check_conditions(code: str, variables: Mapping[str, Any], what: str) -> None:
    """Refuse ``v and w`` of numbers, which C, NumPy and torch evaluate differently."""
    from brian2.parsing.expressions import is_boolean_expression

    if not code:
        return
    for node in ast.walk(ast.parse(one_line(code), mode="eval")):
        match node:
            case ast.BoolOp(values=operands):
                pass
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                operands = [operand]
            case _:
                continue
        for operand in operands:
            text = ast.unparse(operand)
            if not is_boolean_expression(text, variables):
                raise InputError(
                    f"{what}: '{text}' in '{one_line(code):.80}' is a number; write a condition, "
                    f"such as '{text} > 0'"
                )


def _check_method(
    model: NeuronDescription, equations: Any, variables: Mapping[str, Any], what: str
) -> None:
    """Refuse a state update method that is unknown, or that cannot solve the equations."""
    from brian2.stateupdaters.base import StateUpdateMethod, UnsupportedEquationsException

    from brianbridge.neurons.conditional import METHOD
    from brianbridge.neurons.propagator import why_not_linear

    known = StateUpdateMethod.stateupdaters
    if model.brian2_method not in known:
        raise InputError(
            f"{what}: there is no method {model.method!r}. "
            + did_you_mean(model.method, {"exact", *known})
        )
    if model.method == "exact":
        reason = why_not_linear(equations, variables)
        if reason:
            raise InputError(
                f"{what}: method 'exact' needs linear equations, but {reason}; use method "
                "'euler', 'rk4' or 'exponential_euler'"
            )
        return
    if model.method not in ("exponential_euler", METHOD) and not equations.is_stochastic:
        return  # explicit methods solve all other equations; generating their code takes time
    try:
        known[model.method](equations, variables, None)
    except UnsupportedEquationsException as error:
        raise InputError(
            f"{what}: method '{model.method}' does not apply: {one_line(str(error))}; use 'euler'"
        ) from None
