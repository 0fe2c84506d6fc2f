"""The spiking network: populations, projections, encoding and readout, checked on construction.

It belongs to neither torch nor Brian2: `brianbridge.to_torch` makes a twin of it,
`brianbridge.simulate` runs it in Brian2, `brianbridge.write_back` returns it with new weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from brianbridge.encoding import Encoding, Waiting, encoding_from_dict
from brianbridge.errors import InputError, did_you_mean
from brianbridge.network.checks import check_network
from brianbridge.network.connections import connection_from_dict
from brianbridge.network.display import network_html, network_text
from brianbridge.network.layers import Layer, stack_layers
from brianbridge.network.learned_delays import learning_delays
from brianbridge.network.pooling import Pooling
from brianbridge.network.population import Population, checked_shape
from brianbridge.network.projection import Projection, projection_name
from brianbridge.network.scale import in_natural_units
from brianbridge.network.sign import sign_of
from brianbridge.network.structure import NetworkStructure
from brianbridge.network.synapses.model import SynapseModel
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import as_time, seconds

__all__ = ["SpikingNetwork"]


@dataclass(frozen=True, eq=False)
class SpikingNetwork(NetworkStructure):
    """Describe a network of populations, with its weights.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one sample. The encoding gives the shape of the input that it becomes.
    encoding : Encoding
        Turns a sample into input over time. It sets the step `dt` and the number of steps.
    populations : tuple of Population
        All populations from input to output, in the order in which a step visits them.
    projections : tuple of Projection
        Each leads from an earlier population (or ``"input"``) to a later one, or is declared as
        feedback.
    readout : str
        How the output is read: ``"counts"``, ``"potential"``, ``"first_spike"``, or another
        registered readout; see `brianbridge.network.readouts`.
    provenance : mapping
        Where the weights come from: rule, seed, versions, data, training curve. JSON only.
    schedule : {"canonical", "default"}
        The order of events within a step; ``"default"`` is Brian2's order, for networks that were
        read from Brian2.

    Raises
    ------
    InputError
        If names, shapes, weights, delays or loops do not fit together.
    """

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_shape", checked_shape(self.input_shape, "the input"))
        check_network(self)

    def __repr__(self) -> str:
        return network_text(self)

    def _repr_html_(self) -> str:
        return network_html(self)

    @classmethod
    def sequential(
        cls,
        input_shape: Sequence[int],
        layers: Sequence[Layer],
        *,
        encoding: Encoding,
        readout: str = "counts",
        seed: int = 0,
        weight_gain: float | None = None,
        weight_mean: float = 0.0,
    ) -> SpikingNetwork:
        """Chain layers, with initial weights drawn from `seed` in natural units.

        Parameters
        ----------
        input_shape : sequence of int
            Shape of one sample.
        layers : sequence of Layer
            The layers from input to output; see `brianbridge.network.layers`.
        encoding : Encoding
            Turns a sample into input over time.
        readout : str
            How the output is read; see `SpikingNetwork`.
        seed : int
            Seed of the initial weights.
        weight_gain : float, optional
            Draw initial weights and biases from a normal distribution with the variance
            ``weight_gain/fan_in``, in natural units (`brianbridge.network.scale`). If not given,
            they are drawn from U(-1, 1)/sqrt(fan_in), torch's default.
        weight_mean : float
            Mean of the sum of a neuron's initial weights.

        Examples
        --------
        >>> from brianbridge.encoding import Current
        >>> from brianbridge.network import Dense
        >>> from brianbridge.neurons.library import neuron_model
        >>> lif = neuron_model("lif")
        >>> net = SpikingNetwork.sequential(
        ...     (8, 8), [Dense(20, lif), Dense(10, lif)], encoding=Current(steps=10))
        >>> [p.name for p in net.projections]
        ['input_to_hidden', 'hidden_to_output']
        """
        if not np.iterable(layers):
            raise InputError(f"layers = {layers!r:.80}; give a list of layers")
        layers = list(layers)
        if not layers:
            raise InputError("a spiking network needs at least one layer; give some")
        if not isinstance(encoding, Encoding):
            raise InputError(
                f"encoding = {encoding!r:.80} is none; give one of bb.encodings, such as "
                "bb.Bernoulli(steps=10)"
            )
        if weight_gain is not None and not 0 < weight_gain < np.inf:
            raise InputError(f"weight_gain = {weight_gain!r}; give a number above 0, such as 2.0")
        if not np.isfinite(weight_mean):
            raise InputError(f"weight_mean = {weight_mean!r}; give a finite number, such as 5.0")
        generator = np.random.default_rng((seed, 0x5EED))
        shape = checked_shape(input_shape, "the input")
        inputs = encoding.shape_of_input(shape)
        stack = stack_layers(inputs, layers, generator, weight_gain, weight_mean)
        populations, projections = tuple(stack.populations), tuple(stack.projections)
        network = cls(shape, encoding, populations, projections, readout)
        return replace(network, projections=in_natural_units(network))

    # ------------------------------------------------------------------ changing

    def with_weights(
        self, weights: Mapping[str, tuple[np.ndarray, np.ndarray | None]], **provenance: Any
    ) -> SpikingNetwork:
        """Return the network with new weights, by projection name, and added provenance."""
        names = [p.name for p in self.projections]
        for name in weights:
            if name not in names:
                raise InputError(f"there is no projection '{name}'. {did_you_mean(name, names)}")
        projections = tuple(
            replace(p, weight=weights[p.name][0], bias=weights[p.name][1])
            if p.name in weights
            else p
            for p in self.projections
        )
        return replace(self, projections=projections, provenance={**self.provenance, **provenance})

    def with_delays(self, delays: Mapping[str, np.ndarray]) -> SpikingNetwork:
        """Return the network with new delays of single synapses, by projection name (seconds)."""
        projections = tuple(
            replace(p, connection=replace(p.connection, delays=delays[p.name]))  # type: ignore[call-arg]
            if p.name in delays
            else p
            for p in self.projections
        )
        return replace(self, projections=projections)

    def with_refractory(self, period: Any) -> SpikingNetwork:
        """Return the network with a refractory period of all neurons that fire.

        The potential keeps changing in this time. A period of one step of the network changes
        nothing at this step; at a finer one it keeps a neuron from firing more often than here.

        Parameters
        ----------
        period : Quantity or str
            The period, such as ``"1 ms"``.

        Raises
        ------
        InputError
            If it is no time, or neurons have a refractory period of their own.
        """
        seconds(period, "refractory period")
        changed = []
        for population in self.populations:
            neuron = population.neuron
            if self.fires(population.name):
                if neuron.refractory is not None:
                    raise InputError(
                        f"neurons of population '{population.name}' have a refractory period of "
                        f"their own ({neuron.refractory})"
                    )
                neuron = replace(neuron, refractory=as_time(period), initial=neuron.initial)
            changed.append(replace(population, neuron=neuron))
        return replace(self, populations=tuple(changed))

    def with_steps_after(self, after: int) -> SpikingNetwork:
        """Return the network with steps that follow the input, so that late spikes arrive in time.

        Parameters
        ----------
        after : int
            Number of these steps; see `brianbridge.encodings.Waiting`.

        Raises
        ------
        InputError
            If the input is a current, which lasts as long as the presentation.
        """
        return replace(self, encoding=Waiting(encoding=self.encoding, after=after))

    def keep_signs(self) -> SpikingNetwork:
        """Return the network with signs that training must keep, those of the present weights.

        Weights of a projection that are all at least 0 stay so, as those of excitatory synapses or
        conductances. In a projection with weights of both signs, each keeps its own. Frozen weights
        do not change anyway.

        Examples
        --------
        >>> from brianbridge.encoding import Bernoulli
        >>> from brianbridge.neurons.library import neuron_model
        >>> population = Population("output", (2,), neuron_model("lif"))
        >>> synapses = Projection("input", "output", np.array([[0.5, 0.1], [0.2, 0.0]]))
        >>> net = SpikingNetwork((2,), Bernoulli(10), (population,), (synapses,))
        >>> net.keep_signs().projections[0].sign
        'positive'
        """
        projections = tuple(
            p if p.frozen else replace(p, sign=sign_of(p.weight)) for p in self.projections
        )
        return replace(self, projections=projections)

    def learn_delays(self, longest: Any, *projections: str) -> SpikingNetwork:
        """Return the network with delays that training learns, one for each synapse.

        The synapses start with their present delays. In training a delay may lie between two
        steps: a part of each spike then arrives in one step, and the rest in the next. Written
        back, it is rounded to a step.

        Parameters
        ----------
        longest : Quantity, str or float
            The longest delay that training may choose (seconds if a number).
        *projections : str
            Names of projections; if none is given, all that carry spikes, have one weight for each
            synapse and are not frozen.

        Raises
        ------
        InputError
            If there is no such projection, its synapses share weights or carry no spikes, or they
            have longer delays.

        Examples
        --------
        >>> from brian2 import ms
        >>> from brianbridge.encoding import Bernoulli
        >>> from brianbridge.neurons.library import neuron_model
        >>> population = Population("output", (2,), neuron_model("lif"))
        >>> synapses = Projection("input", "output", np.ones((2, 2)), delay=3*ms)
        >>> net = SpikingNetwork((2,), Bernoulli(10), (population,), (synapses,))
        >>> net.learn_delays(8*ms).projections[0].connection.delays
        array([0.003, 0.003, 0.003, 0.003])
        """
        changed = learning_delays(self, longest, projections)
        return replace(self, projections=changed)

    # ------------------------------------------------------------------ files

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the arrays, for JSON."""
        return {
            "input_shape": list(self.input_shape),
            "encoding": self.encoding.to_dict(),
            "readout": self.readout,
            "populations": [
                {"name": p.name, "shape": list(p.shape), "neuron": p.neuron.to_dict()}
                for p in self.populations
            ],
            "projections": [_projection_entry(p) for p in self.projections],
            "schedule": self.schedule,
        }

    @classmethod
    def from_dict(
        cls,
        entry: Mapping[str, Any],
        arrays: Mapping[str, Mapping[str, np.ndarray]],
        provenance: Mapping[str, Any],
    ) -> SpikingNetwork:
        """Rebuild and check a network from the result of `to_dict` and its arrays.

        Parameters
        ----------
        entry : mapping
            The result of `to_dict`.
        arrays : mapping of str to mapping
            By projection name: ``weight``, ``bias`` if there is one, and the arrays of the
            connection and of the model of its synapses.
        provenance : mapping
            Where the weights come from.
        """
        populations = tuple(
            Population(p["name"], tuple(p["shape"]), NeuronModel.from_dict(p["neuron"]))
            for p in entry["populations"]
        )
        return cls(
            tuple(entry["input_shape"]),
            encoding_from_dict(entry["encoding"]),
            populations,
            tuple(_projection(p, arrays) for p in entry["projections"]),
            entry["readout"],
            provenance,
            entry["schedule"],
        )


_PLAIN = ("source", "target", "receive", "delay", "feedback", "frozen", "label")
#: Those that are saved only if they have another value than usual.
_USUALLY = {"sign": "any", "longest_delay": None}


def _projection_entry(projection: Projection) -> dict[str, Any]:
    return {
        **{key: getattr(projection, key) for key in _PLAIN},
        **{
            key: getattr(projection, key)
            for key, usual in _USUALLY.items()
            if getattr(projection, key) != usual
        },
        "connection": projection.connection.to_dict(),
        "pool": None if projection.pool is None else projection.pool.to_dict(),
        **({} if projection.model is None else {"model": projection.model.to_dict()}),
    }


def _projection(entry: Mapping[str, Any], arrays: Mapping[str, Any]) -> Projection:
    name = projection_name(entry["source"], entry["target"], entry["label"])
    if "weight" not in arrays.get(name, {}):
        raise InputError(f"projection '{name}' has no weights")
    found = dict(arrays[name])
    weight, bias = found.pop("weight"), found.pop("bias", None)
    plain = {key: entry[key] for key in _PLAIN}
    plain |= {key: entry.get(key, usual) for key, usual in _USUALLY.items()}
    pool = None if entry["pool"] is None else Pooling(**entry["pool"])
    model = None
    if entry.get("model") is not None:
        own = [key for key in found if key.startswith(("initial_", "delay_"))]
        model = SynapseModel.from_dict(entry["model"], {key: found.pop(key) for key in own})
    connection = connection_from_dict(entry["connection"], found)
    return Projection(
        weight=weight, bias=bias, connection=connection, pool=pool, model=model, **plain
    )
