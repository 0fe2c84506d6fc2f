"""Projections as Brian2 objects that hold their weights once for a whole batch of samples.

They take the place of `Synapses` in a `Network` or a `MagicNetwork`, beside ordinary Brian2
objects. A group of ``samples*n`` neurons holds n neurons of one sample after another, and spikes
reach the neurons of their own sample only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import BrianObject
from brian2.core.variables import ArrayVariable

from brianbridge.errors import InputError, did_you_mean
from brianbridge.simulation.batched.delivery import Delivery
from brianbridge.simulation.batched.kernels import NO_MASK
from brianbridge.simulation.batched.spike_reader import SpikeReader, whole_group
from brianbridge.simulation.batched.spikes import SpikeList
from brianbridge.simulation.device import check_runtime_device

__all__ = ["BatchedProjection", "check_receive"]


class BatchedProjection(BrianObject):
    """Deliver spikes from one group to another, with the same weights for every sample.

    Parameters
    ----------
    source : brian2.NeuronGroup or any group that fires
        Group of ``samples*n`` neurons. Spikes of graded neurons count by their ``spike_value``.
    target : brian2.NeuronGroup or Subgroup
        Group of ``samples*m`` neurons.
    how : Delivery
        Weights and connection.
    receive : str
        The target's variable that weights are added to. If it is ``(unless refractory)``,
        refractory neurons receive nothing, as in Brian2.
    samples : int
        Number of samples in the groups.
    delay_steps : int
        Steps that a spike waits before it is delivered.
    when, order, name
        As for any Brian2 object; the defaults are those of `Synapses`.

    Raises
    ------
    InputError
        If sizes, variable or device do not fit.
    """

    add_to_magic_network = True

    def __init__(
        self,
        source: Any,
        target: Any,
        how: Delivery,
        *,
        receive: str,
        samples: int = 1,
        delay_steps: int = 0,
        when: str = "synapses",
        order: int = 0,
        name: str = "batched_projection*",
    ) -> None:
        what = f"projection from '{source.name}' to '{target.name}'"
        check_runtime_device(what, ", or use Synapses")
        _check_groups(what, source, target, how, receive, samples)
        super().__init__(clock=target.clock, when=when, order=order, name=name)
        self.source, self.target, self.receive = source, target, receive
        self.samples, self.how = samples, how
        self.add_dependency(source)
        self.add_dependency(target)
        self._waiting: list[SpikeList | None] = [None] * delay_steps

    def before_run(self, run_namespace: Any) -> None:
        """Find the arrays to write to; refuse a standalone device."""
        what = f"projection '{self.name}'"
        check_runtime_device(what, ", or use Synapses")
        _check_steps(what, self.source, self.target)
        variable = self.target.variables[self.receive]
        self._reader = SpikeReader(self.source, self.samples, variable.dtype)
        _, first = whole_group(self.target)
        part = slice(first, first + self.target.N)
        self._values = variable.get_value()[part].reshape(self.samples, -1)
        condition = variable.conditional_write
        self._mask = NO_MASK if condition is None else condition.get_value()[part]

    def run(self) -> None:
        """Deliver the spikes that arrive in this step."""
        spikes: SpikeList | None = self._reader.read()
        if self._waiting:
            self._waiting.append(spikes)
            spikes = self._waiting.pop(0)
        if spikes is not None and len(spikes.node):
            self.deliver(spikes)

    def deliver(self, spikes: SpikeList) -> None:
        """Add the weights of spikes to the target."""
        self.how.add(self._values, spikes, self._mask)

    def begin(self, numbers: np.ndarray) -> None:
        """Start a presentation of samples, given by their numbers in the data set."""
        self.forget()

    def forget(self) -> None:
        """Drop the spikes that have not arrived yet."""
        self._waiting = [None] * len(self._waiting)

    # Called by `Network.store` and `Network.restore`.

    def _full_state(self) -> list[SpikeList | None]:
        return list(self._waiting)

    def _restore_from_full_state(self, state: list[SpikeList | None] | None) -> None:
        if state is None:
            self.forget()
        else:
            self._waiting = list(state)


def _check_steps(what: str, source: Any, target: Any) -> None:
    one, other = (float(group.clock.dt_) for group in (source, target))
    if one != other:
        raise InputError(
            f"{what}: the source takes steps of {one * 1e3:g} ms, the target of "
            f"{other * 1e3:g} ms; give both the same dt"
        )


def _check_groups(
    what: str, source: Any, target: Any, how: Delivery, receive: str, samples: int
) -> None:
    for end, group, neurons in (("source", source, how.sources), ("target", target, how.targets)):
        if samples * neurons != group.N:
            raise InputError(
                f"{what}: the {end} has {group.N} neurons, but {samples} samples of {neurons} "
                f"need {samples * neurons}"
            )
    if not hasattr(source, "spike_list") and "_spikespace" not in source.variables:
        raise InputError(f"{what}: the source does not fire; give it a threshold")
    _check_steps(what, source, target)
    check_receive(what, target, receive)


def check_receive(what: str, target: Any, receive: str) -> None:
    """Refuse a variable that does not hold one real number for each neuron of the group."""
    if receive not in target.variables:
        names = [name for name in target.variables if not name.startswith("_")]
        raise InputError(
            f"{what}: there is no variable '{receive}'. " + did_you_mean(receive, names)
        )
    whole, _ = whole_group(target)
    variable = whole.variables[receive]
    fixed = not isinstance(variable, ArrayVariable) or variable.read_only or variable.scalar
    if fixed or variable.owner.name != whole.name or not np.issubdtype(variable.dtype, np.floating):
        raise InputError(
            f"{what}: weights cannot be added to '{receive}'; choose a variable of the target that "
            "holds one real number for each neuron and may be changed"
        )
