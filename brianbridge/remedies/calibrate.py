"""Calibrate a network that fires more, or less, under perturbations than its twin.

This is the simplest remedy. All weights into a population and its biases, or its thresholds, are
multiplied by one number, so that the population fires as much under the perturbations as in the
unperturbed twin. The numbers are fitted on training samples, from input to output, each with the
earlier ones in place.

Setting the initial weights before training is something else
(`brianbridge.rules.single_spike.initial_weights`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from brianbridge.datasets import Dataset
from brianbridge.datasets.fit import fitted
from brianbridge.errors import InputError
from brianbridge.ladder.remedy import Remedy
from brianbridge.ladder.twin_run import TwinRun
from brianbridge.measures.spike_counts import SpikeCounts, add_spike_counts
from brianbridge.network import Population, SpikingNetwork
from brianbridge.network.synapses import delivers_weight
from brianbridge.perturbations import Perturbation, perturbed
from brianbridge.perturbations.condition import Condition
from brianbridge.recording import Recording
from brianbridge.remedies.gain import fitted_gain, with_gain
from brianbridge.simulation.device import check_runtime_device

__all__ = ["Calibrate", "Calibration", "calibrate"]


@dataclass(frozen=True)
class Calibrate(Remedy):
    """Scale each population so that it fires as much as in the twin; see `calibrate`.

    Parameters
    ----------
    of : {"weights", "threshold"}
        What is multiplied.
    samples : int
        Largest number of training samples that are used.
    """

    name = "calibrate"
    outcome = "calibrated"

    of: Literal["weights", "threshold"] = "weights"
    samples: int = 1000

    def __post_init__(self) -> None:
        _check_options(self.of, self.samples)

    def check(
        self,
        network: SpikingNetwork,
        train: Dataset,
        perturbations: tuple[Perturbation, ...],
        seed: int,
    ) -> None:
        """Check the data and the parameters of the neurons."""
        _fitted(network, train, self.of)

    def apply(
        self,
        network: SpikingNetwork,
        train: Dataset,
        perturbations: tuple[Perturbation, ...],
        seed: int,
        checkpoint: Path | None = None,
    ) -> SpikingNetwork:
        """Return the calibrated network; there are no intermediate states to keep."""
        return calibrate(
            network, train, perturbations, seed=seed, of=self.of, samples=self.samples
        ).network

    def facts(self, changed: SpikingNetwork) -> Mapping[str, Any]:
        """Return the scale of each population."""
        return {"scales": changed.provenance["calibration"]["scales"]}


@dataclass(frozen=True, eq=False)
class Calibration:
    """Hold the outcome of a calibration.

    Parameters
    ----------
    network : SpikingNetwork
        The calibrated network, without perturbations. Apply them again to verify it.
    of : {"weights", "threshold"}
        What was multiplied.
    scales : mapping of str to float
        The factors, by population; only for populations that could be fitted.
    wanted : mapping of str to float
        Mean spike count of a neuron in a sample in the twin, for every population that fires.
    before, after : mapping of str to float
        The same in Brian2 under the perturbations, before and after the calibration.
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
    data: Any,
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

    Some populations stay as they are: those that do not fire (read by their potential), those that
    are silent in the twin and, if weights are scaled, those that receive only frozen weights.
    Effects of a later population on an earlier one through feedback are not taken into account.

    Parameters
    ----------
    network : SpikingNetwork
        The trained network.
    data : Dataset, pair of arrays, torch Dataset or torch DataLoader
        Training samples.
    perturbations : iterable of Perturbation
        Perturbations of the simulation in Brian2.
    seed : int
        Seed of the perturbations (the same seed gives the same device) and of the choice of
        samples.
    of : {"weights", "threshold"}
        What is multiplied: weights and biases, or the parameter ``theta``.
    rounds : int
        Largest number of simulations for each population; the best gain is kept.
    tolerance : float
        Largest error of a mean spike count, as a share of it.
    samples : int
        Largest number of samples that are used.
    threads : int, optional
        Threads of the simulation; one for each core if None.

    Returns
    -------
    Calibration

    Raises
    ------
    InputError
        If an option is out of range, data or perturbations do not fit the network, or there is no
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
    check_runtime_device("calibrate")
    _check_options(of, samples, rounds, tolerance)
    data = _fitted(network, data, of)
    chosen = np.random.default_rng(seed).permutation(len(data))[:samples]
    x, applied = data.x[np.sort(chosen)], tuple(perturbations)
    counts_of = partial(_mean_counts, x=x, perturbations=applied, seed=seed, threads=threads)
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


def _mean_counts(
    network: SpikingNetwork,
    x: np.ndarray,
    perturbations: tuple[Perturbation, ...],
    seed: int,
    threads: int | None,
) -> dict[str, float]:
    """Return the mean spike counts in Brian2 under perturbations."""
    condition = perturbed(Condition(network), perturbations, seed)
    found: dict[str, SpikeCounts] = {}

    def add(chunk: Recording) -> None:
        found.update(add_spike_counts(found, chunk))

    condition.simulate(x, seed=seed, threads=threads, on_chunk=add, keep=False)
    return _means(found)


def _means(activity: Mapping[str, SpikeCounts]) -> dict[str, float]:
    """Return the mean spike count of a neuron in a sample, by population, without signs."""
    return {n: float(a.mass.sum()) / (a.samples * len(a.mass)) for n, a in activity.items()}


def _scalable(network: SpikingNetwork, population: Population, of: str) -> bool:
    """Tell whether a gain would change a population."""
    if of == "threshold":  # pooling neurons have a threshold of 0, which does not change
        return bool(np.any(np.asarray(population.neuron.parameters["theta"]) != 0))
    return any(not p.frozen for p in network.incoming(population.name))


def _check_options(of: str, samples: int, rounds: int = 1, tolerance: float = 0.0) -> None:
    """Check the options of `calibrate`."""
    if of not in ("weights", "threshold"):
        raise InputError(f"calibration: of = {of!r}; give 'weights' or 'threshold'")
    for option, value, least in (("rounds", rounds, 1), ("samples", samples, 1)):
        if value < least:
            raise InputError(f"calibration: {option} = {value!r}; give at least {least}")
    if not 0 <= tolerance < 1:
        raise InputError(f"calibration: tolerance = {tolerance!r}; give 0 or more, and below 1")


def _fitted(network: SpikingNetwork, data: Any, of: str) -> Dataset:
    """Return data that fit a network, and check that it has the parameter to multiply."""
    found = fitted(network, data)
    for projection in network.modelled if of == "weights" else ():
        assert projection.model is not None
        if not projection.frozen and not delivers_weight(projection.model):
            raise InputError(
                f"calibration: the synapses of projection '{projection.name}' have a model in "
                f"which '{projection.model.trained}' is more than a factor of what they add, so a "
                "gain has another meaning; give of = 'threshold', or freeze the projection"
            )
    for population in network.firing:
        if of == "threshold" and "theta" not in population.neuron.parameters:
            raise InputError(
                f"calibration: neurons of population '{population.name}' have no parameter "
                "'theta'; give of = 'weights'"
            )
    return found
