"""Synapses with a model in torch.

`render` writes the code of synapses as torch source, `module` holds their constants, `run` runs
them through one presentation of a batch.
"""

from brianbridge.twin.synapses.module import SynapseTwin
from brianbridge.twin.synapses.run import Coupling

__all__ = ["Coupling", "SynapseTwin"]
