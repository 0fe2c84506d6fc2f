"""Learning by spikes alone: the backward pass is a spiking network too.

SPIDE (Xiao, Meng, Zhang, Wang & Lin, Neural Networks 161:9, 2023), read in the authors' code; of
the paper only the abstract. In a first stage of T steps the network comes to its mean rates (see
`brianbridge.rules.equilibrium.base`). In a second, of `steps`, ternary neurons carry the error back
by spikes of either sign (`brianbridge.rules.equilibrium.backward_network`): their own mean rates,
times what a reset takes away, settle at ``z = g + J^T z``, and a weight changes by the product of
two rates, one of each stage. Nothing is differentiated but the loss by the readout.

The error of a sample is scaled before the second stage, and z is scaled back after it: too small
an error makes no spikes, too large a one more than there can be. The authors multiply all errors by
a constant; as errors of samples differ by orders of magnitude, and shrink as a network learns, the
default (ours) brings the largest error of each sample to the same size. A neuron that fires in
every step is refused; above a rate of 0.5 there is a warning.

Two engines run both stages: the twin, and Brian2 itself (``"brian2"``), so that a network is
trained by spikes in the simulator. With double precision their spikes are the same.
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
from brianbridge.rules.equilibrium.base import AtEquilibrium, Settled, mean_rate
from brianbridge.simulation.reader.write_back import write_back
from brianbridge.twin.network import NetworkTwin, to_torch

__all__ = ["Spide"]

logger = get_logger(__name__)


@dataclass(frozen=True)
class Spide(AtEquilibrium):
    """Train by spikes forward and spikes backward.

    Parameters
    ----------
    steps : int
        Steps of the backward stage.
    largest : float
        Size that the largest error of each sample is brought to before the backward stage, as a
        share of what makes a neuron fire in every step (without feedback).
    scale : float, optional
        What the gradient of a sample's own loss is multiplied by, in place of `largest`. The
        authors' loss scale (100, and 400 for CIFAR-10) multiplies the mean of a batch of 128: 0.8
        and 3.1 here. On digits 1 made a neuron fire in every step before long.
    backward_threshold, backward_rest : float
        Threshold of the ternary neurons, and what a spike resets a neuron at the threshold to.
    engine : {"twin", "brian2"}
        What runs both stages.
    feedback_norm, threshold, rest, tau
        See `AtEquilibrium`.
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
        for option in ("largest", "scale", "backward_threshold"):
            value = getattr(self, option)
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"{what}: {option} = {value}; give more than 0")
        if not -math.inf < self.backward_rest < self.backward_threshold:
            raise InputError(
                f"{what}: backward_rest = {self.backward_rest}; give less than the threshold"
            )
        if self.engine not in ("twin", "brian2"):
            raise InputError(f"{what}: engine = '{self.engine}'; give 'twin' or 'brian2'")

    def prepare(self, twin: NetworkTwin) -> None:
        """Refuse dropout where Brian2 runs the network, which it does whole, or cannot run it."""
        from brianbridge.simulation.device import check_runtime_device

        super().prepare(twin)
        if self.engine == "brian2":
            check_runtime_device(f"learning rule '{self.name}'")
        if self.engine == "brian2" and any(twin.dropout.values()):
            raise InputError(
                f"learning rule '{self.name}': Brian2 runs all neurons; leave out the dropout, or "
                "take the engine 'twin'"
            )

    def present(
        self, twin: NetworkTwin, current: Tensor | None, raster: Tensor | None
    ) -> tuple[Mapping[str, Tensor], Tensor]:
        """Return spikes ``(T, batch, *shape)`` by population, and the output's potential."""
        if self.engine == "twin":
            return super().present(twin, current, raster)
        encoded = EncodedInput(
            *(None if a is None else as_array(a, "input") for a in (current, raster))
        )
        return _in_brian2(write_back(twin), encoded, like=twin)

    def settled_gradients(
        self, twin: NetworkTwin, settled: Settled, given: Mapping[str, Tensor]
    ) -> Mapping[str, Tensor]:
        """Return z of each population, from the rates of ternary neurons."""
        back = self.backward(twin)
        learns = {name: slope > 0 for name, slope in settled.slope.items()}
        factor = self._factor([(given[name] * learns[name]).flatten(1) for name in learns])
        silent = silencing_input(back)
        errors = [
            torch.where(learns[p.name], _each(factor, given[p.name]), silent)
            for p in back.populations
        ]
        current = torch.cat([error.flatten(1) for error in errors], 1)
        if self.engine == "twin":
            spikes = _twin_of(twin, back).run(current).spikes
        else:
            spikes, _ = _in_brian2(
                back, EncodedInput(current=as_array(current, "input")), like=twin
            )
        settled.notes["backward_rate"] = self._checked_rate(spikes)
        leak = self.leak(twin.network)
        return {
            name: _each(self._amount / factor, mean_rate(values, leak))
            for name, values in spikes.items()
        }

    def _factor(self, errors: list[Tensor]) -> Tensor:
        """Return what the errors of each sample, ``(batch, neurons)`` each, are multiplied by."""
        batch = len(errors[0])
        if self.scale is not None:
            return errors[0].new_full((batch,), batch * self.scale)
        size = torch.cat(errors, 1).abs().amax(1)
        return self.largest * self._amount / torch.where(size > 0, size, 1.0)

    def backward(self, twin: NetworkTwin) -> SpikingNetwork:
        """Return the network of the backward stage, with the twin's present weights."""
        network = write_back(twin)
        parameters = network.output.neuron.parameters
        scale = {
            p.name: self.loudness(twin, p.name) / self.unit(network, p.name) for p in network.firing
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
    def _amount(self) -> float:
        """What a spike of a ternary neuron stands for."""
        return self.backward_threshold - self.backward_rest

    @property
    def _size(self) -> str:
        return f"largest = {self.largest:g}" if self.scale is None else f"scale = {self.scale:g}"

    def _checked_rate(self, spikes: Mapping[str, Tensor]) -> float:
        """Return the mean rate of the ternary neurons; refuse one that fires in every step."""
        rates = {name: (values != 0).float().mean(0) for name, values in spikes.items()}
        highest = {name: float(rate.max()) for name, rate in rates.items()}
        most = max(highest, key=lambda name: highest[name])
        if highest[most] >= 1:
            raise InputError(
                f"learning rule '{self.name}': in the backward stage a neuron of population "
                f"'{most}' fires in every step, so that its error is cut off; lower {self._size}"
            )
        if highest[most] > 0.5:
            logger.warn(
                "in the backward stage a neuron fires in more than half of the steps; where it "
                f"fires in all, its error is cut off: lower {self._size}",
                "backward_rate",
                once=True,
            )
        number = sum(rate.numel() for rate in rates.values())
        return float(sum(rate.sum() for rate in rates.values())) / number


def _each(factor: Tensor, values: Tensor) -> Tensor:
    """Return values ``(batch, ...)``, those of each sample times its factor ``(batch,)``."""
    return factor.reshape(-1, *(1,) * (values.ndim - 1)) * values


#: The twin of the backward stage, by the twin that is trained.
_twins: WeakKeyDictionary[NetworkTwin, NetworkTwin] = WeakKeyDictionary()


def _twin_of(twin: NetworkTwin, back: SpikingNetwork) -> NetworkTwin:
    """Return the twin of a backward network: that of the batch before, with other weights."""
    found = _twins.get(twin)
    same = found is not None and found.network.to_dict() == back.to_dict()
    if found is None or not same or (found.dtype, found.device) != (twin.dtype, twin.device):
        _twins[twin] = to_torch(back, dtype=twin.dtype, device=twin.device)
        return _twins[twin]
    for projection in back.projections:
        found.projection(projection.name).weight.copy_(torch.as_tensor(projection.weight))
    return found


def _in_brian2(
    network: SpikingNetwork, encoded: EncodedInput, like: NetworkTwin
) -> tuple[dict[str, Tensor], Tensor]:
    """Return what Brian2 makes of encoded samples: spikes by population, and the output."""
    from brianbridge.simulation.simulate import simulate

    recording = simulate(network, encoded)

    def tensor(values: Any) -> Tensor:
        return torch.as_tensor(np.asarray(values)).to(like.device, like.dtype)

    spikes = {name: tensor(values) for name, values in recording.spikes.items()}
    return spikes, tensor(recording.output)
