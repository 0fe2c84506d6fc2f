"""The neurons of other frameworks, for ``brianbridge bench train``: leaky, reset by subtraction.

Each framework gets the quickest way that it offers on a processor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from brianbridge.bench.layered import Cells, keep_and_theta
from brianbridge.network import Population

__all__ = ["PEERS", "Peer", "missing_peers"]


@dataclass(frozen=True)
class Peer:
    """Describe another framework.

    Parameters
    ----------
    title : str
        Its name, as its authors write it.
    cells : callable
        Makes the neurons of a population, from it and from the step in seconds.
    how : str
        How it is used, and what differs from our neuron and our surrogate derivative.
    same : bool
        Whether it computes the same neuron with the same derivative, so that gradients are equal.
    """

    title: str
    cells: Callable[[Population, float], Cells]
    how: str
    same: bool = False


def _snntorch(population: Population, dt: float) -> Cells:
    import snntorch
    from snntorch import surrogate

    keep, theta = keep_and_theta(population, dt)
    neuron = snntorch.Leaky(beta=keep, threshold=theta, spike_grad=surrogate.atan(alpha=2.0))
    # Without a state, the neuron would continue from that of the last batch.
    return Cells(lambda x, v: neuron(x, torch.zeros_like(x) if v is None else v))


def _norse(population: Population, dt: float) -> Cells:
    from norse.torch.functional.lif_box import (
        LIFBoxFeedForwardState,
        LIFBoxParameters,
        lif_box_feed_forward_step,
    )
    from norse.torch.functional.reset import reset_subtract

    keep, theta = keep_and_theta(population, dt)
    # A membrane that keeps nearly all of itself stands for one that does not leak. Norse scales the
    # input by the rate, and so is the threshold.
    rate = max(1 - keep, 2.0**-10)
    p = LIFBoxParameters(
        tau_mem_inv=torch.tensor(rate / dt),
        v_th=torch.tensor(theta * rate),
        alpha=torch.tensor(1 / rate),
        reset_method=reset_subtract,
    )

    def step(x: Tensor, state: Any) -> tuple[Tensor, Any]:
        state = LIFBoxFeedForwardState(torch.zeros_like(x)) if state is None else state
        return lif_box_feed_forward_step(x, state, p, dt)

    return Cells(step)


class _SpikingJelly(Cells):
    """Neurons that take all steps at once, except in a recurrent layer."""

    def __init__(self, neuron: Any) -> None:
        super().__init__(self._step)
        self.neuron = neuron

    def _step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        if state is None:
            self.neuron.reset()
            self.neuron.step_mode = "s"
        return self.neuron(x), True

    def forward(self, x: Tensor) -> Tensor:
        self.neuron.reset()
        self.neuron.step_mode = "m"
        return self.neuron(x)


def _spikingjelly(population: Population, dt: float) -> Cells:
    from spikingjelly.activation_based import neuron, surrogate

    keep, theta = keep_and_theta(population, dt)
    options = {
        "v_threshold": theta, "v_reset": None, "surrogate_function": surrogate.ATan(alpha=2.0),
    }  # fmt: skip
    if keep == 1:
        return _SpikingJelly(neuron.IFNode(**options))
    return _SpikingJelly(neuron.LIFNode(tau=1 / (1 - keep), decay_input=False, **options))


#: The frameworks, by the name of the package that is imported.
PEERS: dict[str, Peer] = {
    "snntorch": Peer(
        "snnTorch", _snntorch,
        "Leaky in a loop over steps; arctan; its reset comes one step later and has no gradient",
    ),
    "norse": Peer(
        "Norse", _norse, "lif_box_feed_forward_step in a loop over steps; SuperSpike"
    ),
    "spikingjelly": Peer(
        "SpikingJelly", _spikingjelly, "LIFNode, multi-step; arctan, as ours", same=True
    ),
}  # fmt: skip


def missing_peers() -> list[str]:
    """Return the frameworks that are not installed."""
    return [name for name in PEERS if find_spec(name) is None]
