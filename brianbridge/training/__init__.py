"""Train a twin by a learning rule: options, constraints, checkpoints, the loop over epochs.

`loop` has the loop, `options` its options, `history` its result. This room knows no particular
rule: rules are in `brianbridge.rules`. May import `rules`, `twin` and all below them. A new option
is a field of `TrainingOptions`; what it does belongs in its own file, as in `augmentation` and
`spike_rate`.
"""

from brianbridge.training.augmentation import Augmentation
from brianbridge.training.history import TrainingResult
from brianbridge.training.natural_units import natural_units
from brianbridge.training.options import TrainingOptions
from brianbridge.training.perturbed import Under
from brianbridge.training.spike_rate import SpikeRate
from brianbridge.training.trainer import train

__all__ = [
    "Augmentation",
    "SpikeRate",
    "TrainingOptions",
    "TrainingResult",
    "Under",
    "natural_units",
    "train",
]
