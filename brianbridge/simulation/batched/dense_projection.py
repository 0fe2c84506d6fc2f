"""A dense projection for plain Brian2 scripts: a matrix of weights for a whole batch."""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import get_dimensions

from brianbridge.errors import InputError
from brianbridge.network import Projection
from brianbridge.network.delays import steps_in
from brianbridge.neurons.quantities import seconds, unit_name
from brianbridge.simulation.batched.delivery import delivery
from brianbridge.simulation.batched.projections import BatchedProjection, check_receive

__all__ = ["DenseProjection"]


class DenseProjection(BatchedProjection):
    """Connect two groups all to all, by a matrix, with the same weights for every sample.

    The effect is that of ``Synapses(source, target, "w : 1", on_pre="v_post += w")``, connected
    within each sample, but it is many times faster: see `BatchedProjection`.

    Parameters
    ----------
    source, target : brian2.NeuronGroup or Subgroup
        Groups of ``samples*n`` and ``samples*m`` neurons, sample after sample.
    weights : array or Quantity, shape (m, n)
        One row for each target neuron, as in `brianbridge.connections.Projection` and in torch,
        in the unit of the receiving variable.
    samples : int
        Number of samples in the groups.
    receive : str
        The target's variable that a weight adds to.
    delay : Quantity or float
        Delay of all spikes, a multiple of the time step (seconds if a number).
    when, order, name
        As for any Brian2 object; the defaults are those of `Synapses`.

    Raises
    ------
    InputError
        If sizes, units, variable or delay do not fit, or the rows are those of source neurons.

    Examples
    --------
    >>> from brian2 import Network, NeuronGroup, ms
    >>> source = NeuronGroup(2*3, "v : 1", threshold="v > 0", reset="v = 0")
    >>> target = NeuronGroup(2*2, "v : 1")
    >>> source.v = [0, 1, 1, 1, 0, 0]                       # two samples of three neurons
    >>> dense = DenseProjection(source, target, [[1, 3, 5], [2, 4, 6]], samples=2)
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
        check_receive(what, target, receive)
        try:
            matrix = np.asarray(weights, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"{what}: the weights are not numbers ({error})") from None
        _check_unit(what, weights, target, receive)
        if matrix.ndim != 2 or not np.isfinite(matrix).all():
            raise InputError(
                f"{what}: weights of shape {matrix.shape} are not a matrix of finite numbers; give "
                "one row for each target neuron"
            )
        outputs, inputs = matrix.shape
        _check_orientation(what, matrix.shape, len(source), len(target), samples)
        dtype = target.variables[receive].dtype
        dense = delivery(Projection("a", "b", matrix), (inputs,), (outputs,), dtype)
        super().__init__(
            source, target, dense, receive=receive, samples=samples,
            delay_steps=self._steps(target, what), when=when, order=order, name=name,
        )  # fmt: skip

    def _steps(self, target: Any, what: str) -> int:
        return steps_in(self._delay, float(target.clock.dt_), f"{what}: delay")

    def before_run(self, run_namespace: Any) -> None:
        """Prepare for a run, whose time step may have changed."""
        super().before_run(run_namespace)
        steps = self._steps(self.target, f"projection '{self.name}'")
        if steps != len(self._waiting):
            self._waiting = [None] * steps


def _check_orientation(
    what: str, shape: tuple[int, int], sources: int, targets: int, samples: int
) -> None:
    """Refuse a matrix whose rows are those of source neurons."""
    rows, columns = shape
    if rows != columns and (rows * samples, columns * samples) == (sources, targets):
        raise InputError(
            f"{what}: weights of shape {shape} are (sources, targets); give (targets, sources), "
            f"that is weights.T, of shape {(columns, rows)}"
        )


def _check_unit(what: str, weights: Any, target: Any, receive: str) -> None:
    wanted, given = target.variables[receive].dim, get_dimensions(weights)
    if wanted is not given:
        raise InputError(
            f"{what}: weights in {unit_name(given)} for '{receive}', which is in "
            f"{unit_name(wanted)}"
        )
