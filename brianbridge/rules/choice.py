"""Choose a learning rule that can train a given network."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from brianbridge.errors import InputError
from brianbridge.network import SpikingNetwork
from brianbridge.rules.base import LearningRule, learning_rule, rule_names
from brianbridge.twin.learn import Learn

__all__ = ["chosen_rule", "rules_for"]

#: The rule that is chosen where it can train, and the one that trains every network.
_FIRST, _OTHERWISE = "spike_count", "surrogate_gradient"


def chosen_rule(
    network: SpikingNetwork, learn: Mapping[str, Sequence[Learn]] | None = None
) -> LearningRule:
    """Return the rule that trains a network if none is named, and log which it is.

    It is ``spike_count`` for networks in the canonical order that this rule can train: layers of
    neurons with a threshold parameter. Otherwise it is ``surrogate_gradient``. A network that was
    read from Brian2 keeps its user's weights, from which spike counts may not learn.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    learn : mapping of str to sequence of Learn, optional
        Neuron parameters that are trained, too.

    Examples
    --------
    >>> import brianbridge as bb
    >>> layers = [bb.Dense(3, bb.neuron_model("lif")), bb.layers.Recurrent()]
    >>> net = bb.SpikingNetwork.sequential((2,), layers, encoding=bb.Current(5))
    >>> chosen_rule(net).name
    'surrogate_gradient'
    """
    why: object = _refusal(_FIRST, network, learn or {})
    if network.schedule != "canonical":
        why = "the network is in Brian2's order, and may have weights that counts cannot train"
    name = _FIRST if why is None else _OTHERWISE
    reason = "" if why is None else f" ({why})"
    logging.getLogger(__name__).info("learning rule: '%s'%s", name, reason)
    return learning_rule(name)


def rules_for(network: SpikingNetwork) -> tuple[str, ...]:
    """Return the names of the learning rules that can train a network with their default options.

    Examples
    --------
    >>> import brianbridge as bb
    >>> layers = [bb.Dense(3, bb.neuron_model("lif")), bb.Dense(2, bb.neuron_model("lif"))]
    >>> rules_for(bb.SpikingNetwork.sequential((2,), layers, encoding=bb.Current(5)))
    ('ottt', 'spike_count', 'surrogate_gradient')
    """
    return tuple(name for name in rule_names() if _refusal(name, network, {}) is None)


def _refusal(
    name: str, network: SpikingNetwork, learn: Mapping[str, Sequence[Learn]]
) -> InputError | None:
    """Return why a rule cannot train a network; None if it can."""
    try:
        learning_rule(name).check(network)
        learning_rule(name).check_learn(learn)
    except InputError as error:
        return error
    return None
