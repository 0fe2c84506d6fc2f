"""The torch twin of a spiking network, rendered from the same equations.

`network.NetworkTwin` is the whole twin, `population.PopulationTwin` one population, `projections`
the trainable weights; `render` writes the torch code of a step, `scan` runs the steps. May import
`network` and `neurons`, never `simulation`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
