"""Find the gain at which neurons of another model fire at the same mean rate."""

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
from brianbridge.perturbations.base import Perturbation
from brianbridge.perturbations.changes import threshold_of
from brianbridge.perturbations.condition import Condition

__all__ = ["matching_gain", "spike_value_at"]

#: Number of neurons that receive currents; as many others receive spikes.
_NEURONS = 100
#: Number of spike trains that a neuron receives, probability of a spike in a step, and number of
#: samples.
_INPUTS, _PROBABILITY, _SAMPLES = 50, 0.2, 4
#: Mean and standard deviation of the random weights, in thresholds. Together the inputs give
#: 0.2 +- 0.3 thresholds in a step.
_MEAN, _DEVIATION = 0.02, 0.1
#: The search tries this many gains at once, first from 1/32 to 32 times the ratio of thresholds,
#: then between the two nearest. After three rounds they differ by less than a thousandth.
_TRIED, _WIDEST, _ROUNDS = 33, 32.0, 3
#: Gains found before; a sweep asks again for every shard.
_known: dict[str, float] = {}


def matching_gain(
    condition: Condition, population: Population, other: NeuronModel, perturbation: Perturbation
) -> float:
    """Find the gain of the input at which neurons of another model fire as often on average.

    Both models are simulated for the length of one presentation, with the step of the condition
    and the same inputs: constant currents of up to one threshold in a step, evenly spaced, and
    random spikes through random weights, the same in every call. The rate is the sum of spike
    values, averaged over all neurons and samples. It rises with the gain, so that an interval of
    gains can be narrowed step by step. If the ratio of the thresholds gives the same rate, it is
    the gain.

    Parameters
    ----------
    condition : Condition
        Condition with the network, its step and its schedule.
    population : Population
        Population with the original neurons. Parameters that differ from neuron to neuron are
        replaced by their mean.
    other : NeuronModel
        The other neuron model.
    perturbation : Perturbation
        Perturbation that replaces the neurons, for error messages.

    Returns
    -------
    float
        Factor for the weights into the population, in SI units.

    Raises
    ------
    InputError
        If the neurons have no threshold, or the rates differ at every gain.
    """
    original = _with_mean_parameters(population.neuron)
    theta = float(si_array(threshold_of(replace(population, neuron=original), perturbation)))
    facts = [
        original.to_dict(), other.to_dict(), theta, condition.network.steps, condition.dt,
        condition.schedule, condition.timing,
    ]  # fmt: skip
    key = json.dumps(facts, sort_keys=True)
    if key not in _known:
        _known[key] = _search(condition, population, original, other, theta, perturbation)
    return _known[key]


def _search(
    condition: Condition, population: Population, original: NeuronModel, other: NeuronModel,
    theta: float, perturbation: Perturbation,
) -> float:  # fmt: skip
    """Find the gain; see `matching_gain`."""
    currents = bool(original.drive and other.drive)

    def mean_counts(model: NeuronModel, gains: np.ndarray) -> np.ndarray:
        return _mean_counts(condition, model, gains * theta, currents)

    wanted = mean_counts(original, np.ones(1))[0]
    start = _distance_to_threshold(other, perturbation) / theta
    gains = start * np.geomspace(1 / _WIDEST, _WIDEST, _TRIED)
    gains[_TRIED // 2] = start  # without rounding
    for number in range(_ROUNDS):
        found = mean_counts(other, gains)
        if number == 0 and found[_TRIED // 2] == wanted:
            return float(start)
        enough = np.flatnonzero(found >= wanted)
        if not enough.size or (enough[0] == 0 and number == 0):
            raise InputError(
                f"perturbation '{perturbation.name}': neurons of population '{population.name}' "
                f"fire {wanted:.3g} spikes on average, but '{other.name}' fires {found.min():.3g} "
                f"to {found.max():.3g} at any gain; give its parameters other values, or a gain"
            )
        high = max(int(enough[0]), 1)
        ends, counts = gains[high - 1 : high + 1], found[high - 1 : high + 1]
        gains = np.geomspace(ends[0], ends[1], _TRIED)
    return float(ends[np.abs(counts - wanted).argmin()])


def spike_value_at(neuron: NeuronModel, potential: float) -> float:
    """Return the spike value of a neuron at a potential (SI), with all other variables at 0."""
    from brian2.core.functions import DEFAULT_FUNCTIONS

    scope: dict[str, Any] = {n: f.pyfunc for n, f in DEFAULT_FUNCTIONS.items()}
    scope |= dict.fromkeys(neuron.settable_variables, 0.0)
    scope |= {name: float(si_array(value).max()) for name, value in neuron.parameters.items()}
    v = neuron.require_potential("the spike value at a potential")
    scope |= {"__builtins__": {}, "int": int, v: potential}
    return float(eval(neuron.emit, scope))  # the model has checked the expression


def _distance_to_threshold(neuron: NeuronModel, perturbation: Perturbation) -> float:
    """Return the distance from rest to the threshold: ``theta``, or an estimate without it."""
    if neuron.scale.dimensions and neuron.scale.unit is not None:
        return neuron.scale.unit
    if "theta" in neuron.parameters:
        return float(np.mean(si_array(neuron.parameters["theta"])))
    v = neuron.require_potential(f"perturbation '{perturbation.name}'")
    rest = float(np.mean(si_array(neuron.initial.get(v, 0.0))))
    for distance in np.geomspace(1e-6, 1e6, 121):
        if spike_value_at(neuron, rest + distance) > 0:
            return float(distance)
    raise InputError(
        f"perturbation '{perturbation.name}': neuron model '{neuron.name}' fires at no potential; "
        "give another"
    )


def _with_mean_parameters(neuron: NeuronModel) -> NeuronModel:
    """Return the model with the mean of all values that differ from neuron to neuron."""
    parameters = {k: v.mean() if np.ndim(v) else v for k, v in neuron.parameters.items()}
    initial = {k: v.mean() if np.ndim(v) else v for k, v in neuron.initial.items()}
    return replace(neuron, parameters=parameters, initial=initial)


def _mean_counts(
    condition: Condition, model: NeuronModel, scales: np.ndarray, currents: bool
) -> np.ndarray:
    """Return the mean sum of spike values at each scale of the input."""
    steps, dt = condition.network.steps, condition.network.dt
    random = np.random.default_rng(0)
    weights = random.normal(_MEAN, _DEVIATION, (_NEURONS, _INPUTS))
    spike_input = Bernoulli(steps, dt), weights, np.full((_SAMPLES, _INPUTS), _PROBABILITY)
    # No multiple of a current is a whole threshold, where rounding would decide about a spike.
    sizes = (np.arange(_NEURONS) + np.sqrt(0.5)) / _NEURONS
    current_input = Current(steps, dt), sizes[:, None], np.ones((1, 1))
    means = []
    for encoding, weight, x in (current_input, spike_input) if currents else (spike_input,):
        inputs = weight.shape[1]
        network = SpikingNetwork.sequential(
            (inputs,), [Dense(_NEURONS * len(scales), model)], encoding=encoding
        )
        name = network.projections[0].name
        scaled = (scales[:, None, None] * weight).reshape(-1, inputs)
        bias = np.zeros(len(scaled)) if model.drive else None
        network = network.with_weights({name: (scaled, bias)})
        run = replace(condition, network=network, poisson=False, dtype=np.float64)
        counts = run.simulate(x, threads=1).spikes["output"].sum(0, dtype=np.float64)
        means.append(counts.reshape(len(x), len(scales), _NEURONS).mean((0, 2)))
    return np.asarray(np.mean(means, axis=0))
