"""Say how samples of a wrong shape become samples that a network takes."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from brianbridge.encoding import Sources
from brianbridge.network.population import INPUT
from brianbridge.readable import counted

if TYPE_CHECKING:
    from brianbridge.network.network import SpikingNetwork

__all__ = ["shape_remedy", "takes_data"]

Shape = tuple[int, ...]


def shape_remedy(network: SpikingNetwork, shape: Shape) -> str:
    """Return a remedy for samples ``x`` of a shape that a network does not take.

    An axis in another place has to be moved: reshaping gives the right shape, and scrambles the
    values. Samples are only reshaped if consecutive axes were flattened.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    shape : tuple of int
        Shape of the samples, with the axis of samples.

    Examples
    --------
    >>> from brianbridge.encoding import Frames
    >>> from brianbridge.network import Dense, SpikingNetwork
    >>> from brianbridge.neurons.library import neuron_model
    >>> net = SpikingNetwork.sequential(
    ...     (20, 64), [Dense(2, neuron_model("if"))], encoding=Frames(20))
    >>> shape_remedy(net, (5, 64, 20))
    'move the axis of time: np.moveaxis(x, -1, 1), or x.movedim(-1, 1) of a tensor'
    >>> shape_remedy(net, (5, 1280))
    'reshape them, x.reshape(-1, 20, 64)'
    """
    wanted = tuple(network.input_shape)
    in_full = ", ".join(map(str, (-1, *wanted)))
    if shape == ():
        return "this is a single number; give an array of samples"
    if shape[0] == 0:
        return "there are no samples; give at least one"
    if (without := _without_data(network, math.prod(shape[1:]))) is not None:
        return without
    if shape == wanted:
        return "this is one sample; give it a leading axis, x[None]"
    if len(network.shape_of(INPUT)) == 1 and math.prod(shape) == wanted[-1] == math.prod(wanted):
        return f"this is one sample; give x.reshape({in_full})"
    time = len(wanted) > len(network.shape_of(INPUT))
    if moved := _moved(shape, wanted, time):
        return moved
    if _are_flattened(shape[1:], wanted):
        return f"reshape them, x.reshape({in_full})"
    given, taken = math.prod(shape[1:]), math.prod(wanted)
    if given != taken:
        return (
            "give samples of that shape, or another network: each sample has "
            f"{counted(given, 'value')}, and the network takes {taken:,}"
        )
    return "give samples of that shape, or another network"


def takes_data(network: SpikingNetwork) -> bool:
    """Return whether samples make the spikes of a group or a current, if only by the encoding."""
    encoding = network.encoding
    if isinstance(encoding, Sources):
        return bool(encoding.with_data)
    # A network that was read without sources has a current that leads nowhere.
    return not encoding.is_current or any(p.source == INPUT for p in network.projections)


def _without_data(network: SpikingNetwork, values: int) -> str | None:
    """Return a remedy if no group of a network takes its spikes from samples."""
    if takes_data(network):
        return None
    encoding = network.encoding
    own = encoding.parts if isinstance(encoding, Sources) else ()
    names = [part.name for part in own if part.neurons == values] or [part.name for part in own]
    given = " or ".join(f"input='{name}'" for name in names) or "input='NAME', the group of inputs"
    return f"no group takes data; read it with bb.from_brian2(..., {given})"


def _moved(shape: Shape, wanted: Shape, time: bool) -> str:
    """Return a remedy for axes in another order; an empty text if it is not the order."""
    for axis in range(1, len(shape)):  # such as (steps, samples, neurons)
        if shape[:axis] + shape[axis + 1 :] == wanted:
            return f"move the axis of samples: {_move(axis, 0)}"
    given, axes = shape[1:], len(wanted)
    if sorted(given) != sorted(wanted):
        return ""
    ends = [(axes, 1), (1, axes), *itertools.product(range(1, axes + 1), repeat=2)]
    for start, end in ends:
        order = [axis for axis in range(axes) if axis != start - 1]
        order.insert(end - 1, start - 1)
        if tuple(given[axis] for axis in order) == wanted:
            which = "the axis of time" if time and end == 1 else "an axis"
            first, last = (-1 if place == axes else place for place in (start, end))
            return f"move {which}: {_move(first, last)}"
    orders = itertools.permutations(range(axes))
    right = next(order for order in orders if tuple(given[axis] for axis in order) == wanted)
    return f"bring their axes in order: np.transpose(x, {(0, *(axis + 1 for axis in right))})"


def _move(start: int, end: int) -> str:
    """Return how to move an axis, as code."""
    return f"np.moveaxis(x, {start}, {end}), or x.movedim({start}, {end}) of a tensor"


def _are_flattened(given: Shape, wanted: Shape) -> bool:
    """Return whether consecutive axes of one shape were joined, which gives the other one."""
    if math.prod(given) != math.prod(wanted):
        return False
    first, second = (
        set(itertools.accumulate(s, initial=1, func=int.__mul__)) for s in (given, wanted)
    )
    return first <= second or second <= first
