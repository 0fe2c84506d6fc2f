"""Spike-count learning: spiking neurons forward, an analog network of spike counts backward.

Wu, Chua, Zhang, Yang, Li & Li (IJCNN 2019), "Deep spiking neural network with spike count based
learning rule". With rate-coded input the timing of spikes carries no further information. For the
gradient alone, each layer is therefore treated as an analog layer that acts on spike counts. Let
``c`` be the counts over a presentation of T steps, and define the *free aggregate potential* (which
the membrane would have reached without firing)

    V_j = sum_i W_ji c_i + T b_j

An integrate-and-fire neuron has ``c_j`` close to ``floor(V_j/theta)``, hence

    dc_j/dV_j  ~  1/theta  where V_j > 0, else 0
    dL/dW_ji   =  dL/dc_j * dc_j/dV_j * c_i          dL/db_j = dL/dc_j * dc_j/dV_j * T

The counts ``c_i`` are those of the spiking layer, not of the analog one. Errors of the
approximation therefore do not accumulate over the layers.

Sources: the body of the paper was not available. The gate and the straight-through substitution
were read in the public code of the successor (*tandem_learning*, same first author). The term "free
aggregate potential" and the form of the rule are from the abstract and from memory. In that code a
bias enters once per presentation. Here ``b`` is a current in every step, so that their bias is
``T b``. That code uses no gate except ReLU (``gate="potential"``); ``gate="count"`` is our variant.

With batch normalisation or dropout, both branches use the same statistics and the same mask.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from torch import Tensor

from brianbridge.network import SpikingNetwork
from brianbridge.rules.base import LearningRule, Response
from brianbridge.rules.layer_checks import check_feedforward, check_scale
from brianbridge.rules.layerwise import LayerActivity, respond_by_counts, threshold_tensor
from brianbridge.rules.option_checks import require_choice
from brianbridge.twin.network import NetworkTwin

__all__ = ["SpikeCount"]


@dataclass(frozen=True)
class SpikeCount(LearningRule):
    """Train on spike counts.

    Parameters
    ----------
    gate : {"potential", "count"}
        Which neurons have a gradient: those whose free aggregate potential is above 0, or those
        that fired.
    threshold : str
        The parameter of the neuron models that holds the threshold.
    """

    name: ClassVar[str] = "spike_count"
    takes: ClassVar[str] = "layers without loops"
    learns_from_given_spikes: ClassVar[bool] = True

    gate: Literal["potential", "count"] = "potential"
    threshold: str = "theta"

    def __post_init__(self) -> None:
        require_choice(self, "gate", ("potential", "count"))

    def check(self, network: SpikingNetwork) -> None:
        """Refuse loops, and neuron models without a threshold parameter."""
        check_feedforward(network, self.name)
        check_scale(network, self.name, self.threshold)

    def respond(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> Response:
        """Run the spiking layers forward, with the gradient of the analog layers."""
        response = respond_by_counts(twin, current, raster, self._slope)
        return replace(response, output=twin.natural_output(response.output))

    def _slope(
        self, twin: NetworkTwin, name: str, potential: Tensor, activity: LayerActivity
    ) -> Tensor:
        """Return dc/dV of a population, shape ``(batch, *shape)``."""
        gate = (potential if self.gate == "potential" else activity.counts).detach()
        theta = threshold_tensor(twin, name, self.threshold, potential)
        # In place, as truth values would have to be converted in another pass.
        return gate.clone().gt_(0).div_(theta)
