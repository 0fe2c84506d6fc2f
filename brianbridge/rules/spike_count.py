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
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..network import INPUT, SpikingNetwork
from ..surrogate.network import SurrogateNetwork
from .base import LearningRule

__all__ = ["SpikeCount"]


class _Substitute(torch.autograd.Function):
    """Return `value`; send the gradient, times `slope`, to `potential`."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, potential: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(slope)
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, None]:
        (slope,) = ctx.saved_tensors
        return None, gradients[0] * slope, None


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

    gate: Literal["potential", "count"] = "potential"
    threshold: str = "theta"

    def __post_init__(self) -> None:
        if self.gate not in ("potential", "count"):
            raise InputError(
                f"learning rule 'spike_count': gate = '{self.gate}'; give 'potential' or 'count'"
            )

    def check(self, network: SpikingNetwork) -> None:
        """Refuse neuron models that have no threshold parameter, and loops."""
        if network.has_loops:
            raise InputError(
                "learning rule 'spike_count': its analog layers are computed one after the other, "
                "so that there can be no feedback; leave it out, or use another rule"
            )
        for population in network.firing:
            if self.threshold not in population.neuron.parameters:
                raise InputError(
                    f"learning rule 'spike_count': neuron model '{population.neuron.name}' has no "
                    f"parameter '{self.threshold}'; name its threshold with the option 'threshold'"
                )

    def output(
        self, twin: SurrogateNetwork, current: Tensor | None, raster: Tensor | None
    ) -> Tensor:
        """Run the spiking layers forward and the analog layers for the gradient."""
        network = twin.network
        with torch.no_grad():
            activity = twin.run(current, raster)
        counts: dict[str, Tensor] = {}
        if current is not None:
            counts[INPUT] = network.steps * current
        elif raster is not None:
            counts[INPUT] = raster.sum(0)
        for population in network.populations:
            potential = self._free_potential(twin, population.name, counts)
            if network.fires(population.name):
                count = activity.spikes[population.name].sum(0)
                theta = self._theta(population.neuron.parameters, potential)
                open_gate = potential > 0 if self.gate == "potential" else count > 0
                slope = open_gate.to(count.dtype) / theta
                counts[population.name] = _Substitute.apply(count, potential, slope)
            else:
                # The output's own potential, with the gradient of the analog one.
                slope = torch.ones_like(potential)
                analog = potential.flatten(1)
                return _Substitute.apply(activity.output, analog, slope.flatten(1))
        return counts[network.output.name].flatten(1)

    def _theta(self, parameters: Any, like: Tensor) -> Tensor:
        theta = torch.as_tensor(
            np.asarray(parameters[self.threshold]), dtype=like.dtype, device=like.device
        )
        return theta.reshape(like.shape[1:]) if theta.ndim else theta

    @staticmethod
    def _free_potential(twin: SurrogateNetwork, name: str, counts: dict[str, Tensor]) -> Tensor:
        """Return ``sum W c + T b`` of a population, shape ``(batch, *shape)``."""
        total: Any = 0
        for projection in twin.network.incoming(name):
            weights = twin.projection(projection.name)
            total = total + weights(counts[projection.source])
            bias = weights.bias_of_neurons()
            if bias is not None:
                total = total + twin.network.steps * bias
        return total
