"""Variables that all neurons share: the same as one for each neuron, all of equal value."""

from __future__ import annotations

import re

from brianbridge.errors import InputError
from brianbridge.neurons.description import NeuronDescription
from brianbridge.neurons.equations import flags_of, split_equations
from brianbridge.neurons.expressions import called_functions
from brianbridge.neurons.statements import parse_statements

__all__ = ["RANDOM", "without_shared"]

#: Functions that return another value on each call.
RANDOM = frozenset({"rand", "randn", "poisson"})
_FLAG = re.compile(r"\bshared\s*,\s*|\s*,\s*shared\b|\s*\(\s*shared\s*\)")


def without_shared(model: NeuronDescription, what: str) -> str:
    """Return the equations of a model without the flag ``(shared)``.

    Only code that runs regularly may set such a variable, from shared variables alone. So it
    always has one value, and each neuron may have it.

    Parameters
    ----------
    model : NeuronDescription
        The neuron; names have been checked.
    what : str
        The name of the model in error messages.

    Raises
    ------
    InputError
        If something else sets it, or it is random: Brian2 draws one number for all neurons.
    """
    shared = {name for name, flags in flags_of(model.equations).items() if "shared" in flags}
    if not shared:
        return model.equations
    codes = split_equations(model.equations, what)
    resets = [model.reset, *(one.code for one in model.events)]
    written = {s.target for code in resets for s in parse_statements(code, what)} | {model.receive}
    for name in sorted(written & shared):
        raise InputError(
            f"{what}: '{name}' has the flag (shared), which neither a reset nor synapses can set; "
            "drop the flag"
        )
    lines = [s for one in model.regular for s in parse_statements(one.code, what)]
    texts = [(name, codes[name]) for name in sorted(shared) if codes[name]]
    texts += [(s.target, s.expression) for s in lines if s.target in shared]
    for name, text in texts:
        if random := called_functions(text) & RANDOM:
            raise InputError(
                f"{what}: '{name}' has the flag (shared) and is random ({min(random)}), one number "
                "for all neurons; drop the flag, and each neuron draws its own"
            )
    return "\n".join(_FLAG.sub("", line) for line in model.equations.splitlines())
