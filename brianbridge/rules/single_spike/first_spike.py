"""Temporal coding with one spike per neuron: learn the time of the first output spike.

Mirsadeghi, Shalchian & Kheradpisheh (AUT J. Electrical Engineering 55(2):179, 2023), "DS4NN". Only
the abstract was available. It describes convolutional networks of integrate-and-fire neurons
without leak that fire at most once, a surrogate gradient at the firing time, and relative target
times. The rest follows S4NN of the same group (Kheradpisheh & Masquelier 2020, Int. J. Neural Syst.
30:2050027), read in its authors' code. How S4NN extends to convolutions is inferred.

With ``loss_function="relative"`` the error of an output neuron is the difference between its firing
time and its target time, in steps (S4NN divides by T). The loss is half the sum of their squares.
Targets are relative to ``tau``, the time of the earliest output spike. The label should fire at
tau. Other neurons that fired less than a margin after tau should fire a margin after it. All others
keep their times. If no neuron fired, the label should fire a margin before the end.

There are two kinds of gradient. One is the gradient of a firing time with respect to the potential
at the spike, as in S4NN (`brianbridge.rules.single_spike.first_crossing`). The gradients of a
layer's potentials are divided by their norm, sample by sample, so that the learning rate alone sets
the size of a step. The other is the default, as it trains best. It uses the potentials of all steps
(`brianbridge.rules.single_spike.cumulative_spikes`). Its loss treats the output as a race
(`brianbridge.rules.single_spike.race`), which rewards the correct first spike, not an early one.

Before training, weights are scaled on a first batch so that neurons fire. S4NN draws positive
weights that suit its own layer sizes, which does not extend to deeper networks. The mean weight of
dense layers is also shifted above 0, so that their potentials reach the threshold half-way through
a presentation. Convolutions are not shifted, and fire sparsely.

The first output spike determines the class; the potential breaks ties (readout ``first_spike``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from brianbridge.errors import InputError
from brianbridge.network import SpikingNetwork
from brianbridge.network.readouts.first_spike import first_spike_output, keeps_potential_at_spike
from brianbridge.rules.base import LearningRule, Response
from brianbridge.rules.layerwise import with_gradient
from brianbridge.rules.option_checks import require_above, require_choice
from brianbridge.rules.single_spike.at_spike import forward_at_spike
from brianbridge.rules.single_spike.checks import check_first_spike_network
from brianbridge.rules.single_spike.dead_neurons import (
    count_samples,
    discard_counts,
    replace_dead_neurons,
)
from brianbridge.rules.single_spike.every_step import forward_every_step, initialize_every_step
from brianbridge.rules.single_spike.first_crossing import FirstCrossing, TimeGradient
from brianbridge.rules.single_spike.initial_weights import was_trained
from brianbridge.rules.single_spike.race import log_probability_of_first
from brianbridge.rules.single_spike.relative_targets import relative_targets
from brianbridge.twin.network import NetworkTwin

__all__ = ["FirstSpike"]


@dataclass(frozen=True)
class FirstSpike(LearningRule):
    """Train the times of first spikes.

    Parameters
    ----------
    slope : {"every_step", "unit", "slope", "window"}
        How a time depends on the potential: in every step near the threshold (see the module
        `cumulative_spikes`), or at the spike alone (see `first_crossing.TimeGradient`).
    width : float
        Half-width of the window around the threshold; for `every_step` in units of the threshold.
    silent : bool
        Whether neurons that never fired learn; has no effect with `every_step`.
    normalise : bool
        Whether gradients are normalised, layer by layer and sample by sample; has no effect with
        `every_step`.
    loss_function : {"race", "cross_entropy", "relative"}
        Negative log-probability that the label fires first, cross-entropy of earliness in steps,
        or squared distance to relative targets. ``"race"`` needs the slope `every_step`.
    softness : float
        Softness of the race, in units of the threshold.
    margin : float
        Margin of the relative targets, in steps; more than 1, as times are whole steps.
    gain : float
        Factor of the earliness before the cross-entropy.
    initial_potential : float
        Root mean square of the initial potentials of layers that are not dense, half-way through
        a presentation (see the module `initial_weights`); 0 keeps the weights of all layers. Those
        of a network that was trained before are kept in any case.
    revive : float
        Neurons that fire in less than this share of an epoch's samples get new weights (see the
        module `dead_neurons`), except in the output and after the last epoch; 0 for none. S4NN
        uses 0.001.
    threshold : str
        The parameter of the neuron models that holds the threshold.
    """

    name: ClassVar[str] = "first_spike"
    takes: ClassVar[str] = "layers without loops that sum and fire once, canonical order"
    former_options: ClassVar[Mapping[str, str]] = {"calibrate": "initial_potential"}

    slope: Literal["every_step", "unit", "slope", "window"] = "every_step"
    width: float = 1.0
    silent: bool = True
    normalise: bool = True
    loss_function: Literal["race", "cross_entropy", "relative"] = "race"
    softness: float = 0.1
    margin: float = 3.0
    gain: float = 1.0
    initial_potential: float = 1.0
    revive: float = 0.0
    threshold: str = "theta"

    def __post_init__(self) -> None:
        require_choice(self, "slope", ("every_step", *TimeGradient.kinds))
        require_choice(self, "loss_function", ("race", "cross_entropy", "relative"))
        require_above(self, "width", "softness", "gain")
        require_above(self, "margin", limit=1.0)
        if self.loss_function == "race" and self.slope != "every_step":
            raise InputError(
                f"learning rule '{self.name}': loss_function = 'race' needs the potentials of "
                f"every step, but slope = '{self.slope}'; give 'cross_entropy' or 'relative'"
            )
        if not 0 <= self.initial_potential < math.inf:
            raise InputError(
                f"learning rule '{self.name}': initial_potential = {self.initial_potential}; give "
                "a size such as 1.0, in thresholds, or 0 to keep the initial weights"
            )
        if not 0 <= self.revive < 1:
            raise InputError(
                f"learning rule '{self.name}': revive = {self.revive}; give a share of the samples "
                "such as 0.001, or 0 to keep the weights of silent neurons"
            )

    @property
    def time_gradient(self) -> TimeGradient:
        """How times depend on the potential at the spike."""
        assert self.slope != "every_step"
        return TimeGradient(self.slope, self.width, self.silent, self.normalise)

    # ------------------------------------------------------------------ before training

    def check(self, network: SpikingNetwork) -> None:
        """Refuse all but feedforward networks of neurons without leak that fire once."""
        check_first_spike_network(network, self.name, self.threshold, self.slope)

    def prepare(self, twin: NetworkTwin) -> None:
        """Refuse normalisation of the mean input; only potentials may be normalised."""
        for projection in twin.network.projections:
            weights = twin.projection(projection.name)
            if weights.norm is not None and not weights.of_potential:
                raise InputError(
                    f"learning rule '{self.name}': batch_norm = true normalises the mean input of "
                    "a presentation, which single spikes do not have; give 'potential'"
                )
        if twin.normalises_potential and self.slope != "every_step":
            raise InputError(
                f"learning rule '{self.name}': batch_norm = 'potential' needs the potentials of "
                f"every step, but slope = '{self.slope}'; give 'every_step'"
            )
        discard_counts(twin)

    def before_training(
        self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None
    ) -> None:
        """Scale the initial weights so that neurons fire; see the module `initial_weights`.

        Weights of a network that was trained before stay as they are.
        """
        wanted = self.initial_potential and not twin.normalises_potential
        if wanted and not was_trained(twin.network):
            assert raster is not None, "latency coding produces a raster"
            initialize_every_step(twin, raster, self.threshold, self.width, self.initial_potential)

    # ------------------------------------------------------------------ a batch

    def respond(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> Response:
        """Return the first-spike output, with the gradient of the spike times."""
        assert raster is not None, "latency coding produces a raster"
        loss_input = None
        if self.slope == "every_step":
            crossings, above = forward_every_step(twin, raster, self.threshold, self.width)
            if self.loss_function == "race":
                loss_input = log_probability_of_first(above.flatten(2) / self.softness)
        else:
            crossings = forward_at_spike(twin, raster, self.threshold, self.time_gradient)
        steps = twin.network.steps
        self._count_samples(twin, crossings)

        def spike_counts(name: str) -> Tensor:
            times = crossings[name].times
            counts = (times < steps).to(times.dtype)
            return with_gradient(counts, times, torch.full_like(times, -1 / steps))

        output = _output(twin, crossings[twin.network.output.name])
        return Response(output, spike_counts, loss_input=loss_input)

    def loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Return the mean over the batch of the loss that `loss_function` selects.

        With ``"race"``, `output` holds log-probabilities in training; the last is that no neuron
        fires (`brianbridge.rules.single_spike.race`). In validation it holds the first-spike
        output, and the loss is its cross-entropy.
        """
        if self.loss_function == "race":
            return cross_entropy(output, labels)
        whole = output.detach().clamp(min=0).floor()  # the fraction breaks ties
        earliness = whole + (output - output.detach())
        if self.loss_function == "cross_entropy":
            return cross_entropy(self.gain * earliness, labels)
        targets = relative_targets(whole, labels, self.margin)
        return (earliness - targets).square().sum(1).mean() / 2

    def after_epoch(self, twin: NetworkTwin) -> None:
        """Give new weights to neurons that hardly fired."""
        if self.revive:
            replace_dead_neurons(twin, self.revive)

    def _count_samples(self, twin: NetworkTwin, crossings: dict[str, FirstCrossing]) -> None:
        """Count in how many samples of the epoch hidden neurons fired, for `after_epoch`."""
        if self.revive and twin.training and torch.is_grad_enabled():
            for name, crossing in crossings.items():
                if name != twin.network.output.name:
                    count_samples(twin, name, crossing.times < twin.network.steps)


def _output(twin: NetworkTwin, crossing: FirstCrossing) -> Tensor:
    """Return the output ``(batch, classes)`` of the readout ``first_spike``, with a gradient."""
    times, potential = crossing
    keeps = keeps_potential_at_spike(twin.network.output.neuron)
    at_spike = potential if keeps else torch.zeros_like(potential)
    score = first_spike_output(times.detach(), at_spike, potential, twin.network.steps)
    return with_gradient(score, times, torch.full_like(times, -1.0)).flatten(1)
