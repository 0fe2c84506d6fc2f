"""The derivative of outcomes by each parameter, through the twin.

Each sample gets a factor of its own for each parameter, all equal to 1. The outcome of a sample
depends on its own factors alone, so that one backward pass gives the derivative of every sample,
and thus a standard error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from brianbridge.network import SpikingNetwork
from brianbridge.sensitivities.outcomes import Observed, Outcome
from brianbridge.sensitivities.parameters import Parameter
from brianbridge.twin.learn import Learn
from brianbridge.twin.learned_gain import learned_gains
from brianbridge.twin.network import NetworkTwin
from brianbridge.twin.noise import Noise
from brianbridge.twin.population import PopulationTwin
from brianbridge.twin.spike_function import SpikeFunction

__all__ = ["ChangingTwin", "derivatives"]


class ChangedParameters(nn.Module):
    """The values of a population's parameters, which differ between samples by a share of each.

    Parameters
    ----------
    population : PopulationTwin
        The population.
    parameters : sequence of Parameter
        Its parameters.
    """

    def __init__(self, population: PopulationTwin, parameters: Sequence[Parameter]) -> None:
        super().__init__()
        self._shape = population.shape
        self._values = {
            p.name: (
                _shaped(population.start_of(p.name), self._shape),
                _shaped(p.whole, self._shape),
            )
            for p in parameters
        }
        self.shares: dict[str, Tensor] = {}

    def begin(self, batch: int) -> list[Tensor]:
        """Return the shares of a batch, each of shape ``(batch,)``; all are 0."""
        like = torch.zeros(batch, dtype=torch.float64)
        self.shares = {name: like.clone().requires_grad_() for name in self._values}
        return list(self.shares.values())

    def forward(self) -> dict[str, Tensor]:
        """Return the values, in SI units and in a shape that fits ``(batch, *shape)``."""
        each = (-1, *(1 for _ in self._shape))
        return {
            name: value + self.shares[name].reshape(each) * whole
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
        of = {
            p.name: [one for one in parameters if one.population == p.name]
            for p in network.populations
        }
        self.changing = [one for chosen in of.values() for one in chosen]
        self.learn = {n: tuple(Learn(p.name) for p in chosen) for n, chosen in of.items() if chosen}
        self._learned_gains = learned_gains(network, self.learn)
        self.differentiate_by(self.spike_function)
        self._changed = [ChangedParameters(self.population(name), of[name]) for name in self.learn]
        self.learned = nn.ModuleDict(dict(zip(self.learn, self._changed, strict=True)))
        self.requires_grad_(requires_grad=False)
        self.eval()

    def begin(self, batch: int) -> list[Tensor]:
        """Return the change of each parameter in each sample, as a share; all are 0."""
        return [share for one in self._changed for share in one.begin(batch)]


def _shaped(values: np.ndarray, shape: tuple[int, ...]) -> Tensor:
    flat = values if values.size == 1 else np.resize(values, int(np.prod(shape)))
    return torch.as_tensor(flat).reshape(() if values.size == 1 else shape)


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
