"""Fit neurons to recordings.

`problem` checks what is given, `traces` runs many sets of parameters in one Brian2 group,
`following` descends from many starts, and `result` holds what was found. `forced`, `annealing`,
`evolving` and `spike_result` do so for spike trains, and `escape_noise` by their likelihood;
`measures`, `features`, `differential` and `measured_result` for firing rates and features.
`checkpoint` keeps what a long fit has found. `gradient_fit` fits circuits, and neurons by a loss of
the user's: `gradient_problem` and `loss_problem` describe them, `sets_twin` runs many sets of
values at once, and `by_gradient` descends. May import `simulation`, `twin` and all below them.
"""

from brianbridge.fitting.features import Features
from brianbridge.fitting.fit import fit
from brianbridge.fitting.measured_result import MeasuredFit
from brianbridge.fitting.result import Fit
from brianbridge.fitting.spike_result import SpikeFit

__all__ = ["Features", "Fit", "MeasuredFit", "SpikeFit", "fit"]
