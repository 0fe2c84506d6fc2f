"""The layer of any kind of connection: those without a layer of their own, and those of users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from brianbridge.errors import InputError
from brianbridge.network.connections import Connection, connection_from_dict
from brianbridge.network.layers.stack import Stack, check_neuron
from brianbridge.network.layers.types import ConnectionTable, Shape, Time
from brianbridge.network.population import Population, checked_shape
from brianbridge.neurons.model import NeuronModel

__all__ = ["Connected"]


@dataclass(frozen=True)
class Connected:
    """Add a population, connected by any kind of connection.

    Parameters
    ----------
    shape : int or tuple of int
        Shape of the new population.
    connection : Connection or mapping
        The connection; a mapping has its ``kind`` and options, as in files.
    neuron : NeuronModel
        Model of its neurons.
    weight_shape : tuple of int
        Shape of the weight, for kinds that leave a choice, such as the size of a kernel.
    bias : bool
        Whether neurons have a trainable constant input: one each, or one for each channel.
    name : str
        Name of the population. The default is ``hidden`` (``hidden1``, ``hidden2``, ... if there
        are several), and ``output`` for the last.
    delay : Quantity, str or float
        Time that spikes take to arrive.

    Raises
    ------
    InputError
        If there is no such kind of connection or option.

    Examples
    --------
    >>> from brianbridge.neurons.library import neuron_model
    >>> Connected(5, {"kind": "one_to_one"}, neuron_model("lif")).connection
    OneToOne()
    """

    prefix: ClassVar[str] = "hidden"

    shape: Shape
    connection: ConnectionTable
    neuron: NeuronModel
    weight_shape: Shape = ()
    bias: bool = True
    name: str = ""
    delay: Time = 0.0

    def __post_init__(self) -> None:
        check_neuron(self)
        if isinstance(self.connection, Mapping):
            object.__setattr__(self, "connection", connection_from_dict(self.connection, {}))
        if not isinstance(self.connection, Connection):
            raise InputError(
                f"layer 'connected': connection = {self.connection!r:.80}; give a connection, or "
                'a table such as {kind = "one_to_one"}'
            )

    def build(self, stack: Stack, name: str) -> None:
        """Add the population and its projection."""
        what = f"layer '{self.name or name}'"
        population = Population(self.name or name, checked_shape(self.shape, what), self.neuron)
        given = checked_shape(self.weight_shape, f"{what}: weight")
        connection, ends = self.connection, (stack.seen, population.shape)
        fitting = connection.weight_shape(given, *ends, what)
        # The mean over neurons: those at a border may have fewer synapses.
        synapses = connection.number_of_synapses(fitting, *ends)
        fan_in = max(1, round(synapses / population.size))
        weight = stack.draw(given or fitting, fan_in)
        (channels,) = connection.bias_shape(population.shape)
        bias = stack.draw_bias(channels, fan_in) if self.bias else None
        stack.grow(population, connection, weight, bias, delay=self.delay)
