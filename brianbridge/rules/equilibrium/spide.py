"""SPIDE, learning by spikes alone: the backward pass is a spiking network too.

Xiao, Meng, Zhang, Wang & Lin (Neural Networks 161:9, 2023), read in the authors' code; only the
abstract of the paper was available. In a forward stage of T steps the network settles at its mean
rates (see `brianbridge.rules.equilibrium.base`). In a backward stage of `steps` steps, ternary
neurons transmit the error by positive and negative spikes
(`brianbridge.rules.equilibrium.backward_network`). Their mean rates, times the amount that a reset
subtracts, settle at ``z = g + J^T z``. A weight changes by the product of two rates, one of each
stage. Only the readout is differentiated, by the loss.

The error of a sample is scaled before the backward stage, and z is scaled back after it: an error
that is too small causes no spikes, and one that is too large is cut off. The authors multiply all
errors by a constant. The errors of samples differ by orders of magnitude, and shrink during
training. The default (ours) thus scales the largest error of each sample to the same size. A neuron
that fires in every step raises an error; a rate above 0.5 causes a warning.

Both stages can run in the twin or in Brian2 (``engine="brian2"``), which trains a network by spikes
in the simulator. With double precision the spikes of both are the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal
from weakref import WeakKeyDictionary

import numpy as np
import torch
from brian2.utils.logger import get_logger
from torch import Tensor

from brianbridge.arrays import as_array
from brianbridge.encoding import EncodedInput
from brianbridge.errors import InputError
from brianbridge.network import SpikingNetwork
from brianbridge.rules.equilibrium.backward_network import backward_network, silencing_input
from brianbridge.rules.equilibrium.base import EquilibriumRule
from brianbridge.rules.equilibrium.state import Equilibrium, mean_rate
from brianbridge.rules.option_checks import require_above, require_choice
from brianbridge.simulation.reader.write_back import write_back
from brianbridge.twin.network import NetworkTwin, to_torch

__all__ = ["Spide"]

logger = get_logger(__name__)


@dataclass(frozen=True)
class Spide(EquilibriumRule):
    """Train with spikes in the forward and in the backward stage.

    Parameters
    ----------
    steps : int
        Number of steps of the backward stage.
    largest : float
        Size to which the largest error of each sample is scaled before the backward stage, as a
        fraction of the error that makes a neuron fire in every step (without feedback).
    scale : float, optional
        Constant factor of the gradient of each sample's loss, in place of `largest`. The authors'
        loss scale (100, and 400 for CIFAR-10) multiplies the mean over a batch of 128, which
        corresponds to 0.8 and 3.1 here. On digits a scale of 1 soon made a neuron fire in every
        step.
    backward_threshold, backward_rest : float
        Threshold of the ternary neurons, and the potential to which a spike at the threshold
        resets.
    engine : {"twin", "brian2"}
        Whether the twin or Brian2 runs both stages.
    feedback_norm, threshold, rest, tau
        See `EquilibriumRule`.
    """

    name: ClassVar[str] = "spide"

    steps: int = 100
    largest: float = 0.3
    scale: float | None = None
    backward_threshold: float = 0.5
    backward_rest: float = -0.5
    engine: Literal["twin", "brian2"] = "twin"

    def __post_init__(self) -> None:
        super().__post_init__()
        what = f"learning rule '{self.name}'"
        if self.steps < 1:
            raise InputError(f"{what}: steps = {self.steps}; give at least 1")
        require_above(self, "largest", "backward_threshold")
        if self.scale is not None:
            require_above(self, "scale")
        if not -math.inf < self.backward_rest < self.backward_threshold:
            raise InputError(
                f"{what}: backward_rest = {self.backward_rest}; give less than "
                f"backward_threshold = {self.backward_threshold}"
            )
        require_choice(self, "engine", ("twin", "brian2"))

    def prepare(self, twin: NetworkTwin) -> None:
        """Refuse dropout and standalone devices if Brian2 runs the network."""
        from brianbridge.simulation.device import check_runtime_device

        super().prepare(twin)
        if self.engine == "brian2":
            check_runtime_device(f"learning rule '{self.name}'")
        if self.engine == "brian2" and any(twin.dropout.values()):
            raise InputError(
                f"learning rule '{self.name}': engine 'brian2' does not support dropout; leave "
                "it out, or use the engine 'twin'"
            )

    def run_forward(
        self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None
    ) -> tuple[Mapping[str, Tensor], Tensor]:
        """Return spikes ``(T, batch, *shape)`` by population, and the output's potential."""
        if self.engine == "twin":
            return super().run_forward(twin, current, raster)
        encoded = EncodedInput(
            *(None if a is None else as_array(a, "input") for a in (current, raster))
        )
        return _in_brian2(write_back(twin), encoded, like=twin)

    def solve_gradients(
        self, twin: NetworkTwin, equilibrium: Equilibrium, gradients: Mapping[str, Tensor]
    ) -> Mapping[str, Tensor]:
        """Return z of each population, from the mean rates of ternary neurons."""
        back = self.backward(twin)
        learns = {name: slope > 0 for name, slope in equilibrium.slope.items()}
        factor = self._factor([(gradients[name] * learns[name]).flatten(1) for name in learns])
        silent = silencing_input(back)
        errors = [
            torch.where(learns[p.name], _per_sample(factor, gradients[p.name]), silent)
            for p in back.populations
        ]
        current = torch.cat([error.flatten(1) for error in errors], 1)
        if self.engine == "twin":
            spikes = _backward_twin(twin, back).run(current).spikes
        else:
            spikes, _ = _in_brian2(
                back, EncodedInput(current=as_array(current, "input")), like=twin
            )
        equilibrium.metrics["backward_rate"] = self._checked_rate(spikes)
        leak = self.leak(twin.network)
        return {
            name: _per_sample(self._spike_size / factor, mean_rate(values, leak))
            for name, values in spikes.items()
        }

    def _factor(self, errors: list[Tensor]) -> Tensor:
        """Return the factor ``(batch,)`` of each sample's errors ``(batch, neurons)``."""
        batch = len(errors[0])
        if self.scale is not None:
            return errors[0].new_full((batch,), batch * self.scale)
        size = torch.cat(errors, 1).abs().amax(1)
        return self.largest * self._spike_size / torch.where(size > 0, size, 1.0)

    def backward(self, twin: NetworkTwin) -> SpikingNetwork:
        """Return the network of the backward stage, with the twin's present weights."""
        network = write_back(twin)
        parameters = network.output.neuron.parameters
        scale = {
            p.name: self.dropout_scale(twin, p.name) / self.reset_amount(network, p.name)
            for p in network.firing
        }
        return backward_network(
            network,
            scale,
            steps=self.steps,
            theta=self.backward_threshold,
            rest=self.backward_rest,
            tau=parameters.get(self.tau),
        )

    @property
    def _spike_size(self) -> float:
        """The error that a spike of a ternary neuron transmits: how much its reset subtracts."""
        return self.backward_threshold - self.backward_rest

    @property
    def _scaling(self) -> str:
        """The option that sets the size of the errors, for messages."""
        return f"largest = {self.largest:g}" if self.scale is None else f"scale = {self.scale:g}"

    def _checked_rate(self, spikes: Mapping[str, Tensor]) -> float:
        """Return the mean rate of the ternary neurons; refuse neurons that fire in every step."""
        rates = {name: (values != 0).float().mean(0) for name, values in spikes.items()}
        highest = {name: float(rate.max()) for name, rate in rates.items()}
        most = max(highest, key=lambda name: highest[name])
        if highest[most] >= 1:
            raise InputError(
                f"learning rule '{self.name}': in the backward stage a neuron of population "
                f"'{most}' fires in every step, which cuts its error off; lower {self._scaling}"
            )
        if highest[most] > 0.5:
            logger.warn(
                "in the backward stage a neuron fires in more than half of the steps; if it fires "
                f"in all, its error is cut off: lower {self._scaling}",
                "backward_rate",
                once=True,
            )
        number = sum(rate.numel() for rate in rates.values())
        return float(sum(rate.sum() for rate in rates.values())) / number


def _per_sample(factor: Tensor, values: Tensor) -> Tensor:
    """Return values ``(batch, ...)`` times the factor ``(batch,)`` of each sample."""
    return factor.reshape(-1, *(1,) * (values.ndim - 1)) * values


#: The twin of the backward network, by the twin that is trained.
_backward_twins: WeakKeyDictionary[NetworkTwin, NetworkTwin] = WeakKeyDictionary()


def _backward_twin(twin: NetworkTwin, back: SpikingNetwork) -> NetworkTwin:
    """Return the twin of a backward network; if possible the previous one, with new weights."""
    found = _backward_twins.get(twin)
    same = found is not None and found.network.to_dict() == back.to_dict()
    if found is None or not same or (found.dtype, found.device) != (twin.dtype, twin.device):
        _backward_twins[twin] = to_torch(back, dtype=twin.dtype, device=twin.device)
        return _backward_twins[twin]
    for projection in back.projections:
        found.projection(projection.name).weight.copy_(torch.as_tensor(projection.weight))
    return found


def _in_brian2(
    network: SpikingNetwork, encoded: EncodedInput, like: NetworkTwin
) -> tuple[dict[str, Tensor], Tensor]:
    """Run encoded samples in Brian2; return spikes by population, and the output."""
    from brianbridge.simulation.simulate import simulate

    recording = simulate(network, encoded)

    def tensor(values: Any) -> Tensor:
        return torch.as_tensor(np.asarray(values)).to(like.device, like.dtype)

    spikes = {name: tensor(values) for name, values in recording.spikes.items()}
    return spikes, tensor(recording.output)
