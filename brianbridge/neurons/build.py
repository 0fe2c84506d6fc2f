"""Build a Brian2 `NeuronGroup` from the description of a neuron."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.neurons.description import SPIKE_VALUE, NeuronDescription
from brianbridge.neurons.equations import split_equations
from brianbridge.neurons.expressions import substitute_name
from brianbridge.neurons.quantities import si_array, unit_of
from brianbridge.neurons.statements import without_aliases

__all__ = ["build_group"]


def build_group(
    model: NeuronDescription, n: int, *, fires: bool = True, samples: int = 1, **keywords: Any
) -> Any:
    """Build an ordinary Brian2 `NeuronGroup` of `n` neurons in their initial state.

    Parameters
    ----------
    model : NeuronDescription
        The neuron.
    n : int
        Number of neurons. If parameters are arrays, a multiple of their length.
    fires : bool
        Whether the neurons have a threshold and a reset.
    samples : int
        How many times the population is repeated among the `n` neurons, once for each sample. The
        index ``i`` and the number ``N`` of the equations are those of one sample.
    **keywords
        Further arguments of `NeuronGroup` (``name``, ``order``, ``dt``, ``clock``, ...).

    Returns
    -------
    brian2.NeuronGroup

    Raises
    ------
    InputError
        If `n` is not a multiple of the length of an array.
    """
    from brian2 import NeuronGroup, second

    from brianbridge.neurons import conditional, propagator  # noqa: F401  (they register their methods)

    arrays = {**model.heterogeneous, **model.initial}
    for key, values in arrays.items():
        if n % np.size(values):
            raise InputError(
                f"{model.label}: '{key}' has {np.size(values)} values for {n} neurons; give one "
                "value for each neuron, or a single one for all"
            )
    own = _index_of_sample(model, n // samples) if samples > 1 else _OwnIndex()
    firing = {k: own(v) for k, v in (_firing(model) if fires and model.emit else {}).items()}
    equations = own(model.equations)
    equations = "\n".join([equations, *own.declarations, *_declarations(model.heterogeneous)])
    if firing and not model.is_binary:
        equations += f"\n{SPIKE_VALUE} : 1"
    if "refractory" not in firing:
        equations = equations.replace("(unless refractory)", "")
    group = NeuronGroup(
        n,
        equations,
        method=model.brian2_method,
        namespace={
            **{k: v for k, v in model.parameters.items() if np.ndim(v) == 0},
            **{k: v.function(k) for k, v in model.timed_arrays.items()},
            **{k: v.brian2 for k, v in model.user_functions.items()},
            **own.constants,
        },
        **firing,
        **({"events": {e.name: own(e.condition) for e in model.events}} if model.events else {}),
        **keywords,
    )
    for event in model.events:
        group.run_on_event(event.name, own(without_aliases(event.code)))
    if firing and not model.is_binary:
        # Reset right after the threshold, so that synapses see the new spike value.
        group.resetter["spike"].when = "thresholds"
        group.resetter["spike"].order = group.order + 1
    for one in model.regular:
        # Clocks of their own only where needed: Brian2 runs networks of one clock faster.
        group.run_regularly(
            own(without_aliases(one.code)),
            dt=None if one.period is None else one.period * second,
            when="start",
            codeobj_class=keywords.get("codeobj_class"),
        )
    for key, values in {**arrays, **own.arrays}.items():
        group.variables[key].set_value(np.resize(si_array(values), n))
    return group


@dataclass(frozen=True)
class _OwnIndex:
    """Replace Brian2's ``i`` and ``N`` in code, where a group holds several samples.

    Parameters
    ----------
    names : mapping of str to str
        What stands for ``i`` and ``N``.
    size : int
        Number of neurons in one sample.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    size: int = 0

    def __call__(self, code: Any) -> Any:
        """Return the code with the names replaced; a refractory period may be no code."""
        for name, other in self.names.items():
            code = substitute_name(code, name, other) if isinstance(code, str) else code
        return code

    @property
    def declarations(self) -> list[str]:
        """The equation that declares the index."""
        return [f"{self.names['i']} : integer (constant)"] if "i" in self.names else []

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The index of each neuron of a sample."""
        return {self.names["i"]: np.arange(self.size)} if "i" in self.names else {}

    @property
    def constants(self) -> dict[str, int]:
        """The number of neurons of a sample."""
        return {self.names["N"]: self.size} if "N" in self.names else {}


def _index_of_sample(model: NeuronDescription, size: int) -> _OwnIndex:
    """Return free names that replace the index names of a model."""
    taken, names = model.names | {*model.parameters}, {}
    for name, other in (("i", "index_in_sample"), ("N", "size_of_sample")):
        while other in taken:
            other += "_"
        if name in taken:
            names[name] = other
    return _OwnIndex(names, size)


def _declarations(heterogeneous: Mapping[str, Any]) -> list[str]:
    """Return the equations that declare the parameters that differ between neurons."""
    lines = []
    for key, values in heterogeneous.items():
        condition = np.asarray(values).dtype == bool
        unit = "boolean" if condition else unit_of(values)
        lines.append(f"{key} : {unit} (constant)")
    return lines


def _firing(model: NeuronDescription) -> dict[str, Any]:
    """Return the threshold, the reset and the refractory period as `NeuronGroup` takes them."""
    reset = substitute_name(model.reset, "emit", "1" if model.is_binary else SPIKE_VALUE)
    if not model.is_binary:
        reset = f"{SPIKE_VALUE} = {model.emit}\n{reset}"
    equations = split_equations(model.equations, model.label)
    subexpressions = {k: v for k, v in equations.items() if k not in model.state_variables}
    arguments = {
        "threshold": model.threshold_condition,
        "reset": without_aliases(reset, subexpressions),
    }
    if model.refractory is not None:
        arguments["refractory"] = model.refractory
    return arguments
