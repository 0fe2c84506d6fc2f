"""Check a neuron model before anything is built from it: names first, then units.

Names are checked here, by parsing; units by Brian2 itself, on a group that never runs.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.neurons.expressions import (
    Statement,
    called_functions,
    check_costs,
    check_names,
    names_in,
    one_line,
    parse_expression,
    parse_statements,
    split_equations,
)
from brianbridge.neurons.quantities import parse_quantity, unit_name
from brianbridge.neurons.trial import on_runtime_device, try_model
from brianbridge.neurons.types import check_types

if TYPE_CHECKING:
    from brianbridge.neurons.model import NeuronModel

__all__ = [
    "check_model",
    "check_model_names",
    "parse_initial",
    "parse_refractory",
    "probe",
    "resolve_names",
]

#: Names that Brian2 gives to every group; the index ``i`` and the number ``N`` are left out, for
#: a population is replicated sample by sample.
_GROUP_NAMES = frozenset({"t", "dt"})
#: Names that Brian2 gives to groups with a refractory period.
_REFRACTORY_NAMES = frozenset({"lastspike", "not_refractory"})
#: Names that have a meaning of their own here.
_RESERVED = frozenset({"emit", "spike_value"})
#: Functions that give another value each time.
_RANDOM = frozenset({"rand", "randn", "poisson"})
_STARTS_WITH_A_NUMBER = re.compile(r"\s*[+-]?[\d.]")


def parse_refractory(value: Any, what: str) -> Any:
    """Return a refractory period as a `Quantity`, an expression, or None for none."""
    from brian2 import second

    if value is None or value is False:
        return None
    if isinstance(value, str):
        if not _STARTS_WITH_A_NUMBER.match(value):
            parse_expression(value, f"{what}, refractory")
            return one_line(value)
        value = parse_quantity(value, f"{what}, refractory")
    if getattr(value, "dim", None) is not second.dim or np.ndim(value) > 0:
        raise InputError(
            f"{what}: refractory period {one_line(repr(value))} is no time; write '2 ms', or name "
            "a parameter"
        )
    # lastspike starts at -1e4 s, and an infinite period overflows Brian2's step counter.
    if not 0 <= float(value) < 1e4:
        raise InputError(
            f"{what}: refractory period {value} is not between 0 and 10000 s; for a neuron that "
            "fires once, use a flag: 'fired : boolean' with emit 'int(v > theta and not fired)'"
        )
    return value


def parse_initial(value: Any, parameters: Mapping[str, Any], what: str) -> Any:
    """Return an initial value: a quantity, or an expression of parameters and units."""
    if not isinstance(value, str) or _STARTS_WITH_A_NUMBER.match(value):
        return parse_quantity(value, what)
    from brian2.core.namespace import DEFAULT_CONSTANTS, DEFAULT_UNITS

    node = parse_expression(value, what)
    check_names(value, parameters, (), what)
    constants = {name: known.value for name, known in DEFAULT_CONSTANTS.items()}
    scope = {**DEFAULT_UNITS, **constants, **parameters, "__builtins__": {}}
    named = {name: scope[name] for name in ("__builtins__", *names_in(value))}
    try:
        # Only names, numbers and operators are left to evaluate; a `Quantity` checks units.
        with np.errstate(all="ignore"):
            result = eval(compile(ast.Expression(node), what, "eval"), named)
    except Exception as error:  # units that do not match, a fraction of 0, a root of -1, ...
        raise InputError(f"{what}: '{value:.80}' is no quantity ({one_line(str(error))})") from None
    return parse_quantity(result, f"{what}, '{one_line(value):.80}'")


def check_model_names(model: NeuronModel, what: str) -> None:
    """Refuse a model whose expressions do not parse or name what does not exist."""
    from brian2.core.namespace import DEFAULT_FUNCTIONS

    equations = split_equations(model.equations, f"equations of {what}")
    for name in (*equations, *model.parameters):
        _check_identifier(name, what)
    clash = sorted(set(equations) & set(model.parameters))
    if clash:
        raise InputError(
            f"{what}: '{clash[0]}' is both a variable of the equations and a parameter; rename one"
        )
    known = {*equations, *model.parameters, *_GROUP_NAMES}
    known |= _REFRACTORY_NAMES if model.refractory is not None else set()
    functions = {*DEFAULT_FUNCTIONS, "int"}
    for name, expression in equations.items():
        if expression:
            noise = set(re.findall(r"\bxi\w*\b", expression))
            check_names(expression, known | noise, functions, f"{what}, equation of '{name}'")
    if model.emit:
        parse_expression(model.emit, f"{what}, emit")
        check_names(model.emit, known, functions, f"{what}, emit")
        changing = {*equations, *_GROUP_NAMES, *_REFRACTORY_NAMES}
        if not (names_in(model.emit) & changing or called_functions(model.emit) & _RANDOM):
            raise InputError(
                f"{what}: emit '{model.emit:.80}' is the same in every step; let it depend on a "
                "variable of the equations, such as 'int(v > 1)'"
            )
    if isinstance(model.refractory, str):
        check_names(model.refractory, known, functions, f"{what}, refractory")
    statements = parse_statements(model.reset, f"{what}, reset")
    _check_costs(model, equations, statements, what)
    parameters = {name for name, expression in equations.items() if not expression}
    settable = {*model.state_variables, *parameters}
    for line in statements:
        check_names(line.expression, known | {"emit"}, functions, f"{what}, reset")
        if line.target not in settable:
            raise InputError(
                f"{what}, reset: '{line.target}' cannot be set. "
                + did_you_mean(line.target, settable)
            )
    for role, names, allowed in (
        ("receive", [model.receive], settable),
        ("drive", [model.drive], parameters),
        ("initial", model.initial, settable),
    ):
        for name in names:
            if name and name not in allowed:
                kind = "parameter" if allowed is parameters else "variable"
                raise InputError(
                    f"{what}: {role} names {name!r}, which is no {kind} of the equations. "
                    + did_you_mean(name, allowed)
                )


def _check_costs(
    model: NeuronModel, equations: Mapping[str, str], statements: Iterable[Statement], what: str
) -> None:
    """Refuse a model whose expressions cost too much once subexpressions are written out."""
    expressions = {name: text for name, text in equations.items() if text}
    codes = {"emit": model.emit, "refractory": model.refractory}
    codes |= {f"reset {n + 1}": line.expression for n, line in enumerate(statements)}
    texts = {name: code for name, code in codes.items() if code and isinstance(code, str)}
    check_costs({**expressions, **texts}, model.state_variables, what)


def _check_identifier(name: str, what: str) -> None:
    """Refuse names that Brian2, or the spike value, use for something else."""
    from brian2.equations.equations import Equations

    try:
        if name in _RESERVED | _GROUP_NAMES | _REFRACTORY_NAMES:
            raise ValueError("it has a meaning of its own")
        Equations.check_identifier(name)
    except (ValueError, SyntaxError) as error:
        raise InputError(
            f"{what}: {name!r} cannot name a variable or parameter: {one_line(str(error))}"
        ) from None


#: Seconds of a step of a trial: Brian2's default.
_TRIAL_STEP = 1e-4
#: Contents of models that passed; each check takes some 20 ms.
_PASSED: set[bytes] = set()
_MOST_PASSED = 10_000


def check_model(model: NeuronModel, what: str) -> None:
    """Let Brian2 check the units of a model, and try it; once for equal models.

    Raises
    ------
    InputError
        If a unit is wrong, the method does not apply, or a step is not finite.
    """
    content = _content(model)
    if content in _PASSED:
        return
    _check_model_units(model, what)
    if len(_PASSED) >= _MOST_PASSED:
        _PASSED.clear()
    _PASSED.add(content)


def _content(model: NeuronModel) -> bytes:
    """Return a digest of all that a simulation of a model depends on."""
    digest = hashlib.sha256()
    texts = ("equations", "emit", "reset", "receive", "drive", "method")
    values = {**model.parameters, **{f"{k} at first": v for k, v in model.initial.items()}}
    values["refractory"] = model.refractory
    digest.update(repr([getattr(model, text) for text in texts]).encode())
    for name, value in sorted(values.items()):
        array = np.asarray(value)
        unit = getattr(value, "dim", None)
        digest.update(repr((name, array.dtype, array.shape, unit)).encode())
        digest.update(repr(value).encode() if array.dtype.kind == "O" else array.tobytes())
    return digest.digest()


def _check_model_units(model: NeuronModel, what: str) -> None:
    from brian2 import Clock, second
    from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
    from brian2.equations.unitcheck import check_units_statements
    from brian2.parsing.expressions import is_boolean_expression, parse_expression_dimensions
    from brian2.units.fundamentalunits import DIMENSIONLESS

    arrays = [v for v in (*model.parameters.values(), *model.initial.values()) if np.ndim(v)]
    sizes = sorted({np.size(v) for v in arrays}) or [1]
    if len(sizes) > 1:
        raise InputError(
            f"{what}: its parameters and initial values are arrays of different sizes {sizes}; "
            "give each one value a neuron"
        )
    try:
        with on_runtime_device():
            clock = Clock(_TRIAL_STEP * second, name="brianbridge_trial_clock*")
            group = probe(
                model,
                2 * sizes[0],
                name="brianbridge_trial*",
                clock=clock,
                dtype=np.float64,
                codeobj_class=NumpyCodeObject,
            )
        variables = resolve_names(group, model.emit)
        for code in (model.emit, *split_equations(model.equations, what).values()):
            _check_conditions(code, variables, what)
        group.equations.check_units(group, run_namespace={})
        if model.emit:
            if is_boolean_expression(model.emit, variables):
                raise InputError(
                    f"{what}: emit '{model.emit}' is a condition; write 'int({model.emit})'"
                )
            if parse_expression_dimensions(model.emit, variables) is not DIMENSIONLESS:
                raise InputError(f"{what}: emit '{model.emit}' has a unit; a spike value has none")
            check_units_statements(group.event_codes["spike"], variables)
        group.state_updater._get_refractory_code(run_namespace={})
    except (InputError, MemoryError):
        raise
    except Exception as error:  # the errors of Brian2's checks have no common type
        text = str(error.args[0] if len(error.args) == 1 else error)
        reason = one_line(text) or type(error).__name__
        raise InputError(f"{what}: {reason}") from error
    for eq in group.equations.values():
        shared = {"shared", "linked"} & set(eq.flags)
        if shared:
            raise InputError(
                f"{what}: '{eq.varname}' has the flag ({shared.pop()}), but every neuron has "
                "variables of its own; drop the flag, or make it a parameter of the model"
            )
    for name, value in model.initial.items():
        wanted = group.variables[name].dim
        if getattr(value, "dim", DIMENSIONLESS) is not wanted:
            raise InputError(
                f"{what}: initial value {value!r} of '{name}' has the wrong unit; '{name}' is in "
                f"{unit_name(wanted)}"
            )
    check_types(model, variables, what)
    _check_method(model, group.equations, variables, what)
    if not model.method.startswith("gsl"):  # NumPy, which tries a model, cannot run those
        try_model(model, group, what)


def _check_conditions(code: str, variables: Mapping[str, Any], what: str) -> None:
    """Refuse ``v and w`` of numbers, which C, NumPy and torch take for three different things."""
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
    model: NeuronModel, equations: Any, variables: Mapping[str, Any], what: str
) -> None:
    """Refuse a state update method that there is not, or that cannot step the equations."""
    from brian2.stateupdaters.base import StateUpdateMethod, UnsupportedEquationsException

    from brianbridge.neurons.conditional import METHOD
    from brianbridge.neurons.propagator import why_not_linear

    known = StateUpdateMethod.stateupdaters
    if model.brian2_method not in known:
        raise InputError(
            f"{what}: unknown method {model.method!r}. "
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
        return  # the explicit methods take all else, and writing out their steps takes time
    try:
        known[model.method](equations, variables, None)
    except UnsupportedEquationsException as error:
        raise InputError(
            f"{what}: method '{model.method}' does not apply: {one_line(str(error))}; use 'euler'"
        ) from None


def probe(model: NeuronModel, neurons: int = 1, **keywords: Any) -> Any:
    """Build a group that is only looked at (see `NeuronModel.group`).

    Brian2 does not warn that it never ran, and it is no part of a standalone program.
    """
    from brian2 import NeuronGroup

    others = {id(known()) for known in NeuronGroup.__instances__()}
    try:
        with on_runtime_device():
            group = model.group(neurons, **keywords)
    finally:
        # All that was made, also of a group that was refused half-way.
        for made in [known() for known in NeuronGroup.__instances__()]:
            if made is not None and id(made) not in others:
                made._network = "probe"
    for part in group.contained_objects:
        part._network = "probe"
    return group


def resolve_names(group: Any, *texts: str) -> dict[str, Any]:
    """Return what every identifier of a group, and of further code `texts`, refers to.

    Parameters
    ----------
    group : brian2.NeuronGroup
        A group with an explicit namespace.
    *texts : str
        Further abstract code.

    Returns
    -------
    dict of str to brian2 Variable or Function
    """
    from brian2.utils.stringtools import get_identifiers

    codes = [*group.events.values(), *group.event_codes.values(), *texts]
    if isinstance(group._refractory, str):
        codes.append(group._refractory)
    used = set(group.equations.identifiers).union(*(get_identifiers(c) for c in codes))
    variables = dict(group.variables)
    for name in used - set(variables) - {"and", "or", "not", "True", "False"}:
        try:
            variables[name] = group._resolve(name, run_namespace={}, user_identifier=False)
        except KeyError:
            continue  # a temporary of the abstract code itself
    return variables
