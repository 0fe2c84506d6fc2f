"""Learning rules, one a file, and the trainer."""

from brianbridge.rules.base import LearningRule, learning_rule, rule_names
from brianbridge.rules.equilibrium.implicit import Implicit
from brianbridge.rules.equilibrium.spide import Spide
from brianbridge.rules.leaky_backprop import LeakyBackprop
from brianbridge.rules.multi_threshold import MultiThreshold
from brianbridge.rules.single_spike.first_spike import FirstSpike
from brianbridge.rules.single_spike.vectorised import SingleSpikeVectorised
from brianbridge.rules.spike_count import SpikeCount
from brianbridge.rules.surrogate_gradient import SurrogateGradient
from brianbridge.training.augmentation import Augmentation
from brianbridge.training.options import TrainingOptions
from brianbridge.training.spike_rate import SpikeRate
from brianbridge.training.trainer import TrainingResult, train

__all__ = [
    "Augmentation",
    "FirstSpike",
    "Implicit",
    "LeakyBackprop",
    "LearningRule",
    "MultiThreshold",
    "SingleSpikeVectorised",
    "Spide",
    "SpikeCount",
    "SpikeRate",
    "SurrogateGradient",
    "TrainingOptions",
    "TrainingResult",
    "learning_rule",
    "rule_names",
    "train",
]
