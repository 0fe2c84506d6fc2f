"""Fit neurons to recordings.

`problem` checks what is given, `traces` runs many sets of parameters in one Brian2 group,
`following` descends from many starts, and `result` holds what was found. `forced`, `annealing`,
`evolving` and `spike_result` do so for spike trains, and `escape_noise` by their likelihood. May
import `simulation` and all below it, but no network.
"""

from brianbridge.fitting.fit import fit
from brianbridge.fitting.result import Fit
from brianbridge.fitting.spike_result import SpikeFit

__all__ = ["Fit", "SpikeFit", "fit"]
