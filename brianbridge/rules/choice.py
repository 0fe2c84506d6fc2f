"""Choose a learning rule that can train a given network."""

from __future__ import annotations

import logging

from brianbridge.errors import InputError
from brianbridge.network import SpikingNetwork
from brianbridge.rules.base import LearningRule, learning_rule, rule_names

__all__ = ["chosen_rule", "rules_for"]

#: The rules that are chosen, in this order. The last trains every network.
_ORDER = ("spike_count", "surrogate_gradient")


def chosen_rule(network: SpikingNetwork) -> LearningRule:
    """Return the rule that trains a network if none is named, and log which it is.

    It is ``spike_count`` if that rule can train the network: neurons in layers, with a threshold
    parameter. Otherwise it is ``surrogate_gradient``.

    Examples
    --------
    >>> import brianbridge as bb
    >>> layers = [bb.Dense(3, bb.neuron_model("lif")), bb.layers.Recurrent()]
    >>> net = bb.SpikingNetwork.sequential((2,), layers, encoding=bb.Current(5))
    >>> chosen_rule(net).name
    'surrogate_gradient'
    """
    *others, last = _ORDER
    found = next((name for name in others if _refusal(name, network) is None), last)
    reasons = [f"; {_refusal(name, network)}" for name in others if name != found]
    logging.getLogger(__name__).info("learning rule: '%s'%s", found, "".join(reasons))
    return learning_rule(found)


def rules_for(network: SpikingNetwork) -> tuple[str, ...]:
    """Return the names of the learning rules that can train a network with their default options.

    Examples
    --------
    >>> import brianbridge as bb
    >>> layers = [bb.Dense(3, bb.neuron_model("lif")), bb.Dense(2, bb.neuron_model("lif"))]
    >>> rules_for(bb.SpikingNetwork.sequential((2,), layers, encoding=bb.Current(5)))
    ('spike_count', 'surrogate_gradient')
    """
    return tuple(name for name in rule_names() if _refusal(name, network) is None)


def _refusal(name: str, network: SpikingNetwork) -> InputError | None:
    """Return why a rule cannot train a network; None if it can."""
    try:
        learning_rule(name).check(network)
    except InputError as error:
        return error
    return None
