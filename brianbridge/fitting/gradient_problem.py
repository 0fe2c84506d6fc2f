"""Check what a fit by gradients is given: a neuron with a loss, or a circuit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import NeuronGroup

from brianbridge.encoding import Current
from brianbridge.errors import InputError, did_you_mean
from brianbridge.fitting.driven import driven
from brianbridge.fitting.learned_values import LearnedValues, Place, learned_values
from brianbridge.fitting.loss_problem import LossProblem
from brianbridge.fitting.problem import (
    checked_input,
    checked_targets,
    drive_of,
    sweeps_first,
    whole_steps,
)
from brianbridge.fitting.ranges import checked_ranges
from brianbridge.fitting.target_loss import TargetLoss
from brianbridge.fitting.weights import kept_values, target_weights
from brianbridge.network import Population, SpikingNetwork
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import checked_step, seconds
from brianbridge.simulation.reader.from_brian2 import from_brian2
from brianbridge.simulation.reader.objects import common_dt, objects_of

__all__ = ["Targets", "problem_of_circuit", "problem_of_neuron"]

#: The name of the population that a neuron becomes.
_NEURON = "neuron"


@dataclass(frozen=True)
class Targets:
    """Hold recordings of a circuit as they were given; see `brianbridge.fit`."""

    values: Mapping[str, Any]
    dt: Any
    t_start: Any
    weights: Any
    mask_nan: bool


def problem_of_neuron(
    model: NeuronModel,
    *,
    input: Any,
    drive: str,
    dt: Any,
    input_dt: Any,
    duration: Any,
    learn: Mapping[str, Any],
    loss: Callable[..., Any],
    record: Sequence[str],
    seed: int,
) -> LossProblem:
    """Return the problem of a neuron with a loss; arguments are those of `brianbridge.fit`.

    Raises
    ------
    InputError
        If anything does not fit together.
    """
    step = checked_step(dt, "dt")
    ranges = checked_ranges(model, learn)
    population, sweeps = model, 1
    if input is None:
        if duration is None:
            raise InputError("a loss without input needs the length of a sweep; give duration")
        length = seconds(duration, "duration")
    else:
        if duration is not None:
            raise InputError("duration is that of the input; leave it out")
        values, each = checked_input(input, step, input_dt)
        sweeps, length = len(values), values.shape[1] * each
        population = driven(model, drive or drive_of(model), values, each)
    network = SpikingNetwork(
        input_shape=(1,),
        encoding=Current(whole_steps(length, step, "duration"), step),
        populations=(Population(_NEURON, (sweeps,), population),),
        projections=(),
        readout="counts" if population.emit else "potential",
        schedule="default",
    )
    places = tuple(Place(_NEURON, name) for name in ranges.names)
    named = {name: (_NEURON, name) for name in _names(record)}
    problem = LossProblem(model, network, LearnedValues(ranges, places), loss, named, seed)
    return _checked(problem)


def problem_of_circuit(
    model: Any,
    *,
    dt: Any,
    duration: Any,
    learn: Mapping[str, Any],
    loss: Callable[..., Any] | None,
    targets: Targets,
    record: Sequence[str],
    seed: int,
    namespace: Mapping[str, Any],
) -> LossProblem:
    """Return the problem of a circuit; arguments are those of `brianbridge.fit`.

    Raises
    ------
    InputError
        If anything does not fit together.
    """
    if loss is not None and duration is None and not isinstance(model, SpikingNetwork):
        raise InputError("a loss of a circuit needs the length of its run; give duration")
    if loss is None and duration is not None:
        raise InputError("duration is that of the target; leave it out")
    if isinstance(model, SpikingNetwork):
        network = _checked_length(model, dt, duration)
    else:
        objects = objects_of(model)
        step = _step_of(objects, dt)
        length = _length(targets, step) if loss is None else seconds(duration, "duration")
        network = _read(objects, dt, whole_steps(length, step, "duration"), namespace)
    learned = learned_values(network, learn)
    labels = _names(record) if loss is not None else tuple(targets.values)
    named = {label: _place(network, label) for label in labels}
    chosen = loss if loss is not None else _target_loss(network, targets, named)
    return _checked(LossProblem(network, network, learned, chosen, named, seed))


def _step_of(objects: list[Any], dt: Any) -> float:
    """Return the step of a fit: the one that was given, or that of the clock of the groups."""
    groups = [one for one in objects if isinstance(one, NeuronGroup)]
    if not groups:
        raise InputError("the circuit has no NeuronGroup; add the neurons to fit")
    return common_dt(groups) if dt is None else checked_step(dt, "dt")


def _read(objects: list[Any], dt: Any, steps: int, namespace: Mapping[str, Any]) -> SpikingNetwork:
    """Read Brian2 objects; no fit needs an output, but a network has to have one."""
    firing = [o.name for o in objects if isinstance(o, NeuronGroup) and "spike" in o.events]
    chosen = {"output": firing[-1]} if firing else {"readout": "potential"}
    return from_brian2(objects, steps=steps, dt=dt, namespace=namespace, **chosen)


def _checked_length(network: SpikingNetwork, dt: Any, duration: Any) -> SpikingNetwork:
    """Return a network; refuse another step or length than its own."""
    own = {"dt": network.dt, "duration": network.dt * network.steps}
    for name, value in (("dt", dt), ("duration", duration)):
        if value is not None and not np.isclose(seconds(value, name), own[name], rtol=1e-9):
            raise InputError(
                f"{name} = {seconds(value, name) * 1e3:g} ms, but the network has "
                f"{own[name] * 1e3:g} ms; leave it out, or change the network's encoding"
            )
    return network


def _names(record: Sequence[str]) -> tuple[str, ...]:
    several = isinstance(record, list | tuple) and all(isinstance(one, str) for one in record)
    if not several:
        raise InputError(f"record = {record!r:.80}; give a list of names of variables, as in ['v']")
    return tuple(record)


def _place(network: SpikingNetwork, label: str) -> tuple[str, str]:
    """Return the population and the variable that a name such as "cell.v" stands for."""
    population, _, name = str(label).partition(".")
    known = [p.name for p in network.populations]
    if population not in known:
        hint = did_you_mean(population, known)
        raise InputError(
            f"'{label}': the circuit has no population '{population}'; give population and "
            f"variable, as in '{known[0]}.v'. {hint}"
        )
    return population, name


def _length(targets: Targets, step: float) -> float:
    """Return the length of recordings in seconds."""
    given = targets.values
    if not isinstance(given, Mapping) or not given:
        raise InputError("target names no variable; give its recording, as in {'cell.v': traces}")
    label, values = next(iter(given.items()))
    each = step if targets.dt is None else seconds(targets.dt, "target_dt")
    whole_steps(each, step, "target_dt")
    return float(sweeps_first(values, f"target '{label}'").shape[1] * each)


def _target_loss(
    network: SpikingNetwork, targets: Targets, named: Mapping[str, tuple[str, str]]
) -> TargetLoss:
    """Return the loss that compares traces with recordings of the same neurons."""
    each = network.dt if targets.dt is None else seconds(targets.dt, "target_dt")
    every = whole_steps(each, network.dt, "target_dt")
    values = {}
    for label, (population, name) in named.items():
        of = network.population(population)
        found, _ = checked_targets(of.neuron, {name: targets.values[label]})
        values[label] = found[name]
        wanted = of.size, network.steps // every
        if values[label].shape != wanted:
            raise InputError(
                f"target '{label}' has the shape {values[label].shape}, but the circuit has "
                f"{wanted}, (neurons, times); give a row for each neuron, or use a loss"
            )
    kept = kept_values(
        values, targets.mask_nan, seconds(targets.t_start, "t_start", zero=True), each
    )
    filled = {k: np.where(kept[k], one, 0.0) for k, one in values.items()}
    weights = {k: target_weights(k, v, kept[k], targets.weights) for k, v in filled.items()}
    return TargetLoss(filled, {k: one / len(weights) for k, one in weights.items()}, every)


def _checked(problem: LossProblem) -> LossProblem:
    """Build the twin, which refuses what has no gradient, and check what is recorded."""
    twin = problem.twin
    for label, (population, name) in problem.record.items():
        known = twin.population(population).rendered.state
        if name not in known:
            hint = did_you_mean(name, known)
            raise InputError(f"'{label}': '{population}' has no state variable '{name}'. {hint}")
    problem.check_loss()
    return problem
