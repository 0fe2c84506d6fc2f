"""The potential of linear neurons without reset, without a loop over time.

If the potential of a neuron is linear in its input, and a spike does not reset it, then it is a
convolution of the input,

    V(k) = sum over l <= k of h(k - l) x(l) + c(k) d,

with h the response to a spike of weight 1 and c the response to a constant drive of 1. These are
two lists of T numbers. They are found by simulating the neuron (`linear_response`), whatever its
equations. All steps of all neurons are then one matrix product with the triangular matrix
``H(k, l) = h(k - l)``. Taylor, King & Harper (2022, "Accelerating spiking neural networks with
single spikes", read in the authors' code) do this for a leaky neuron. This module supports any
linear neuron, also with several variables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from brianbridge.errors import InputError
from brianbridge.neurons.model import NeuronModel
from brianbridge.twin.constants import constant_tensor
from brianbridge.twin.population import PopulationTwin

__all__ = ["LinearResponse", "linear_response"]

#: Size of the input that tests linearity, and the largest relative error in float64.
_SIZE, _TOLERANCE = 3.0, 1e-9


@dataclass(frozen=True)
class LinearResponse:
    """The responses of a potential to a single spike and to a constant drive.

    Parameters
    ----------
    spike : mapping of str to Tensor, shape (T,)
        Potential at the end of each step after a spike of weight 1 in the first step, by the
        variable that the spike adds to.
    drive : Tensor or None, shape (T,)
        Potential at the end of each step with a constant drive of 1 (SI units); None if the model
        has no drive.
    """

    spike: Mapping[str, Tensor]
    drive: Tensor | None

    def potential(self, x: Mapping[str, Tensor], drive: Tensor | None) -> Tensor:
        """Return the potential at the end of each step, ``(T, batch, *shape)``.

        Parameters
        ----------
        x : mapping of str to Tensor, shape (T, batch, *shape)
            Sum of the weighted spikes in each step, by the variable that they add to.
        drive : Tensor, shape (batch, *shape) or (*shape), optional
            Constant value of the drive variable, in SI units.

        Examples
        --------
        >>> from brian2 import ms
        >>> from brianbridge.neurons.library import neuron_model
        >>> response = linear_response(neuron_model("single_spike_if"), 1*ms, steps=3)
        >>> x = torch.tensor([0.5, 0.0, 0.25]).reshape(3, 1, 1)
        >>> response.potential({"v": x}, None).flatten()
        tensor([0.5000, 0.5000, 0.7500])
        """
        parts = []
        for name, values in x.items():
            response = constant_tensor(self.spike[name].numpy(), values)
            steps = torch.arange(len(response), device=values.device)
            since = steps.unsqueeze(1) - steps
            matrix = torch.where(since < 0, 0.0, response[since.clamp(min=0)])
            parts.append((matrix @ values.flatten(1)).reshape(values.shape))
        if drive is not None:
            assert self.drive is not None, "a twin refuses a drive that its model does not have"
            steps_of = constant_tensor(self.drive.numpy(), drive).reshape(-1, *(1,) * drive.ndim)
            constant = steps_of * drive
            if parts and constant.ndim < parts[0].ndim:
                constant = constant.unsqueeze(1)  # the same for all samples
            parts.append(constant)
        found = parts[0]
        for part in parts[1:]:
            found = found + part
        return found


def linear_response(
    model: NeuronModel,
    dt: object,
    steps: int,
    received: Sequence[str] | None = None,
    fires: bool = True,
) -> LinearResponse:
    """Simulate a neuron to find how its potential responds to its input.

    Parameters
    ----------
    model : NeuronModel
        Model whose neurons all have the same parameters.
    dt : Quantity or float
        Length of a step (seconds if a plain number).
    steps : int
        Number of steps of a presentation, T.
    received : sequence of str, optional
        The variables that spikes add to; the model's ``receive`` if not given.
    fires : bool
        Whether the neurons fire, and so must not be reset.

    Raises
    ------
    InputError
        If neurons differ, the potential is not linear in the input, or a spike changes it.
    """
    what = f"neuron model '{model.name}'"
    if model.heterogeneous:
        raise InputError(f"{what}: its neurons differ; give all of them the same parameters")
    free = PopulationTwin(model, (1,), dt, fires=False, dtype=torch.float64, received=received)
    firing = PopulationTwin(model, (1,), dt, fires=fires, dtype=torch.float64, received=received)
    names, v = free.received, model.require_potential("a linear response")

    def trace(twin: PopulationTwin, x: Mapping[str, float], drive: float = 0.0) -> Tensor:
        inputs = {name: torch.zeros(steps, 1, 1, dtype=torch.float64) for name in names}
        for name, value in x.items():
            inputs[name][0] = value
        constant = torch.full((1,), drive, dtype=torch.float64) if model.drive else None
        ran = twin.run(inputs or None, constant, steps=steps, batch=1, record=(v,))
        return ran.traces[v].flatten()

    spike = {name: trace(free, {name: 1.0}) for name in names}
    response = LinearResponse(spike, trace(free, {}, 1.0) if model.drive else None)
    # With all inputs together, larger, and with spikes, responses add up if they are linear.
    size = _SIZE * max(1.0, 1 / float(next(iter(spike.values())).abs().max())) if spike else 1.0
    drive = size if model.drive else 0.0
    expected = size * sum(spike.values(), torch.zeros(steps, dtype=torch.float64))
    if response.drive is not None:
        expected = expected + drive * response.drive
    for twin, why in (
        (free, "the potential is not linear in the input"),
        (firing, "a spike changes the potential"),
    ):
        found = trace(twin, dict.fromkeys(names, size), drive)
        if not torch.allclose(found, expected, rtol=_TOLERANCE, atol=_TOLERANCE * size):
            raise InputError(f"{what}: {why}; use 'single_spike_lif', or one without a reset")
    return response
