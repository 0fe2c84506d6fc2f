"""Encode samples for a twin, as tensors that keep the gradient of the samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from brianbridge.encoding import EncodedInput, Encoding, Sources
from brianbridge.errors import InputError
from brianbridge.network import SpikingNetwork
from brianbridge.network.samples import (
    check_encoded,
    check_shape,
    checked_index,
    checked_samples,
    flat_samples,
)
from brianbridge.twin.expected_input import expected_input, is_exact
from brianbridge.twin.recorded_spikes import straight_through
from brianbridge.twin.transforms import is_transformed

__all__ = ["as_tensors", "encoded_tensors"]

#: Current and raster of a batch; one of them is None.
Tensors = tuple[Tensor | None, Tensor | None]


def encoded_tensors(
    network: SpikingNetwork,
    x: Any,
    index: Any,
    stream: int,
    like: Tensor,
    *,
    any_steps: bool = False,
) -> Tensors:
    """Encode samples as a current or a raster; the other is None.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    x : Tensor, array, EncodedInput or what else `checked_samples` takes
        The samples. There may be none. Input that is encoded already is taken as it is.
    index : array of int, shape (batch,), optional
        Numbers of the samples.
    stream : int
        The stream of random numbers; see `brianbridge.encoding.Encoding.encode`.
    like : Tensor
        A tensor of the type and device of the result.
    any_steps : bool
        Whether a raster may have any number of steps.

    Raises
    ------
    InputError
        If the samples do not fit the network, or the encoding has no gradient for samples that
        require one.
    """
    if isinstance(x, EncodedInput):
        check_encoded(network, x, any_steps=any_steps)
        for values in (x.current, x.raster):
            if isinstance(values, Tensor):
                _check_finite(values, "encoded input's")
        checked_index(index, x.samples)
        return as_tensors(x, like)
    encoding, given = network.encoding, _as_tensor(network, x)
    if given is not None and is_exact(encoding) and given.is_floating_point():
        given = flat_samples(network, given)
        _check_values(network, given)
        checked_index(index, len(given))
        return _placed(encoding, expected_input(encoding, given).to(like))
    if given is not None and is_transformed(given):
        raise InputError(
            f"encoding '{encoding.kind}' encodes samples in NumPy, which torch.func cannot "
            "transform; encode them before, raster = twin.encode(x)[1], and give the twin "
            "bb.encodings.EncodedInput(raster=raster)"
        )
    samples = checked_samples(network, x, empty=True)
    encoded = encoding.encode(samples, checked_index(index, len(samples)), stream)
    current, raster = as_tensors(encoded, like)
    if given is None or not (given.requires_grad and torch.is_grad_enabled()):
        return current, raster
    expected = expected_input(encoding, given.reshape(samples.shape)).to(like)
    found = raster if current is None else current
    assert found is not None
    return _placed(encoding, straight_through(found, expected))


def as_tensors(encoded: EncodedInput, like: Tensor) -> Tensors:
    """Return the current and the raster of an encoded batch, as tensors like another one."""

    def tensor(values: Any) -> Tensor | None:
        if values is None:
            return None
        if isinstance(values, Tensor):
            return values.to(device=like.device, dtype=like.dtype)
        # torch does not accept negative strides. The processor need not wait until a GPU has a
        # copy, and a small type takes less time on the way.
        found = torch.as_tensor(np.ascontiguousarray(values))
        return found.to(like.device, non_blocking=True).to(like.dtype)

    return tensor(encoded.current), tensor(encoded.raster)


def _placed(encoding: Encoding, values: Tensor) -> Tensors:
    return (values, None) if encoding.is_current else (None, values)


def _as_tensor(network: SpikingNetwork, x: Any) -> Tensor | None:
    """Return samples that were given as tensors, of which one may require a gradient."""
    if isinstance(x, Tensor):
        return x
    if not isinstance(x, Mapping) or not isinstance(network.encoding, Sources):
        return None
    if not any(isinstance(part, Tensor) and part.requires_grad for part in x.values()):
        return None
    parts = [torch.as_tensor(x[part.name]) for part in network.encoding.with_data if part.name in x]
    return torch.cat([part.reshape(len(part), -1) for part in parts], 1)


def _check_values(network: SpikingNetwork, x: Tensor) -> None:
    """Refuse a wrong shape, and values that are not finite."""
    check_shape(network, tuple(x.shape), empty=True)
    _check_finite(x, "sample")


def _check_finite(x: Tensor, what: str) -> None:
    if is_transformed(x) or not x.is_floating_point():  # the values are not known, or finite
        return
    finite = torch.isfinite(x)
    if not finite.all():
        bad = (~finite).nonzero()[0].tolist()
        raise InputError(
            f"the {what} value at {bad} is not finite ({x[tuple(bad)]}); remove or replace it"
        )
