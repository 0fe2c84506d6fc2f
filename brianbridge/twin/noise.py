"""Random numbers of neurons in the twin: those that a simulation with the same seed draws.

Each number is a function of the seed, the population, the place in its code, the number of the
sample, the step and the neuron (`brianbridge.counters`). Gradients take it as a constant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from brianbridge.counters import checked_seed, draw, key_of, sample_keys, uniforms
from brianbridge.distributions import normals, poisson_numbers
from brianbridge.twin.draws import Draw
from brianbridge.twin.part import Part

__all__ = ["Noise", "poisson"]


@dataclass(frozen=True)
class Noise:
    """Decide the random numbers of one presentation of a batch.

    Parameters
    ----------
    seed : int
        Seed of at least 0, as that of `brianbridge.simulate`.
    numbers : numpy.ndarray of int, shape (batch,)
        Number of each sample in its data set.
    own : bool
        Whether spikes that fail to arrive do so for this presentation alone, as in training; in a
        simulation, they do not depend on the seed.

    Raises
    ------
    InputError
        If the seed is no integer of at least 0.

    Examples
    --------
    >>> noise = Noise(seed=5, numbers=np.arange(2))
    >>> noise.drawn("cells", Draw("noise", "threshold", 0, "rand"), 7, (2, 3), torch.ones(())).shape
    torch.Size([2, 3])
    """

    seed: int
    numbers: np.ndarray
    own: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "seed", checked_seed(self.seed))

    @classmethod
    def fresh(cls, batch: int, part: Part | None = None) -> Noise:
        """Return noise with a seed from torch's generator, as dropout has its masks from it.

        Parameters
        ----------
        batch : int
            Number of samples.
        part : Part, optional
            Which samples of a batch these are; all of them if not given.
        """
        numbers = np.arange(batch) if part is None else part.numbers
        return cls(int(torch.randint(2**62, ())), numbers, own=True)

    def drawn(
        self, population: str, one: Draw, step: int, shape: tuple[int, ...], like: Tensor
    ) -> Tensor:
        """Return the numbers of a population in one step.

        Parameters
        ----------
        population : str
            The name of the population.
        one : Draw
            The call in its code.
        step : int
            The step since the presentation began.
        shape : tuple of int
            Shape of the result, ``(batch, *shape)``.
        like : Tensor
            A tensor of the same type and device.
        """
        key = key_of(self.seed, population, one.part)
        keys = sample_keys(np.uint64(draw(key, one.call)), self.numbers, step)
        found = uniforms(keys, math.prod(shape[1:]))
        if one.function == "randn":
            found = normals(found)
        return torch.as_tensor(found).to(dtype=like.dtype, device=like.device).reshape(shape)


def poisson(mean: Tensor | float, uniform: Tensor) -> Tensor:
    """Return Poisson-distributed numbers with some mean, from uniform ones.

    Examples
    --------
    >>> poisson(2.0, torch.tensor([0.1, 0.5, 0.99]))
    tensor([0., 2., 6.])
    """
    means = torch.as_tensor(mean, dtype=uniform.dtype, device=uniform.device).expand(uniform.shape)
    found = poisson_numbers(
        uniform.double().cpu().numpy().ravel(), means.detach().double().cpu().numpy().ravel()
    )
    return torch.as_tensor(found).to(uniform).reshape(uniform.shape)
