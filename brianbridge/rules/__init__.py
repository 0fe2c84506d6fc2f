"""Learning rules, one a file, and the trainer."""

from .base import LearningRule, learning_rule, rule_names
from .spike_count import SpikeCount
from .trainer import TrainingOptions, TrainingResult, train

__all__ = [
    "LearningRule",
    "SpikeCount",
    "TrainingOptions",
    "TrainingResult",
    "learning_rule",
    "rule_names",
    "train",
]
