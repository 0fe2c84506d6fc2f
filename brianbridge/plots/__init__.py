"""Plots of a verdict and of recordings, each a function that takes ``ax=`` and returns it.

They need matplotlib (``pip install "brianbridge[plot]"``). Text is drawn in matplotlib's text
colour and everything else in Okabe and Ito's colours, which people with any colour vision tell
apart; what a colour says, a shape or a pattern says too.

>>> from brianbridge.plots import plot_ladder
>>> ax = plot_ladder(verdict)                                              # doctest: +SKIP
"""

from brianbridge.plots.activity import plot_counts, plot_rasters, plot_traces
from brianbridge.plots.outcome import plot_attribution, plot_confusion, plot_ladder

__all__ = [
    "plot_attribution",
    "plot_confusion",
    "plot_counts",
    "plot_ladder",
    "plot_rasters",
    "plot_traces",
]
