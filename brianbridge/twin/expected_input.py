"""The input that an encoding stands for, as a function of the samples that torch differentiates.

NumPy encodes (`brianbridge.encoding`), so that the twin and Brian2 get the same spikes. Where
samples have a gradient, the encoded values keep it by a straight-through estimate: they are those
of the encoding, and the derivative is that of what the encoding gives *on average*:

============  ==========================================================  =========
encoding      input of step t                                             gradient
============  ==========================================================  =========
`Current`     ``x``                                                       exact
`Frames`      ``x[t]``                                                    exact
`Bernoulli`   ``gain*x``, the mean of its spikes                          estimate
`Poisson`     ``rate*dt*x``, the mean of its spikes                       estimate
`Latency`     a spike that moves in time, shared by the steps around it   estimate
`Background`  does not depend on the samples                              0
`Replay`      does not depend on the samples                              0
`Sources`     that of each part
`Finer`       that of the other encoding, in its first step or shared by all
`Waiting`     that of the other encoding, and then 0
============  ==========================================================  =========

To register one for an encoding of your own::

    @expected_input.register(MyEncoding)
    def _mine(encoding, x):
        return ...                        # a tensor (steps, batch, *shape) that depends on x
"""

from __future__ import annotations

from functools import singledispatch

import torch
from torch import Tensor

from brianbridge.encoding import (
    Background,
    Bernoulli,
    Current,
    Encoding,
    Finer,
    Frames,
    Latency,
    Poisson,
    Replay,
    Sources,
    Waiting,
)
from brianbridge.errors import InputError

__all__ = ["expected_input", "is_exact"]


def is_exact(encoding: Encoding) -> bool:
    """Return whether `expected_input` is the encoded input itself, so that NumPy is not needed."""
    if isinstance(encoding, Finer) and encoding.timing == "start":
        return is_exact(encoding.encoding)
    return type(encoding) in (Current, Frames)


@singledispatch
def expected_input(encoding: Encoding, x: Tensor) -> Tensor:
    """Return the mean input of each step, as a function of the samples.

    Parameters
    ----------
    encoding : Encoding
        The encoding.
    x : Tensor, shape (batch, *input_shape)
        The samples.

    Returns
    -------
    Tensor, shape (steps, batch, *shape), or (batch, *shape) of a current

    Raises
    ------
    InputError
        If nothing is registered for the encoding.

    Examples
    --------
    >>> expected_input(Bernoulli(steps=2, gain=0.5), torch.tensor([[1.0, 0.2]]))[0]
    tensor([[0.5000, 0.1000]])
    >>> expected_input(Latency(steps=5), torch.tensor([[1.0, 0.5]]))[:, 0].T
    tensor([[1., 0., 0., 0., 0.],
            [0., 0., 1., 0., 0.]])
    """
    raise InputError(
        f"encoding '{encoding.kind}' has no gradient of the samples, but they require one; give "
        "the twin x.detach(), or register one (brianbridge.twin.expected_input)"
    )


@expected_input.register
def _current(encoding: Current, x: Tensor) -> Tensor:
    return x


@expected_input.register
def _frames(encoding: Frames, x: Tensor) -> Tensor:
    return x.movedim(1, 0)


@expected_input.register
def _bernoulli(encoding: Bernoulli, x: Tensor) -> Tensor:
    return (encoding.gain * x).expand(encoding.steps, *x.shape)


@expected_input.register
def _poisson(encoding: Poisson, x: Tensor) -> Tensor:
    return (encoding.rate * encoding.dt * x).expand(encoding.steps, *x.shape)


@expected_input.register
def _latency(encoding: Latency, x: Tensor) -> Tensor:
    time = (1 - x) * (encoding.steps - 1)
    first = time.detach().floor()
    part = time - first
    step = torch.arange(encoding.steps, device=x.device).reshape(-1, *(1,) * x.ndim)
    # As for a learned delay: between two steps, each has a part of the spike.
    spike = (step == first) * (1 - part) + (step == first + 1) * part
    return spike * (x > encoding.silent)


@expected_input.register(Background)
@expected_input.register(Replay)
def _without_data(encoding: Background | Replay, x: Tensor) -> Tensor:
    none = 0 * x.flatten(1).sum(1, keepdim=True)
    return none.expand(encoding.steps, len(x), encoding.size)


@expected_input.register
def _finer(encoding: Finer, x: Tensor) -> Tensor:
    coarse = expected_input(encoding.encoding, x)
    if encoding.is_current:
        return coarse
    fine = coarse.new_zeros(len(coarse), encoding.divisor, *coarse.shape[1:])
    if encoding.timing == "start":
        fine[:, 0] = coarse
    else:
        fine = fine + coarse[:, None] / encoding.divisor
    return fine.flatten(0, 1)


@expected_input.register
def _waiting(encoding: Waiting, x: Tensor) -> Tensor:
    sent = expected_input(encoding.encoding, x)
    return torch.cat([sent, sent.new_zeros(encoding.after, *sent.shape[1:])])


@expected_input.register
def _sources(encoding: Sources, x: Tensor) -> Tensor:
    parts = [part.values for part in encoding.parts]
    # Samples of a network without data hold a number without effect.
    flat = x.flatten(1)[:, : sum(parts)]
    each = []
    for part, values in zip(encoding.parts, flat.split(parts, 1), strict=True):
        shaped = values.reshape(len(x), *(part.shape or (0,)))
        each.append(expected_input(part.encoding, shaped).flatten(2))
    return torch.cat(each, 2)
