"""Train a twin by a learning rule: options, constraints, checkpoints, the loop over epochs.

Nothing here knows a particular rule; rules live in `brianbridge.rules`. May import `rules`, `twin`
and all below them. A new option is a field of `TrainingOptions`; what it does belongs in a file of
its own, as `augmentation` and `spike_rate` are.
"""

from brianbridge.training.augmentation import Augmentation
from brianbridge.training.options import TrainingOptions
from brianbridge.training.spike_rate import SpikeRate
from brianbridge.training.trainer import TrainingResult, train

__all__ = ["Augmentation", "SpikeRate", "TrainingOptions", "TrainingResult", "train"]
