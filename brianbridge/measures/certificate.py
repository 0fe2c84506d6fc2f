"""Bounds that hold for certain: the outputs of a network whose weights and thresholds are in error.

Let neurons sum their input without a leak, fire at most once a step with a spike of value 1, and
lose the threshold per spike. With ``C(t)`` all input up to step t, and ``N(t)`` all spikes,

    N(t) = N(t - 1) + [C(t) - theta N(t - 1) >= theta].

``N(t)`` is monotone: it never falls if ``C`` rises in any step, or if ``theta`` falls. (By
induction. If two counts are equal at t - 1, whichever has more input or the lower threshold fires
if the other one does. If one is ahead by a spike or more, the other can at most draw level.) So an
interval of ``C(t)`` for every step gives one of ``N(t)``, from its two ends. The next layer's input
is ``sum_i w_i N_i(t)`` with weights and counts in intervals, and counts of at least 0:

    C_high = sum_i max(w_i,high, 0) N_i,high + min(w_i,high, 0) N_i,low

and so on, to the output. This is interval arithmetic over a presentation (our derivation). The
bounds are sound, but not tight: they let all errors of a layer act together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from brianbridge.errors import InputError
from brianbridge.network import INPUT, Population, SpikingNetwork
from brianbridge.network.samples import checked_index, checked_samples
from brianbridge.rules.equilibrium.checks import sums_and_subtracts
from brianbridge.rules.layerwise import initial_potential
from brianbridge.twin.delays import shifted
from brianbridge.twin.network import NetworkTwin, to_torch

__all__ = ["Certificate", "certify"]

#: Rounding of sums, as a share of their size.
_ROUNDING = 1e-9

#: Lower and upper bounds.
_Bounds = tuple[Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class Certificate:
    """Hold bounds of the outputs of some samples.

    Parameters
    ----------
    output, low, high : numpy.ndarray, shape (samples, classes)
        Output of the network without errors, and its bounds with them.
    """

    output: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def certified(self) -> np.ndarray:
        """Whether no error can change the prediction of a sample, bool ``(samples,)``."""
        best = self.output.argmax(1)
        rows = np.arange(len(best))
        others = self.high.copy()
        others[rows, best] = -np.inf
        return np.asarray(self.low[rows, best] > others.max(1))


def certify(
    network: SpikingNetwork,
    x: Any,
    *,
    weight_error: float = 0.0,
    threshold_error: float = 0.0,
    index: Any = None,
    batch_size: int = 100,
) -> Certificate:
    """Bound the outputs of a network if weights, biases and thresholds are in error.

    Each weight, bias and threshold may have any value within its error, independently.

    Parameters
    ----------
    network : SpikingNetwork
        A network without loops, of neurons that sum their input, fire in each step in which they
        reach their threshold and lose it per spike (``if``), and input that is never negative.
    x : array, shape (samples, *input_shape)
        The samples.
    weight_error : float
        Largest error of a weight or bias, as a share of its size.
    threshold_error : float
        Largest error of a threshold ``theta``, as a share of its size.
    index : array of int, shape (samples,), optional
        Number of each sample in its data set; counted from 0 if not given.
    batch_size : int
        Samples computed at a time.

    Raises
    ------
    InputError
        If the network is of another kind, the input may be negative, or an error is not from 0 to
        less than 1.

    Examples
    --------
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.network import Dense
    >>> from brianbridge.neurons.library import neuron_model
    >>> layers = [Dense(2, neuron_model("if"))]
    >>> net = SpikingNetwork.sequential((3,), layers, encoding=Current(10), readout="counts")
    >>> net = net.with_weights({"input_to_output": (np.array([[0.3] * 3, [0.1] * 3]), None)})
    >>> found = certify(net, np.ones((1, 3)), weight_error=0.1)
    >>> found.output, found.low, found.high
    (array([[8., 3.]]), array([[8., 2.]]), array([[9., 3.]]))
    >>> found.certified
    array([ True])
    """
    for name, value in (("weight_error", weight_error), ("threshold_error", threshold_error)):
        if not 0 <= value < 1:
            raise InputError(f"certify: {name} = {value!r}; give 0 to less than 1, such as 0.01")
    _check(network)
    samples = checked_samples(network, x)
    numbers = checked_index(index, len(samples))
    twin = to_torch(network, dtype=torch.float64).eval()
    parts = []
    with torch.no_grad():
        for low in range(0, len(samples), batch_size):
            here = slice(low, low + batch_size)
            current, raster = twin.encode(samples[here], numbers[here])
            exact = twin.run(current, raster).output
            bounds = _Presentation(twin, weight_error, threshold_error).run(current, raster)
            parts.append([values.numpy() for values in (exact, *bounds)])
    return Certificate(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _check(network: SpikingNetwork) -> None:
    projections = network.projections
    for refused, why in (
        (not network.layers, "its populations form a loop"),
        (network.schedule != "canonical", "its schedule is Brian2's own"),
        (network.readout not in ("potential", "counts"), f"its readout is '{network.readout}'"),
        (bool(network.modelled), "its synapses have a model"),
        (any(p.failure is not None for p in projections), "spikes fail at its synapses"),
        (any(p.connection.delays is not None for p in projections), "synapses have a delay each"),
        (any(p.longest_delay is not None for p in projections), "its delays are learned"),
    ):
        if refused:
            raise InputError(
                f"certify: there are no bounds for this network, because {why}; give one without "
                "loops, in the canonical schedule, with readout 'potential' or 'counts', and "
                "synapses that only add their weights"
            )
    for population in network.populations:
        if not _has_bounds(population, network.dt, network.fires(population.name)):
            raise InputError(
                f"certify: neurons '{population.neuron.name}' of population '{population.name}' do "
                "not only sum their input, fire at 'theta' in any step, with spikes of value 1, "
                "and lose 'theta' per spike; use 'if'"
            )


def _has_bounds(population: Population, dt: float, fires: bool) -> bool:
    """Return whether the neurons of a population do what the module says above."""
    theta = population.neuron.parameters.get("theta")
    if not fires:
        return sums_and_subtracts(population, dt, 1.0, None)
    if theta is None or np.ptp(np.asarray(theta)) != 0 or np.min(theta) <= 0:
        return False
    refractory, theta = population.neuron.refractory, float(np.max(theta))
    if isinstance(refractory, str) or float(refractory or 0.0) > dt * (1 + 1e-9):
        return False
    return sums_and_subtracts(population, dt, 1.0, amount=theta, threshold=theta)


class _Presentation:
    """Propagate bounds from layer to layer."""

    def __init__(self, twin: NetworkTwin, weight_error: float, threshold_error: float) -> None:
        self._twin, self._network = twin, twin.network
        self._weight_error, self._threshold_error = weight_error, threshold_error

    def run(self, current: Tensor | None, raster: Tensor | None) -> _Bounds:
        network = self._network
        given = current if raster is None else raster
        assert given is not None
        if (given < 0).any():
            raise InputError("certify: the input is negative in places; give input of at least 0")
        counts: dict[str, _Bounds] = {}
        if raster is not None:
            summed = raster.cumsum(0)
            counts[INPUT] = summed, summed
        for population in network.layers:
            low, high = self._input_of(population.name, counts, current)
            if not network.fires(population.name):
                return low[-1].flatten(1), high[-1].flatten(1)
            theta = float(np.max(population.neuron.parameters["theta"]))
            error = self._threshold_error
            counts[population.name] = (
                _spikes(low, theta * (1 + error)), _spikes(high, theta * (1 - error)),
            )  # fmt: skip
        low, high = counts[network.output.name]
        return low[-1].flatten(1), high[-1].flatten(1)

    def _input_of(self, name: str, counts: dict[str, _Bounds], current: Tensor | None) -> _Bounds:
        """Return bounds of all input up to each step, ``(T, batch, *shape)``."""
        twin, network = self._twin, self._network
        steps, share = network.steps, network.dt / network.encoding.unit_step
        start = torch.as_tensor(initial_potential(network.population(name)), dtype=torch.float64)
        low = high = start
        for projection in network.incoming(name):
            module = twin.projection(projection.name)
            weight, bias = module.effective()
            ends = self._widened(weight)
            if projection.source in counts:
                later = network.delay_steps(projection)
                below, above = (shifted(c, later) for c in counts[projection.source])
                parts = _product(module, ends, below, above)
            else:
                assert current is not None
                parts = _product(module, ends, current, current)
                parts = _over_steps(parts, share, steps)
            low, high = low + parts[0], high + parts[1]
            if bias is not None:
                constant = module.bias_of_neurons()
                assert constant is not None
                ends = self._widened(constant)
                parts = _over_steps(ends, share, steps, lead=1)
                low, high = low + parts[0], high + parts[1]
        slack = _ROUNDING * (1 + high.abs().maximum(low.abs()))
        return low - slack, high + slack

    def _widened(self, values: Tensor) -> _Bounds:
        error = self._weight_error * values.abs()
        return values - error, values + error


def _product(module: Any, ends: _Bounds, below: Tensor, above: Tensor) -> _Bounds:
    """Return bounds of the weighted sum of counts of at least 0."""
    low, high = ends

    def weighted(x: Tensor, weight: Tensor) -> Tensor:
        found: Tensor = module.weighted(x, weight)
        return found

    return (
        weighted(below, low.clamp(min=0)) + weighted(above, low.clamp(max=0)),
        weighted(above, high.clamp(min=0)) + weighted(below, high.clamp(max=0)),
    )


def _over_steps(ends: _Bounds, share: float, steps: int, lead: int = 0) -> _Bounds:
    """Return a constant input, of which a share comes in each step, summed up to each step."""
    time = torch.arange(1, steps + 1, dtype=torch.float64)
    low, high = (
        time.reshape(-1, *(1,) * (values.ndim + lead)) * (share * values) for values in ends
    )
    return low, high


def _spikes(summed: Tensor, theta: float) -> Tensor:
    """Return all spikes up to each step, ``(T, ...)``, from all input up to each step."""
    count = torch.zeros_like(summed[0])
    found = []
    for total in summed:
        count = count + (total - theta * count >= theta)
        found.append(count)
    return torch.stack(found)
