"""Multi-threshold neurons over one or two time steps, trained through time.

Xu, Liu & Yang (2021/2022), "Direct training via backpropagation for ultra-low latency spiking
neural networks with multi-threshold" (arXiv 2112.07426). A neuron emits the number of levels
``theta, 2 theta, ..., s_max theta`` that its membrane potential has reached. It thus transmits in
one step what a binary neuron transmits in ``s_max``. The network is unrolled over its one or two
steps and trained by backpropagation, with the derivative

    do/du  =  sum over k = 1..s_max of  h(u - k theta)

With one step the network is an artificial one whose ReLU is rounded down to ``s_max + 1`` values.

Sources: only the abstract was available. It mentions multi-threshold neurons, backpropagation,
three approximate derivatives, and T = 1 or 2. We remember, with little confidence, that these
derivatives are the first three below (the set of STBP, Wu et al. 2018). The others are ours. With
``x = u/theta`` and ``a = width``:

===========  ==================================================================================
rectangle    ``1/a`` where ``abs(x - k) < a/2``; with a = 1 the rectangles leave no gap
polynomial   ``max(0, sqrt(a)/2 - a/4 abs(x - k))``: a triangle
sigmoid      ``1/a exp(-(x - k)/a) / (1 + exp(-(x - k)/a))**2``
gaussian     ``exp(-(x - k)**2/(2 a)) / sqrt(2 pi a)``
clip         1 where ``0 <= x <= s_max``: the straight-through estimator of a quantiser
union        the rectangle of the nearest level alone
===========  ==================================================================================

Each is multiplied by ``1/theta``, the derivative of x. `detach_reset` decides whether the gradient
passes through the reset (``du_post/du = 1 - theta do/du``) or treats the spike as a constant there.
The neuron model decides how to reset: ``v -= theta*emit`` (``multi_threshold_lif``) or ``v = 0``
(``multi_threshold_lif_zero``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from torch import Tensor

from brianbridge.errors import InputError
from brianbridge.network import SpikingNetwork
from brianbridge.rules.base import LearningRule, Response
from brianbridge.rules.option_checks import require_above, require_choice
from brianbridge.rules.surrogate_gradient import respond_through_time
from brianbridge.twin.network import NetworkTwin
from brianbridge.twin.spike_function import SpikeFunction

__all__ = ["MultiThreshold"]

Derivative = Literal["rectangle", "polynomial", "sigmoid", "gaussian", "clip", "union"]


def _spike_function(derivative: str, a: float, detach_reset: bool) -> SpikeFunction:
    name, width, scale, levels = {
        "rectangle": ("rectangle", a, 1 / a, "all"),
        "polynomial": ("triangle", 2 / math.sqrt(a), math.sqrt(a) / 2, "all"),
        "sigmoid": ("sigmoid", a, 1 / (4 * a), "all"),
        "gaussian": ("gaussian", math.sqrt(a), 1 / math.sqrt(2 * math.pi * a), "all"),
        "clip": ("rectangle", a, 1.0, "range"),
        "union": ("rectangle", a, 1 / a, "nearest"),
    }[derivative]
    if derivative == "rectangle" and a <= 1:
        levels = "nearest"  # rectangles do not overlap: the same values, computed faster
    return SpikeFunction(name, width, scale, levels, detach_reset)  # type: ignore[arg-type]


@dataclass(frozen=True)
class MultiThreshold(LearningRule):
    """Train networks with graded spikes over few steps.

    Parameters
    ----------
    derivative : {"rectangle", "polynomial", "sigmoid", "gaussian", "clip", "union"}
        Shape of h; see the table in the docstring of the module.
    width : float
        Width ``a`` of h.
    detach_reset : bool
        Whether gradients stop at resets.
    gain : float
        Factor of the outputs before the loss.
    """

    name: ClassVar[str] = "multi_threshold"
    takes: ClassVar[str] = "graded spikes"
    learns_from_given_spikes: ClassVar[bool] = True
    learns_parameters: ClassVar[bool] = True
    recomputes: ClassVar[bool] = True

    derivative: Derivative = "rectangle"
    width: float = 1.0
    detach_reset: bool = True
    gain: float = 1.0

    def __post_init__(self) -> None:
        require_choice(self, "derivative", get_args(Derivative))
        require_above(self, "width", "gain")

    def check(self, network: SpikingNetwork) -> None:
        """Refuse networks without graded spikes."""
        if all(population.neuron.is_binary for population in network.firing):
            names = ", ".join(sorted({p.neuron.name for p in network.firing}))
            raise InputError(
                f"learning rule '{self.name}': no neuron emits graded spikes (models: {names}); "
                "use 'multi_threshold_lif', or the rule 'surrogate_gradient'"
            )

    def prepare(self, twin: NetworkTwin) -> None:
        """Set the spike function of the twin."""
        twin.differentiate_by(_spike_function(self.derivative, self.width, self.detach_reset))

    def loss_input(self, twin: NetworkTwin, output: Tensor) -> Tensor:
        """Return the output times `gain`."""
        return self.gain * twin.natural_output(output)

    def respond(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> Response:
        """Run the twin, with the gradient through all its steps."""
        return respond_through_time(twin, current, raster, self.gain)
