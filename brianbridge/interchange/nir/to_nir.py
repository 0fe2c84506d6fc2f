"""`to_nir`: a spiking network as a NIR graph, for other frameworks."""

from __future__ import annotations

import io
import os
import warnings
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.interchange.nir.conventions import FRAMEWORKS, Conventions, conventions_for
from brianbridge.interchange.nir.forms import form_of
from brianbridge.interchange.nir.nodes import nir_nodes
from brianbridge.interchange.nir.own_file import own_metadata
from brianbridge.io.atomic import writable_file, write_whole
from brianbridge.network import SpikingNetwork
from brianbridge.network.given import check_network_given

__all__ = ["to_nir"]

#: How neurons reset that a framework's importer makes, whatever a file says.
_RESET_OF_IMPORTER = {
    "snntorch": "to_value",
    "norse": "to_value",
    "spikingjelly": "to_value",
    "sinabs": "subtract",
}


def to_nir(
    network: SpikingNetwork,
    path: str | os.PathLike[str] | None = None,
    framework: str | None = None,
    *,
    reset: str | None = None,
) -> Any:
    """Return a network as a NIR graph, and write it to a file if a path is given.

    An input of 1 adds 1 to a neuron in one step of the network, so that weights stay as they are
    (``r = tau/dt``). NIR has no step, no reset and no encoding: they are in the graph's metadata,
    from which `from_nir` rebuilds the same network.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    path : path-like, optional
        The file to write, such as ``"net.nir"``.
    framework : str, optional
        The framework that is to run it. Its time constants are written so that its step decays as
        the network's does. If not given, that from which the network was read, or ``"exact"``: the
        time constants are those of the neurons.
    reset : str, optional
        The reset of the framework, where it has several; that of the network if not given.

    Returns
    -------
    nir.NIRGraph

    Raises
    ------
    InputError
        If NIR cannot hold the network, or the package ``nir`` is missing.

    Warns
    -----
    UserWarning
        If the framework's importer makes neurons with another reset.

    Examples
    --------
    >>> import brianbridge as bb
    >>> net = bb.SpikingNetwork.sequential(
    ...     (4,), [bb.Dense(3, bb.neuron_model("lif"))], encoding=bb.Bernoulli(10))
    >>> graph = bb.to_nir(net)
    >>> list(graph.nodes)
    ['input', 'output', 'input_to_output', 'network_output']
    """
    check_network_given(network, "to_nir")
    nir = _package()
    if path is not None:
        path = writable_file(path)
    conventions = _conventions(network, framework, reset)
    found = nir_nodes(network, conventions)
    _warn_of_reset(network, conventions)
    nodes = {name: _node(nir, fields) for name, fields in found.nodes.items()}
    graph = nir.NIRGraph(nodes, found.edges, own_metadata(found), type_check=False)
    if path is not None:
        buffer = io.BytesIO()
        nir.write(buffer, graph)
        write_whole(path, buffer.getbuffer())
    return graph


def _package() -> Any:
    try:
        import nir
    except ImportError:
        raise InputError(
            "to_nir needs the package 'nir'; install it with: pip install nir"
        ) from None
    return nir


def _conventions(network: SpikingNetwork, framework: str | None, reset: str | None) -> Conventions:
    """Return how a reader is to step the network."""
    read = network.provenance.get("interchange", {}).get("conventions", {})
    if framework is None:
        framework = read.get("framework", "exact")
    if framework == read.get("framework"):
        return conventions_for(
            framework, dt=network.dt, reset=reset or read["reset"], spikes=read["spikes"]
        )
    if reset is None and framework in FRAMEWORKS:
        forms = (
            form_of(p.neuron, f"population '{p.name}'", p.size, network.dt, network.fires(p.name))
            for p in network.populations
        )
        found = {form.reset for form in forms} & set(FRAMEWORKS[framework].resets)
        reset = next(iter(found)) if len(found) == 1 else None
    # snnTorch's importer takes a step of 0.1 ms whatever a file says: times are written in it.
    return conventions_for(
        framework, dt=None if framework == "snntorch" else network.dt, reset=reset
    )


def _warn_of_reset(network: SpikingNetwork, conventions: Conventions) -> None:
    """Say if the neurons that an importer makes reset in another way than all of the network."""
    made = _RESET_OF_IMPORTER.get(conventions.framework, conventions.reset)
    if made != conventions.reset and any(network.fires(p.name) for p in network.populations):
        warnings.warn(
            f"to_nir: the neurons have the reset '{conventions.reset}', but the importer of "
            f"{conventions.framework} makes neurons with '{made}'; set their reset after the "
            "import, or they fire differently",
            stacklevel=3,
        )


def _node(nir: Any, fields: dict[str, Any]) -> Any:
    """Return a node of the package."""
    kind, given = fields["type"], {k: v for k, v in fields.items() if k != "type"}
    if kind == "Input":
        return nir.Input(np.asarray(given["shape"]))
    if kind == "Output":
        return nir.Output(np.asarray(given["shape"]))
    return getattr(nir, kind)(**given)
