"""The derivative of outcomes by each parameter, through the twin.

Each sample gets a factor of its own for each parameter, all equal to 1. The outcome of a sample
depends on its own factors alone, so that one backward pass gives the derivative of every sample,
and thus a standard error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from brianbridge.network import SpikingNetwork
from brianbridge.sensitivities.outcomes import Observed, Outcome
from brianbridge.sensitivities.parameter import Parameter
from brianbridge.twin.learn import Learn
from brianbridge.twin.learned_gain import learned_gains
from brianbridge.twin.network import NetworkTwin
from brianbridge.twin.noise import Noise
from brianbridge.twin.owners import Owner, owner_of
from brianbridge.twin.spike_function import SpikeFunction
from brianbridge.twin.synapses.module import SynapseTwin

__all__ = ["ChangingTwin", "derivatives"]


class ChangedParameters(nn.Module):
    """The values of the parameters of an owner, which differ between samples by a share of each.

    Parameters
    ----------
    owner : Owner
        The population or projection.
    shape : tuple of int
        Shape of its neurons or synapses.
    parameters : sequence of Parameter
        Its parameters.
    """

    def __init__(
        self, owner: Owner, shape: tuple[int, ...], parameters: Sequence[Parameter]
    ) -> None:
        super().__init__()
        self._axes = len(shape)
        self._values = {
            p.name: (_shaped(owner.start(p.name), shape), _shaped(p.whole, shape))
            for p in parameters
        }
        self.shares: dict[str, Tensor] = {}

    def begin(self, batch: int) -> list[Tensor]:
        """Return the shares of a batch, each of shape ``(batch,)``; all are 0."""
        self.shares = {name: _no_share(batch) for name in self._values}
        return list(self.shares.values())

    def forward(self) -> dict[str, Tensor]:
        """Return the values, in SI units and in a shape that fits ``(batch, *shape)``."""
        return {
            name: value + _of_samples(self.shares[name], self._axes) * whole
            for name, (value, whole) in self._values.items()
        }


class ChangingTwin(NetworkTwin):
    """Run a network in double precision, with parameters that differ between samples.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    parameters : sequence of Parameter
        Those with a gradient.
    spike_function : SpikeFunction, optional
        How to differentiate through a spike.
    """

    def __init__(
        self,
        network: SpikingNetwork,
        parameters: Sequence[Parameter],
        spike_function: SpikeFunction | None = None,
    ) -> None:
        super().__init__(network, dtype=torch.float64, spike_function=spike_function)
        self._delays = [p for p in parameters if p.is_delay]
        of: dict[str, list[Parameter]] = {}
        for one in parameters:
            if not one.is_delay:
                of.setdefault(one.owner, []).append(one)
        self.changing = [*(one for chosen in of.values() for one in chosen), *self._delays]
        self.learn = {n: tuple(Learn(p.name) for p in chosen) for n, chosen in of.items()}
        self._learned_gains = learned_gains(network, self.learn)
        self.differentiate_by(self.spike_function)
        self._register_synapses()
        self._changed = [
            ChangedParameters(owner_of(network, name), self._shape_of(name), chosen)
            for name, chosen in of.items()
        ]
        self.learned = nn.ModuleDict(dict(zip(of, self._changed, strict=True)))
        self.requires_grad_(requires_grad=False)
        self.eval()

    def _shape_of(self, name: str) -> tuple[int, ...]:
        if name in self.synapses:
            return (len(cast(SynapseTwin, self.synapses[name]).pre),)
        return self.network.shape_of(name)

    def begin(self, batch: int) -> list[Tensor]:
        """Return the change of each parameter in each sample, as a share; all are 0."""
        shares = [share for one in self._changed for share in one.begin(batch)]
        for one in self._delays:
            share = _no_share(batch)
            projection = self.projection(one.owner)
            steps = float(one.whole) / self.network.dt
            projection.lag = _of_samples(share, len(projection.target)) * steps
            shares.append(share)
        return shares


def _no_share(batch: int) -> Tensor:
    return torch.zeros(batch, dtype=torch.float64, requires_grad=True)


def _of_samples(values: Tensor, axes: int) -> Tensor:
    """Return one value for each sample in a shape that fits ``(batch, *shape)``."""
    return values.reshape(-1, *(1 for _ in range(axes)))


def _shaped(values: np.ndarray, shape: tuple[int, ...]) -> Tensor:
    """Return values of ``shape``, or one if they are the same for all."""
    flat = np.ravel(values)
    if not flat.size or np.all(flat == flat[0]):
        return torch.as_tensor(flat[0] if flat.size else 0.0, dtype=torch.float64)
    return torch.as_tensor(np.resize(flat, shape), dtype=torch.float64)


def derivatives(
    twin: ChangingTwin,
    x: np.ndarray,
    labels: Tensor | None,
    outcomes: Sequence[Outcome],
    *,
    seed: int,
    batch_size: int,
    step: Callable[[], object] = lambda: None,
) -> np.ndarray:
    """Return the derivative of each outcome by each parameter, of each sample.

    Parameters
    ----------
    twin : ChangingTwin
        The twin.
    x : numpy.ndarray, shape (samples, *input_shape)
        The samples.
    labels : Tensor of int64, shape (samples,), optional
        Their classes.
    outcomes : sequence of Outcome
        Those with a gradient.
    seed : int
        Seed of the random numbers of neurons.
    batch_size : int
        Samples at a time.
    step : callable
        Called after each batch.

    Returns
    -------
    numpy.ndarray, shape (outcomes, parameters, samples)
        The change of the outcome for a change of the parameter by a hundred per cent.
    """
    parts = []
    for start in range(0, len(x), batch_size):
        numbers = np.arange(start, min(start + batch_size, len(x)))
        shares = twin.begin(len(numbers))
        run = twin.run(*twin.encode(x[numbers], numbers), noise=Noise(seed, numbers))
        observed = Observed.of_twin(run, None if labels is None else labels[numbers])
        parts.append(np.stack([_gradient(o, observed, shares) for o in outcomes]))
        step()
    return np.concatenate(parts, axis=2)


def _gradient(outcome: Outcome, observed: Observed, shares: Sequence[Tensor]) -> np.ndarray:
    assert outcome.of is not None, "the outcome has a gradient"
    total = outcome.of(observed).sum()
    if not (shares and total.requires_grad):
        return np.zeros((len(shares), len(observed.output)))
    found = torch.autograd.grad(total, shares, retain_graph=True, allow_unused=True)
    zeros = torch.zeros(len(observed.output), dtype=torch.float64)
    return torch.stack([zeros if g is None else g for g in found]).numpy()
