"""Measures of what networks do: pure functions, and results that add up over samples.

Accuracy and its change, spike counts and their comparison, distances of spike trains, decisions,
operations and energy. May import `network`, `encoding` and `recording`; knows neither ladders nor
perturbations. A new measure is one file here; `brianbridge.ladder.results` adds it up over samples,
and `brianbridge.ladder.measure` puts it into the outcome of a rung.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
