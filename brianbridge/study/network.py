"""Build the network of a study: from its layers, a network file, or a trained network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from brianbridge.datasets import Dataset
from brianbridge.encoding import encoding_from_dict
from brianbridge.errors import InputError
from brianbridge.io.networks.file import load_network
from brianbridge.network import SpikingNetwork
from brianbridge.network.layer_files import build_layers, require_models
from brianbridge.network.library import changed_encoding, network_model
from brianbridge.study.entries import NetworkEntry
from brianbridge.study.schema import study_names
from brianbridge.study.trained_on import trained_on

__all__ = ["build_network"]


def build_network(entry: NetworkEntry, data: Dataset, seed: int) -> SpikingNetwork:
    """Return the network that a study describes, for samples of the shape of `data`.

    Parameters
    ----------
    entry : NetworkEntry
        Table ``[network]`` of the study.
    data : Dataset
        The training samples.
    seed : int
        Seed of the initial weights.

    Raises
    ------
    InputError
        If something does not fit, or if the network to start from may have seen the test samples,
        because it was trained on another split of the same data set.

    Examples
    --------
    >>> from brianbridge.datasets import load_dataset
    >>> entry = NetworkEntry(model="mlp_800", encoding={"steps": 4})
    >>> build_network(entry, load_dataset("digits").train, seed=1).input_shape
    (8, 8)
    """
    network = _described(entry, data, seed)
    if entry.after:
        network = network.with_steps_after(entry.after)
    return network if entry.refractory is None else network.with_refractory(entry.refractory)


def _described(entry: NetworkEntry, data: Dataset, seed: int) -> SpikingNetwork:
    """Return the network of the layers, the model or the file."""
    if entry.start is not None:
        return _started(entry, Path(entry.start), data)
    if entry.model is not None:
        return network_model(
            entry.model,
            input_shape=data.shape,
            encoding=entry.encoding,
            readout=entry.readout,
            neurons=entry.neurons,
            seed=seed,
            weight_gain=entry.weight_gain,
            weight_mean=entry.weight_mean,
        )
    return SpikingNetwork.sequential(
        data.shape,
        build_layers(entry.layers or (), entry.neurons),
        encoding=encoding_from_dict(entry.encoding),
        readout=entry.readout or "counts",
        seed=seed,
        weight_gain=entry.weight_gain,
        weight_mean=entry.weight_mean or 0.0,
    )


def _check_not_seen(path: Path, provenance: Mapping[str, Any], data: Dataset) -> None:
    """Refuse a network that may have been trained on the test samples of the study."""
    while provenance:
        seen = trained_on(provenance)
        if seen.name == data.name and seen.split != data.split:
            raise InputError(
                f"network file '{path}' was trained on the split '{seen.split}' of '{data.name}' "
                f"and may have seen the test samples of the split '{data.split}'; give the study "
                "the seed and split of that training"
            )
        # Continue with the network that this one was started from.
        start = provenance.get("start")
        before = start.get("provenance") if isinstance(start, Mapping) else None
        provenance = before if isinstance(before, Mapping) else {}


def _started(entry: NetworkEntry, path: Path, data: Dataset) -> SpikingNetwork:
    """Return a trained network whose provenance names the file that it comes from."""
    if not path.exists() and path.stem in study_names():
        raise InputError(
            f"[network] start = '{path}': there is no such file; carry out the study "
            f"'{path.stem}' first, and copy the network.h5 that it writes there"
        )
    network = load_network(path)
    _check_not_seen(path, network.provenance, data)
    return replace(
        _with_parameters(network, path, entry.neurons),
        encoding=changed_encoding(entry.encoding, network.encoding.to_dict()),
        readout=entry.readout or network.readout,
        provenance={
            "start": {
                "file": str(path),
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "provenance": dict(network.provenance),
            }
        },
    )


def _with_parameters(
    network: SpikingNetwork, path: Path, neurons: Mapping[str, Mapping[str, Any]]
) -> SpikingNetwork:
    """Return a network with parameters of all neurons of a model changed, by model name."""
    models = {population.neuron.name for population in network.populations}
    require_models(neurons, models, f"no population of '{path}'")
    populations = tuple(
        replace(p, neuron=p.neuron.with_parameters(**neurons[p.neuron.name]))
        if p.neuron.name in neurons
        else p
        for p in network.populations
    )
    return replace(network, populations=populations)
