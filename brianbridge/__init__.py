"""Train spiking networks in PyTorch, validate them in Brian2.

You write a neuron once, as Brian2 equations. That one description gives a Brian2 `NeuronGroup` and
a differentiable torch twin, whose time step is the exact solution of the same equations if they are
linear. You train the twin and write its weights back, Brian2 runs the network, and a verdict says
which results held.

>>> import brianbridge as bb
>>> from brian2 import ms
>>> lif = bb.neuron_model("lif", tau=20*ms)
>>> net = bb.SpikingNetwork.sequential(
...     (8, 8), [bb.Dense(20, lif), bb.Dense(10, lif)], encoding=bb.Current(steps=10, dt=1*ms))
>>> twin = bb.to_torch(net)

Importing the package loads neither torch nor Brian2. The names that most scripts need are here;
more are in `brianbridge.layers`, `connections`, `encodings`, `rules`, `training`, `datasets`,
`perturbations`, `measures`, `twin`, `simulation`, `io` and `plots`. ``__init__.pyi`` lists all
names of the package; each is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import Any

import lazy_loader

from brianbridge.after_brian2 import after_brian2
from brianbridge.blame import take_the_blame
from brianbridge.former_names import moved
from brianbridge.version import __version__ as __version__

_public, _dir, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ = [name for name in __all__ if name != "__version__"]


def __getattr__(name: str) -> Any:
    return _public(name) if name in __all__ else moved(__name__, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_dir()})


def _extend_brian2() -> None:
    """Give Brian2 ``method="propagator"``, ``prefs.brianbridge`` and a format of states."""
    importlib.import_module("brianbridge.neurons.propagator")
    importlib.import_module("brianbridge.preferences")
    importlib.import_module("brianbridge.simulation.states_file").register()


take_the_blame()
after_brian2(_extend_brian2)
