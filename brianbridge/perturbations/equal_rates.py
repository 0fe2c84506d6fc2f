"""The gain at which neurons of another model fire as often as those of the trained one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np

from brianbridge.encoding import Bernoulli, Current
from brianbridge.errors import InputError
from brianbridge.network import Dense, Population, SpikingNetwork
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import si_array
from brianbridge.perturbations.condition import Condition
from brianbridge.perturbations.neurons import threshold_of

__all__ = ["calibrated_gain", "emitted"]

#: Neurons of each of the two kinds of input.
_EACH = 100
#: Inputs of a neuron that receives spikes, their chance to fire in a step, and samples of them.
_INPUTS, _CHANCE, _SAMPLES = 50, 0.2, 4
#: Mean and standard deviation of its weights, in thresholds: 0.2 +- 0.3 thresholds in each step.
_MEAN, _DEVIATION = 0.02, 0.1
#: Gains tried at once, at first from 1/32 to 32 times the ratio of thresholds; and how often the
#: interval is divided. The last one is of less than a thousandth.
_TRIED, _WIDEST, _ROUNDS = 33, 32.0, 3
#: What was found before: a sweep asks again for every shard.
_found: dict[str, float] = {}


def calibrated_gain(
    condition: Condition, population: Population, other: NeuronModel, what: str
) -> float:
    """Find the gain of the input at which another neuron fires as often on average.

    Both models are simulated for the length of a presentation, at the step of the condition, with
    the same inputs: constant currents up to one threshold per step, spread evenly, and random
    spikes through random weights that are the same in every call. The mean is over all neurons and
    samples, of the sum of spike values. It rises with the gain, so that intervals around the gain
    that is looked for can be divided. Where the ratio of thresholds does it already, that is the
    gain.

    Parameters
    ----------
    condition : Condition
        Network, step and schedule.
    population : Population
        Whose neurons are the trained ones; where their parameters differ, their mean counts.
    other : NeuronModel
        The other model.
    what : str
        Of the perturbation, for errors.

    Returns
    -------
    float
        By what the weights of the trained model are to be multiplied, in SI units.

    Raises
    ------
    InputError
        If the neurons have no threshold, or no gain makes the others fire as often.
    """
    mine = _typical(population.neuron)
    theta = float(si_array(threshold_of(replace(population, neuron=mine), what)))
    facts = [
        mine.to_dict(), other.to_dict(), theta, condition.network.steps, condition.dt,
        condition.schedule, condition.timing,
    ]  # fmt: skip
    key = json.dumps(facts, sort_keys=True)
    if key not in _found:
        _found[key] = _search(condition, population, mine, other, theta, what)
    return _found[key]


def _search(
    condition: Condition, population: Population, mine: NeuronModel, other: NeuronModel,
    theta: float, what: str,
) -> float:  # fmt: skip
    """Find the gain; see `calibrated_gain`."""
    currents = bool(mine.drive and other.drive)

    def mean_counts(model: NeuronModel, gains: np.ndarray) -> np.ndarray:
        return _mean_counts(condition, model, gains * theta, currents)

    wanted = mean_counts(mine, np.ones(1))[0]
    start = _distance(other, what) / theta
    gains = start * np.geomspace(1 / _WIDEST, _WIDEST, _TRIED)
    gains[_TRIED // 2] = start  # exactly
    for number in range(_ROUNDS):
        found = mean_counts(other, gains)
        if number == 0 and found[_TRIED // 2] == wanted:
            return float(start)
        enough = np.flatnonzero(found >= wanted)
        if not enough.size or (enough[0] == 0 and number == 0):
            raise InputError(
                f"perturbation '{what}': neurons of population '{population.name}' fire "
                f"{wanted:.3g} spikes on average where '{other.name}' fires {found.min():.3g} to "
                f"{found.max():.3g} at any gain; give its parameters other values, or a gain"
            )
        high = max(int(enough[0]), 1)
        ends, counts = gains[high - 1 : high + 1], found[high - 1 : high + 1]
        gains = np.geomspace(ends[0], ends[1], _TRIED)
    return float(ends[np.abs(counts - wanted).argmin()])


def emitted(neuron: NeuronModel, potential: float) -> float:
    """Return the spike value of a neuron at a potential (SI), all other state being 0."""
    from brian2.core.functions import DEFAULT_FUNCTIONS

    scope: dict[str, Any] = {n: f.pyfunc for n, f in DEFAULT_FUNCTIONS.items()}
    scope |= dict.fromkeys(neuron.settable_variables, 0.0)
    scope |= {name: float(si_array(value).max()) for name, value in neuron.parameters.items()}
    scope |= {"__builtins__": {}, "int": int, neuron.potential: potential}
    return float(eval(neuron.emit, scope))  # the model has checked the expression


def _distance(neuron: NeuronModel, what: str) -> float:
    """Return how far from its initial potential a neuron fires: about, but for a ``theta``."""
    if "theta" in neuron.parameters:
        return float(np.mean(si_array(neuron.parameters["theta"])))
    rest = float(np.mean(si_array(neuron.initial.get(neuron.potential, 0.0))))
    for distance in np.geomspace(1e-6, 1e6, 121):
        if emitted(neuron, rest + distance) > 0:
            return float(distance)
    raise InputError(
        f"perturbation '{what}': neuron model '{neuron.name}' fires at no potential; give another"
    )


def _typical(neuron: NeuronModel) -> NeuronModel:
    """Return the model with the mean of what differs from neuron to neuron."""
    parameters = {k: v.mean() if np.ndim(v) else v for k, v in neuron.parameters.items()}
    initial = {k: v.mean() if np.ndim(v) else v for k, v in neuron.initial.items()}
    return replace(neuron, parameters=parameters, initial=initial)


def _mean_counts(
    condition: Condition, model: NeuronModel, scales: np.ndarray, currents: bool
) -> np.ndarray:
    """Return the mean sum of spike values at each scale of the input."""
    steps, dt = condition.network.steps, condition.network.dt
    random = np.random.default_rng(0)
    weights = random.normal(_MEAN, _DEVIATION, (_EACH, _INPUTS))
    spikes = Bernoulli(steps, dt), weights, np.full((_SAMPLES, _INPUTS), _CHANCE)
    # No multiple of any is a whole threshold, where rounding would say whether a neuron fires.
    sizes = (np.arange(_EACH) + np.sqrt(0.5)) / _EACH
    drives = Current(steps, dt), sizes[:, None], np.ones((1, 1))
    means = []
    for encoding, each, x in (drives, spikes) if currents else (spikes,):
        network = SpikingNetwork.sequential(
            (each.shape[1],), [Dense(_EACH * len(scales), model)], encoding=encoding
        )
        name = network.projections[0].name
        whole = (scales[:, None, None] * each).reshape(-1, each.shape[1])
        bias = np.zeros(len(whole)) if model.drive else None
        network = network.with_weights({name: (whole, bias)})
        run = replace(condition, network=network, poisson=False, dtype=np.float64)
        counts = run.simulate(x, threads=1).spikes["output"].sum(0, dtype=np.float64)
        means.append(counts.reshape(len(x), len(scales), _EACH).mean((0, 2)))
    return np.asarray(np.mean(means, axis=0))
