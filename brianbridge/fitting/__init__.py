"""Fit neurons and small circuits to recordings.

`run` is the way in; `kinds` says which options each kind of fit has, and `arguments` checks those
that all have. `problem` checks what is given, `traces` runs many sets of parameters in one Brian2
group, `following` descends from many starts, and `result` holds what was found. `forced`,
`annealing`, `evolving` and `spike_result` do so for spike trains, and `escape_noise` by their
likelihood; `measures`, `features`, `differential` and `measured_result` for firing rates and
features. `checkpoint` keeps what a long fit has found. `gradient_fit` fits circuits, and neurons by
a loss of the user's: `gradient_problem` and `loss_problem` describe them, `sets_twin` runs many
sets of values at once, and `by_gradient` descends. `report` writes a page about each of them. May
import `simulation`, `twin` and all below them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
