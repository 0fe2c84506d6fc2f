"""Write and read a spiking network: numbers as HDF5 datasets, all else as JSON, without pickles.

::

    /                       format = "brianbridge network", schema = 2
    /network                JSON: populations with their neuron models, projections, encoding,
                            readout (`SpikingNetwork.to_dict`)
    /provenance             JSON: the origin of the weights
    /projections/<name>
        weight              as torch lays it out, in the type it was trained in
        bias                one value for each neuron or channel; absent if there is none
        <field>             the arrays of the connection, such as ``source`` and ``target`` of a
                            sparse one
        initial_<variable>, delay_<pathway>
                            the arrays of a synapse model
    /training/<curve>       one number for each epoch: ``provenance["training_curve"]`` in memory

The same network gives the same bytes. Each chunk and each header has a checksum, so that damage is
found and does not become another network. A file is only a description: its structure is checked
here, and its equations are parsed by `NeuronModel` before Brian2 generates code from them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

import h5py
import numpy as np

from brianbridge.errors import InputError
from brianbridge.io.atomic import writable_file
from brianbridge.io.hdf5 import (
    NETWORK_FORMAT,
    check_headers,
    kind_of,
    member,
    opened,
    read_json,
    read_numbers,
)
from brianbridge.io.hdf5_out import hdf5_file
from brianbridge.io.json_text import parse_json
from brianbridge.io.networks.schema import check_entry, upgraded
from brianbridge.io.text_heaps import attribute
from brianbridge.network import SpikingNetwork
from brianbridge.network.connections import CONNECTIONS
from brianbridge.network.given import check_network_given
from brianbridge.network.projection import projection_name
from brianbridge.network.synapses import SynapseModel
from brianbridge.paths import checked_path

__all__ = ["load_network", "save_network"]

SCHEMA = 2
#: Entry of the provenance whose lists of numbers become datasets.
CURVES = "training_curve"
STORAGE = {"compression": "gzip", "shuffle": True, "fletcher32": True, "track_times": False}


def save_network(network: SpikingNetwork, path: str | os.PathLike[str]) -> None:
    """Write a spiking network to a file, which appears once it is whole.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    path : path-like
        The file; an earlier one is replaced.

    Raises
    ------
    InputError
        If the file cannot be written (the disk is full, it is a folder or a pipe), or the network
        has something that a file cannot hold, such as a provenance that is not JSON.

    Examples
    --------
    >>> import tempfile
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.network import Dense
    >>> from brianbridge.neurons.library import neuron_model
    >>> network = SpikingNetwork.sequential(
    ...     (4,), [Dense(2, neuron_model("lif"))], encoding=Current(steps=10))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_network(network, f"{folder}/network.h5")
    ...     again = load_network(f"{folder}/network.h5")
    >>> again.projections[0].weight.dtype, again.to_dict() == network.to_dict()
    (dtype('float32'), True)
    """
    check_network_given(network, "save_network")
    path = writable_file(path)
    what = f"network to be saved as '{path}'"
    entry = network.to_dict()
    check_entry(entry, what)
    provenance, curves = _without_curves(network.provenance)
    texts = {
        "network": _to_json(entry, what),
        "provenance": _to_json(provenance, f"{what}, provenance"),
    }
    arrays = {f"training/{name}": values for name, values in curves.items()}
    for projection in network.projections:
        if projection.failure is not None:
            raise InputError(
                f"{what}: spikes of projection '{projection.name}' fail to arrive, which a file "
                "cannot hold; save the network without its failure"
            )
        parts = {"weight": projection.weight, **projection.connection.arrays()}
        parts |= {} if projection.model is None else projection.model.arrays()
        if projection.bias is not None:
            parts["bias"] = projection.bias
        arrays |= {f"projections/{projection.name}/{key}": array for key, array in parts.items()}
    # Weights hardly compress; add the JSON, the headers and the index.
    room = sum(array.nbytes for array in arrays.values()) + sum(map(len, texts.values())) + 16_384
    with hdf5_file(path, room) as (file, sink):
        # Strings have a fixed length. Others lie in the heap of HDF5, which has no checksum; there
        # a wrong byte can make HDF5 search for ever.
        file.attrs.update(format=np.bytes_(NETWORK_FORMAT), schema=SCHEMA)
        for name, text in texts.items():
            dtype = h5py.string_dtype("utf-8", len(text))
            file.create_dataset(name, data=np.array([text], dtype), **STORAGE)
        if curves:
            file.create_group("training", track_order=True)
        for name, array in arrays.items():
            file.create_dataset(name, data=array, **STORAGE)
            sink.check()


def load_network(path: str | os.PathLike[str]) -> SpikingNetwork:
    """Read a spiking network from a file.

    Parameters
    ----------
    path : path-like
        A file that `save_network` wrote. It need not be trusted.

    Returns
    -------
    SpikingNetwork
        The network that was saved, equal to the last bit, types included.

    Raises
    ------
    InputError
        If there is no such file, or it is damaged, of another kind, of a newer version, or
        describes no valid network.

    Examples
    --------
    >>> load_network("none.h5")
    Traceback (most recent call last):
    brianbridge.errors.InputError: network file 'none.h5': there is no such file
    """
    with opened(checked_path(path), "network file") as file:
        _check_format(file)
        check_headers(file)
        entry = read_json(file, "network")
        if attribute(file, "schema") == 1:
            entry = upgraded(entry)
        check_entry(entry, "/network")
        arrays = _read_projections(file, entry)
        provenance = read_json(file, "provenance")
        if "training" in file:
            curves = member(file, "training", h5py.Group)
            provenance[CURVES] = {name: read_numbers(curves, name).tolist() for name in curves}
        return SpikingNetwork.from_dict(entry, arrays, provenance)


def _check_format(file: h5py.File) -> None:
    kind = kind_of(file)
    if kind != "network":
        found = "a spike file (SONATA)" if kind == "spikes" else f"a {kind}"
        raise InputError(f"expected a network that brianbridge saved, but this is {found}")
    schema = attribute(file, "schema", None)
    if not isinstance(schema, np.integer) or schema < 1:
        raise InputError(f"expected root attribute schema = {SCHEMA}, found {schema!r}")
    if schema > SCHEMA:
        raise InputError(
            f"it has schema {schema}, but this version of brianbridge reads up to {SCHEMA}; "
            "install a newer one"
        )


def _read_projections(
    file: h5py.File, entry: Mapping[str, Any]
) -> dict[str, dict[str, np.ndarray]]:
    """Return the arrays of each projection by its name."""
    if not entry["projections"] and "projections" not in file:
        return {}  # neurons without synapses
    group = member(file, "projections", h5py.Group)
    known = {
        projection_name(p["source"], p["target"], p["label"]): _array_names(p)
        for p in entry["projections"]
    }
    if stray := sorted(set(group) - set(known)):
        raise InputError(f"/projections/{stray[0]} belongs to no projection of /network")
    return {
        name: _read_arrays(member(group, name, h5py.Group), name, names)
        for name, names in known.items()
    }


def _array_names(projection: Mapping[str, Any]) -> list[str]:
    """Return the names of the arrays that a projection may have besides weight and bias."""
    names = list(CONNECTIONS[projection["connection"]["kind"]].array_fields())
    if model := projection.get("model"):
        names += [f"initial_{name}" for name in SynapseModel(model["equations"]).variables]
        names += [f"delay_{pathway['name']}" for pathway in model["pathways"]]
    return names


def _read_arrays(group: h5py.Group, name: str, known: Iterable[str]) -> dict[str, np.ndarray]:
    if stray := sorted(set(group) - {"weight", "bias", *known}):
        raise InputError(f"/projections/{name} has the unknown entry '{stray[0]}'")
    return {key: read_numbers(group, key) for key in ("weight", *sorted(set(group) - {"weight"}))}


def _without_curves(
    provenance: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the provenance without its training curves, and the curves that HDF5 can hold."""
    rest = dict(provenance)
    curves = rest.pop(CURVES, None)
    arrays = {k: _as_curve(v) for k, v in curves.items()} if isinstance(curves, Mapping) else {}
    found = {k: v for k, v in arrays.items() if v is not None and _can_name_a_dataset(k)}
    if found and len(found) == len(arrays):
        return rest, found
    return dict(provenance), {}


def _as_curve(values: Any) -> np.ndarray | None:
    try:
        array = np.asarray(values)
    except ValueError:  # lists of different lengths
        return None
    return array if array.ndim == 1 and array.size and array.dtype.kind in "iuf" else None


def _can_name_a_dataset(name: Any) -> bool:
    return isinstance(name, str) and name not in ("", ".") and not set("/\0") & set(name)


def _to_json(entry: Mapping[str, Any], what: str) -> bytes:
    """Return standard JSON, which has no NaN."""
    try:
        text = json.dumps(entry, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise InputError(f"{what}: expected plain JSON values ({error})") from None
    parse_json(text, what)  # do not write what cannot be read
    return text
