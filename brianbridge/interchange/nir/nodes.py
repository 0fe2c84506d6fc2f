"""A spiking network becomes the nodes and edges of a NIR graph, as plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.interchange.nir.conventions import FRAMEWORKS, Conventions
from brianbridge.interchange.nir.fields import Fields
from brianbridge.interchange.nir.forms import Form, form_of
from brianbridge.interchange.nir.neurons import NeuronNode
from brianbridge.network import INPUT, Population, Projection, SpikingNetwork
from brianbridge.network.connections import AllToAll, Convolution, OneToOne
from brianbridge.network.images import image_shape

__all__ = ["NirNodes", "nir_nodes"]

#: Largest matrix of a connection that NIR does not have.
_MOST_WEIGHTS = 20_000_000

Values = float | np.ndarray


@dataclass
class NirNodes:
    """Hold the nodes of a graph: a type and fields by name, and the edges.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    conventions : Conventions
        How the reader is to step it.
    """

    network: SpikingNetwork
    conventions: Conventions
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    #: What a spike, and a constant input of 1, adds to each population.
    adds: dict[str, tuple[Values, Values]] = field(default_factory=dict)
    #: The node with the weights of each projection, and by what they were divided.
    weights: dict[str, tuple[str, np.ndarray]] = field(default_factory=dict)

    def add(self, name: str, kind: str, **fields: Any) -> str:
        """Add a node."""
        self.nodes[name] = {"type": kind, **fields}
        return name


def nir_nodes(network: SpikingNetwork, conventions: Conventions) -> NirNodes:
    """Return the nodes of a network.

    Raises
    ------
    InputError
        If NIR cannot hold the network; the message names population or projection.
    """
    if network.schedule != "canonical":
        raise InputError(
            "network: it has Brian2's default schedule, in which spikes arrive one step later; "
            "NIR has no such order: build the network with SpikingNetwork"
        )
    found = NirNodes(network, conventions)
    found.add("input", "Input", shape=np.array(network.shape_of(INPUT)))
    for population in network.populations:
        _add_population(found, population)
    for projection in network.projections:
        _add_projection(found, projection)
    end = "output" if "output" not in found.nodes else "network_output"
    while end in found.nodes:
        end += "_1"
    found.add(end, "Output", shape=np.array(network.output.shape))
    found.edges.append((network.output.name, end))
    return found


# ---------------------------------------------------------------------- neurons


def _add_population(found: NirNodes, population: Population) -> None:
    """Add the neurons of a population, and note what an input adds to them."""
    network, c = found.network, found.conventions
    kept = _kept(network, population, c)
    scale: Values = 1.0
    if kept is None:
        form = form_of(
            population.neuron, f"population '{population.name}'", population.size,
            network.dt, network.fires(population.name),
        )  # fmt: skip
        _check_form(form, population.name, c)
        kept, scale = _fields(form, population.name, network.dt, c)
    raw = {
        key: _filled(value, population.shape)
        for key, value in kept.items()
        if key not in ("type", "recurrent")
    }
    found.add(population.name, kept["type"], **raw)
    node = NeuronNode(
        Fields(population.name, kept["type"], raw), population.shape, c,
        recurrent=bool(kept.get("recurrent")),
    )  # fmt: skip
    built, _, _ = node.population()
    gain = built.jump if built.gain is None else built.gain
    found.adds[population.name] = (built.jump * scale, gain * scale)


def _kept(
    network: SpikingNetwork, population: Population, c: Conventions
) -> Mapping[str, Any] | None:
    """Return the numbers with which a population was read, if its neurons are still the same."""
    facts = network.provenance.get("interchange", {})
    entry = facts.get("parameters", {}).get(population.name)
    if entry is None or facts.get("conventions", {}).get("framework") != c.framework:
        return None
    kind, recurrent = entry["type"], bool(entry.get("recurrent"))
    node = NeuronNode(
        Fields(population.name, kind, entry), population.shape, c, recurrent=recurrent
    )
    if node.population()[0].model != population.neuron:
        return None
    if c.framework not in ("norse", "sinabs") or kind.startswith("Cuba"):
        return entry
    tau = node.seconds("tau") if "tau" in entry else math.inf
    return {**entry, **_as_imported(kind, tau, c)}


def _as_imported(kind: str, tau: Values, c: Conventions) -> dict[str, Values]:
    """Return ``tau`` and ``r`` as the framework's importer takes them.

    An input of 1 adds 1 in a step, but in Norse, which takes ``r`` as 1 whatever a file says, as
    sinabs does. sinabs takes ``tau`` in steps.
    """
    r: Values
    if c.framework == "norse" or (c.framework == "sinabs" and kind != "LIF"):
        r = 1.0
    elif c.framework == "sinabs":  # read as with norm_input=True, which its importer turns off
        r = -1 / np.expm1(-c.dt / np.asarray(tau))
    else:
        r = 1 / c.dt if np.all(np.isinf(tau)) else tau / c.dt
    if np.all(np.isinf(tau)):
        return {"r": r}
    return {"tau": tau / c.dt if c.framework == "sinabs" else tau, "r": r}


def _check_form(form: Form, name: str, c: Conventions) -> None:
    """Refuse a reset that the reader would not apply."""
    if form.reset not in ("none", c.reset):
        having = [one for one, rules in FRAMEWORKS.items() if form.reset in rules.resets]
        remedy = f"write it for one of: {', '.join(having)}"
        if c.framework in having:
            remedy = f"give reset={form.reset!r}"
        raise InputError(
            f"population '{name}' has the reset {form.reset}, but the file is written for "
            f"{c.framework} with {c.reset}; {remedy}"
        )


def _fields(form: Form, name: str, dt: float, c: Conventions) -> tuple[dict[str, Any], Values]:
    """Return the parameters of a node with which an input of 1 adds 1 in a step, and a scale.

    The scale is the unit of our current in that of the framework's.
    """
    tau = _stepped(form.tau, form.step, dt, c)
    fields: dict[str, Any] = {"type": form.kind}
    scale: Values = 1.0
    if form.tau_syn is not None:
        _check_current(form, name, c)
        tau_syn = _stepped(form.tau_syn, form.step, dt, c)
        assert form.r is not None
        r = form.r if c.rules.step == "exact" else tau / c.dt
        scale = np.asarray(r) / np.asarray(form.r)
        fields |= {"tau_mem": tau, "tau_syn": tau_syn, "r": r, "w_in": tau_syn / c.dt}
    else:
        fields |= _as_imported(form.kind, tau, c)
    if form.kind not in ("I", "IF"):
        fields["v_leak"] = form.v_leak
    if form.threshold is not None:
        fields |= {"v_threshold": form.threshold, "v_reset": form.v_reset}
    return fields, scale


def _check_current(form: Form, name: str, c: Conventions) -> None:
    """Refuse a synaptic current whose step is another than that of the framework."""
    if c.framework in ("norse", "sinabs", "rockpool") or form.step != c.rules.step:
        raise InputError(
            f"population '{name}' has a synaptic current with the step '{form.step}', which "
            f"{c.framework} cannot read as such; give framework='exact'"
        )


def _stepped(tau: Values, step: str, dt: float, c: Conventions) -> Values:
    """Return the time constant with which a step of the framework decays as much as ours."""
    euler = c.rules.step == "euler"
    if (step == "euler") == euler:
        return tau if c.dt == dt else np.asarray(tau) * (c.dt / dt)
    kept = 1 - dt / np.asarray(tau) if step == "euler" else np.exp(-dt / np.asarray(tau))
    with np.errstate(divide="ignore"):
        return c.dt / (1 - kept) if euler else -c.dt / np.log(kept)


def _filled(value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return one value for each neuron: NIR's types come from the shapes of parameters."""
    array = np.asarray(value, dtype=np.float64)
    return np.full(shape, array.ravel()[0]) if array.size == 1 else array.reshape(shape)


# ---------------------------------------------------------------------- projections


def _add_projection(found: NirNodes, projection: Projection) -> None:
    """Add the nodes from one population to the next."""
    network, what = found.network, f"projection '{projection.name}'"
    receive = network.population(projection.target).neuron.receive
    if projection.model is not None or network.receive_of(projection) != receive:
        raise InputError(
            f"{what}: NIR has no synapses with a model, and one variable for all input; leave the "
            "projection out"
        )
    if projection.connection.delays is not None:
        raise InputError(f"{what}: NIR has no delays of single synapses; give it one delay")
    at = INPUT if projection.source == INPUT else projection.source
    shape = network.shape_of(projection.source)
    constant = not network.delivers_spikes(projection)
    if projection.delay:
        seconds = projection.delay * (found.conventions.dt / network.dt)
        delay = found.add(f"{projection.name}_delay", "Delay", delay=np.full(shape, seconds))
        found.edges.append((at, delay))
        at = delay
    if (pool := projection.pool) is not None:
        kind = "SumPool2d" if pool.mode == "sum" else "AvgPool2d"
        sizes = {"kernel_size": pool.size, "stride": pool.stride, "padding": pool.padding}
        name = found.add(
            f"{projection.name}_pool", kind, **{k: np.array(v) for k, v in sizes.items()}
        )
        found.edges.append((at, name))
        at, shape = name, pool.output_shape(shape)
    jump, gain = found.adds[projection.target]
    divisor = np.asarray(gain if constant else jump)
    at = _add_weights(found, projection, at, shape, divisor, np.asarray(gain))
    found.edges.append((at, projection.target))


def _add_weights(
    found: NirNodes,
    projection: Projection,
    at: str,
    shape: tuple[int, ...],
    divisor: np.ndarray,
    gain: np.ndarray,
) -> str:
    """Add the node with the weights, and return its name."""
    weight, bias, name = projection.weight, projection.bias, projection.name
    target = found.network.population(projection.target).shape
    match projection.connection:
        case OneToOne() if bias is None:
            scale = np.broadcast_to(_over(weight, divisor.ravel()), (math.prod(shape),))
            node = found.add(name, "Scale", scale=scale.reshape(shape))
        case Convolution() as connection if divisor.size == 1 and gain.size == 1:
            kernels = _over(weight, divisor)
            channels = weight.shape[0]
            node = found.add(
                name, "Conv2d", input_shape=np.array(image_shape(shape, name)[1:]), weight=kernels,
                bias=np.zeros(channels) if bias is None else _over(bias, gain),
                stride=np.array(connection.stride), padding=np.array(connection.padding),
                dilation=np.array(connection.dilation), groups=connection.groups,
            )  # fmt: skip
        case connection:
            matrix = weight
            if not isinstance(connection, AllToAll):
                matrix = _matrix(projection, shape, target)
            if bias is not None:
                bias = connection.bias_of_neurons(bias, target) if matrix is not weight else bias
            at = _flattened(found, projection, at, shape, target)
            matrix = _over(matrix, divisor.reshape(-1, 1))
            fields = {} if bias is None else {"bias": _over(bias, gain.ravel())}
            if not fields and found.conventions.framework == "sinabs":  # imports no Linear
                fields = {"bias": np.zeros(len(matrix))}
            node = found.add(name, "Affine" if fields else "Linear", weight=matrix, **fields)
    found.edges.append((at, node))
    found.weights[name] = (node, divisor)
    return node


def _flattened(
    found: NirNodes,
    projection: Projection,
    at: str,
    shape: tuple[int, ...],
    target: tuple[int, ...],
) -> str:
    """Add a Flatten before a matrix, and return its name."""
    if len(target) > 1:
        raise InputError(
            f"projection '{projection.name}': a matrix leads to neurons of shape {target}, and NIR "
            f"has no way back from a flat shape; give population '{projection.target}' the shape "
            f"({math.prod(target)},)"
        )
    if len(shape) == 1:
        return at
    node = found.add(
        f"{projection.name}_flatten", "Flatten", start_dim=0, end_dim=-1, input_type=np.array(shape)
    )
    found.edges.append((at, node))
    return node


def _matrix(projection: Projection, source: tuple[int, ...], target: tuple[int, ...]) -> np.ndarray:
    """Return a connection that NIR does not have as a matrix."""
    rows, columns = math.prod(target), math.prod(source)
    if rows * columns > _MOST_WEIGHTS:
        raise InputError(
            f"projection '{projection.name}': NIR has no connection "
            f"'{projection.connection.kind}', and as a matrix it has {rows:,} x {columns:,} "
            "weights; use a smaller one"
        )
    table = projection.connection.synapses(projection.weight, source, target)
    matrix = np.zeros((rows, columns))
    np.add.at(matrix, (table.target, table.source), table.weight)
    return matrix


def _over(values: np.ndarray, divisor: np.ndarray) -> np.ndarray:
    """Divide, and keep the type and every bit if the divisor is 1."""
    return values if np.all(divisor == 1) else values / divisor
