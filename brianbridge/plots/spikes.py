"""Plot the spikes of a recording: all samples one after another, populations over each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.plots.style import axes_or_new, hide_frame, literal, text_colour
from brianbridge.recording import Recording

__all__ = ["plot_spikes"]

_MOST = 500_000  # points


def plot_spikes(recording: Recording, *, ax: Any = None) -> Any:
    """Draw every spike of a recording as a point.

    Parameters
    ----------
    recording : Recording
        The spikes. Samples follow one another in time, with a line between them.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; a new figure if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If there are more than half a million spikes.
    """
    number = sum(len(recording.events(name)) for name in recording.shapes)
    if number > _MOST:
        raise InputError(
            f"{number:,} spikes are too many for a plot: choose at most {_MOST:,} by population, "
            "samples and time"
        )
    ax = axes_or_new(ax, 7.0, 4.0)
    length, base, middles = recording.steps * recording.dt * 1e3, 0, []
    for name, shape in recording.shapes.items():
        events, neurons = recording.events(name), int(np.prod(shape))
        x = events.sample * length + events.time * 1e3
        ax.plot(x, base + events.node, ".", ms=2, mew=0, color=text_colour(), rasterized=True)
        middles.append(base + neurons / 2)
        base += neurons
        ax.axhline(base - 0.5, lw=0.5, color=text_colour(), alpha=0.3)
    for sample in range(1, recording.samples):
        ax.axvline(sample * length, lw=0.5, color=text_colour(), alpha=0.3)
    ax.set_yticks(middles, [literal(name) for name in recording.shapes])
    ax.set(xlabel="time (ms)", xlim=(0, recording.samples * length), ylim=(-0.5, base - 0.5))
    hide_frame(ax)
    return ax
