"""Hold the constants of synapses with a model as torch buffers."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from brianbridge.network import INPUT, Projection, SpikingNetwork
from brianbridge.network.split import groups_by_delay
from brianbridge.network.synapses import probe_synapses
from brianbridge.network.synapses.code import SUM, PathwayCode, SynapseCode, masked, read_code
from brianbridge.neurons.model import SPIKE_VALUE
from brianbridge.neurons.probe import on_runtime_device, probe
from brianbridge.twin.step_variables import shared_and_each
from brianbridge.twin.synapses.render import RenderedSynapses, render_synapses

__all__ = ["PathwayTwin", "SynapseTwin"]


class PathwayTwin(nn.Module):
    """Hold when and in which order the synapses of a pathway run.

    Parameters
    ----------
    ends : numpy.ndarray of int, shape (synapses,)
        The neuron whose spikes each synapse follows.
    targets : numpy.ndarray of int, shape (synapses,)
        The neuron whose variables it changes.
    steps : numpy.ndarray of int, shape (synapses,)
        Its delay in steps.
    """

    order: Tensor
    by_target: Tensor
    starts: Tensor

    def __init__(self, ends: np.ndarray, targets: np.ndarray, steps: np.ndarray) -> None:
        super().__init__()
        number = np.arange(len(ends))
        self.groups = []
        for delay, chosen in groups_by_delay(steps, 1.0):
            self.register_buffer(f"ends_{delay}", torch.as_tensor(ends[chosen]), persistent=False)
            self.groups.append(delay)
        grouped = np.concatenate([number[:0], *(c for _, c in groups_by_delay(steps, 1.0))])
        # Brian2 delivers spikes that were emitted first, then by neuron, then by synapse.
        order = np.lexsort((number, ends, -steps))
        by_target = order[np.argsort(targets[order], kind="stable")]
        _, start, sizes = np.unique(targets[by_target], return_index=True, return_counts=True)
        for name, values in (
            ("back", np.argsort(grouped, kind="stable")),
            ("order", order),
            ("by_target", by_target),
            ("starts", np.repeat(start, sizes)),
        ):
            self.register_buffer(name, torch.as_tensor(values), persistent=False)
        self.in_order = bool(np.array_equal(order, number))

    def events(self, emitted: list[Tensor], k: int) -> Tensor | None:
        """Return the spikes that arrive at each synapse in step `k`, ``(batch, synapses)``.

        Return None if no neuron can have sent one yet.
        """
        if not self.groups or k < min(self.groups):
            return None
        like = emitted[0].flatten(1)
        parts = []
        for delay in self.groups:
            ends = self.get_buffer(f"ends_{delay}")
            arrived = k >= delay
            parts.append(
                emitted[k - delay].flatten(1)[:, ends]
                if arrived
                else like.new_zeros(len(like), len(ends))
            )
        return parts[0] if len(parts) == 1 else torch.cat(parts, 1)[:, self.get_buffer("back")]

    def ranks(self, event: Tensor) -> Tensor:
        """Return how many synapses of its target run before each one, ``(batch, synapses)``."""
        ordered = event[:, self.by_target].long()
        before = ordered.cumsum(1) - ordered
        ranks = torch.empty_like(before)
        ranks[:, self.by_target] = before - before[:, self.starts]
        return ranks


class SynapseTwin(nn.Module):
    """Hold the rendered code of a projection's synapses, their constants and their initial state.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    projection : Projection
        A projection whose synapses have a model.
    states : mapping of str to tuple of str
        The variables of each population that change.
    dtype : torch.dtype
        Floating point type.
    learned : collection of str
        Constants and variables whose values are given to `initial_values`.
    """

    pre: Tensor
    post: Tensor

    def __init__(
        self,
        network: SpikingNetwork,
        projection: Projection,
        states: Mapping[str, tuple[str, ...]],
        dtype: torch.dtype,
        learned: Collection[str] = (),
    ) -> None:
        from brian2 import second

        super().__init__()
        model = projection.model
        assert model is not None
        what = f"projection '{projection.name}'"
        self.projection, self.model, self.dt = projection, model, network.dt
        pairs = projection.connection.pairs(
            projection.weight.shape, network.shape_of(projection.source),
            network.shape_of(projection.target),
        )  # fmt: skip
        self.register_buffer("pre", torch.as_tensor(pairs.source), persistent=False)
        self.register_buffer("post", torch.as_tensor(pairs.target), persistent=False)
        inspected = probe_synapses(model, *_groups(network, projection), dt=network.dt * second)
        code = read_code(inspected)
        used = code.used_names()
        changed = {n for n in code.assigned_names() if not n.endswith(("_pre", "_post"))}
        self.state = tuple(sorted((changed - {SUM}) | ({"lastupdate"} & used)))
        own = [n for n in model.variables if n in used | set(self.state)]
        numbers, each = shared_and_each(code.known, (used & set(code.known)) - {"t", *own})
        constants = self._of_neurons(each, {"pre": pairs.source, "post": pairs.target}, states)
        if any(self._waits(code, part) for part in code.pathways.values()):
            self.gathered["not_refractory_post"] = "not_refractory", "post"
        for name in own:
            if name != model.trained:
                constants[name] = model.initial.get(name, np.zeros(1))
        if "lastupdate" in self.state:
            constants["lastupdate"] = np.zeros(1)
        constants |= {name: np.array([numbers.pop(name)]) for name in learned if name in numbers}
        #: The learned names that no step of the synapses depends on.
        self.unused = tuple(name for name in learned if name not in constants)
        self.initial = tuple(constants)
        for name, values in constants.items():
            tensor = torch.as_tensor(np.array(values))
            tensor = tensor if tensor.dtype == torch.bool else tensor.to(dtype)
            self.register_buffer(f"_{name}_", tensor, persistent=False)
        fixed = {*constants, *([model.trained] if model.trained else [])} - set(self.state)
        self.rendered: RenderedSynapses = render_synapses(
            code, constants=fixed, numbers=numbers, dtype=dtype, what=what
        )
        self.pathways = nn.ModuleDict()
        for pathway in model.pathways:
            ends = pairs.source if pathway.side == "pre" else pairs.target
            steps = pathway.steps(network.dt, len(ends))
            self.pathways[pathway.name] = PathwayTwin(ends, pairs.target, steps)

    def _of_neurons(
        self,
        each: Mapping[str, np.ndarray],
        ends: Mapping[str, np.ndarray],
        states: Mapping[str, tuple[str, ...]],
    ) -> dict[str, np.ndarray]:
        """Return the constants of neurons by synapse; list the variables that steps gather."""
        self.gathered: dict[str, tuple[str, str]] = {}
        constants = {}
        for name in sorted(each):
            variable, _, side = name.rpartition("_")
            if side not in ends:
                continue  # lastupdate
            projection = self.projection
            population = projection.source if side == "pre" else projection.target
            if population != INPUT and variable in states[population]:
                self.gathered[name] = variable, side
            else:
                constants[name] = each[name][ends[side]]
        return constants

    @staticmethod
    def _waits(code: SynapseCode, pathway: PathwayCode) -> bool:
        """Return whether a pathway that runs in turn leaves out refractory neurons."""
        return pathway.in_turn and bool(masked(code, pathway))

    def initial_values(
        self, weight: Tensor, learned: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Return constants and initial state by name.

        Parameters
        ----------
        weight : Tensor, shape ([batch,] synapses or 1)
            The trained variable.
        learned : mapping of str to Tensor, optional
            What else is learned: one value, one for each synapse, or ``(batch, synapses or 1)``.
        """
        values = {name: self.get_buffer(f"_{name}_") for name in self.initial}
        values |= {name: torch.atleast_1d(value) for name, value in (learned or {}).items()}
        return {**values, self.model.trained: weight} if self.model.trained else values


def _groups(network: SpikingNetwork, projection: Projection) -> tuple[Any, Any]:
    """Return Brian2 groups of the source and of the target, which never run."""
    from brian2 import NeuronGroup, second

    groups: list[Any] = []
    for name in (projection.source, projection.target):
        if name == INPUT:
            with on_runtime_device():
                group = NeuronGroup(
                    math.prod(network.shape_of(INPUT)), f"{SPIKE_VALUE} : 1",
                    threshold=f"{SPIKE_VALUE} != 0", reset="", dt=network.dt * second,
                )  # fmt: skip
            for part in (group, *group.contained_objects):
                part._network = "probe"
        elif groups and projection.source == projection.target:
            group = groups[0]
        else:
            population = network.population(name)
            group = probe(
                population.neuron, population.size, fires=network.fires(name),
                dt=network.dt * second,
            )  # fmt: skip
        groups.append(group)
    return groups[0], groups[1]
