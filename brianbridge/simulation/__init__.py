"""Run spiking networks in Brian2.

`brianbridge.simulate` is the entry point, `Backend` says how it runs. `batched` and `reference` are
the two paths, with equal spikes; `reader` reads the Brian2 network of a user; `random` computes
random numbers. `DenseProjection` is the fast projection for plain Brian2 scripts. Modules that both
paths use lie here: the request, recording, the order of operations in a step. May import `network`
and `neurons`, never `twin`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
