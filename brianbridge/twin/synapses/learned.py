"""Which values of synapses with a model can be learned."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network import SpikingNetwork
from brianbridge.network.synapses import SynapseModel

__all__ = ["check_learned_synapses", "check_not_copied"]


def check_learned_synapses(model: SynapseModel | None, names: Collection[str], what: str) -> None:
    """Refuse what synapses cannot learn.

    Parameters
    ----------
    model : SynapseModel
        The synapses.
    names : collection of str
        Their constants, or variables whose initial value is learned.
    what : str
        What they belong to, for messages.

    Raises
    ------
    InputError
        If there is no such constant or variable, it is the weight, or no real number.
    """
    from brian2 import Equations

    assert model is not None, "only projections with a model have parameters"
    known = [*model.constants, *model.variables]
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known)
            raise InputError(f"{what} has no parameter '{name}' to learn. {hint}")
        if name == model.trained:
            raise InputError(f"{what}: '{name}' is its weight, which is trained; leave it out")
        if name.endswith(("_of_source", "_of_target")):
            raise InputError(
                f"{what}: '{name}' is a copy of a parameter of neurons; leave it out, or give the "
                "synapses a parameter of their own"
            )
        if name in model.variables and Equations(model.equations)[name].var_type != "float":
            raise InputError(
                f"{what}: '{name}' is no real number, and has no gradient; leave it out"
            )


def check_not_copied(
    network: SpikingNetwork,
    learned: Mapping[str, Sequence[str]],
    states: Mapping[str, Collection[str]],
) -> None:
    """Refuse parameters of neurons that the code of synapses reads, which has their old values.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    learned : mapping of str to sequence of str
        What each population learns.
    states : mapping of str to collection of str
        The variables of each population that change.
    """
    for projection in network.modelled:
        model = projection.model
        assert model is not None
        text = "\n".join([model.equations, *(pathway.code for pathway in model.pathways)])
        for side, end, owner in (
            ("source", "pre", projection.source),
            ("target", "post", projection.target),
        ):
            for name in learned.get(owner, ()):
                read = re.search(rf"\b{name}_{end}\b", text) and name not in states[owner]
                if read or f"{name}_of_{side}" in model.variables:
                    raise InputError(
                        f"learn: the synapses of projection '{projection.name}' read '{name}' of "
                        f"population '{owner}', and would keep its old value; leave it out, or "
                        "give the synapses a parameter of their own"
                    )
