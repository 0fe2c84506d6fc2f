"""Projections as Brian2 objects that hold their weights once for a whole batch of samples.

They stand beside ordinary Brian2 objects, in a `Network` or a `MagicNetwork`, where `Synapses`
would stand: a group of ``samples*n`` neurons is n neurons of one sample after another, and spikes
reach the neurons of their own sample only. `DenseProjection` is for plain scripts; the simulation
of a spiking network uses `BatchedProjection` with any connection.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import BrianObject, SpikeGeneratorGroup
from brian2.core.variables import ArrayVariable
from brian2.groups.subgroup import Subgroup

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network import Projection
from brianbridge.network.checks import steps_in
from brianbridge.neurons.model import SPIKE_VALUE
from brianbridge.neurons.quantities import seconds, unit_name
from brianbridge.simulation.batched import kernels
from brianbridge.simulation.batched.delivery import Delivery, delivery
from brianbridge.simulation.batched.kernels import NO_MASK, SpikeList
from brianbridge.simulation.device import check_runtime_device

__all__ = ["BatchedProjection", "DenseProjection", "SpikeReader"]


class SpikeReader:
    """Read the latest spikes of a group, step after step.

    Parameters
    ----------
    group : brian2.NeuronGroup or any group that fires
        Of ``samples*n`` neurons; or an object that has a `SpikeList` as ``spike_list``.
    samples : int
        How many samples it holds.
    dtype : numpy.dtype
        Type of spike values.
    """

    def __init__(self, group: Any, samples: int, dtype: Any) -> None:
        self._group, self._samples, self._neurons = group, samples, group.N // samples
        self._empty = np.empty(0, dtype)
        # All are looked up once: attributes of groups cost more than the rest of a step.
        self._listed = "spike_list" in vars(group)
        whole, self._first = _whole(group)
        graded = SPIKE_VALUE in group.variables
        self._values = group.variables[SPIKE_VALUE].get_value() if graded else None
        if not self._listed:
            self._space = whole.variables["_spikespace"].get_value()
            # Brian2 sorts those by time, also within a step.
            self._unsorted = isinstance(whole, SpikeGeneratorGroup)
            self._part = whole is not group

    def fired(self) -> np.ndarray:
        """Return the ascending indices of the neurons that fired."""
        fired = self._space[: self._space[-1]]
        if self._unsorted:
            fired = np.sort(fired)
        if self._part:
            ends = self._first, self._first + self._neurons * self._samples
            low, high = np.searchsorted(fired, ends)
            fired = fired[low:high] - self._first
        return fired

    def read(self) -> SpikeList:
        """Return the spikes, sample after sample."""
        if self._listed:
            return self._group.spike_list
        fired = self.fired()
        start, node = kernels.split(fired, len(fired), self._neurons, self._samples)
        if self._values is None:
            return SpikeList(start, node, self._empty)
        return SpikeList(start, node, self._values[fired + self._first].astype(self._empty.dtype))


def _whole(group: Any) -> tuple[Any, int]:
    """Return the group that a subgroup is part of, and where it begins there."""
    return (group.source, group.start) if isinstance(group, Subgroup) else (group, 0)


class BatchedProjection(BrianObject):
    """Deliver spikes from one group to another, with the same weights for every sample.

    Parameters
    ----------
    source : brian2.NeuronGroup or any group that fires
        Of ``samples*n`` neurons. Spikes of graded neurons count by their ``spike_value``.
    target : brian2.NeuronGroup or Subgroup
        Of ``samples*m`` neurons.
    how : Delivery
        Weights and connection.
    receive : str
        The target's variable that is added to. Where it is ``(unless refractory)``, refractory
        neurons receive nothing, as in Brian2.
    samples : int
        How many samples the groups hold.
    delay_steps : int
        Steps that a spike waits before it is delivered.
    when, order, name
        As for any Brian2 object; by default where synapses are.

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
        """Find the arrays that are written to, and refuse to be compiled."""
        what = f"projection '{self.name}'"
        check_runtime_device(what, ", or use Synapses")
        _check_steps(what, self.source, self.target)
        variable = self.target.variables[self.receive]
        self._reader = SpikeReader(self.source, self.samples, variable.dtype)
        _, first = _whole(self.target)
        part = slice(first, first + self.target.N)
        self._values = variable.get_value()[part].reshape(self.samples, -1)
        condition = variable.conditional_write
        self._mask = NO_MASK if condition is None else condition.get_value()[part]

    def run(self) -> None:
        """Deliver what arrives in this step."""
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
        """Start a presentation of the samples of these numbers in their data set."""
        self.forget()

    def forget(self) -> None:
        """Drop the spikes that are on their way."""
        self._waiting = [None] * len(self._waiting)

    # What `Network.store` and `Network.restore` ask for.

    def _full_state(self) -> list[SpikeList | None]:
        return list(self._waiting)

    def _restore_from_full_state(self, state: list[SpikeList | None] | None) -> None:
        if state is None:
            self.forget()
        else:
            self._waiting = list(state)


class DenseProjection(BatchedProjection):
    """Connect two groups all to all, by a matrix, with the same weights for every sample.

    It does what ``Synapses(source, target, "w : 1", on_pre="v_post += w")`` does, connected within
    each sample, and many times faster: see `BatchedProjection`.

    Parameters
    ----------
    source, target : brian2.NeuronGroup or Subgroup
        Of ``samples*n`` and ``samples*m`` neurons, sample after sample.
    weights : array or Quantity, shape (n, m)
        One row for each source neuron, in the order in which Brian2 lists synapses, and in the
        unit of the variable that receives.
    samples : int
        How many samples the groups hold.
    receive : str
        The target's variable that a weight adds to.
    delay : Quantity or float
        A multiple of the time step.
    when, order, name
        As for any Brian2 object; by default where synapses are.

    Raises
    ------
    InputError
        If sizes, units, variable or delay do not fit.

    Examples
    --------
    >>> from brian2 import Network, NeuronGroup, ms
    >>> source = NeuronGroup(2*3, "v : 1", threshold="v > 0", reset="v = 0")
    >>> target = NeuronGroup(2*2, "v : 1")
    >>> source.v = [0, 1, 1, 1, 0, 0]                       # two samples of three neurons
    >>> dense = DenseProjection(source, target, [[1, 2], [3, 4], [5, 6]], samples=2)
    >>> Network(source, target, dense).run(0.1*ms)
    >>> target.v[:]
    array([ 8., 10.,  1.,  2.])
    """

    def __init__(
        self,
        source: Any,
        target: Any,
        weights: Any,
        *,
        samples: int = 1,
        receive: str = "v",
        delay: Any = 0.0,
        when: str = "synapses",
        order: int = 0,
        name: str = "dense_projection*",
    ) -> None:
        what = f"projection from '{source.name}' to '{target.name}'"
        self._delay = seconds(delay, f"{what}: delay", zero=True)
        _check_receive(what, target, receive)
        try:
            matrix = np.asarray(weights, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"{what}: the weights are no numbers ({error})") from None
        _check_unit(what, weights, target, receive)
        if matrix.ndim != 2 or not np.isfinite(matrix).all():
            raise InputError(
                f"{what}: weights of shape {matrix.shape} are no matrix of finite numbers; give "
                "one row for each source neuron"
            )
        outputs, inputs = matrix.shape[::-1]
        dtype = target.variables[receive].dtype
        dense = delivery(Projection("a", "b", matrix.T), (inputs,), (outputs,), dtype)
        super().__init__(
            source, target, dense, receive=receive, samples=samples,
            delay_steps=self._steps(target, what), when=when, order=order, name=name,
        )  # fmt: skip

    def _steps(self, target: Any, what: str) -> int:
        return steps_in(self._delay, float(target.clock.dt_), f"{what}: delay")

    def before_run(self, run_namespace: Any) -> None:
        """Prepare for a run, whose time step may be another than before."""
        super().before_run(run_namespace)
        steps = self._steps(self.target, f"projection '{self.name}'")
        if steps != len(self._waiting):
            self._waiting = [None] * steps


def _check_steps(what: str, source: Any, target: Any) -> None:
    one, other = (float(group.clock.dt_) for group in (source, target))
    if one != other:
        raise InputError(
            f"{what}: the source takes steps of {one * 1e3:g} ms, the target of "
            f"{other * 1e3:g} ms; give both the same"
        )


def _check_groups(
    what: str, source: Any, target: Any, how: Delivery, receive: str, samples: int
) -> None:
    for end, group, neurons in (("source", source, how.sources), ("target", target, how.targets)):
        if samples * neurons != group.N:
            raise InputError(
                f"{what}: the {end} has {group.N} neurons; {samples} samples of {neurons} are "
                f"{samples * neurons}"
            )
    if not hasattr(source, "spike_list") and "_spikespace" not in source.variables:
        raise InputError(f"{what}: the source does not fire; give it a threshold")
    _check_steps(what, source, target)
    _check_receive(what, target, receive)


def _check_receive(what: str, target: Any, receive: str) -> None:
    """Require one number for each neuron that can be written to, owned by the group."""
    if receive not in target.variables:
        names = [name for name in target.variables if not name.startswith("_")]
        raise InputError(
            f"{what}: there is no variable '{receive}'. " + did_you_mean(receive, names)
        )
    whole, _ = _whole(target)
    variable = whole.variables[receive]
    fixed = not isinstance(variable, ArrayVariable) or variable.read_only or variable.scalar
    if fixed or variable.owner.name != whole.name or not np.issubdtype(variable.dtype, np.floating):
        raise InputError(
            f"{what}: weights cannot add to '{receive}', which is no variable of its own for each "
            "neuron of the target, or no real number"
        )


def _check_unit(what: str, weights: Any, target: Any, receive: str) -> None:
    from brian2 import get_dimensions

    wanted, given = target.variables[receive].dim, get_dimensions(weights)
    if wanted is not given:
        raise InputError(
            f"{what}: weights in {unit_name(given)} for '{receive}', which is in "
            f"{unit_name(wanted)}"
        )
