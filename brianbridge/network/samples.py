"""Check samples that are given to a network, in the twin and in Brian2."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from brianbridge.arrays import as_numbers
from brianbridge.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from brianbridge.network.network import SpikingNetwork

__all__ = ["CROSSING", "SPIKES", "checked_index", "checked_samples", "checked_variables"]

#: What can be recorded besides state variables.
SPIKES, CROSSING = "spikes", "t_crossing"


def checked_samples(network: SpikingNetwork, x: Any) -> np.ndarray:
    """Check samples before anything runs, and return them as float64.

    Parameters
    ----------
    network : SpikingNetwork
        The network that they are for.
    x : array_like or torch.Tensor, shape (samples, *input_shape)
        The samples.

    Returns
    -------
    numpy.ndarray of float64, shape (samples, *input_shape)

    Raises
    ------
    InputError
        If they are not finite numbers or have another shape, or there are none.

    Examples
    --------
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.network import Dense, SpikingNetwork
    >>> from brianbridge.neurons.library import neuron_model
    >>> net = SpikingNetwork.sequential((4,), [Dense(2, neuron_model("if"))], encoding=Current(5))
    >>> checked_samples(net, [[1, 2, 3, 4]])
    array([[1., 2., 3., 4.]])
    """
    samples = as_numbers(x, np.float64, "the samples")
    wanted = tuple(network.input_shape)
    if samples.shape[1:] != wanted or not len(samples):
        takes = ", ".join(map(str, ("samples", *wanted)))
        raise InputError(
            f"the samples have shape {samples.shape}; the network takes ({takes}): "
            f"{_remedy(samples.shape, wanted)}"
        )
    if not np.isfinite(samples).all():
        bad = np.argwhere(~np.isfinite(samples))[0].tolist()
        raise InputError(
            f"the sample value at {bad} is not finite ({samples[tuple(bad)]}); remove or replace it"
        )
    return samples


def _remedy(shape: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """Say how to correct samples of a wrong shape."""
    if shape == wanted:
        return "this is one sample; give it a leading axis, x[None]"
    if shape == ():
        return "this is a single number; give an array of samples"
    if shape[0] == 0:
        return "there are no samples; give at least one"
    if math.prod(shape[1:]) == math.prod(wanted):
        return f"reshape them, x.reshape({', '.join(map(str, (-1, *wanted)))})"
    return "give samples of that shape, or another network"


def checked_index(index: Any, samples: int) -> np.ndarray:
    """Return the numbers of samples in their dataset, counted from 0 if not given."""
    if index is None:
        return np.arange(samples)
    numbers = np.asarray(index)
    if numbers.shape != (samples,):
        raise InputError(
            f"index has shape {numbers.shape}; give one number for each of the {samples} samples"
        )
    if numbers.dtype.kind not in "iu" or (numbers < 0).any():
        raise InputError("index: give the samples' numbers in their dataset, whole and at least 0")
    return numbers


def checked_variables(network: SpikingNetwork, record: Sequence[str]) -> list[str]:
    """Return the state variables to record; each must exist in some population."""
    known = {v for p in network.populations for v in p.neuron.state_variables}
    variables = [name for name in record if name not in (SPIKES, CROSSING)]
    for name in variables:
        if name not in known:
            raise InputError(
                f"record: no population has a state variable '{name}'. "
                + did_you_mean(name, {SPIKES, CROSSING, *known})
            )
    return variables
