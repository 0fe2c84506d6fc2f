"""Learning rules, one a file, and the trainer."""

from .augmentation import Augmentation
from .base import LearningRule, learning_rule, rule_names
from .first_spike import FirstSpike
from .implicit import Implicit
from .leaky_backprop import LeakyBackprop
from .multi_threshold import MultiThreshold
from .options import TrainingOptions
from .single_spike_vectorised import SingleSpikeVectorised
from .spide import Spide
from .spike_count import SpikeCount
from .spike_rate import SpikeRate
from .surrogate_gradient import SurrogateGradient
from .trainer import TrainingResult, train

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
