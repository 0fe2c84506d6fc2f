"""Backpropagation through time with a surrogate derivative, the standard baseline.

The twin is unrolled over the presentation and differentiated exactly, except for the spikes. Their
derivative is replaced by a bump around the threshold (Neftci, Mostafa & Zenke 2019; Wu et al. 2018,
"STBP"). The bump is the spike function of the twin, or the one that the options name.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from torch import Tensor

from brianbridge.errors import InputError
from brianbridge.rules.base import LearningRule, Response
from brianbridge.rules.option_checks import require_above
from brianbridge.twin.network import NetworkTwin
from brianbridge.twin.pieces import run_in_parts
from brianbridge.twin.spike_function import SpikeFunction

__all__ = ["SurrogateGradient", "respond_through_time"]


def respond_through_time(
    twin: NetworkTwin, current: Tensor | None, raster: Tensor | None, gain: float
) -> Response:
    """Run a twin with the gradient through all its steps, and multiply its output by `gain`."""
    run = partial(run_in_parts, twin) if twin.recomputes else twin.run
    activity = run(current, raster)
    output = gain * twin.natural_output(activity.output)
    return Response(output, activity.counts)


@dataclass(frozen=True)
class SurrogateGradient(LearningRule):
    """Train through time with a surrogate derivative of the spikes.

    Parameters
    ----------
    derivative : str
        Name of a spike function; that of the twin if empty.
    width, scale : float
        Width and scale of this spike function, in natural units; see
        `brianbridge.twin.spike_function`.
    detach_reset : bool
        Whether gradients stop at resets.
    gain : float
        Factor of the outputs before the loss. Choose a gain above 1 if counts differ by little,
        and one below 1 if potentials are large.
    """

    name: ClassVar[str] = "surrogate_gradient"
    learns_from_given_spikes: ClassVar[bool] = True
    learns_parameters: ClassVar[bool] = True
    recomputes: ClassVar[bool] = True

    derivative: str = ""
    width: float = 1.0
    scale: float = 1.0
    detach_reset: bool = False
    gain: float = 1.0

    def __post_init__(self) -> None:
        if self.derivative:
            self._spike_function()  # raises an error if there is no such spike function
        elif (self.width, self.scale, self.detach_reset) != (1.0, 1.0, False):
            raise InputError(
                f"learning rule '{self.name}': width, scale and detach_reset need a "
                "derivative; name one, such as 'arctan'"
            )
        require_above(self, "gain")

    def prepare(self, twin: NetworkTwin) -> None:
        """Set the spike function of the twin."""
        if self.derivative:
            twin.differentiate_by(self._spike_function())

    def _spike_function(self) -> SpikeFunction:
        return SpikeFunction(
            self.derivative, self.width, self.scale, detach_reset=self.detach_reset
        )

    def loss_input(self, twin: NetworkTwin, output: Tensor) -> Tensor:
        """Return the output times `gain`."""
        return self.gain * twin.natural_output(output)

    def respond(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> Response:
        """Run the twin, with the gradient through all its steps."""
        return respond_through_time(twin, current, raster, self.gain)
