"""A neuron model becomes a neuron of NIR, if it is one of those that NIR has."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.interchange.neuron_models import RESETS, STEPS, Firing, cuba_lif
from brianbridge.neurons.evaluate import compiled
from brianbridge.neurons.expressions import names_in
from brianbridge.neurons.linear import linear_system
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.probe import probe, resolve_names
from brianbridge.neurons.statements import parse_statements

__all__ = ["Form", "form_of"]

Values = float | np.ndarray


@dataclass(frozen=True, eq=False)
class Form:
    """Hold a neuron of NIR, its numbers in SI units, each one for all neurons or one for each.

    Parameters
    ----------
    tau : float or array
        Time constant of the membrane; infinite without leak.
    v_leak : float or array
        The potential at rest.
    step : str
        How it is integrated; see `brianbridge.interchange.neuron_models.STEPS`.
    tau_syn, r : float or array, optional
        Time constant of the synaptic current, and its factor; None without such a current.
    threshold, v_reset : float or array, optional
        None for a neuron that never fires.
    reset : str
        One of `brianbridge.interchange.neuron_models.RESETS`.
    strict : bool
        Whether the membrane must exceed the threshold.
    """

    tau: Values
    v_leak: Values
    step: str
    tau_syn: Values | None = None
    r: Values | None = None
    threshold: Values | None = None
    v_reset: Values = 0.0
    reset: str = "none"
    strict: bool = False

    @property
    def kind(self) -> str:
        """The type of node."""
        fires = "" if self.threshold is None else "F"
        if self.tau_syn is not None:
            return f"CubaLI{fires}"
        leaks = "" if np.all(np.isinf(self.tau)) else "L"
        return f"{leaks}I{fires}"


def form_of(model: NeuronModel, what: str, neurons: int, dt: float, fires: bool) -> Form:
    """Return a model as a neuron of NIR.

    Parameters
    ----------
    model : NeuronModel
        The model.
    what : str
        Name of its population, for messages.
    neurons : int
        Number of its neurons.
    dt : float
        The step, in seconds.
    fires : bool
        Whether the population fires in its network.

    Raises
    ------
    InputError
        If NIR has no such neuron; the message says why.
    """
    try:
        return _current_form(model, fires) or _linear_form(model, neurons, dt, fires)
    except _Unlike as error:
        raise InputError(
            f"{what}: NIR has no such neuron: {error}; only linear integrate-and-fire neurons can "
            "be exported: use a model such as 'lif', 'lif_zero', 'if' or 'cuba_lif'"
        ) from None


class _Unlike(Exception):
    """Say what NIR's neurons do not have."""


def _current_form(model: NeuronModel, fires: bool) -> Form | None:
    """Return a model of `cuba_lif`, whose current acts in the step of its input."""
    p = {name: np.asarray(value) for name, value in model.parameters.items()}
    if not {"tau", "tau_syn", "r"} <= set(p):
        return None
    rest = p.get("v_leak", np.float64(0))
    theta, v_reset = p.get("theta", np.float64(1)), p.get("v_reset", np.float64(0))
    firings: list[Firing | None] = [
        Firing(theta, strict, reset, v_reset) for strict in (True, False) for reset in RESETS
    ]
    for firing in firings if model.emit else [None]:
        for step in STEPS:
            like = cuba_lif(p["tau"], p["tau_syn"], p["r"], step=step, firing=firing, v_leak=rest)
            same = ("equations", "emit", "reset", "method", "regular")
            if all(getattr(like, key) == getattr(model, key) for key in same):
                kept = firing if fires else None
                return Form(
                    p["tau"], rest, step, p["tau_syn"], p["r"],
                    None if kept is None else kept.threshold,
                    0.0 if kept is None else kept.v_reset,
                    "none" if kept is None else kept.reset,
                    kept is not None and kept.strict,
                )  # fmt: skip
    return None


def _linear_form(model: NeuronModel, neurons: int, dt: float, fires: bool) -> Form:
    """Return a model of one membrane, or of a membrane and a current."""
    from brian2 import second
    from brian2.stateupdaters.base import UnsupportedEquationsException

    if model.refractory is not None or model.regular or model.events or model.timed_arrays:
        raise _Unlike("it has a refractory period, events, timed arrays or regular code")
    group = probe(model, neurons if model.differ else 1, fires=False, dt=dt * second)
    variables = resolve_names(group, model.emit, model.reset)
    try:
        system = linear_system(group.equations, variables)
    except UnsupportedEquationsException as error:
        raise _Unlike(str(error)) from None
    names = list(system.names)
    values = {n: np.asarray(variables[n].get_value(), float) for n in _symbols(system, variables)}
    matrix = system.evaluate(values)
    inputs = _inputs(system, values, model.drive)
    membrane = model.potential
    if membrane not in names or model.receive not in names or len(names) > 2:
        raise _Unlike(f"its variables are {', '.join(names)}")
    v = names.index(membrane)
    tau = _tau(matrix[..., v, v])
    with np.errstate(invalid="ignore"):
        v_leak = np.where(inputs[v] == 0, 0.0, inputs[v] * tau)
    if not np.isfinite(v_leak).all():
        raise _Unlike("it has a constant current, but no leak")
    step = {"euler": "euler", "exact": "exact"}.get(model.method)
    if step is None:
        raise _Unlike(f"its method is '{model.method}'")
    current: dict[str, Any] = {}
    if len(names) == 2:
        i = 1 - v
        if model.receive != names[i] or np.any(matrix[..., i, v]) or np.any(inputs[i]):
            raise _Unlike(f"'{names[i]}' is no synaptic current")
        r = matrix[..., v, i] * np.where(np.isinf(tau), 1.0, tau)
        current = {"tau_syn": _tau(matrix[..., i, i]), "r": r}
    elif model.receive != membrane:
        raise _Unlike(f"weights add to '{model.receive}'")
    fired = _firing(model, membrane, variables) if fires else {}
    return Form(_one(tau), _one(v_leak), step, **current, **fired)


def _symbols(system: Any, variables: Any) -> list[str]:
    """Return the names of all constants of a system."""
    entries = [*system.matrix, *system.inputs]
    found = {str(symbol) for entry in entries for symbol in entry.free_symbols}
    return sorted(name for name in found if name in variables)


def _inputs(system: Any, values: dict[str, np.ndarray], drive: str) -> list[np.ndarray]:
    """Return the constant part of each equation, without the drive."""
    import sympy as sp

    found = []
    for entry in system.inputs:
        rest = entry.subs(sp.Symbol(drive, real=True), 0) if drive else entry
        symbols = sorted(rest.free_symbols, key=str)
        if any(str(symbol) not in values for symbol in symbols):
            raise _Unlike(f"its input {entry} is not constant")
        call = sp.lambdify(symbols, rest, modules="numpy")
        found.append(np.asarray(call(*(values[str(symbol)] for symbol in symbols)), float))
    return found


def _tau(rate: np.ndarray) -> np.ndarray:
    """Return the time constant of a decay."""
    if np.any(rate > 0):
        raise _Unlike("a variable grows by itself")
    with np.errstate(divide="ignore"):
        return np.where(rate == 0, np.inf, -1 / rate)


def _firing(model: NeuronModel, membrane: str, variables: Any) -> dict[str, Any]:
    """Return threshold and reset."""
    strict, text = _threshold(model, membrane)
    threshold = _number(text, variables)
    statements = parse_statements(model.reset, "reset")
    if len(statements) == 1 and statements[0].target == membrane:
        operation, text = statements[0].operation, statements[0].expression
        decay = {"euler": "/(1 - dt/tau)", "exact": "/(exp(-dt/tau))"}.get(model.method, "?")
        late = operation == "-=" and text.endswith(decay)
        amount = text.removesuffix(decay).removesuffix("*emit")
        value = _number(amount, variables)
        rule: dict[str, Any] = {"threshold": threshold, "strict": strict}
        if operation == "=":
            return {**rule, "reset": "to_value", "v_reset": value}
        if operation == "-=":
            rule["v_reset"] = threshold - value
            return {**rule, "reset": "subtract_later" if late else "subtract"}
    raise _Unlike(f"its reset is '{model.reset}'")


def _threshold(model: NeuronModel, membrane: str) -> tuple[bool, str]:
    """Return whether the membrane must exceed its threshold, and the threshold."""
    match ast.parse(model.emit, mode="eval").body:
        case ast.Call(
            func=ast.Name(id="int"),
            args=[ast.Compare(left=ast.Name(id=name), ops=[ast.Gt() | ast.GtE() as sign],
                              comparators=[threshold])],
        ) if name == membrane:  # fmt: skip
            return isinstance(sign, ast.Gt), ast.unparse(threshold)
    if re.fullmatch(rf"clip\(floor\({membrane}/theta\), 0, s_max\)", model.emit):
        return False, "theta"
    raise _Unlike(f"it emits {model.emit}")


def _number(text: str, variables: Any) -> Values:
    """Return the value of an expression of constants."""
    names = names_in(text)
    if any(name not in variables or not variables[name].constant for name in names):
        raise _Unlike(f"'{text}' is not constant")
    values = {name: np.asarray(variables[name].get_value(), float) for name in names}
    return _one(np.asarray(compiled(text)(values), float))


def _one(values: np.ndarray) -> Values:
    """Return one number if all are equal."""
    flat = np.ravel(values)
    return float(flat[0]) if (flat == flat[0]).all() else flat
