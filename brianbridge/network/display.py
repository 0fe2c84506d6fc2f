"""Show spiking networks and their parts: as a few lines of text, or as HTML for notebooks.

The network classes import this module, so it cannot import them: its arguments are of type `Any`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any

from brianbridge.readable import columns, counted, milliseconds, printable, shape_text

__all__ = ["network_html", "network_text", "population_text", "projection_text"]

_WIDTH = 40  # characters of a model's name


def network_text(network: Any) -> str:
    """Return a line on the whole network, and a table with a row for each population.

    Parameters
    ----------
    network : SpikingNetwork
        The network.

    Examples
    --------
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.network import Dense, SpikingNetwork
    >>> from brianbridge.neurons.library import neuron_model
    >>> lif = neuron_model("lif")
    >>> print(network_text(SpikingNetwork.sequential(
    ...     (8, 8), [Dense(20, lif), Dense(10, lif)], encoding=Current(steps=10))))
    SpikingNetwork: current input, 10 steps of 1 ms, readout counts
            shape  neuron  neurons  weights  from
    input   8 x 8
    hidden  20     lif          20    1,300  input
    output  10     lif          10      210  hidden
    """
    rows = [
        ("", "shape", "neuron", "neurons", "weights", "from"),
        ("input", shape_text(network.input_shape), "", "", "", ""),
    ]
    for population in network.populations:
        incoming = network.incoming(population.name)
        rows.append(
            (
                population.name,
                shape_text(population.shape),
                _model(population),
                f"{population.size:,}",
                _weights_text(incoming),
                ", ".join(dict.fromkeys(p.source for p in incoming)),
            )
        )
    return f"SpikingNetwork: {_summary(network)}\n{columns(rows, right=(3, 4))}"


def network_html(network: Any) -> str:
    """Return a table of the populations and one of the projections, as HTML.

    Parameters
    ----------
    network : SpikingNetwork
        The network. All its text is escaped.
    """
    populations = [
        (p.name, shape_text(p.shape), f"{p.size:,}", _model(p)) for p in network.populations
    ]
    projections = [
        (p.source, p.target, p.connection.kind, f"{_weights(p):,}", _remarks(p))
        for p in network.projections
    ]
    return (
        f"<div><strong>SpikingNetwork</strong>: input {escape(shape_text(network.input_shape))}, "
        f"{escape(_summary(network))}"
        f"{_table(('population', 'shape', 'neurons', 'neuron model'), populations)}"
        f"{_table(('from', 'to', 'connection', 'weights', ''), projections)}</div>"
    )


def population_text(population: Any) -> str:
    """Return a line on a population.

    Examples
    --------
    >>> from brianbridge.network import Population
    >>> from brianbridge.neurons.library import neuron_model
    >>> print(population_text(Population("hidden", (16, 8, 8), neuron_model("lif"))))
    Population 'hidden': 16 x 8 x 8 neurons, lif
    """
    neurons = f"{shape_text(population.shape)} neurons"
    return f"Population '{population.name}': {neurons}, {_model(population)}"


def projection_text(projection: Any) -> str:
    """Return a line on a projection.

    Examples
    --------
    >>> import numpy as np
    >>> from brianbridge.network import Projection
    >>> print(projection_text(Projection("input", "output", np.zeros((3, 4)), delay="2*ms")))
    Projection 'input_to_output': all_to_all, weight 3 x 4 float64, delay 2 ms
    """
    weight = f"weight {shape_text(projection.weight.shape)} {projection.weight.dtype}"
    parts = (projection.connection.kind, weight, _remarks(projection))
    return f"Projection '{projection.name}': {', '.join(filter(None, parts))}"


def _summary(network: Any) -> str:
    encoding = network.encoding
    steps = f"{counted(encoding.steps, 'step')} of {milliseconds(encoding.dt)}"
    order = "" if network.schedule == "canonical" else f", schedule {network.schedule}"
    return f"{encoding.description} input, {steps}, readout {network.readout}{order}"


def _model(population: Any) -> str:
    return printable(population.neuron.name, _WIDTH) or "unnamed model"


def _weights(projection: Any) -> int:
    return projection.weight.size + (0 if projection.bias is None else projection.bias.size)


def _weights_text(incoming: Sequence[Any]) -> str:
    """Return the number of weights, and how many of them training leaves as they are."""
    number = sum(map(_weights, incoming))
    fixed = sum(_weights(p) for p in incoming if p.frozen)
    if not fixed:
        return f"{number:,}"
    return f"{number:,} (fixed)" if fixed == number else f"{number:,} ({fixed:,} fixed)"


def _remarks(projection: Any) -> str:
    """Return the properties that most projections do not have."""
    return ", ".join(_each_remark(projection))


def _each_remark(projection: Any) -> Iterator[str]:
    if projection.bias is not None:
        yield "bias"
    if projection.pool is not None:
        yield f"{projection.pool.mode} pooling {shape_text(projection.pool.size)}"
    if projection.receive:
        yield f"into {projection.receive}"
    if projection.delay:
        yield f"delay {milliseconds(projection.delay)}"
    if projection.feedback:
        yield "feedback"
    if projection.frozen:
        yield "frozen"
    if projection.model is not None:
        if projection.model.pathways or projection.model.trained:
            yield f"synapses with a model, weight {projection.model.trained or 'unused'}"
        else:
            yield f"sets {' and '.join(name for name, _ in projection.model.summed)} in each step"
    if projection.failure is not None:
        yield f"spikes fail with probability {projection.failure.probability:g}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"

    body = "".join(row(cells, "td") for cells in rows)
    return f"<table><thead>{row(head, 'th')}</thead><tbody>{body}</tbody></table>"
