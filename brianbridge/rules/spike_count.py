"""Spike-count learning: spiking neurons forward, an analog twin of the counts backward.

Wu, Chua, Zhang, Yang, Li & Li (IJCNN 2019), "Deep spiking neural network with spike count based
learning rule". With rate-coded input the timing of spikes carries no extra information, so each
layer is treated, for the gradient alone, as an analog layer acting on spike counts. With ``c``
the counts over the presentation of T steps and the *free aggregate potential* (what the membrane
would have reached had the neuron never fired)

    V_j = sum_i W_ji c_i + T b_j

an integrate-and-fire neuron has ``c_j`` close to ``floor(V_j/theta)``, hence

    dc_j/dV_j  ~  1/theta  where V_j > 0, else 0
    dL/dW_ji   =  dL/dc_j * dc_j/dV_j * c_i          dL/db_j = dL/dc_j * dc_j/dV_j * T

The counts ``c_i`` are those of the spiking layer, not of the analog one, so that its errors do
not pile up over the layers.

The paper's body could not be read here. The gate and the straight-through substitution are read
from the successor's public code (*tandem_learning*, same first author); the wording "free
aggregate potential" and the rule's form are from the abstract and memory. There a bias enters
once a presentation; here ``b`` is a current of every step, so that their bias is ``T b``. The
successor's code uses no gate but ReLU (``gate="potential"``); ``gate="count"`` is our variant.

With batch normalisation or dropout both branches see the same statistics and the same mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from brianbridge.errors import InputError
from brianbridge.network import SpikingNetwork
from brianbridge.rules.base import LearningRule, Response
from brianbridge.rules.layerwise import Ran, check_layers, parameter_of, respond_by_counts
from brianbridge.twin.network import NetworkTwin

__all__ = ["SpikeCount"]


@dataclass(frozen=True)
class SpikeCount(LearningRule):
    """Train on spike counts.

    Parameters
    ----------
    gate : {"potential", "count"}
        A neuron learns where its free aggregate potential is above 0, or where it fired.
    threshold : str
        The parameter of the neuron models that is their threshold.
    """

    name: ClassVar[str] = "spike_count"
    follows_spikes: ClassVar[bool] = True

    gate: Literal["potential", "count"] = "potential"
    threshold: str = "theta"

    def __post_init__(self) -> None:
        if self.gate not in ("potential", "count"):
            raise InputError(
                f"learning rule 'spike_count': gate = '{self.gate}'; give 'potential' or 'count'"
            )

    def check(self, network: SpikingNetwork) -> None:
        """Refuse neuron models that have no threshold parameter, and loops."""
        check_layers(network, self.name, self.threshold)

    def respond(self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None) -> Response:
        """Run the spiking layers forward and the analog layers for the gradient."""
        return respond_by_counts(twin, current, raster, self._slope)

    def _slope(self, twin: NetworkTwin, name: str, potential: Tensor, ran: Ran) -> Tensor:
        """Return dc/dV of a population, shape ``(batch, *shape)``."""
        open_gate = potential > 0 if self.gate == "potential" else ran.counts > 0
        theta = parameter_of(twin, name, self.threshold, potential)
        return open_gate.to(potential.dtype) / theta
