"""Differences: Brian2 runs with each parameter a step higher, and a step lower if it may be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor

from brianbridge.errors import InputError
from brianbridge.network import SpikingNetwork
from brianbridge.recording import Recording
from brianbridge.sensitivities.outcomes import Outcome
from brianbridge.sensitivities.parameter import Parameter

__all__ = ["Difference", "difference"]

#: The outcome of each sample with a step up and with a step down (or none), by outcome: each of
#: shape (outcomes, samples).
Difference = tuple[np.ndarray, np.ndarray]


def difference(
    network: SpikingNetwork,
    parameter: Parameter,
    outcomes: Sequence[Outcome],
    labels: Tensor | None,
    simulate: Callable[[SpikingNetwork], Recording],
    base: np.ndarray,
    step: Callable[[], object] = lambda: None,
) -> Difference | str:
    """Return the outcomes of each sample a step above and a step below a parameter's value.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    parameter : Parameter
        What changes.
    outcomes : sequence of Outcome
        What is observed.
    labels : Tensor of int64, shape (samples,), optional
        The correct classes.
    simulate : callable
        Runs a network in Brian2, always with the same samples and random numbers.
    base : numpy.ndarray, shape (outcomes, samples)
        The outcomes of the network as it is.
    step : callable
        Called after each simulation.

    Returns
    -------
    tuple of numpy.ndarray, each of shape (outcomes, samples), or str
        Why there is none, if Brian2 cannot run with the changed value.
    """
    found = []
    for share in (parameter.up, parameter.down):
        if not share:
            found.append(base)
            continue
        try:
            recording = simulate(parameter.apply(network, share))
        except InputError as error:
            return f"no run with {100 * share:+.3g} %: {error}"
        step()
        found.append(np.stack([outcome.values(recording, labels) for outcome in outcomes]))
    return found[0], found[1]
