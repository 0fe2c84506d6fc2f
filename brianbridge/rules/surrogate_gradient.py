"""Backpropagation through time with a surrogate derivative: the baseline that everyone knows.

The twin is unrolled over the presentation and differentiated exactly but for the spikes, whose
derivative is a bump around the threshold (Neftci, Mostafa & Zenke 2019; Wu et al. 2018 "STBP").
Which bump is the twin's own spike function, or is chosen here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from brianbridge.errors import InputError
from brianbridge.rules.base import LearningRule, Response
from brianbridge.twin.network import NetworkTwin
from brianbridge.twin.spike_function import SpikeFunction

__all__ = ["SurrogateGradient", "respond_through_time"]


def respond_through_time(
    twin: NetworkTwin, current: Tensor | None, raster: Tensor | None, gain: float
) -> Response:
    """Run a twin with the gradient of its unrolled steps; its output is multiplied by `gain`."""
    activity = twin.run(current, raster)
    return Response(gain * activity.output, lambda name: activity.spikes[name].abs().sum(0))


@dataclass(frozen=True)
class SurrogateGradient(LearningRule):
    """Train through time.

    Parameters
    ----------
    derivative : str
        Name of a spike function; the twin's own if empty.
    width, scale : float
        Of that spike function; see `brianbridge.twin.spike_function`.
    detach_reset : bool
        Whether no gradient passes through resets.
    gain : float
        What outputs are multiplied by before the loss: a softmax of counts that differ by little
        wants a gain above 1, one of large potentials a gain below 1.
    """

    name: ClassVar[str] = "surrogate_gradient"
    follows_spikes: ClassVar[bool] = True

    derivative: str = ""
    width: float = 1.0
    scale: float = 1.0
    detach_reset: bool = False
    gain: float = 1.0

    def __post_init__(self) -> None:
        if self.derivative:
            self._spike_function()  # refuses what there is not
        elif (self.width, self.scale, self.detach_reset) != (1.0, 1.0, False):
            raise InputError(
                f"learning rule '{self.name}': width, scale and detach_reset are those of a "
                "derivative; name one, such as 'arctan'"
            )
        if not 0 < self.gain < math.inf:
            raise InputError(f"learning rule '{self.name}': gain = {self.gain}; give more than 0")

    def prepare(self, twin: NetworkTwin) -> None:
        """Have the twin differentiate as chosen."""
        if self.derivative:
            twin.differentiate_by(self._spike_function())

    def _spike_function(self) -> SpikeFunction:
        return SpikeFunction(
            self.derivative, self.width, self.scale, detach_reset=self.detach_reset
        )

    def scaled(self, twin: NetworkTwin, output: Tensor) -> Tensor:
        """Return the output times `gain`."""
        return self.gain * output

    def respond(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> Response:
        """Run the twin, with its gradient."""
        return respond_through_time(twin, current, raster, self.gain)
