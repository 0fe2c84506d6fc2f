"""Give Brian2's groups and synapses random numbers from counters, in place of a global stream.

NumPy runs the statements that Brian2 generates. Only what ``rand()``, ``randn()`` (and so ``xi``)
and ``poisson()`` return is ours; see `brianbridge.simulation.counter_random`. Both paths draw the
same numbers, so that their spikes are equal under noise, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np
from brian2 import Clock, PoissonGroup
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.core.functions import DEFAULT_FUNCTIONS, Function

from brianbridge.errors import InputError
from brianbridge.network.connections import SynapseTable
from brianbridge.simulation.batched.fates import copies_of, fates
from brianbridge.simulation.counter_random import (
    drawn,
    key_of,
    keys_of_samples,
    normals,
    poisson_numbers,
    uniforms,
    uniforms_at,
)
from brianbridge.simulation.group_code import calls, parts_of, random_functions

__all__ = ["Presentation", "draw_by_counter", "fates_by_counter"]


class Presentation:
    """Know which samples are presented, and at which step.

    Parameters
    ----------
    clock : brian2.Clock
        The clock of the simulation.
    steps : int
        Brian2's steps of a presentation; one run may present several, one after another.
    """

    def __init__(self, clock: Clock, steps: int) -> None:
        self._timestep = clock.variables["timestep"].get_value()
        self._steps = steps
        #: Numbers of the samples in their data set; those of samples that are missing are 0.
        self.numbers = np.zeros(0, np.int64)

    def begin(self, numbers: np.ndarray, batch: int) -> None:
        """Present the samples of these numbers, of a batch that may have more."""
        self.numbers = np.zeros(batch, np.int64)
        self.numbers[: len(numbers)] = numbers

    @property
    def step(self) -> int:
        """The step since the presentation began."""
        return int(self._timestep[0]) % self._steps


class _Uniform(Protocol):
    """Return uniform numbers for the neurons or synapses `places`, in the draw of this number."""

    def __call__(self, draw: int, places: Any) -> np.ndarray: ...


class _OfNeurons:
    """Draw for the neurons of a group; see `_Uniform`."""

    def __init__(self, key: np.uint64, neurons: int, now: Presentation) -> None:
        self._key, self._neurons, self._now = key, neurons, now

    def __call__(self, draw: int, places: Any) -> np.ndarray:
        now = self._now
        keys = keys_of_samples(np.uint64(drawn(self._key, draw)), now.numbers, now.step)
        if isinstance(places, np.ndarray):
            return np.asarray(uniforms_at(keys, self._neurons, places))
        return np.asarray(uniforms(keys, self._neurons))


class _OfSynapses:
    """Draw the fates of spikes at synapses, as the batched path does; see `_Uniform`."""

    def __init__(self, key: int, table: SynapseTable, targets: int, now: Presentation) -> None:
        self._key, self._now = np.uint64(key), now
        self._source = table.source.astype(np.int64)
        self._place = table.target + copies_of(table) * np.int64(targets)

    def __call__(self, draw: int, places: Any) -> np.ndarray:
        sample, synapse = np.divmod(np.atleast_1d(places), len(self._source))
        keys = keys_of_samples(self._key, self._now.numbers, self._now.step)
        return np.asarray(fates(keys[sample], self._source[synapse], self._place[synapse]))


class _Drawing(NumpyCodeObject):
    """Run Brian2's statements by NumPy, with random numbers from counters."""

    uniform: _Uniform
    _draw = 0

    def variables_to_namespace(self) -> None:
        super().variables_to_namespace()
        ways = {"rand": self._rand, "randn": self._randn, "poisson": self._poisson}
        for name, variable in self.variables.items():
            if isinstance(variable, Function) and not variable.stateless:
                known = [way for way in ways if variable is DEFAULT_FUNCTIONS[way]]
                if not known:
                    raise InputError(
                        f"'{self.owner.name}': {name}() draws random numbers of its own; use "
                        "rand(), randn() or poisson()"
                    )
                self.namespace[name] = ways[known[0]]

    def run(self) -> Any:
        """Run one step."""
        self._draw = 0
        return super().run()

    def _rand(self, places: Any) -> np.ndarray:
        # The n-th call within a step is the same place in the code: statements never branch.
        self._draw += 1
        return self.uniform(self._draw - 1, places)

    def _randn(self, places: Any) -> np.ndarray:
        return np.asarray(normals(self._rand(places)))

    def _poisson(self, mean: Any, places: Any) -> np.ndarray:
        return poisson_numbers(self._rand(places), mean)


def _drawing(uniform: _Uniform) -> type[NumpyCodeObject]:
    """Return the class of code objects whose random numbers come from `uniform`."""
    # Brian2 makes the object itself, and takes nothing but a class.
    return type("Drawing", (_Drawing,), {"uniform": staticmethod(uniform)})


def draw_by_counter(groups: Mapping[str, Any], seed: int, batch: int, now: Presentation) -> None:
    """Let all groups draw their random numbers from counters.

    Parameters
    ----------
    groups : mapping of str to brian2.NeuronGroup or brian2.PoissonGroup
        By population, each of ``batch*n`` neurons.
    seed : int
        Of the random numbers.
    batch : int
        Samples presented at once.
    now : Presentation
        Which samples those are.

    Raises
    ------
    InputError
        If Brian2 integrates equations with random numbers by GSL.
    """
    for name, group in groups.items():
        for part, runner in _random_parts(group).items():
            if str(getattr(runner, "method_choice", "")).startswith("gsl"):
                raise InputError(
                    f"population '{name}': GSL cannot integrate random numbers; use method 'euler'"
                )
            key = key_of(seed, name, part)
            runner.codeobj_class = _drawing(_OfNeurons(key, group.N // batch, now))


def _random_parts(group: Any) -> dict[str, Any]:
    """Return the parts of a group whose code draws random numbers, by name."""
    if isinstance(group, PoissonGroup):
        return {"threshold": group.thresholder["spike"]}
    return {
        name: runner
        for name, (runner, code) in parts_of(group).items()
        if calls(code, group.variables) & random_functions()
        or (runner is group.state_updater and group.equations.is_stochastic)
    }


def fates_by_counter(
    synapses: Iterable[tuple[Any, SynapseTable, int]], batch: int, now: Presentation
) -> None:
    """Let spikes fail where they do on the batched path.

    Parameters
    ----------
    synapses : iterable of (brian2.Synapses, SynapseTable, int)
        Synapses whose code compares ``rand()`` with a probability, those of one sample as a table,
        and the key of their `Failure`.
    batch : int
        Samples presented at once.
    now : Presentation
        Which samples those are.
    """
    for synapse, table, key in synapses:
        targets = synapse.target.N // batch
        synapse.pre.codeobj_class = _drawing(_OfSynapses(key, table, targets, now))
