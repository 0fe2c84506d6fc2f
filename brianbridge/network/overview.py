"""Describe the network of a file: its populations and their numbers of neurons and weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from brianbridge.network.files import network_path, read_network
from brianbridge.network.library import network_model
from brianbridge.readable import shape_text

__all__ = ["as_text", "describe_model"]


def describe_model(name: str) -> dict[str, Any]:
    """Describe the network of a file as plain values, ready for JSON.

    Parameters
    ----------
    name : str
        Name of the network, or the path of its file.

    Returns
    -------
    dict
        ``name``, ``summary``, ``source``, ``input_shape``, ``encoding`` and ``readout`` as in the
        file; ``populations``, each with ``name``, ``shape``, ``neuron``, number of ``neurons`` and
        number of trainable incoming ``weights`` (with biases); and the sums ``neurons`` and
        ``weights``.

    Raises
    ------
    InputError
        If there is no such network, or the file is not valid.

    Examples
    --------
    >>> describe_model("mlp_800")["weights"]
    636010
    """
    path = network_path(name)
    file = read_network(path)
    network = network_model(name)
    populations: list[dict[str, Any]] = []
    for population in network.populations:
        learned = (p for p in network.incoming(population.name) if not p.frozen)
        arrays = (a for p in learned for a in (p.weight, p.bias) if a is not None)
        populations.append(
            {
                "name": population.name,
                "shape": list(population.shape),
                "neuron": population.neuron.name,
                "neurons": population.size,
                "weights": sum(a.size for a in arrays),
            }
        )
    return {
        "name": path.stem,
        **file.model_dump(include={"summary", "source", "input_shape", "encoding", "readout"}),
        "populations": populations,
        "neurons": sum(p["neurons"] for p in populations),
        "weights": sum(p["weights"] for p in populations),
    }


def as_text(description: dict[str, Any]) -> str:
    """Return the result of `describe_model` as text for a terminal."""
    return "\n".join(line.rstrip() for line in _lines(description))


def _lines(network: dict[str, Any]) -> Iterator[str]:
    yield f"{network['name']}: {network['summary']}"
    yield network["source"].strip()
    yield ""
    options = dict(network["encoding"])
    kind = options.pop("kind", "current")
    rest = "".join(f", {key} {value}" for key, value in options.items())
    width = max(len(p["name"]) for p in network["populations"]) + 2
    row = f"{{:{max(width, 9)}}}{{:14}}{{:14}}{{:>12}}{{:>14}}"
    yield row.format("", "shape", "neuron", "neurons", "weights")
    yield row.format("input", shape_text(network["input_shape"]), "", "", "")
    for p in network["populations"]:
        counts = (f"{p[key]:,}" for key in ("neurons", "weights"))
        yield row.format(p["name"], shape_text(p["shape"]), p["neuron"], *counts)
    yield row.format("", "", "", *(f"{network[key]:,}" for key in ("neurons", "weights")))
    yield ""
    yield f"encoding {kind}{rest}; readout {network['readout']}"
