"""Render one time step of a Brian2 group as torch code.

No neuron has a hand-written torch step. A `NeuronGroup` is built from the model, Brian2's state
updater writes its abstract code, and Brian2's `make_statements` turns that code, emit and reset
into the statements that Brian2 would compile, with the same optimisations. These are rendered
here, in the same order of operations, as the source of one Python function

    step(<state>, x, t, <random numbers>, <constant arrays>, <hoisted terms>) -> (<state>, emit)

This is the canonical step: state update over dt, receive ``x``, emit, reset. In Brian2's default
order a neuron emits before it receives, so the step is split at that point:

    fire(<state>, t, ...) -> (<state>, emit)
    settle(<state>, emit, x, t, ...) -> (<state>)

Terms that do not change during a presentation (a drive times its gain) are hoisted into
``prepare``. The source can be read: ``print(rendered.source)``.

A reset passes a gradient through the spike if it adds or subtracts a multiple of ``emit``
(``v -= theta*emit``; also ``v -= theta`` if every spike has the value 1). Any other reset
(``v = 0``, ``v *= 0.5``) selects one of two branches: the gradient follows the selected branch,
and does not reach the spike. With `SpikeFunction.detach_reset` no reset passes a gradient through
the spike.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch

from brianbridge.errors import InputError
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.probe import probe
from brianbridge.neurons.propagator import exact_propagator
from brianbridge.twin.derived import Coefficients
from brianbridge.twin.draws import Draw
from brianbridge.twin.noise import poisson
from brianbridge.twin.spike_function import SpikeFunction
from brianbridge.twin.step_code import read_step
from brianbridge.twin.step_variables import StepVariables
from brianbridge.twin.step_writer import StepWriter
from brianbridge.twin.timed import timed_function
from brianbridge.twin.torch_functions import (
    TORCH_FUNCTIONS,
    as_number,
    for_numbers_too,
    negation,
)

__all__ = ["RenderedStep", "render"]


@dataclass(frozen=True)
class RenderedStep:
    """Hold the torch step of a population.

    Parameters
    ----------
    source : str
        The Python source of ``prepare`` and ``step``.
    prepare : callable
        Computes the hoisted terms from `arrays` and `inputs`, once per presentation.
    step : callable, optional
        One time step in the canonical order.
    fire, settle : callable, optional
        The two halves of a step in Brian2's default order.
    state : tuple of str
        State variables, in the order in which `step` takes and returns them.
    inputs : tuple of str
        Variables that are constant in a presentation (the drive), arguments of all functions.
    arrays : mapping of str to numpy.ndarray, shape (neurons,) or ()
        Constants that differ between neurons or are learned, arguments of all functions.
    initial : mapping of str to numpy.ndarray, shape (neurons,)
        State and inputs at the start of a presentation, in SI units.
    draws : tuple of Draw
        Random numbers of a step, arguments of `step`, `fire` and `settle` after the time.
    derived : callable, optional
        Computes what the step derives from learned parameters; None if it is nothing.
    numbers : dict of str to float
        Constants in the source that all neurons share.
    again : callable, optional
        Renders the same step, where a pickled one is loaded.
    """

    source: str
    prepare: Callable[..., tuple[Any, ...]]
    step: Callable[..., tuple[Any, ...]] | None
    fire: Callable[..., tuple[Any, ...]] | None
    settle: Callable[..., tuple[Any, ...]] | None
    state: tuple[str, ...]
    inputs: tuple[str, ...]
    arrays: dict[str, np.ndarray]
    initial: dict[str, np.ndarray]
    draws: tuple[Draw, ...] = ()
    derived: Coefficients | None = None
    numbers: dict[str, float] = field(default_factory=dict)
    again: Callable[[], RenderedStep] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        # Functions that were compiled from source have no name by which pickle could find them.
        assert self.again is not None, "render says how to render a step again"
        return self.again, ()

    def __deepcopy__(self, memo: Any) -> RenderedStep:
        return self


def render(
    model: NeuronModel,
    neurons: int,
    dt: float,
    *,
    fires: bool = True,
    spike_function: SpikeFunction | None = None,
    dtype: torch.dtype = torch.float32,
    received: Sequence[str] | None = None,
    schedule: str = "canonical",
    learned: Collection[str] = (),
) -> RenderedStep:
    """Render the step of `neurons` neurons of a model.

    Parameters
    ----------
    model : NeuronModel
        The description.
    neurons : int
        Number of neurons. It matters only if parameters are arrays.
    dt : float
        Length of the step, in seconds.
    fires : bool
        Whether the neurons emit and reset. If not, the membrane potential is free.
    spike_function : SpikeFunction, optional
        How to differentiate through a spike.
    dtype : torch.dtype
        Floating point type of the spikes.
    received : sequence of str, optional
        The variables that spikes add to, each an argument of the step in this order; the model's
        ``receive`` by default.
    schedule : {"canonical", "default"}
        The order of operations within a step.
    learned : collection of str
        Parameters of the model that the caller gives to the step, and that may have a gradient.

    Raises
    ------
    InputError
        If the equations call a function that has no torch rendering.

    Examples
    --------
    >>> from brianbridge.neurons.library import neuron_model
    >>> print(render(neuron_model("lif"), 1, dt=1e-3).source)
    def prepare(drive):
        h1 = _gamma_v__v * drive
        return (h1,)
    <BLANKLINE>
    def step(v, x, t, drive, h1):
        v = _phi_v__v * v + h1
        if x is not None:
            v = v + x
        emit = spike_step(v - theta, False)
        v = v - theta * emit
        return (v, emit)
    """
    from brian2 import second

    again = partial(
        render, model, neurons, dt, fires=fires, spike_function=spike_function, dtype=dtype,
        received=received, schedule=schedule, learned=learned,
    )  # fmt: skip
    what = f"neuron model '{model.name}'"
    if model.method.startswith("gsl"):
        raise InputError(f"{what}: method '{model.method}' has no torch rendering; use 'rk4'")
    if received is None:
        received = (model.receive,) if model.receive else ()
    fires = fires and bool(model.emit)
    group = probe(model, neurons, fires=fires, dt=dt * second)
    code, known = read_step(model, group, fires)
    refractory = fires and model.refractory is not None
    derived = _derived(model, group, known, dt, learned)
    arguments = frozenset({*learned, *(derived.names if derived else ())})
    variables = StepVariables(model, group, known, code, received, refractory, arguments)
    functions = spike_function or SpikeFunction()
    helpers = _helpers(functions, dtype)
    for name in sorted(set(helpers) & {*known, *code.temporary_names()}):
        raise InputError(f"{what}: '{name}' is a reserved name of the torch step; rename it")
    source = StepWriter(
        model, group, code, variables, fires=fires, canonical=schedule == "canonical",
        detach_reset=functions.detach_reset,
    ).source()  # fmt: skip
    timed = {name: timed_function(known[name], group, dtype) for name in model.timed_arrays}
    own = {name: for_numbers_too(one.torch) for name, one in model.user_functions.items()}
    scope = {**TORCH_FUNCTIONS, **variables.numbers, **helpers, **timed, **own}
    exec(compile(source, f"<torch step of {model.name or 'a neuron model'}>", "exec"), scope)
    return RenderedStep(
        source=source,
        prepare=scope["prepare"],
        step=scope.get("step"),
        fire=scope.get("fire"),
        settle=scope.get("settle"),
        state=variables.state,
        inputs=variables.inputs,
        arrays=variables.arrays,
        initial=_initial(group, (*variables.state, *variables.inputs)),
        draws=code.draws,
        derived=derived,
        numbers=variables.numbers,
        again=again,
    )


def _initial(group: Any, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the values of variables at the start; an event is decided anew in every step."""
    return {
        name: np.array(group.variables[name].get_value())
        if name in group.variables
        else np.zeros(len(group), bool)
        for name in names
    }


def _derived(
    model: NeuronModel, group: Any, known: dict[str, Any], dt: float, learned: Collection[str]
) -> Coefficients | None:
    """Return a function for the coefficients of the exact step, given learned parameters."""
    if not learned or model.method != "exact":
        return None
    propagator = exact_propagator(group.equations, known)
    found = Coefficients(propagator, group.variables, frozenset(learned), dt)
    return found if found.names else None


def _helpers(functions: SpikeFunction, dtype: torch.dtype) -> dict[str, Any]:
    """Return the names that the source uses besides the functions of equations."""
    return {
        "torch": torch,
        "spike_step": functions.step,
        "spike_staircase": functions.staircase,
        "as_number": lambda x: as_number(x, dtype),
        "negation": negation,
        "poisson_number": poisson,
    }
