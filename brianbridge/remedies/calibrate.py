"""Calibrate a network that a perturbation makes fire more, or less, than its twin.

The least that can be done where a rung fails: each population gets one number by which all weights
that lead to it are multiplied, its biases included, or its thresholds, so that it fires as much
under the perturbations as it did in the twin without any. The numbers are fitted on training
samples, from input to output, each with those before it in place.

`brianbridge.rules.single_spike.initial_weights` is another thing: it sets weights before training.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from brianbridge.datasets import Dataset
from brianbridge.datasets.fit import fitted
from brianbridge.errors import InputError
from brianbridge.ladder.twin_run import TwinRun
from brianbridge.measures.spike_counts import SpikeCounts, add_spike_counts
from brianbridge.network import Population, SpikingNetwork
from brianbridge.perturbations import Perturbation, perturbed
from brianbridge.perturbations.condition import Condition
from brianbridge.recording import Recording

__all__ = ["Calibration", "calibrate", "check_calibration", "fitted_gain", "with_gain"]

#: A gain at most doubles or halves until the count that is wanted lies between two.
_STEP = math.log(2.0)


@dataclass(frozen=True)
class Calibration:
    """Hold the outcome of a calibration.

    Parameters
    ----------
    network : SpikingNetwork
        Calibrated, without perturbations: these come on top again where it is verified.
    of : {"weights", "threshold"}
        What was multiplied.
    scales : mapping of str to float
        By how much, by population; of those only that could be fitted.
    wanted : mapping of str to float
        Mean spike count of a neuron and sample in the twin, of every population that fires.
    before, after : mapping of str to float
        The same in Brian2 under the perturbations, of the network as it was and as it is.
    """

    network: SpikingNetwork
    of: str
    scales: Mapping[str, float]
    wanted: Mapping[str, float]
    before: Mapping[str, float]
    after: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return all but the network, for JSON."""
        return {
            "of": self.of, "scales": dict(self.scales), "wanted": dict(self.wanted),
            "before": dict(self.before), "after": dict(self.after),
        }  # fmt: skip


def calibrate(
    network: SpikingNetwork,
    data: Dataset,
    perturbations: Iterable[Perturbation],
    *,
    seed: int = 0,
    of: Literal["weights", "threshold"] = "weights",
    rounds: int = 8,
    tolerance: float = 0.005,
    samples: int = 1000,
    threads: int | None = None,
) -> Calibration:
    """Scale each population so that it fires under perturbations as much as in the twin.

    Populations that do not fire (a readout by potential), are silent in the twin, or that only
    frozen weights lead to (where weights are scaled) are left alone. With feedback, what a later
    population does to an earlier one is not followed.

    Parameters
    ----------
    network : SpikingNetwork
        The network, with its weights.
    data : Dataset
        Training samples.
    perturbations : iterable of Perturbation
        What is different in Brian2.
    seed : int
        Of the perturbations (the same seed makes the same device), and of the choice of samples.
    of : {"weights", "threshold"}
        What is multiplied: weights and biases, or the parameter ``theta``.
    rounds : int
        Simulations for each population, at most; the best is kept.
    tolerance : float
        How far a mean spike count may be off, as a share of it.
    samples : int
        How many of the samples are used, at most.
    threads : int, optional
        Threads of the simulation; one for each core if not given.

    Returns
    -------
    Calibration

    Raises
    ------
    InputError
        If an option is out of range, data, perturbations and network do not fit, or there is no
        parameter ``theta`` to scale.

    Examples
    --------
    >>> from brianbridge.datasets import from_arrays
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.perturbations import BackgroundCurrent
    >>> from brianbridge.network import Dense
    >>> from brianbridge.neurons.library import neuron_model
    >>> one = Dense(1, neuron_model("if"), bias=False)
    >>> net = SpikingNetwork.sequential((1,), [one], encoding=Current(100))
    >>> net = net.with_weights({"input_to_output": (np.array([[0.5]]), None)})
    >>> data = from_arrays("mine", np.ones((2, 1)), np.array([0, 0]))
    >>> found = calibrate(net, data, [BackgroundCurrent(size=0.25)])
    >>> found.before["output"], found.after["output"], round(found.scales["output"], 1)
    (75.0, 50.0, 0.5)
    """
    from brianbridge.simulation.device import check_runtime_device

    check_runtime_device("calibrate")
    check_calibration(network, data, of, samples, rounds, tolerance)
    chosen = np.random.default_rng(seed).permutation(len(data))[:samples]
    x, applied = data.x[np.sort(chosen)], tuple(perturbations)

    def counts_of(candidate: SpikingNetwork) -> dict[str, float]:
        condition = perturbed(Condition(candidate), applied, seed)
        found: dict[str, SpikeCounts] = {}

        def add(chunk: Recording) -> None:
            nonlocal found
            found = add_spike_counts(found, chunk)

        condition.simulate(x, seed=seed, threads=threads, on_chunk=add, keep=False)
        return _means(found)

    wanted = _means(TwinRun(network, x).activity)
    before = counts_of(network)
    calibrated, scales = network, dict[str, float]()
    for population in network.firing:
        name = population.name
        if not wanted[name] or not _scalable(network, population, of):
            continue

        def count(gain: float, name: str = name, base: SpikingNetwork = calibrated) -> float:
            return counts_of(with_gain(base, name, gain, of))[name]

        gain = fitted_gain(count, wanted[name], rounds, tolerance)
        calibrated = with_gain(calibrated, name, gain, of)
        scales[name] = gain if of == "weights" else 1 / gain
    found = Calibration(calibrated, of, scales, wanted, before, counts_of(calibrated))
    done = {**found.to_dict(), "perturbations": [repr(p) for p in applied], "seed": seed}
    provenance = {**calibrated.provenance, "calibration": done}
    return replace(found, network=replace(calibrated, provenance=provenance))


def fitted_gain(
    count_of: Callable[[float], float], wanted: float, rounds: int, tolerance: float
) -> float:
    """Return the gain that brings a count, which grows with it, closest to what is wanted.

    Parameters
    ----------
    count_of : callable
        The count at a gain.
    wanted : float
        Above 0.
    rounds : int
        How often it may be called.
    tolerance : float
        As a share of `wanted`; the search is over once a count is that close.

    Returns
    -------
    float
        The best gain tried, the first of equals; 1 is tried first.

    Examples
    --------
    >>> round(fitted_gain(lambda gain: 30*gain**2, 60.0, rounds=10, tolerance=1e-6), 4)
    1.4142
    """
    u, best, least = 0.0, 0.0, math.inf
    before: tuple[float, float] | None = None  # logarithm of the gain tried last, and its count
    low: tuple[float, float] | None = None  # logarithm of a gain that is too small, and its error
    high: tuple[float, float] | None = None
    for number in range(rounds):
        count = count_of(math.exp(u))
        error = count - wanted
        if abs(error) < least:
            best, least = u, abs(error)
        if abs(error) <= tolerance * wanted:
            break
        if error < 0:
            low = (u, error)
        else:
            high = (u, error)
        if low is None or high is None:
            step = _STEP
            if count > 0:
                step = math.log(wanted / count) / _growth(before, (u, count))
            before = (u, count)
            u += min(max(step, -_STEP), _STEP)
        elif number % 3 == 2:  # counts come in steps, at which the secant may get stuck
            u = (low[0] + high[0]) / 2
        else:
            u = low[0] + (high[0] - low[0]) * low[1] / (low[1] - high[1])
    return math.exp(best)


def _growth(before: tuple[float, float] | None, now: tuple[float, float]) -> float:
    """Return with which power of the gain a count grows, from two of them; 1 if that is no help."""
    if before is None or before[1] <= 0 or before[0] == now[0]:
        return 1.0
    growth = math.log(now[1] / before[1]) / (now[0] - before[0])
    return growth if growth > 0.1 else 1.0


def with_gain(
    network: SpikingNetwork, name: str, gain: float, of: Literal["weights", "threshold"]
) -> SpikingNetwork:
    """Return the network with weights into a population times `gain`, or thresholds divided by it.

    Frozen weights stay what they are.
    """
    if of == "weights":
        changed = {
            p.name: (_times(p.weight, gain), None if p.bias is None else _times(p.bias, gain))
            for p in network.incoming(name)
            if not p.frozen
        }
        return network.with_weights(changed)

    def scaled(population: Population) -> Population:
        if population.name != name:
            return population
        theta = population.neuron.parameters["theta"] / gain
        return replace(population, neuron=population.neuron.with_parameters(theta=theta))

    return replace(network, populations=tuple(scaled(p) for p in network.populations))


def _times(values: np.ndarray, gain: float) -> np.ndarray:
    # Not of another type: weights of four bytes stay so, on file and in the twin.
    kept = values.dtype if values.dtype.kind == "f" else np.dtype(np.float64)
    return (values * gain).astype(kept)


def _means(activity: Mapping[str, SpikeCounts]) -> dict[str, float]:
    """Return the mean spike count of a neuron and sample, by population; the size of values."""
    return {n: float(a.mass.sum()) / (a.samples * len(a.mass)) for n, a in activity.items()}


def _scalable(network: SpikingNetwork, population: Population, of: str) -> bool:
    if of == "threshold":  # a threshold of 0, of neurons that pool, stays what it is
        return bool(np.any(np.asarray(population.neuron.parameters["theta"]) != 0))
    return any(not p.frozen for p in network.incoming(population.name))


def check_calibration(
    network: SpikingNetwork,
    data: Dataset,
    of: str,
    samples: int,
    rounds: int = 1,
    tolerance: float = 0.0,
) -> None:
    """Refuse what cannot be calibrated, before anything runs; arguments as of `calibrate`."""
    if of not in ("weights", "threshold"):
        raise InputError(f"calibration: of = {of!r}; give 'weights' or 'threshold'")
    for option, value, good in (
        ("rounds", rounds, rounds >= 1),
        ("tolerance", tolerance, 0 <= tolerance < 1),
        ("samples", samples, samples >= 1),
    ):
        if not good:
            raise InputError(f"calibration: {option} = {value!r} is out of range")
    fitted(network, data)
    for population in network.firing:
        if of == "threshold" and "theta" not in population.neuron.parameters:
            raise InputError(
                f"calibration: neurons of population '{population.name}' have no parameter "
                "'theta'; give of = 'weights'"
            )
