"""`from_state_dict`: weights of a torch network into a spiking network of the same architecture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.interchange.frameworks.reading import numbers
from brianbridge.network import Projection, SpikingNetwork

__all__ = ["from_state_dict"]

Weights = dict[str, tuple[np.ndarray, np.ndarray | None]]


def from_state_dict(
    network: SpikingNetwork,
    state_dict: Mapping[str, Any],
    names: Mapping[str, str] | None = None,
    *,
    ignore: Sequence[str] = (),
) -> SpikingNetwork:
    """Return a network with the weights and biases of a torch network.

    The neurons of `network` stay as they are: choose them as the torch network has them, or read
    them too, with `brianbridge.from_torch`.

    Parameters
    ----------
    network : SpikingNetwork
        The architecture.
    state_dict : mapping of str to Tensor
        What ``module.state_dict()`` returns: ``"fc1.weight"``, ``"fc1.bias"`` and so on.
    names : mapping of str to str, optional
        For each projection, the layer whose weights it gets, as in ``{"input_to_hidden": "fc1"}``.
        If not given, layers and projections are taken in their order.
    ignore : sequence of str
        Names of the state dict that are not needed, with ``*`` for any text, as in ``"lif1.*"``.

    Raises
    ------
    InputError
        If a layer is missing or left over, or its shape does not fit; the message names it.

    Examples
    --------
    >>> import torch
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.network import Dense
    >>> from brianbridge.neurons.library import neuron_model
    >>> net = SpikingNetwork.sequential(
    ...     (4,), [Dense(3, neuron_model("lif"))], encoding=Current(steps=10))
    >>> layer = torch.nn.Linear(4, 3)
    >>> new = from_state_dict(net, layer.state_dict(), {"input_to_output": ""})
    >>> bool((new.projections[0].weight == layer.weight.detach().numpy()).all())
    True
    """
    layers = _layers(state_dict, ignore)
    projections = {p.name: p for p in network.projections}
    chosen = _in_order(layers, projections) if names is None else dict(names)
    for name in chosen:
        if name not in projections:
            raise InputError(
                f"from_state_dict: there is no projection '{name}'. "
                + did_you_mean(name, projections)
            )
    left = sorted(set(layers) - set(chosen.values()))
    if left:
        raise InputError(
            f"from_state_dict: '{_key(left[0], 'weight')}' belongs to no projection; name it in "
            f"names, or leave it out with ignore=['{_key(left[0], '*')}']"
        )
    weights = {name: _fitting(projections[name], layers, layer) for name, layer in chosen.items()}
    return network.with_weights(weights)


def _key(layer: str, part: str) -> str:
    """Return a name in the state dict."""
    return f"{layer}.{part}" if layer else part


def _layers(state_dict: Mapping[str, Any], ignore: Sequence[str]) -> Weights:
    """Return weights and biases by layer; refuse values that are neither."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for key, values in state_dict.items():
        if any(fnmatchcase(key, pattern) for pattern in ignore):
            continue
        layer, _, part = key.rpartition(".")
        if part not in ("weight", "bias"):
            raise InputError(
                f"from_state_dict: '{key}' is neither weight nor bias; if the neurons of the "
                f"network already have it, leave it out with ignore=['{key}']"
            )
        found.setdefault(layer, {})[part] = numbers(values)
    for layer, parts in found.items():
        if "weight" not in parts:
            raise InputError(
                f"from_state_dict: '{_key(layer, 'bias')}' has no weight; leave it out with "
                f"ignore=['{_key(layer, '*')}']"
            )
    return {layer: (parts["weight"], parts.get("bias")) for layer, parts in found.items()}


def _in_order(layers: Weights, projections: Mapping[str, Projection]) -> dict[str, str]:
    """Return the layer for each projection, both in their order."""
    if len(layers) != len(projections):
        raise InputError(
            f"from_state_dict: {len(layers)} layers ({', '.join(layers)}) for {len(projections)} "
            f"projections ({', '.join(projections)}); state names={{projection: layer}}"
        )
    return dict(zip(projections, layers, strict=True))


def _fitting(
    projection: Projection, layers: Weights, layer: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return weight and bias in the shape of a projection."""
    if layer not in layers:
        raise InputError(
            f"from_state_dict: there is no '{_key(layer, 'weight')}'. "
            + did_you_mean(layer, layers)
        )
    weight, bias = layers[layer]
    wanted = projection.weight.shape
    if weight.ndim == 3 and len(wanted) == 4:  # a convolution of sequences
        weight = weight[:, :, None]
    if weight.shape != wanted:
        fits = [name for name, (other, _) in layers.items() if other.shape == wanted]
        remedy = f"that of '{fits[0]}' does" if fits else "change the architecture"
        raise InputError(
            f"from_state_dict: '{_key(layer, 'weight')}' has the shape {weight.shape}, which does "
            f"not fit projection '{projection.name}' of shape {wanted}; {remedy}"
        )
    return weight, bias
