"""Plots of verdicts and recordings; each function takes ``ax=`` and returns it.

Text has matplotlib's text colour;
everything else has the colours of Okabe and Ito, which people with any colour vision can tell
apart. Whatever a colour shows, a shape or a pattern shows too. Plots take plain data: they may
import `brianbridge.recording` and `brianbridge.errors`, and no other room. A new plot is one file
here.

>>> from brianbridge.plots import plot_ladder
>>> ax = plot_ladder(verdict)                                              # doctest: +SKIP
"""

from brianbridge.plots.attribution import plot_attribution
from brianbridge.plots.confusion import plot_confusion
from brianbridge.plots.counts import plot_counts
from brianbridge.plots.ladder import plot_ladder
from brianbridge.plots.over_time import plot_over_time
from brianbridge.plots.rasters import plot_rasters
from brianbridge.plots.robustness import plot_robustness
from brianbridge.plots.sensitivity import plot_sensitivity
from brianbridge.plots.spikes import plot_spikes
from brianbridge.plots.traces import plot_traces
from brianbridge.plots.trials import plot_trials

__all__ = [
    "plot_attribution",
    "plot_confusion",
    "plot_counts",
    "plot_ladder",
    "plot_over_time",
    "plot_rasters",
    "plot_robustness",
    "plot_sensitivity",
    "plot_spikes",
    "plot_traces",
    "plot_trials",
]
