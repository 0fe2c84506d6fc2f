"""Run synapses with a model through one presentation of a batch, step by step.

A step has the order of Brian2: sums, then the clock-driven equations of synapses and neurons (and
between those of two populations, sums that follow the update of their source), then
the threshold, then the code of the pathways, one pathway after another. Code reads the state of
neurons after their threshold and before their reset.

An event is a number, 0 or 1, with a surrogate gradient. What it changes is the same as in Brian2,
and the derivative with respect to it is the difference that it makes, also where it is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor

from brianbridge.network import INPUT
from brianbridge.network.synapses import SynapsePathway
from brianbridge.twin.presentation import Presentation
from brianbridge.twin.state import TwinState
from brianbridge.twin.synapses.module import PathwayTwin, SynapseTwin
from brianbridge.twin.synapses.render import ADDED, Block, RenderedPathway

__all__ = ["Coupling", "SynapseRun"]


class Coupling:
    """Run all synapses with a model in one presentation.

    Parameters
    ----------
    twin : NetworkModules
        The twin.
    running : mapping of str to Presentation
        The presentation of each population.
    start : TwinState
        How far the presentation has come.
    """

    def __init__(self, twin: Any, running: Mapping[str, Presentation], start: TwinState) -> None:
        self._of_projections = {}
        for name, synapses in twin.synapses.items():
            weight, learned = twin.projection(name).effective()[0], twin.parameters_of(name)
            initial = {**synapses.initial_values(weight, learned), **start.values.get(name, {})}
            self._of_projections[name] = SynapseRun(synapses, initial, running, start)
        self._runs = [*self._of_projections.values()]
        pathways = [(run, pathway) for run in self._runs for pathway in run.pathways]
        self._pathways = sorted(pathways, key=lambda entry: entry[1].order)

    def states(self) -> dict[str, dict[str, Tensor]]:
        """Return the present state of the synapses, by projection."""
        return {name: run.state() for name, run in self._of_projections.items()}

    def before_neurons(self, k: int) -> None:
        """Set summed variables, and take the steps of synapses that come before the neurons."""
        for run in self._runs:
            if not run.after_source:
                run.sum(k)
        for run in self._runs:
            if run.updates_first:
                run.update(k)

    def before(self, name: str, k: int) -> None:
        """Set the variables of a population that follow the update of another one."""
        for run in self._runs:
            if run.after_source and run.target == name:
                run.sum(k)

    def after_neurons(self, k: int, emitted: Mapping[str, list[Tensor]]) -> None:
        """Take the other steps of synapses, and run all pathways."""
        for run in self._runs:
            if not run.updates_first:
                run.update(k)
        for run, pathway in self._pathways:
            run.deliver(k, pathway, emitted)


class SynapseRun:
    """Run the synapses of one projection.

    Parameters
    ----------
    synapses : SynapseTwin
        The synapses.
    initial : mapping of str to Tensor, shape (synapses,) or (1,)
        Their constants and their initial state.
    running : mapping of str to Presentation
        The presentation of each population.
    start : TwinState
        How far the presentation has come.
    """

    def __init__(
        self,
        synapses: SynapseTwin,
        initial: Mapping[str, Tensor],
        running: Mapping[str, Presentation],
        start: TwinState,
    ) -> None:
        # The step of the first spikes that are known.
        self._first_known = start.step - start.known
        self._synapses, self._rendered = synapses, synapses.rendered
        self._source, self.target = synapses.projection.source, synapses.projection.target
        self._dt = synapses.dt
        self._ends = {"post": (running[self.target], synapses.post)}
        if self._source != INPUT:
            self._ends["pre"] = running[self._source], synapses.pre
        values: dict[str, Any] = dict(initial)
        prepare = self._rendered.prepare
        terms = prepare.function(*(values[name] for name in prepare.arguments))
        self._values = {**values, **dict(zip(prepare.results, terms, strict=True))}
        self.pathways = synapses.model.pathways
        self.updates_first = synapses.model.updates_first
        self.after_source = synapses.model.after_source

    def state(self) -> dict[str, Tensor]:
        """Return the present value of each variable that changes, by its name."""
        return {name: self._values[name] for name in self._synapses.state}

    def sum(self, k: int) -> None:
        """Set the summed variables of neurons from the state at the end of the last step."""
        summands = {
            name: self._call(block, k, {})[block.results[0]]
            for name, block in self._rendered.sums.items()
        }
        for name, values in summands.items():
            variable, _, side = name.rpartition("_")
            neurons, index = self._ends[side]
            before = neurons[variable].flatten(1)
            each = torch.as_tensor(values, dtype=before.dtype, device=before.device)
            each = each.expand(len(before), len(index))
            total = torch.zeros_like(before).index_add(1, index, each)
            neurons.put(variable, total.reshape(neurons[variable].shape))

    def update(self, k: int) -> None:
        """Take one step of the clock-driven equations."""
        self._values |= self._call(self._rendered.update, k, {})

    def deliver(self, k: int, pathway: SynapsePathway, emitted: Mapping[str, list[Tensor]]) -> None:
        """Run the code of a pathway at all synapses where a spike arrives."""
        source = self._source if pathway.side == "pre" else self.target
        plan = cast(PathwayTwin, self._synapses.pathways[pathway.name])
        spikes = plan.events(emitted[source], k - self._first_known)
        if spikes is None:
            return
        if source == INPUT:  # Brian2 runs the code once for a spike, whatever its value
            spikes = (spikes != 0).to(spikes.dtype)
        event = spikes != 0
        if not spikes.requires_grad and not event.any():
            return
        rendered = self._rendered.pathways[pathway.name]
        decayed = self._call(rendered.decay, k, {})
        if rendered.in_turn:
            changed = self._run_in_turn(k, rendered, plan, spikes, decayed)
        else:
            changed = self._call(rendered.code, k, decayed)
            self._add(rendered, plan, spikes, changed)
        if "lastupdate" in self._synapses.state:
            decayed["lastupdate"] = changed["lastupdate"] = torch.full_like(spikes, k * self._dt)
        for name in dict.fromkeys([*decayed, *changed]):
            if name in self._synapses.state:
                old = self._values[name]
                advanced = decayed.get(name, old)
                # Where a silent synapse may learn, its equations advance as well: the effect of
                # an event does not depend on when the last one was.
                kept = advanced if spikes.requires_grad else old
                self._values[name] = _where(spikes, changed.get(name, advanced), kept, advanced)

    def _add(
        self, rendered: RenderedPathway, plan: PathwayTwin, spikes: Tensor, changed: dict[str, Any]
    ) -> None:
        """Add to variables of the target what the synapses with an event add."""
        neurons, index = self._ends["post"]
        for result in [name for name in changed if name.endswith(f"_post{ADDED}")]:
            name = result.removesuffix(ADDED)
            variable = name.removesuffix("_post")
            each = spikes * changed.pop(result)
            before = neurons[variable]
            if plan.in_order:
                total = before.flatten(1).index_add(1, index, each)
            else:
                total = before.flatten(1).index_add(1, index[plan.order], each[:, plan.order])
            total = total.reshape(before.shape)
            if name in rendered.masked:
                total = torch.where(neurons["not_refractory"], total, before)
            neurons.put(variable, total)

    def _run_in_turn(
        self,
        k: int,
        rendered: RenderedPathway,
        plan: PathwayTwin,
        spikes: Tensor,
        decayed: dict[str, Any],
    ) -> dict[str, Any]:
        """Run synapses with an event so that those of the same target see what others did.

        Returns
        -------
        dict
            What the code made of the variables of each synapse.
        """
        event = spikes != 0
        ranks = torch.where(event, plan.ranks(event), -1)
        rounds = [ranks == rank for rank in range(int(ranks.max()) + 1)]
        if spikes.requires_grad:
            rounds.append(~event)  # what spikes would have done that did not come
        found: dict[str, Any] = {}
        for chosen in rounds:
            changed = self._call(rendered.code, k, decayed)
            for name in [n for n in changed if n.endswith("_post")]:
                self._put(name, changed.pop(name), torch.where(chosen, spikes, 0), chosen & event)
            for name, values in changed.items():
                each = torch.as_tensor(values, dtype=spikes.dtype, device=spikes.device)
                found[name] = torch.where(chosen, each, found.get(name, each))
        return found

    def _put(self, name: str, values: Any, spikes: Tensor, event: Tensor) -> None:
        """Set a variable of those targets that have an event, at most one each."""
        neurons, index = self._ends["post"]
        variable = name.removesuffix("_post")
        before = neurons[variable]
        flat = before.flatten(1)
        each = torch.as_tensor(values, dtype=flat.dtype, device=flat.device).expand(event.shape)
        sample, synapse = event.nonzero(as_tuple=True)
        new = flat.index_put((sample, index[synapse]), each[sample, synapse])
        if spikes.requires_grad:
            change = (spikes - spikes.detach()) * (each - flat[:, index]).detach()
            new = new.index_add(1, index, change)
        neurons.put(variable, new.reshape(before.shape))

    def _call(self, block: Block, k: int, changed: Mapping[str, Any]) -> dict[str, Any]:
        """Return the results of a block, given values that differ from the present state."""
        arguments = [
            changed[name] if name in changed else self._value(name, k) for name in block.arguments
        ]
        return dict(zip(block.results, block.function(*arguments), strict=True))

    def _value(self, name: str, k: int) -> Any:
        if name in self._values:
            return self._values[name]
        if name == "t":
            return k * self._dt
        variable, side = self._synapses.gathered[name]
        neurons, index = self._ends[side]
        return neurons[variable].flatten(1)[:, index]


def _where(spikes: Tensor, changed: Any, kept: Any, advanced: Any) -> Tensor:
    """Return `changed` at events and `kept` elsewhere, with the gradient of the spikes."""
    changed, kept, advanced = (
        torch.as_tensor(v, dtype=spikes.dtype, device=spikes.device)
        for v in (changed, kept, advanced)
    )
    values = torch.where(spikes != 0, changed, kept)
    if spikes.requires_grad:
        values = values + (spikes - spikes.detach()) * (changed - advanced).detach()
    return values
