"""Summarise a spiking network as plain values."""

from __future__ import annotations

from typing import Any

import numpy as np

from brianbridge.network import Projection, SpikingNetwork
from brianbridge.network.digest import digest_of_network
from brianbridge.network.scale import scale_text, weight_unit_text
from brianbridge.neurons.model import NeuronModel

__all__ = ["describe_network"]

_NEURON_TEXTS = ("summary", "equations", "emit", "reset", "receive", "drive", "method")


def describe_network(network: SpikingNetwork) -> dict[str, Any]:
    """Summarise a spiking network as plain values, ready for JSON.

    Parameters
    ----------
    network : SpikingNetwork
        The network.

    Returns
    -------
    dict
        ``input_shape``; ``encoding`` (``dt`` in s); ``populations`` by name (``shape``, and the
        neuron model's name, strings, and quantities as text with units, and the natural
        ``scale`` of its potential); ``projections`` by name (``shape`` (out, in), ``dtype``,
        ``bias``, the weights' ``min``, ``max`` and ``mean_abs``, the ``sign`` that training
        keeps, and one natural ``unit`` of them); ``readout``; ``parameters``, the number of weights
        and biases; ``sha256`` (`digest_of_network`); ``provenance``.

    Examples
    --------
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.network import Dense
    >>> from brianbridge.neurons.library import neuron_model
    >>> network = SpikingNetwork.sequential(
    ...     (4,), [Dense(2, neuron_model("lif"))], encoding=Current(steps=10))
    >>> description = describe_network(network)
    >>> description["parameters"], description["populations"]["output"]["parameters"]
    (10, {'tau': '10 ms', 'theta': '1'})
    """
    arrays = [a for p in network.projections for a in (p.weight, p.bias) if a is not None]
    return {
        "input_shape": list(network.input_shape),
        "encoding": network.encoding.to_dict(),
        "populations": {
            p.name: {
                "shape": list(p.shape),
                **_neuron(p.neuron),
                "scale": scale_text(network, p.name),
            }
            for p in network.populations
        },
        "projections": {
            p.name: {**_projection(p), "unit": weight_unit_text(network, p)}
            for p in network.projections
        },
        "readout": network.readout,
        "parameters": sum(a.size for a in arrays),
        "sha256": digest_of_network(network),
        "provenance": dict(network.provenance),
    }


def _neuron(model: NeuronModel) -> dict[str, Any]:
    return {
        "neuron": model.name,
        **{key: getattr(model, key) for key in _NEURON_TEXTS},
        "refractory": "" if model.refractory is None else _quantity(model.refractory),
        "parameters": {k: _quantity(v) for k, v in model.parameters.items()},
        "initial": {k: _quantity(v) for k, v in model.initial.items()},
    }


def _projection(projection: Projection) -> dict[str, Any]:
    weight = projection.weight
    return {
        "shape": list(weight.shape),
        "dtype": str(weight.dtype),
        "bias": projection.bias is not None,
        "sign": projection.sign,
        "min": float(weight.min()),
        "max": float(weight.max()),
        "mean_abs": float(np.abs(weight, dtype=np.float64).mean()),
    }


def _quantity(value: Any) -> str:
    """Return ``"10 ms"``, or for an array ``"800 values, 9.1 to 11 ms"``."""
    if isinstance(value, str | bool | np.bool_):
        return str(value)
    unit = ""
    if getattr(value, "dim", None) is not None and not value.is_dimensionless:
        with np.errstate(over="ignore"):  # of values near the largest float
            best = value.get_best_unit()
        value, unit = value / best, f" {best}"
    numbers = np.asarray(value)
    if not numbers.ndim:
        return f"{float(numbers):.10g}{unit}"
    return f"{numbers.size} values, {numbers.min():.6g} to {numbers.max():.6g}{unit}"
