"""A small graph of layers, between a NIR file or a torch module and a spiking network.

Readers build it, and `brianbridge.interchange.assemble` makes a `SpikingNetwork` of it. Its nodes
have the meaning that they have in torch: a layer maps the numbers of one step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brianbridge.neurons.model import NeuronModel

__all__ = [
    "Conv",
    "Delay",
    "Flatten",
    "Graph",
    "Input",
    "Linear",
    "Node",
    "Output",
    "Pool",
    "Population",
    "Scale",
]

Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Input:
    """Where samples enter.

    Parameters
    ----------
    shape : tuple of int
        Shape of one step of one sample, without batch and time.
    """

    shape: tuple[int, ...]


@dataclass(frozen=True)
class Output:
    """Where the result leaves."""


@dataclass(frozen=True, eq=False)
class Linear:
    """A dense layer.

    Parameters
    ----------
    weight : array of shape (out, in)
        As in torch.
    bias : array of shape (out,), optional
        What is added in each step.
    """

    weight: np.ndarray
    bias: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Conv:
    """A convolution of images; one of sequences is one of images of height 1.

    Parameters
    ----------
    weight : array of shape (out, in/groups, height, width)
        As in torch.
    bias : array of shape (out,), optional
        What is added in each step.
    stride, padding, dilation : (int, int)
        As in torch.
    groups : int
        Number of groups of channels, which are convolved separately.
    """

    weight: np.ndarray
    bias: np.ndarray | None = None
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1


@dataclass(frozen=True)
class Pool:
    """Pooling of images without neurons.

    Parameters
    ----------
    kind : {"sum", "average"}
        What is done in each window.
    size, stride, padding : (int, int)
        As in torch.
    """

    kind: str
    size: Pair
    stride: Pair
    padding: Pair = (0, 0)


@dataclass(frozen=True)
class Flatten:
    """A change of shape to ``(n,)``, in the order of C and torch."""


@dataclass(frozen=True, eq=False)
class Scale:
    """Factors for the numbers that pass.

    Parameters
    ----------
    scale : array
        One factor, or one for each number, in the shape of what passes.
    """

    scale: np.ndarray


@dataclass(frozen=True, eq=False)
class Delay:
    """Delays of what passes.

    Parameters
    ----------
    seconds : array
        One delay, or one for each number, in the shape of what passes.
    """

    seconds: np.ndarray


@dataclass(frozen=True, eq=False)
class Population:
    """Neurons of one model.

    Parameters
    ----------
    model : NeuronModel
        The neuron in Brian2's equations; its step is the framework's step.
    shape : tuple of int
        Shape of the population, without batch and time.
    fires : bool
        Whether it passes spikes on; otherwise it passes its potential.
    jump : float or array of the population's shape
        What an input of 1 in one step adds to the variable ``model.receive``.
    gain : float or array of the population's shape, optional
        What a constant input of 1 adds to it in each step; `jump` if not given. The two differ
        where a spike is a pulse, but a constant input acts during the whole step.
    """

    model: NeuronModel
    shape: tuple[int, ...]
    fires: bool = True
    jump: float | np.ndarray = 1.0
    gain: float | np.ndarray | None = None


Node = Input | Output | Linear | Conv | Pool | Flatten | Scale | Delay | Population


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes by name, and what leads where.

    Several edges into a node are summed. An edge that closes a loop is one step late, as in the
    frameworks' recurrent layers.

    Parameters
    ----------
    nodes : dict of str to Node
        In the order of the source; names are those of the source, such as ``"features.0"``.
    edges : tuple of (str, str)
        Source and target of each edge.
    """

    nodes: dict[str, Node]
    edges: tuple[tuple[str, str], ...]
