"""Check that a dataset fits a network: its shape, and the number and names of its classes.

A trained network keeps the class names of its training data in its provenance, under `CLASSES`.
Labels that are strings are numbered in the order of the names that occur. A part that lacks a class
then has other numbers, which a comparison of the names reveals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from brianbridge.datasets.dataset import Dataset
from brianbridge.datasets.given import as_dataset
from brianbridge.errors import InputError, did_you_mean
from brianbridge.network.given import check_network_given
from brianbridge.network.origin import is_read
from brianbridge.network.sample_shapes import shape_remedy
from brianbridge.network.samples import flat_samples

if TYPE_CHECKING:
    from brianbridge.network import SpikingNetwork

__all__ = ["CLASSES", "fitted", "named_classes"]

#: Key of the class names in the provenance of a network.
CLASSES = "classes"


def fitted(network: SpikingNetwork, data: Any, called: str = "the network") -> Dataset:
    """Return the data with the class numbers of a network; refuse data that do not fit it.

    Names are compared if both have names. ``"0"``, ``"1"``, ... in order are the default names of
    integer labels: they are taken as numbers, unless the other side has classes of these names.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    data : Dataset, or what else `as_dataset` takes
        The samples.
    called : str
        The name of the network in messages.

    Returns
    -------
    Dataset
        `data` itself. If its classes are some of the network's, or all in another order: the same
        samples with the labels and classes of the network. Samples of another shape, but with as
        many values as a flat input, get its shape.

    Raises
    ------
    InputError
        If the samples have another shape than the input of the network, there are more classes
        than outputs, or the network was trained for other classes.

    Examples
    --------
    >>> from brianbridge.datasets import from_arrays
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.network import Dense, SpikingNetwork
    >>> from brianbridge.neurons.library import neuron_model
    >>> net = SpikingNetwork.sequential((1,), [Dense(3, neuron_model("if"))], encoding=Current(5))
    >>> net = net.with_weights({}, classes=["bird", "cat", "dog"])
    >>> part = from_arrays("pets", [[0.1], [0.2]], ["dog", "cat"])
    >>> part.y, fitted(net, part).y
    (array([1, 0]), array([2, 1]))
    """
    check_network_given(network, called)
    data = as_dataset(data, called)
    x = flat_samples(network, data.x)
    if x is not data.x:
        data = replace(data, x=x)
    if data.shape != tuple(network.input_shape):
        raise InputError(
            f"dataset '{data.name}' has samples of shape {data.shape}; {called} takes "
            f"{tuple(network.input_shape)}: {shape_remedy(network, data.x.shape)}"
        )
    outputs = network.output.size
    known = named_classes(network)
    if known is None or data.classes == known:
        found = data
    elif set(data.classes) <= set(known):
        number = np.array([known.index(name) for name in data.classes], np.int64)
        found = replace(data, y=number[data.y], classes=known)
    elif _are_numbers(data.classes) or _are_numbers(known):
        found = data
    else:
        other = next(name for name in data.classes if name not in known)
        raise InputError(
            f"dataset '{data.name}' has the class {other!r}; {called} was trained for other "
            f"classes. {did_you_mean(other, known)} Give the names in training and here "
            "(classes=...), or drop those of the network: network.with_weights({}, classes=None)"
        )
    if len(found.classes) > outputs:
        raise InputError(
            f"dataset '{data.name}' has {len(found.classes)} classes; {called} has only "
            f"{outputs} outputs: {_remedy_of_labels(network, found)}"
        )
    return found


def _remedy_of_labels(network: SpikingNetwork, data: Dataset) -> str:
    """Say what to do about more classes than outputs."""
    if _are_numbers(data.classes) and data.y.min() > 0:
        return f"labels begin at 0: give y - {data.y.min()}"
    return _more_outputs(network, len(data.classes))


def named_classes(network: SpikingNetwork) -> tuple[str, ...] | None:
    """Return the class names that a network was trained for; None if they are not known.

    A file may hold anything there; anything but a list of different names is ignored.
    """
    entry = network.provenance.get(CLASSES)
    if not isinstance(entry, list | tuple) or not all(isinstance(name, str) for name in entry):
        return None
    if len(set(entry)) < len(entry) or not 0 < len(entry) <= network.output.size:
        return None
    return tuple(entry)


def _more_outputs(network: SpikingNetwork, classes: int) -> str:
    """Return a remedy for an output of too few neurons."""
    name = network.output.name
    if not is_read(network):
        return f"give population '{name}' at least {classes}"
    others = [p.name for p in network.populations[:-1] if p.size >= classes]
    another = f", or name another group, output='{others[-1]}'" if others else ""
    return f"give group '{name}' {classes} neurons{another}"


def _are_numbers(classes: Sequence[str]) -> bool:
    return list(classes) == [str(number) for number in range(len(classes))]
