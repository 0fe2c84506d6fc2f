"""Read one `NeuronGroup` as a population; features that populations lack are refused by name."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.network import Population, Projection
from brianbridge.neurons.model import SPIKE_VALUE, NeuronModel
from brianbridge.readable import in_ms
from brianbridge.simulation.reader.after_run import STORE

__all__ = ["check_regular", "read_group"]


def read_group(
    group: Any,
    projections: Sequence[Projection],
    outer: Mapping[str, Any],
    potential: str = "",
    followed: Collection[str] = (),
) -> Population:
    """Return a group as a population of the same name.

    Parameters
    ----------
    group : brian2.NeuronGroup
        A group that has not run.
    projections : sequence of Projection
        All projections of the network; those to the group define the variable that receives.
    outer : mapping
        Constants that the namespace of the group does not have.
    potential : str
        The variable that is the membrane potential, if the caller names it.
    followed : collection of str
        Its linked variables that follow a change in another group.

    Raises
    ------
    InputError
        If it has fired already, or does more than its equations, threshold and reset.
    """
    what = f"group '{group.name}'"
    expected = [("groups", group.state_updater), ("before_start", group.subexpression_updater)]
    expected += [("thresholds", group.thresholder.get("spike"))]
    # Groups with graded spikes reset right after their threshold, which sets the spike values.
    resets = "thresholds" if SPIKE_VALUE in group.variables else "resets"
    expected += [(resets, group.resetter.get("spike"))]
    for slot, part in expected:
        if part is not None and part.when != slot:
            raise InputError(
                f"{what}: '{part.name}' runs in '{part.when}'; only Brian2's default schedule can "
                f"be read, in which it runs in '{slot}'"
            )
    if "lastspike" in group.variables and np.any(group.variables["lastspike"].get_value() >= 0):
        raise InputError(
            f"{what} has fired already, but a presentation starts without refractory neurons; "
            f"{STORE}"
        )
    received = [p.receive for p in projections if p.target == group.name and p.receive]
    receive = received[0] if received else None
    model = NeuronModel.from_group(
        group, receive=receive, potential=potential, namespace=outer, followed=followed
    )
    return Population(group.name, (len(group),), model)


def check_regular(population: Population, clock: float, step: float) -> None:
    """Refuse code that runs more often than once in a step, or in between.

    Parameters
    ----------
    population : Population
        A population of the network.
    clock, step : float
        Step of the user's network, and of the twin, in seconds.
    """
    for code in population.neuron.regular:
        try:
            code.steps(step)
        except InputError as error:
            fine = math.gcd(round(code.period / clock), round(step / clock)) * clock
            raise InputError(
                f"group '{population.name}': {error}, or read the network with dt={in_ms(fine)}"
            ) from None
