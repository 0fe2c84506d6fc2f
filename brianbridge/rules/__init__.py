"""Learning rules, one per file.

A rule defines how a twin responds to a batch and what gradient the response has;
`brianbridge.training` does the rest. Modules that only one rule or family of rules uses lie in its
folder: `single_spike`, `equilibrium`, `online`. May import `twin`, `simulation` and all rooms below
them. A new rule is one file in this package with a subclass of `LearningRule`, and its test; it is
found by its ``name`` without any further edit.
"""

from brianbridge.rules.base import LearningRule, learning_rule, rule_names
from brianbridge.rules.choice import chosen_rule, rules_for
from brianbridge.rules.equilibrium.implicit import Implicit
from brianbridge.rules.equilibrium.spide import Spide
from brianbridge.rules.leaky_backprop import LeakyBackprop
from brianbridge.rules.multi_threshold import MultiThreshold
from brianbridge.rules.ottt import OTTT
from brianbridge.rules.single_spike.first_spike import FirstSpike
from brianbridge.rules.single_spike.vectorised import SingleSpikeVectorised
from brianbridge.rules.spike_count import SpikeCount
from brianbridge.rules.surrogate_gradient import SurrogateGradient

__all__ = [
    "OTTT",
    "FirstSpike",
    "Implicit",
    "LeakyBackprop",
    "LearningRule",
    "MultiThreshold",
    "SingleSpikeVectorised",
    "Spide",
    "SpikeCount",
    "SurrogateGradient",
    "chosen_rule",
    "learning_rule",
    "rule_names",
    "rules_for",
]
