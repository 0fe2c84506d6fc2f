"""Sensitivity: by how much an outcome changes with each parameter of neurons and synapses.

`parameters` lists what can change, `outcomes` says what is observed, `gradient` differentiates the
twin, `difference` runs Brian2 with changed parameters, and `result` puts both beside each other.
May import `ladder` and all below it. A new outcome is one entry in `outcomes`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
