"""Networks from TOML files: those of the package and those of the user.

A network file needs no Python and no change to the package: `network_model` takes the name of a
file in ``models/networks`` or the path of any other file. See `brianbridge.network.files`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from brianbridge.encoding import Encoding, encoding_from_dict
from brianbridge.errors import InputError
from brianbridge.network.files import network_names, network_path, read_network
from brianbridge.network.layer_files import build_layers
from brianbridge.network.network import SpikingNetwork

__all__ = ["changed_encoding", "network_model", "network_names"]


def changed_encoding(
    given: Encoding | Mapping[str, Any] | None, default: Mapping[str, Any]
) -> Encoding:
    """Return another encoding, or the default with some options changed.

    Parameters
    ----------
    given : Encoding or mapping, optional
        Another encoding. A mapping without ``kind`` changes only some options of the default.
    default : mapping
        Kind and options of the default encoding.

    Examples
    --------
    >>> default = {"kind": "current", "steps": 10, "dt": "1 ms"}
    >>> changed_encoding({"steps": 4}, default)
    Current(steps=4, dt=1 ms)
    """
    if isinstance(given, Encoding):
        return given
    fields = dict(given or {})
    return encoding_from_dict(fields if "kind" in fields else {**default, **fields})


def network_model(
    name: str,
    *,
    input_shape: Sequence[int] | None = None,
    encoding: Encoding | Mapping[str, Any] | None = None,
    readout: str | None = None,
    neurons: Mapping[str, Mapping[str, Any]] | None = None,
    seed: int = 0,
    weight_gain: float | None = None,
    weight_mean: float | None = None,
) -> SpikingNetwork:
    """Return a network by name or from a file, with initial weights.

    Parameters
    ----------
    name : str
        A name from `network_names`, or the path of a ``.toml`` file.
    input_shape : sequence of int, optional
        Shape of one sample. This and all other options replace those of the file.
    encoding : Encoding or mapping, optional
        The encoding. A mapping without ``kind`` changes only some options of the file's.
    readout : str, optional
        How the output is read: ``"counts"``, ``"potential"``, ``"first_spike"``, or another
        registered readout.
    neurons : mapping of str to mapping, optional
        Parameters of all neurons of a model that differ from the file's, by model name.
    seed : int
        Seed of the initial weights.
    weight_gain : float, optional
        Variance of the initial weights times their fan-in.
    weight_mean : float, optional
        Mean of the sum of a neuron's initial weights.

    Raises
    ------
    InputError
        If there is no such network, the file is not valid, or its layers do not fit `input_shape`.

    Examples
    --------
    >>> net = network_model("mlp_800", encoding={"steps": 4}, neurons={"if": {"theta": 0.5}})
    >>> net.steps, [p.shape for p in net.populations]
    (4, [(800,), (10,)])
    """
    path = network_path(name)
    file = read_network(path)
    shared = {key: dict(values) for key, values in file.neurons.items()}
    for key, values in (neurons or {}).items():
        shared[key] = {**shared.get(key, {}), **values}
    try:
        return SpikingNetwork.sequential(
            file.input_shape if input_shape is None else input_shape,
            build_layers(file.layers, shared),
            encoding=changed_encoding(encoding, file.encoding),
            readout=file.readout if readout is None else readout,
            seed=seed,
            weight_gain=file.weight_gain if weight_gain is None else weight_gain,
            weight_mean=file.weight_mean if weight_mean is None else weight_mean,
        )
    except InputError as error:
        raise InputError(f"network file '{path}': {error}") from None
