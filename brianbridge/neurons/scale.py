"""The natural scale of a neuron: in which units its potential and its weights are of order one.

One unit of the membrane potential is the distance from rest to threshold. One unit of another
variable is the change that moves the potential by one such unit at most, as a weight on a synaptic
current or conductance does. Training takes its steps in these units, so that a network in volts,
amperes or siemens learns as its dimensionless counterpart does. A dimensionless potential is its
own unit: the options of published rules refer to it.

Rest is the fixed point of the equations without input, found by Newton's method from the initial
state. Without a fixed point it is the initial state. If the neuron fires at rest, or almost does,
the distance from threshold to reset is used. Neurons that differ share one scale, that of the
median of each parameter. Units have seven significant digits.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import scipy.linalg
import sympy as sp

from brianbridge.neurons.description import NeuronDescription
from brianbridge.neurons.expressions import one_line
from brianbridge.neurons.system import NotSmoothError, SmoothSystem, slope_of

__all__ = ["NaturalScale", "natural_scale", "units_of_differences"]

#: A response is evaluated at so many times per octave, up to so many of the slowest time constant.
_PER_OCTAVE, _LONGEST = 16, 10.0
#: Rest is unusable if it is closer to the threshold than this share of the reset.
_CLOSE = 0.1


@dataclass(frozen=True)
class NaturalScale:
    """Hold the natural units of a neuron model, in SI units.

    Parameters
    ----------
    potential : str
        The membrane potential.
    rest : float
        Its value at rest; 0 for a dimensionless potential.
    unit : float or None
        One natural unit of the potential; None if the model has no threshold to derive it from.
    dimensions : tuple of float
        Exponents of the potential's base units; empty if it is dimensionless, and thus its own
        unit.
    responses : mapping of str to float
        Largest change of the potential that a unit change of each variable causes (SI units).
    """

    potential: str
    rest: float = 0.0
    unit: float | None = 1.0
    dimensions: tuple[float, ...] = ()
    responses: Mapping[str, float] = field(default_factory=dict)

    def of(self, variable: str, unit: float | None = None) -> float:
        """Return one natural unit of a variable, in SI units.

        Parameters
        ----------
        variable : str
            A variable of the model.
        unit : float, optional
            Unit of the potential in place of the model's own.
        """
        one = unit or self.unit or 1.0
        response = 1.0 if variable == self.potential else self.responses.get(variable, 0.0)
        return float(f"{one / response:.7g}") if response > 0 else 1.0


def natural_scale(model: NeuronDescription) -> NaturalScale:
    r"""Return the natural scale of a neuron model.

    Parameters
    ----------
    model : NeuronModel
        The model.

    Examples
    --------
    A threshold 20 mV above rest, and a synaptic current into a membrane of 100 MOhm:

    >>> from brianbridge.neurons.model import NeuronModel
    >>> model = NeuronModel(
    ...     "dv/dt = (EL - v + R*I)/tau : volt\ndI/dt = -I/tau_s : amp",
    ...     threshold="v > V_T", reset="v = EL", receive="I", initial={"v": "EL"},
    ...     parameters={"EL": "-70 mV", "V_T": "-50 mV", "R": "100 Mohm", "tau": "10 ms",
    ...                 "tau_s": "5 ms"},
    ... )
    >>> scale = natural_scale(model)
    >>> scale.rest, scale.unit
    (-0.07, 0.02)
    >>> round(scale.of("I")*1e12)                    # pA: moves v by 20 mV at its peak
    800
    """
    from brian2 import Equations

    potential = model.potential
    equations = Equations(model.equations)
    if not potential or potential not in equations:
        return NaturalScale(potential)
    dimensions = tuple(float(exponent) for exponent in equations[potential].dim._dims)
    dimensions = dimensions if any(dimensions) else ()
    alone = set(model.state_variables) <= {potential} and model.receive in ("", potential)
    if not dimensions and alone:
        return NaturalScale(potential)
    try:
        system = SmoothSystem.of(model)
        state = system.rest()
        responses = _responses(system, state, potential)
    except NotSmoothError:
        return NaturalScale(potential, 0.0, None if dimensions else 1.0, dimensions)
    if not dimensions:
        return NaturalScale(potential, 0.0, 1.0, (), responses)
    rest = float(f"{state[potential]:.7g}")
    unit = _distance(model, system, state)
    rounded = None if unit is None else float(f"{unit:.7g}")
    return NaturalScale(potential, rest, rounded, dimensions, responses)


def units_of_differences(
    model: NeuronDescription, scale: NaturalScale, temporaries: Mapping[str, str]
) -> Callable[[str, str], float]:
    """Return a function for the natural unit of a difference that a condition compares with 0.

    Parameters
    ----------
    model : NeuronModel
        The model.
    scale : NaturalScale
        Its natural scale.
    temporaries : mapping of str to str
        Further names that conditions use, and the expressions that these stand for.

    Returns
    -------
    callable
        Takes the two sides of a comparison, and returns a number in SI units.
    """
    if not scale.dimensions:
        return lambda above, below: 1.0

    @cache
    def resting() -> tuple[SmoothSystem, dict[str, float]]:
        system = SmoothSystem.of(model)
        return system, system.rest()

    def unit(above: str, below: str) -> float:
        try:
            system, state = resting()
            difference = system.expression(f"({above}) - ({below})", temporaries)
            for name in (scale.potential, *system.names):
                slope = system.value(slope_of(difference, sp.Symbol(name, real=True)), state)
                if slope:
                    return abs(slope) * scale.of(name)
        except NotSmoothError:
            pass
        return scale.of(scale.potential)

    return unit


def _responses(
    system: SmoothSystem, state: Mapping[str, float], potential: str
) -> dict[str, float]:
    """Return the largest response of the potential to a small jump of each variable, at rest."""
    if potential not in system.names:
        return {}
    try:
        matrix = system.jacobian(state)
    except NotSmoothError:
        return {}
    balanced, (factors, _) = scipy.linalg.matrix_balance(matrix, permute=False, separate=True)
    rates = np.abs(np.linalg.eigvals(balanced))
    rates = rates[rates > 1e-12 * rates.max(initial=0.0)]
    if not len(rates):
        return {}
    first, last = 1e-2 / rates.max(), _LONGEST / rates.min()
    growth = np.linalg.eigvals(balanced).real.max()
    if growth > 0:  # an unstable state: follow the response only while it is linear
        last = min(last, 1 / growth)
    v = system.names.index(potential)
    step = scipy.linalg.expm(balanced * (first / _PER_OCTAVE))
    octave = [np.linalg.matrix_power(step, _PER_OCTAVE + k) for k in range(_PER_OCTAVE)]
    moved = np.array(octave)
    largest = np.abs(moved[:, v]).max(axis=0)
    for _ in range(int(np.log2(max(last / first, 1.0)))):
        moved = moved @ moved  # after twice the time
        largest = np.maximum(largest, np.abs(moved[:, v]).max(axis=0))
    return dict(zip(system.names, (largest * factors[v] / factors).tolist(), strict=True))


def _distance(
    model: NeuronDescription, system: SmoothSystem, state: Mapping[str, float]
) -> float | None:
    """Return the distance of the potential from rest to threshold; None if it has no threshold."""
    v, rest = model.potential, state[model.potential]
    found = [
        (size, step) for size, step in _to_threshold(model, system, state) if np.isfinite(step)
    ]
    if not found:
        return None
    size, step = min(found, key=lambda pair: abs(pair[1]))
    if size:  # a staircase
        return size
    try:
        after = system.after_reset({**state, v: rest + step})
    except NotSmoothError:
        after = rest
    back = abs(rest + step - after)
    resting = not system.emits(state)
    if resting and abs(step) > _CLOSE * back:
        return abs(step)
    return back or abs(step) or None


def _to_threshold(
    model: NeuronDescription, system: SmoothSystem, state: Mapping[str, float]
) -> Iterator[tuple[float, float]]:
    """Yield the dependence of each condition in emit on the potential.

    The first value is the size of its stairs, 0 for a single step; the second is how far the
    potential must move from its value in `state` to meet the condition.
    """
    v = sp.Symbol(model.potential, real=True)
    for node in ast.walk(ast.parse(one_line(model.emit or "0"), mode="eval")):
        match node:
            case ast.Compare(left=left, comparators=[right]):
                text = f"({ast.unparse(left)}) - ({ast.unparse(right)})"
            case ast.Call(func=ast.Name(id="floor"), args=[argument]):
                text = ast.unparse(argument)
            case _:
                continue
        try:
            expression = system.expression(text)
            slope = system.value(slope_of(expression, v), state)
            value = system.value(expression, state)
        except NotSmoothError:
            continue
        if slope:
            stairs = isinstance(node, ast.Call)
            yield (1 / abs(slope) if stairs else 0.0), -value / slope
