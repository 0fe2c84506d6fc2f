"""Learning rules, one a file.

A rule says how a twin's response and its gradient come about; `brianbridge.training` does the rest.
What only one rule uses lives beside it, in a folder: `single_spike`, `equilibrium`. May import
`twin`, `simulation` and all below them. A new rule is one file here with one subclass of
`LearningRule`; it is found by its ``name``.
"""

from brianbridge.rules.base import LearningRule, learning_rule, rule_names
from brianbridge.rules.equilibrium.implicit import Implicit
from brianbridge.rules.equilibrium.spide import Spide
from brianbridge.rules.leaky_backprop import LeakyBackprop
from brianbridge.rules.multi_threshold import MultiThreshold
from brianbridge.rules.single_spike.first_spike import FirstSpike
from brianbridge.rules.single_spike.vectorised import SingleSpikeVectorised
from brianbridge.rules.spike_count import SpikeCount
from brianbridge.rules.surrogate_gradient import SurrogateGradient

__all__ = [
    "FirstSpike",
    "Implicit",
    "LeakyBackprop",
    "LearningRule",
    "MultiThreshold",
    "SingleSpikeVectorised",
    "Spide",
    "SpikeCount",
    "SurrogateGradient",
    "learning_rule",
    "rule_names",
]
