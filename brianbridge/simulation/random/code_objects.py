"""Brian2 code objects whose random numbers come from counters, not from a global stream.

NumPy runs the statements that Brian2 generates. Only the values of ``rand()``, ``randn()`` (hence
``xi``) and ``poisson()`` are replaced; see `brianbridge.counters`. Both paths use
the same numbers, and thus emit equal spikes under noise, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np
from brian2 import Clock, PoissonGroup
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.core.functions import DEFAULT_FUNCTIONS, Function
from brian2.groups.group import CodeRunner

from brianbridge.counters import (
    draw,
    key_of,
    sample_keys,
    uniforms,
    uniforms_at,
)
from brianbridge.distributions import normals, poisson_numbers
from brianbridge.errors import InputError
from brianbridge.kernels.fates import copies_of, fates
from brianbridge.network.connections import SynapseTable
from brianbridge.simulation.code_runners import called_functions, code_runners, random_functions

__all__ = ["Presentation", "draw_by_counter", "fates_by_counter"]


class Presentation:
    """Hold the samples that are presented, and the present step.

    Parameters
    ----------
    clock : brian2.Clock
        The clock of the simulation.
    steps : int
        Number of Brian2's steps in a presentation; one run may hold several in sequence.
    """

    def __init__(self, clock: Clock, steps: int) -> None:
        self._timestep = clock.variables["timestep"].get_value()
        self._steps = steps
        #: Number of each sample in its data set; 0 for missing samples of the batch.
        self.numbers = np.zeros(0, np.int64)

    def begin(self, numbers: np.ndarray, batch: int) -> None:
        """Start the presentation of samples, which may be fewer than the batch."""
        self.numbers = np.zeros(batch, np.int64)
        self.numbers[: len(numbers)] = numbers

    @property
    def step(self) -> int:
        """The number of steps since the presentation began."""
        return int(self._timestep[0]) % self._steps


class _Uniform(Protocol):
    """Return the uniform numbers of neurons or synapses, for one call in the code of a step."""

    def __call__(self, call: int, indices: Any) -> np.ndarray: ...


class _NeuronUniforms:
    """Draw numbers for the neurons of a group; see `_Uniform`."""

    def __init__(self, key: np.uint64, neurons: int, now: Presentation) -> None:
        self._key, self._neurons, self._now = key, neurons, now

    def __call__(self, call: int, indices: Any) -> np.ndarray:
        now = self._now
        keys = sample_keys(np.uint64(draw(self._key, call)), now.numbers, now.step)
        # Brian2's range of all neurons need not become an array. Code that changes a variable with
        # the flag (unless refractory) calls with a part of the range.
        if isinstance(indices, np.ndarray) or getattr(indices, "indices", None) is not None:
            return np.asarray(uniforms_at(keys, self._neurons, np.asarray(indices, np.int64)))
        return np.asarray(uniforms(keys, self._neurons))


class _SynapseUniforms:
    """Draw which spikes pass their synapses, as the batched path does; see `_Uniform`."""

    def __init__(self, key: int, table: SynapseTable, targets: int, now: Presentation) -> None:
        self._key, self._now = np.uint64(key), now
        self._source = table.source.astype(np.int64)
        self._number = table.target + copies_of(table) * np.int64(targets)

    def __call__(self, call: int, indices: Any) -> np.ndarray:
        sample, synapse = np.divmod(np.atleast_1d(indices), len(self._source))
        keys = sample_keys(self._key, self._now.numbers, self._now.step)
        return np.asarray(fates(keys[sample], self._source[synapse], self._number[synapse]))


class _CounterCodeObject(NumpyCodeObject):
    """Run Brian2's statements in NumPy, with random numbers from counters."""

    uniform: _Uniform
    _call = 0

    def variables_to_namespace(self) -> None:
        super().variables_to_namespace()
        ways = {"rand": self._rand, "randn": self._randn, "poisson": self._poisson}
        for name, variable in self.variables.items():
            if isinstance(variable, Function) and not variable.stateless:
                known = [way for way in ways if variable is DEFAULT_FUNCTIONS[way]]
                if not known:
                    raise InputError(
                        f"'{self.owner.name}': {name}() draws random numbers in a way that is not "
                        "supported; use rand(), randn() or poisson()"
                    )
                self.namespace[name] = ways[known[0]]

    def run(self) -> Any:
        """Run one step."""
        self._call = 0
        return super().run()

    def _rand(self, indices: Any) -> np.ndarray:
        # The n-th call of a step is always at the same position: statements never branch.
        self._call += 1
        return self.uniform(self._call - 1, indices)

    def _randn(self, indices: Any) -> np.ndarray:
        return np.asarray(normals(self._rand(indices)))

    def _poisson(self, mean: Any, indices: Any) -> np.ndarray:
        return poisson_numbers(self._rand(indices), mean)


def _code_object_class(uniform: _Uniform) -> type[NumpyCodeObject]:
    """Return a class of code objects whose random numbers come from `uniform`."""
    # Brian2 creates the object itself, from a class.
    return type("CounterCodeObject", (_CounterCodeObject,), {"uniform": staticmethod(uniform)})


def draw_by_counter(groups: Mapping[str, Any], seed: int, batch: int, now: Presentation) -> None:
    """Make all groups draw their random numbers from counters.

    Parameters
    ----------
    groups : mapping of str to brian2.NeuronGroup or brian2.PoissonGroup
        Groups by population, each of ``batch*n`` neurons.
    seed : int
        Seed of the random numbers.
    batch : int
        Number of samples presented at once.
    now : Presentation
        The samples that are presented.

    Raises
    ------
    InputError
        If GSL is to integrate equations with random numbers.
    """
    for name, group in groups.items():
        for part, runner in _random_parts(group).items():
            if str(getattr(runner, "method_choice", "")).startswith("gsl"):
                raise InputError(
                    f"population '{name}': GSL cannot integrate random numbers; use method 'euler'"
                )
            key = key_of(seed, name, part)
            runner.codeobj_class = _code_object_class(_NeuronUniforms(key, group.N // batch, now))


def _random_parts(group: Any) -> dict[str, Any]:
    """Return the code runners of a group whose code draws random numbers, by name."""
    if isinstance(group, PoissonGroup):
        return {"threshold": group.thresholder["spike"]}
    regularly = [part for part in group.contained_objects if type(part) is CodeRunner]
    parts = {**code_runners(group)}
    parts |= {f"regular {k}": (one, [one.abstract_code]) for k, one in enumerate(regularly)}
    return {
        name: runner
        for name, (runner, code) in parts.items()
        if called_functions(code, group.variables) & random_functions()
        or (runner is group.state_updater and group.equations.is_stochastic)
    }


def fates_by_counter(
    synapses: Iterable[tuple[Any, SynapseTable, int]], batch: int, now: Presentation
) -> None:
    """Make spikes fail at the same synapses as on the batched path.

    Parameters
    ----------
    synapses : iterable of (brian2.Synapses, SynapseTable, int)
        Synapses whose code compares ``rand()`` with a probability, the table of the synapses of one
        sample, and the key of their `Failure`.
    batch : int
        Number of samples presented at once.
    now : Presentation
        The samples that are presented.
    """
    for synapse, table, key in synapses:
        targets = synapse.target.N // batch
        synapse.pre.codeobj_class = _code_object_class(_SynapseUniforms(key, table, targets, now))
