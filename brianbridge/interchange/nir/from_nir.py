"""`from_nir`: a network that was trained elsewhere, from a NIR file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from brianbridge.encoding import Encoding, encoding_from_dict, encoding_names
from brianbridge.errors import InputError
from brianbridge.interchange.assemble import assemble
from brianbridge.interchange.nir.conventions import FRAMEWORKS, Conventions, conventions_for
from brianbridge.interchange.nir.file import raw_graph, read_raw
from brianbridge.interchange.nir.own_file import is_own, own_network
from brianbridge.interchange.nir.read import graph_of_nir
from brianbridge.interchange.rating import Rating
from brianbridge.network import SpikingNetwork
from brianbridge.neurons.plain_seconds import warn_of_seconds
from brianbridge.readable import milliseconds

__all__ = ["Imported", "from_nir", "import_nir"]


@dataclass(frozen=True, eq=False)
class Imported:
    """Hold a network from elsewhere, and how faithful it is.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    rating : Rating
        How each node was taken over.
    conventions : Conventions
        What was chosen to step it.
    """

    network: SpikingNetwork
    rating: Rating
    conventions: Conventions


def from_nir(
    source: Any,
    framework: str | None = None,
    *,
    steps: int | None = None,
    encoding: Encoding | str | None = None,
    dt: Any = None,
    reset: str | None = None,
    spikes: str | None = None,
) -> SpikingNetwork:
    """Return the network of a NIR file, stepped as its framework steps it.

    NIR describes neurons in continuous time. Its file says neither the step nor the reset, nor how
    samples become input, so these are stated here; what has a documented default may be left out.
    ``network.provenance["interchange"]`` holds all that was chosen, and how faithfully each node
    was taken over.

    Parameters
    ----------
    source : path-like or nir.NIRGraph
        The file, which need not be trusted, or a graph.
    framework : str
        Where it was trained: ``"snntorch"``, ``"norse"``, ``"spikingjelly"``, ``"sinabs"``,
        ``"rockpool"`` or ``"lava"``; or ``"exact"`` for the exact solution of NIR's equations. A
        file that brianbridge wrote says it itself.
    steps : int, optional
        Number of steps of a presentation; needed unless `encoding` is an `Encoding`.
    encoding : Encoding or str
        How samples become input, such as ``"current"`` or ``"frames"``.
    dt : Quantity, str or float, optional
        The step of training (seconds if a number); that of the framework's exporter if not given.
    reset : str, optional
        What happens to a neuron that fired; the framework's default if not given.
    spikes : {"step", "dirac"}, optional
        What a spike is: 1 for one step (the default), or a pulse of area 1 s.

    Raises
    ------
    InputError
        If the file is damaged, something must be stated, or a node is not supported; the message
        names the node.

    Examples
    --------
    >>> import nir
    >>> import numpy as np
    >>> one = np.ones(2)
    >>> graph = nir.NIRGraph.from_list(
    ...     nir.Linear(np.eye(2)), nir.LIF(tau=0.01 * one, r=100 * one, v_leak=0 * one,
    ...                                    v_threshold=one, v_reset=0 * one))
    >>> net = from_nir(graph, "snntorch", steps=20, encoding="current")
    >>> net.dt, net.populations[0].neuron.name
    (0.0001, 'snntorch_lif')
    """
    warn_of_seconds(dt, "dt")
    return import_nir(
        source, framework, steps=steps, encoding=encoding, dt=dt, reset=reset, spikes=spikes
    ).network


def import_nir(
    source: Any,
    framework: str | None = None,
    *,
    steps: int | None = None,
    encoding: Encoding | str | None = None,
    dt: Any = None,
    reset: str | None = None,
    spikes: str | None = None,
) -> Imported:
    """Do as `from_nir`, and also return the rating and the conventions."""
    is_path = isinstance(source, str | os.PathLike)
    raw = read_raw(source) if is_path else raw_graph(source)
    what = f"NIR file '{os.fspath(source)}': " if is_path else "NIR graph: "
    try:
        return _imported(raw, framework, steps, encoding, dt, reset, spikes)
    except InputError as error:
        raise InputError(f"{what}{error}") from error.__cause__


def _imported(
    raw: Mapping[str, Any],
    framework: str | None,
    steps: int | None,
    encoding: Encoding | str | None,
    dt: Any,
    reset: str | None,
    spikes: str | None,
) -> Imported:
    if framework is None and is_own(raw):
        if any(value is not None for value in (steps, encoding, dt, reset, spikes)):
            raise InputError(
                "brianbridge wrote it, so it says itself how it is stepped; leave out the options, "
                "or state the framework"
            )
        network, conventions = own_network(raw)
        rating = Rating((), ("written by brianbridge: the same network",))
        return Imported(network, rating, conventions)
    if isinstance(encoding, Encoding) and dt is None:
        dt = _step_of(encoding, framework)
    conventions = conventions_for(framework, dt=dt, reset=reset, spikes=spikes)
    encoded = _encoding(encoding, steps, conventions.dt)
    read = graph_of_nir(raw, conventions)
    assembled = assemble(read.graph, encoded)
    rating = replace(read.rating, notes=(*read.rating.notes, *assembled.notes))
    facts = {
        "format": "NIR",
        "conventions": conventions.to_dict(),
        "names": assembled.names,
        "parameters": {assembled.names[name]: p for name, p in read.parameters.items()},
        **rating.to_dict(),
    }
    network = replace(assembled.network, provenance={"interchange": facts})
    return Imported(network, rating, conventions)


def _step_of(encoding: Encoding, framework: str | None) -> float:
    """Return the step of an encoding, unless the framework's exporter assumes another."""
    rules = FRAMEWORKS.get(framework or "")
    if rules is not None and rules.dt not in (None, encoding.dt):
        raise InputError(
            f"the encoding has the step {milliseconds(encoding.dt)}, but the exporter of "
            f"{framework} assumes {milliseconds(rules.dt)}; state which one (dt=), and give the "
            "encoding the same"
        )
    return float(encoding.dt)


def _encoding(encoding: Encoding | str | None, steps: int | None, dt: float) -> Encoding:
    """Return the encoding that was stated, in the step of the neurons."""
    if isinstance(encoding, Encoding):
        if steps not in (None, encoding.steps):
            raise InputError(
                f"steps = {steps}, but the encoding has {encoding.steps}; leave out steps="
            )
        if encoding.dt != dt:
            raise InputError(
                f"the encoding has the step {encoding.dt:g} s, but dt = {dt:g} s; give both one "
                "step, or leave out dt="
            )
        return encoding
    if encoding is None or steps is None:
        raise InputError(
            "a NIR file does not say how samples become input; state the number of steps "
            "(steps=, --steps) and the encoding (encoding=, --input): 'frames' for one frame of "
            f"the sample in each step, or {', '.join(n for n in encoding_names() if n != 'frames')}"
        )
    return encoding_from_dict({"kind": encoding, "steps": steps, "dt": dt})
