"""Time the batched path with encoding, at the network's own activity and at high activity.

Contestants of `brianbridge bench simulate` get encoded input. A user's simulation encodes, too, and
the share of that grows as the rest gets faster. Here encoding has a line of its own and is charged
to all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from brianbridge.bench.contestants import timed
from brianbridge.encoding import EncodedInput
from brianbridge.network import INPUT, SpikingNetwork
from brianbridge.simulation.simulate import simulate

__all__ = ["HIDDEN_SPIKES", "at_high_activity", "charged", "charged_line", "hidden_spikes"]

Row = dict[str, Any]
#: Hidden spikes of a sample at high activity.
HIDDEN_SPIKES = 1470
#: Samples on which activity is counted, halvings of the range of factors, and the largest factor.
_COUNTED, _HALVINGS, _LARGEST = 50, 12, 64.0
#: What is compared with encoding charged to both: the floor, and what a user would write.
_CHARGED = ("bare accumulation", "Synapses in one long run, Cython")


def hidden_spikes(network: SpikingNetwork, x: np.ndarray) -> float:
    """Return the mean number of spikes of a sample, without input and output.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    x : numpy.ndarray, shape (samples, *shape)
        Samples.
    """
    number = simulate(network, x[:_COUNTED], seed=0).spikes_per_sample()
    return sum(n for name, n in number.items() if name != network.output.name)


def at_high_activity(
    network: SpikingNetwork, x: np.ndarray, spikes: float = HIDDEN_SPIKES
) -> SpikingNetwork:
    """Return a network with larger weights of its input, so that hidden neurons fire so often.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    x : numpy.ndarray, shape (samples, *shape)
        Samples.
    spikes : float
        Hidden spikes of a sample. If neurons cannot fire so often, they fire as often as they do
        with the largest factor.
    """

    def scaled(factor: float) -> SpikingNetwork:
        into = [p for p in network.projections if p.source == INPUT]
        return network.with_weights({p.name: (factor * p.weight, p.bias) for p in into})

    low, high = 0.0, np.log(_LARGEST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if hidden_spikes(scaled(float(np.exp(middle))), x) < spikes:
            low = middle
        else:
            high = middle
    return scaled(float(np.exp(high)))


def charged(
    network: SpikingNetwork, x: np.ndarray, rows: Sequence[Row], divisor: int = 1
) -> dict[str, Any]:
    """Return times with encoding, of the batched path and of others, and their ratios.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    x : numpy.ndarray, shape (samples, *shape)
        The samples of the rows.
    rows : sequence of dict
        The rows of contestants at one step of Brian2, without encoding.
    divisor : int
        The divisor of the twin's step that gives Brian2's.
    """
    index, dt = np.arange(len(x)), network.dt / divisor
    encoding = timed(lambda: _encode(network, x, index))[0]
    batched = timed(lambda: simulate(network, x, dt=dt, index=index))[0]
    found: dict[str, Any] = {"dt_ms": dt * 1e3, "encoding": encoding, "batched": batched}
    for row in rows:
        if row["name"] in _CHARGED:
            found[row["name"]] = row["seconds"] + encoding
    found["times_the_floor"] = _ratio(batched, found.get(_CHARGED[0]))
    found["times_faster"] = _ratio(found.get(_CHARGED[1]), batched)
    return found


def _encode(network: SpikingNetwork, x: np.ndarray, index: np.ndarray) -> EncodedInput | None:
    """Encode as the batched path does: lists of spikes where the encoding can."""
    events = network.encoding.events(x, index)
    if events is None:
        return network.encoding.encode(x, index)
    deque(events, maxlen=0)
    return None


def _ratio(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one / other


def charged_line(found: dict[str, Any]) -> str:
    """Return one line that tells the result of `charged`."""
    parts = [
        f"dt = {found['dt_ms']:g} ms  with encoding: encoding {found['encoding']:.2f} s, "
        f"batched {found['batched']:.2f} s"
    ]
    if found["times_the_floor"] is not None:
        parts.append(f"{found['times_the_floor']:.2f} times encoding and bare accumulation")
    if found["times_faster"] is not None:
        parts.append(f"plain Synapses {found['times_faster']:.0f} times as long")
    return ", ".join(parts)
