"""Measure what networks do: pure functions and sums over samples.

Accuracy, agreement, intervals, counts, distances of spike trains, decisions, operations, energy.
May import `network`, `recording` and `encoding`; knows neither ladders nor perturbations. A new
measure is one file here; `brianbridge.ladder.tasks.Piece` adds it up and `ladder.judge` reports it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
