"""Draw the external sources of a user's network: generators, Poisson groups, Poisson inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import Hz, PoissonGroup, PoissonInput, SpikeGeneratorGroup, TimedArray
from user_draw import Draw
from user_neurons import Neurons

__all__ = ["SOURCES", "background", "generator", "poisson_group"]

_PERIODS = {"none": False, "period": True}
_RATES = {"one": "one", "of each neuron": "each", "timed array": "timed", "expression": "text"}
_INPUTS = {"binomial": (20, 0.02), "normal": (400, 0.05), "no more than one": (1, 0.03)}
#: All constructs, by family.
SOURCES: dict[str, dict[str, Any]] = {
    "generator": _PERIODS, "rates": _RATES, "Poisson input": _INPUTS,
}  # fmt: skip


def generator(draw: Draw, name: str, size: int, steps: int, dt: Any) -> SpikeGeneratorGroup:
    """Return a generator of random spikes, perhaps repeated."""
    periodic = draw.deal("generator", _PERIODS, hand=1)
    length = int(draw.rng.integers(steps // 10, steps // 3) if periodic else steps)
    step, node = np.nonzero(draw.rng.random((length, size)) < 0.02)
    # Anywhere within the step, but not so late that Brian2 moves it to the next one.
    times = (step + draw.rng.choice([0.0, 0.3, 0.99], len(step))) * dt
    period = (length if periodic else 0) * dt
    return SpikeGeneratorGroup(size, node, times, period=period, dt=dt, name=name)


def poisson_group(draw: Draw, name: str, size: int, dt: Any) -> PoissonGroup:
    """Return a Poisson group that fires in up to 4 % of all steps."""
    largest = 0.04 / float(dt)
    kind = draw.deal("rates", _RATES, hand=2)
    if kind == "one":
        rates: Any = largest / 2 * Hz
    elif kind == "each":
        rates = draw.rng.uniform(0, largest, size) * Hz
    else:
        rates = "rates_in_time(t, i)" if kind == "timed" else "level*(1 + sin(2*pi*t/(50*dt)))"
    timed = TimedArray(draw.rng.uniform(0, largest, (9, size)) * Hz, dt=17 * dt)
    names = {"rates_in_time": timed, "level": largest / 2 * Hz}
    return PoissonGroup(size, rates, dt=dt, name=name, namespace=names)


def background(draw: Draw, target: Neurons, dt: Any) -> PoissonInput:
    """Return a Poisson input to `g` of a group, or of a part, which follows all synapses."""
    inputs, probability = draw.deal("Poisson input", _INPUTS, hand=1)
    weight = 0.02 / (inputs * probability)
    group = target.group if target.linked else target.group[len(target.group) // 4 :]
    return PoissonInput(group, "g", inputs, probability / dt, weight, order=1)
