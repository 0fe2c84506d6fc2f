"""Temporal coding with one spike a neuron: learn the time of the first output spike.

Mirsadeghi, Shalchian & Kheradpisheh (AUT J. Electrical Engineering 55(2):179, 2023), "DS4NN", of
which only the abstract could be read: convolutional networks of integrate-and-fire neurons without
leak that fire at most once, a surrogate gradient at the firing time, relative target times. The
rest follows S4NN of the same group (Kheradpisheh & Masquelier 2020, Int. J. Neural Syst.
30:2050027), read in its authors' code; what convolution makes of it is inferred.

An output neuron's error is the difference between its firing time and the one it should have, in
steps (S4NN divides by T), and the loss is half the sum of squares. Targets are relative: with
``tau`` the earliest output spike, the label is to fire at tau, and others that fired less than a
margin after tau are to fire a margin after it; the rest is left alone. If none fired, the label is
to fire a margin before the end.

There are two kinds of gradient. One is that of a firing time by the potential at the spike
(`brianbridge.rules.single_spike.first_crossing`), as in S4NN: those of a layer's potentials are
divided by their norm, sample by sample, so that only the learning rate sets the size of a step. The
other, which trains best and is the default, looks at the potentials of all steps
(`brianbridge.rules.single_spike.threshold_network`); its loss is that of a race between the outputs
(`brianbridge.rules.single_spike.first_to_fire`), which rewards the right first spike, not an early
one.

Before training, weights are scaled on a first batch so that neurons fire at all: S4NN draws
positive weights that do so for its own sizes, which for deeper networks is no longer simple. Dense
layers also get a mean above 0, so that their potentials come to the threshold half-way through a
presentation; convolutions do not, and are sparse.

The decision is the first output spike, ties by the potential (readout ``first_spike``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, max_pool2d

from brianbridge.encoding import Latency
from brianbridge.errors import InputError, did_you_mean
from brianbridge.network import INPUT, OneToOne, Pooling, Population, Projection, SpikingNetwork
from brianbridge.network.readout import AT_SPIKE, first_spike_output
from brianbridge.rules.base import LearningRule, Response
from brianbridge.rules.layerwise import check_layers, parameter_of, start_of, substitute
from brianbridge.rules.single_spike.first_crossing import (
    Credit,
    Crossing,
    by_events,
    by_steps,
    goes_by_events,
    raster_of,
)
from brianbridge.rules.single_spike.first_to_fire import log_chances
from brianbridge.rules.single_spike.initial_weights import let_neurons_fire
from brianbridge.rules.single_spike.revival import forget, note_fired, revive
from brianbridge.rules.single_spike.threshold_network import fired_so_far, unit_of
from brianbridge.twin.network import NetworkTwin
from brianbridge.twin.population import PopulationTwin
from brianbridge.twin.scan import first_steps, later, total

__all__ = ["FirstSpike", "relative_targets"]


def relative_targets(earliness: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Return how early output neurons are to fire, ``(batch, classes)``, in steps before the end.

    Parameters
    ----------
    earliness : Tensor, shape (batch, classes)
        How early they fired, ``T - t``; 0 for never.
    labels : Tensor of int64, shape (batch,)
        The right classes.
    margin : float
        Steps by which the others are to be later.

    Examples
    --------
    Of ten steps; the label (the last) is late, the first neuron too close to the earliest:

    >>> times = torch.tensor([[4.0, 2.0, 9.0, 6.0]])
    >>> 10 - relative_targets(10 - times, torch.tensor([3]), margin=3)
    tensor([[5., 5., 9., 2.]])

    None fired:

    >>> 10 - relative_targets(torch.zeros(1, 3), torch.tensor([0]), margin=3)
    tensor([[ 7., 10., 10.]])
    """
    best = earliness.amax(1, keepdim=True)
    close = best - earliness < margin
    targets = torch.where(close, (best - margin).clamp(min=0), earliness)
    wanted = torch.where(best > 0, best, margin)
    return targets.scatter(1, labels.unsqueeze(1), wanted)


@dataclass(frozen=True)
class FirstSpike(LearningRule):
    """Train the times of first spikes.

    Parameters
    ----------
    slope : {"every_step", "unit", "slope", "window"}
        How a time depends on the potential: in every step near the threshold, or at the spike; see
        `threshold_network` and `first_crossing.Credit`, beside this module.
    width : float
        Of the window around the threshold: of `every_step` in units of the threshold.
    silent : bool
        Whether neurons that never fired learn; not of `every_step`.
    normalise : bool
        Whether gradients are normalised, layer by layer and sample by sample; not of `every_step`.
    loss_function : {"race", "cross_entropy", "relative"}
        Minus the logarithm of the chance that the label is first, cross-entropy of earliness in
        steps, or squared distance to relative targets. A race needs the potentials of every step.
    softness : float
        Of the race, in units of the threshold.
    margin : float
        Of the relative targets, in steps; more than the one step that times are rounded to.
    gain : float
        What earliness is multiplied by before the cross-entropy.
    calibrate : float
        How large initial weights make the potentials of layers that are not dense, half-way through
        a presentation (see `initial_weights`, beside this module); 0 leaves all weights alone.
    revive : float
        Neurons that fire in less than this share of an epoch's samples get new weights, but for
        the output and the last epoch (see `revival`, beside this module); 0 for none. S4NN: 0.001.
    threshold : str
        The parameter of the neuron models that is the threshold.
    """

    name: ClassVar[str] = "first_spike"

    slope: Literal["every_step", "unit", "slope", "window"] = "every_step"
    width: float = 1.0
    silent: bool = True
    normalise: bool = True
    loss_function: Literal["race", "cross_entropy", "relative"] = "race"
    softness: float = 0.1
    margin: float = 3.0
    gain: float = 1.0
    calibrate: float = 1.0
    revive: float = 0.0
    threshold: str = "theta"

    def __post_init__(self) -> None:
        for option, known in (
            ("slope", ("every_step", *Credit.kinds)),
            ("loss_function", ("race", "cross_entropy", "relative")),
        ):
            if getattr(self, option) not in known:
                raise InputError(
                    f"learning rule '{self.name}': {option} = '{getattr(self, option)}'. "
                    + did_you_mean(str(getattr(self, option)), known)
                )
        positive = ((option, 0.0) for option in ("width", "softness", "gain"))
        for option, least in (*positive, ("margin", 1.0)):
            if not least < getattr(self, option) < math.inf:
                raise InputError(
                    f"learning rule '{self.name}': {option} = {getattr(self, option)}; give more "
                    f"than {least:g}"
                )
        if self.loss_function == "race" and self.slope != "every_step":
            raise InputError(
                f"learning rule '{self.name}': loss_function = 'race' needs the potentials of "
                f"every step, but slope = '{self.slope}'; give 'cross_entropy' or 'relative'"
            )
        if not 0 <= self.calibrate < math.inf:
            raise InputError(
                f"learning rule '{self.name}': calibrate = {self.calibrate}; give a size of "
                "potentials such as 1.0, in thresholds, or 0 to leave the initial weights alone"
            )

        if not 0 <= self.revive < 1:
            raise InputError(
                f"learning rule '{self.name}': revive = {self.revive}; give a share of the samples "
                "such as 0.001, or 0 to leave silent neurons alone"
            )

    @property
    def credit(self) -> Credit:
        """How times depend on the potential at the spike."""
        assert self.slope != "every_step"
        return Credit(self.slope, self.width, self.silent, self.normalise)

    def check(self, network: SpikingNetwork) -> None:
        """Refuse what is no chain of neurons without leak that fire once, read by their times."""
        what = f"learning rule '{self.name}'"
        check_layers(network, self.name, self.threshold)
        if network.readout != "first_spike":
            raise InputError(f"{what}: the first spike decides; give readout = 'first_spike'")
        if not isinstance(network.encoding, Latency):
            raise InputError(
                f"{what}: inputs fire once, with encoding 'latency', but the encoding is "
                f"'{network.encoding.kind}'"
            )
        for population in network.populations:
            if self.slope != "every_step" and np.any(start_of(population)):
                raise InputError(
                    f"{what}: slope = '{self.slope}' takes potentials to start at 0, and those of "
                    f"population '{population.name}' do not; give 'every_step'"
                )
            theta = np.asarray(population.neuron.parameters[self.threshold])
            if self.slope != "every_step" and np.any(theta < 0):
                raise InputError(
                    f"{what}: slope = '{self.slope}' takes neurons without input to be silent, but "
                    f"{self.threshold} = {theta.min():g} of population '{population.name}' is "
                    "below 0; give 'every_step'"
                )
            if not _sums_and_fires_once(population, network.dt, self.threshold):
                raise InputError(
                    f"{what}: neurons of population '{population.name}' must sum their input "
                    f"without leak and fire once, above '{self.threshold}', but model "
                    f"'{population.neuron.name}' does not; use 'single_spike_if'"
                )

    def prepare(self, twin: NetworkTwin) -> None:
        """Refuse a normalisation of the input: here it is the potential that may be normalised."""
        for projection in twin.network.projections:
            weights = twin.projection(projection.name)
            if weights.norm is not None and not weights.of_potential:
                raise InputError(
                    f"learning rule '{self.name}': batch_norm = true normalises the mean input of "
                    "a presentation, which is no quantity of single spikes; give 'potential'"
                )
        if twin.normalises_potential and self.slope != "every_step":
            raise InputError(
                f"learning rule '{self.name}': batch_norm = 'potential' needs the potentials of "
                f"every step, but slope = '{self.slope}'; give 'every_step'"
            )
        forget(twin)

    def respond(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> Response:
        """Return the output by first spikes, with the gradient of their times."""
        assert raster is not None, "latency coding makes a raster"
        judged = None
        if self.slope == "every_step":
            fired, above = self._by_steps(twin, raster)
            if self.loss_function == "race":
                judged = log_chances(above.flatten(2) / self.softness)
        else:
            fired = dict(self._at_spikes(twin, raster))
        steps = twin.network.steps
        times, potential = fired[twin.network.output.name]
        keeps = AT_SPIKE in twin.network.output.neuron.settable_variables
        at_spike = potential if keeps else torch.zeros_like(potential)
        score = first_spike_output(times.detach(), at_spike, potential, steps)
        output = substitute(score, times, torch.full_like(times, -1.0))

        if self.revive and twin.training and torch.is_grad_enabled():
            for name in fired:
                if name != twin.network.output.name:
                    note_fired(twin, name, fired[name].times < steps)

        def counts_of(name: str) -> Tensor:
            moments = fired[name].times
            counts = (moments < steps).to(moments.dtype)
            return substitute(counts, moments, torch.full_like(moments, -1 / steps))

        return Response(output.flatten(1), counts_of, judged=judged)

    def loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Return half the summed squares of errors in steps, or the cross-entropy; the mean.

        Of a race in training `output` is the logarithm of chances, of which the last is that none
        fires (`brianbridge.rules.single_spike.first_to_fire`). In evaluation it is by the
        times of hard spikes, as of all rules.
        """
        if self.loss_function == "race":
            return cross_entropy(output, labels)
        whole = output.detach().clamp(min=0).floor()  # the fraction orders ties
        earliness = whole + (output - output.detach())
        if self.loss_function == "cross_entropy":
            return cross_entropy(self.gain * earliness, labels)
        targets = relative_targets(whole, labels, self.margin)
        return (earliness - targets).square().sum(1).mean() / 2

    def after_epoch(self, twin: NetworkTwin) -> None:
        """Give new weights to neurons that hardly fired."""
        if self.revive:
            revive(twin, self.revive)

    # ------------------------------------------------------------------ in every step

    def begin(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> None:
        """Scale the initial weights so that neurons fire; see `initial_weights`."""
        if not self.calibrate or twin.normalises_potential:
            return
        assert raster is not None, "latency coding makes a raster"
        network, sources = twin.network, {INPUT: raster.cumsum(0)}
        middle = (network.steps - 1) // 2
        with torch.no_grad():
            for population in network.populations:
                potential = self._potential(twin, population, sources)
                theta = parameter_of(twin, population.name, self.threshold, potential[0])
                told = sources[network.incoming(population.name)[0].source][middle]
                let_neurons_fire(twin, population, potential[middle], theta, told, self.calibrate)
                potential = self._potential(twin, population, sources)
                sources[population.name] = self._fired(network, population.name, potential, theta)

    def _by_steps(self, twin: NetworkTwin, raster: Tensor) -> tuple[dict[str, Crossing], Tensor]:
        """Return when neurons fired by population, from the potentials of all steps.

        Beside it how far the output is above its threshold in each step, in units of it.
        """
        network = twin.network
        sources = {INPUT: raster.cumsum(0)}
        crossings = {}
        for population in network.populations:
            name = population.name
            potential = self._potential(twin, population, sources)
            theta = parameter_of(twin, name, self.threshold, potential[0])
            fired = self._fired(network, name, potential, theta)
            times = network.steps - fired.sum(0)
            at = times.detach().clamp(max=network.steps - 1).long().unsqueeze(0)
            crossings[name] = Crossing(times, potential.detach().gather(0, at)[0])
            mask = twin.mask(name, raster.shape[1])
            sources[name] = fired if mask is None else fired * mask
        return crossings, (potential - theta) / unit_of(theta)

    def _fired(
        self, network: SpikingNetwork, name: str, potential: Tensor, theta: Tensor
    ) -> Tensor:
        """Return whether neurons have fired by each step."""
        if all(_earliest_wins(p, theta) for p in network.incoming(name)):
            # Potentials are numbers of spikes: none and one are as far from what decides.
            potential = potential - 0.5
        return fired_so_far(potential, theta, self.width)

    def _potential(
        self, twin: NetworkTwin, population: Population, sources: Mapping[str, Tensor]
    ) -> Tensor:
        """Return potentials ``(T, batch, *shape)`` of what has been heard by each step."""
        network, parts = twin.network, []
        for projection in network.incoming(population.name):
            weights = twin.projection(projection.name)
            heard = later(sources[projection.source], network.delay_steps(projection))
            parts.append(weights.normalised_potential(weights(heard)))
            bias = weights.bias_of_neurons()
            if bias is not None:
                steps = torch.arange(1, network.steps + 1, dtype=bias.dtype, device=bias.device)
                parts.append(steps.reshape(-1, *(1,) * (bias.ndim + 1)) * bias)
        found = total(parts)
        assert found is not None
        start = torch.as_tensor(start_of(population), dtype=found.dtype, device=found.device)
        return found + (start.reshape(population.shape) if start.ndim else start)

    # ------------------------------------------------------------------ at the spike

    def _at_spikes(self, twin: NetworkTwin, raster: Tensor) -> Iterator[tuple[str, Crossing]]:
        """Yield when the neurons of each population fired, with the gradient of that time."""
        network = twin.network
        sources = {INPUT: _Source(first_steps(raster), 1.0)}
        for population in network.populations:
            name = population.name
            found = self._crossing(twin, population, sources)
            yield name, found
            mask = twin.mask(name, len(found.times))
            if mask is None:
                sources[name] = _Source(found.times, 1.0)
            else:
                heard = torch.where(mask > 0, found.times, network.steps)
                sources[name] = _Source(heard, 1 / (1 - twin.dropout[name]))

    def _crossing(
        self, twin: NetworkTwin, population: Population, sources: dict[str, _Source]
    ) -> Crossing:
        network, name = twin.network, population.name
        like = next(iter(sources.values())).times.new_zeros((1, *population.shape))
        theta = parameter_of(twin, name, self.threshold, like)
        x: list[Tensor | None] = []
        incoming = network.incoming(name)
        for projection in incoming:
            weights, (times, scale) = twin.projection(projection.name), sources[projection.source]
            if delay := network.delay_steps(projection):
                times = (times + delay).clamp(max=network.steps)
            if len(incoming) == 1:
                if projection.pool is not None and _earliest_wins(projection, theta):
                    earliest = -_max_pool(projection.pool, -times)
                    return Crossing(earliest.reshape(-1, *population.shape), like)
                if goes_by_events(projection, times.device):
                    return by_events(
                        times, weights, projection, theta, self.credit, network.steps, scale
                    )
            x += [scale * weights(raster_of(times, network.steps)), weights.bias_of_neurons()]
        found = total(x)
        assert found is not None
        return by_steps(found, theta, self.credit)


class _Source(NamedTuple):
    """Hold when neurons fired, ``(batch, *shape)``, as others hear it; and how much they weigh."""

    times: Tensor
    scale: float


def _sums_and_fires_once(population: Population, dt: float, threshold: str) -> bool:
    """Try a neuron: at the threshold it is silent, above it fires, once, and forgets nothing."""
    neuron, size = population.neuron, population.size
    if not neuron.fires_once:
        return False
    theta = torch.as_tensor(np.array(neuron.parameters[threshold]), dtype=torch.float64)
    theta = theta.expand(size) if theta.ndim == 0 else theta.reshape(size)
    twin = PopulationTwin(neuron, (size,), dt, dtype=torch.float64)
    start = torch.as_tensor(start_of(population)).expand(size)
    # Where it does not start at 0, rounding must not carry it past the threshold.
    almost = theta - start - 1e-9 * (start != 0)
    x = torch.stack([almost, theta * 0 + 0.5, theta * 0, 1 + theta.abs()]).unsqueeze(1)
    ran = twin.run(x, record=(neuron.potential,))
    assert ran.spikes is not None
    silent, once = torch.zeros_like(theta), torch.ones_like(theta)
    expected = torch.stack([silent, once, silent, silent])
    kept = torch.allclose(ran.traces[neuron.potential][2, 0], theta + 0.5)
    return kept and torch.equal(ran.spikes[:, 0], expected)


def _earliest_wins(projection: Projection, theta: Tensor) -> bool:
    """Tell whether neurons fire with the first spike of their window (`MaxPool2d`)."""
    plain = isinstance(projection.connection, OneToOne) and bool((projection.weight > 0).all())
    return plain and projection.bias is None and bool((theta == 0).all())


def _max_pool(pool: Pooling, values: Tensor) -> Tensor:
    images = values if values.ndim == 4 else values.unsqueeze(1)
    return max_pool2d(images, pool.size, pool.stride, pool.padding)
