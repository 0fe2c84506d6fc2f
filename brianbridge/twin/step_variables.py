"""Sort the variables of a neuron by their role in the torch step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from brianbridge.neurons.model import SPIKE_VALUE, NeuronModel
from brianbridge.twin.step_code import StepCode

__all__ = ["StepVariables", "shared_and_each"]


class StepVariables:
    """Sort the variables of a neuron by their role in the step.

    Parameters
    ----------
    model : NeuronModel
        The neuron.
    group : brian2.NeuronGroup
        A group of such neurons.
    known : dict of str to brian2 Variable or Function
        What every name refers to.
    code : StepCode
        The statements of a step.
    received : sequence of str
        The variables that spikes add to.
    refractory : bool
        Whether the neurons fire and have a refractory period.
    learned : frozenset of str
        Constants that are arguments of the step even if all neurons share them.

    Attributes
    ----------
    state : tuple of str
        Variables that a step changes.
    inputs : tuple of str
        Variables that stay constant during a presentation: the drive.
    numbers : dict of str to float
        Constants that all neurons share.
    arrays : dict of str to numpy.ndarray, shape (neurons,) or ()
        Constants that differ between neurons or are learned.
    received : dict of str to str
        The argument of the step for each variable that spikes add to.
    spiked : str
        Name of the condition that a neuron has fired.
    """

    def __init__(
        self,
        model: NeuronModel,
        group: Any,
        known: dict[str, Any],
        code: StepCode,
        received: Sequence[str],
        refractory: bool,
        learned: frozenset[str] = frozenset(),
    ) -> None:
        from brian2.core.variables import ArrayVariable

        declared = {n for n in group.equations.names if n in group.variables} - {SPIKE_VALUE}
        arrays = {n for n in declared if isinstance(group.variables[n], ArrayVariable)}
        arrays -= set(model.heterogeneous)
        assigned = code.assigned_names() | {*received} | ({"lastspike"} if refractory else set())
        used = code.used_names()
        self._taken = {*known, *used, *(s.var for s in code.all)}
        happening = [one.happens for one in code.events]
        self.state = tuple(sorted(arrays & assigned)) + tuple(happening)
        self.inputs = tuple(sorted((arrays - set(self.state)) & (used | {model.drive} - {""})))
        one = len(received) == 1
        self.received = {n: self.unused("x" if one else f"x_{n}") for n in received}
        self.spiked = self.unused("spiked")
        constants = (used - arrays - {"t", "emit"}) & set(known)
        self.numbers, self.arrays = shared_and_each(known, constants)
        for name in sorted(learned & set(self.numbers)):
            self.arrays[name] = np.array(self.numbers.pop(name))

    def unused(self, name: str) -> str:
        """Return `name`, with underscores added if the model uses it."""
        while name in self._taken:
            name += "_"
        return name


def shared_and_each(
    known: Mapping[str, Any], names: set[str]
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Return the constants that neurons share, and those that differ between neurons."""
    from brian2.core.variables import ArrayVariable, Constant

    numbers: dict[str, float] = {}
    arrays: dict[str, np.ndarray] = {}
    for name in sorted(names):
        variable = known[name]
        if isinstance(variable, Constant) or getattr(variable, "scalar", False):
            numbers[name] = float(np.ravel(variable.get_value())[0])
        elif isinstance(variable, ArrayVariable):
            values = np.array(variable.get_value())
            arrays[name] = values if values.dtype == bool else values.astype(np.float64)
    return numbers, arrays
