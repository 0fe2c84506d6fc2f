"""Try a neuron model for a few steps in Brian2, before anything is built from it.

Equations that parse and have the right units may still divide by a parameter that is 0, take the
root of a negative number, or need something that Brian2's code generators cannot do. A few steps
of two neurons in NumPy show this within milliseconds.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.neurons.description import NeuronDescription
from brianbridge.neurons.expressions import called_functions, names_in, one_line
from brianbridge.neurons.probe import on_runtime_device

__all__ = ["try_model"]

#: Spike values are whole numbers, which floats represent exactly up to here.
_LARGEST_SPIKE = 2.0**53


def try_model(model: NeuronDescription, group: Any, what: str) -> None:
    """Run a group of a model for one step from its initial state, then let it fire.

    Parameters
    ----------
    model : NeuronModel
        The model.
    group : brian2.NeuronGroup
        A group of it that nothing else uses, with `NumpyCodeObject` as its ``codeobj_class``.
    what : str
        The name of the model in error messages.

    Raises
    ------
    InputError
        If Brian2 cannot run it, or a variable is not finite afterwards.
    """
    firing = [*group.thresholder.values(), *group.resetter.values()]
    updaters = [part for part in group.contained_objects if part not in firing]
    random = np.random.get_state()
    try:
        with on_runtime_device(), np.errstate(all="ignore"):
            start = _state(group)
            group.before_run(run_namespace={})
            for part in (*updaters, *firing):
                part.before_run(run_namespace={})
                part.run()
            _check_finite(group, f"{what}, after one step from its initial state")
            for name, level in _levels(model, group.variables):
                _set(group, {**start, name: level})
                for part in (*firing, *updaters):
                    part.run()
                _check_finite(group, f"{what}, after a spike with {name} = {level.flat[0]:g}")
    except (InputError, MemoryError):
        raise
    except Exception as error:  # the errors of code generators have no common type
        cause = error.__cause__ or error  # Brian2 wraps errors to show where an object was created
        reason = one_line(str(cause)) or type(cause).__name__
        raise InputError(f"{what}: Brian2 cannot run it ({reason:.200})") from error
    finally:
        np.random.set_state(random)


def _floats(group: Any) -> dict[str, Any]:
    """Return the variables of a group that are computed step by step."""
    from brian2.core.variables import ArrayVariable

    declared = {*group.equations.names, "spike_value"} - {"lastspike"}
    return {
        name: variable
        for name, variable in group.variables.items()
        if name in declared
        and isinstance(variable, ArrayVariable)
        and np.dtype(variable.dtype).kind == "f"
    }


def _state(group: Any) -> dict[str, np.ndarray]:
    return {name: np.array(v.get_value()) for name, v in _floats(group).items()}


def _set(group: Any, state: Mapping[str, np.ndarray]) -> None:
    for name, values in state.items():
        group.variables[name].set_value(values)
    if "not_refractory" in group.variables:
        group.variables["not_refractory"].set_value(True)


def _check_finite(group: Any, what: str) -> None:
    for name, values in _state(group).items():
        bad = values[~np.isfinite(values)]
        if len(bad):
            raise InputError(
                f"{what}: '{name}' is {bad[0]:g}; change its initial value, or the parameter that "
                "causes it"
            )
        if name == "spike_value" and np.abs(values).max() > _LARGEST_SPIKE:
            raise InputError(f"{what}: a spike carries {values[0]:g}; bound emit by clip(...)")


def _levels(
    model: NeuronDescription, variables: Mapping[str, Any]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield variables, and values just above and below a threshold in emit."""
    from brian2.core.variables import ArrayVariable, Constant

    from brianbridge.neurons.evaluate import compiled

    if not model.emit:
        return
    for node in ast.walk(ast.parse(one_line(model.emit), mode="eval")):
        match node:
            case ast.Compare(left=ast.Name(id=name), comparators=[level]):
                text = ast.unparse(level)
            case _:
                continue
        known: dict[str, Any] = {k: variables.get(k) for k in names_in(text)}
        if called_functions(text) & {*model.timed_arrays, *model.user_functions}:
            continue  # a level that changes in time, or that only Brian2 computes
        if name not in model.state_variables or not all(
            isinstance(v, ArrayVariable | Constant) for v in known.values()
        ):
            continue
        value = compiled(text)({k: v.get_value() for k, v in known.items()})
        values = np.resize(np.asarray(value, dtype=float), variables[name].size)
        for side in (1, -1):
            yield name, values + side * (1e-3 * np.abs(values) + 1e-9)
