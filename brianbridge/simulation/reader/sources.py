"""Read the external sources of a network: generators, Poisson groups and Poisson inputs.

All of them become one input, group after group. Sources that take data have the encoding that the
user chose. The others do in every presentation what they do in the user's own run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import PoissonGroup, PoissonInput, SpikeGeneratorGroup

from brianbridge.encoding import (
    Background,
    Bernoulli,
    Current,
    Encoding,
    Poisson,
    Replay,
    Source,
    Sources,
)
from brianbridge.errors import InputError, did_you_mean
from brianbridge.network.delays import step_of
from brianbridge.readable import in_ms
from brianbridge.simulation.reader.rates import rates_of

__all__ = ["External", "read_sources"]


@dataclass(frozen=True)
class External:
    """Hold the input of a network and where its sources are.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of a sample.
    encoding : Encoding
        Makes the spikes of all sources.
    first : mapping of str to int
        The first input neuron of each source, by name.
    """

    input_shape: tuple[int, ...]
    encoding: Encoding
    first: Mapping[str, int]


def read_sources(
    with_data: Sequence[Any],
    own: Sequence[Any],
    encoding: Encoding | Mapping[str, Encoding] | None,
    *,
    steps: int,
    dt: float,
    seed: int,
    outer: Mapping[str, Any],
) -> External:
    """Read the sources of a network.

    Parameters
    ----------
    with_data : sequence of group
        Groups whose spikes come from samples.
    own : sequence of SpikeGeneratorGroup, PoissonGroup or PoissonInput
        Sources that keep their own spikes.
    encoding : Encoding or mapping of str to Encoding, optional
        Encoding of the samples, by the name of the group if there are several.
    steps, dt
        Steps of a presentation, and their length in seconds.
    seed : int
        Seed of random sources.
    outer : mapping
        Constants that the namespace of a group does not have.

    Raises
    ------
    InputError
        If an encoding does not fit, or rates are not known.
    """
    chosen = _encodings(with_data, encoding)
    parts = []
    for group in with_data:
        one = chosen.get(group.name)
        made = _default(group, steps, dt, outer) if one is None else one
        _check_encoding(made, steps, dt, group.name)
        parts.append(Source(group.name, made.shape_of_samples((len(group),)), made))
    for number, group in enumerate(own):
        made = _own(group, number, steps, dt, seed, outer)
        parts.append(Source(group.name, None, made))
    firsts = np.cumsum([0, *(part.neurons for part in parts)])
    first = {part.name: int(low) for part, low in zip(parts, firsts, strict=False)}
    if not parts:
        silent = Current(steps, dt) if encoding is None else encoding
        assert isinstance(silent, Encoding)
        _check_encoding(silent, steps, dt)
        return External((1,), silent, first)
    if len(with_data) == len(parts) == 1:
        return External(parts[0].shape or (1,), parts[0].encoding, first)
    joined = Sources(steps, dt, parts=tuple(parts))
    return External(joined.shape_of_samples(()), joined, first)


def _encodings(
    with_data: Sequence[Any], given: Encoding | Mapping[str, Encoding] | None
) -> dict[str, Encoding]:
    """Return the encoding of each group that has one."""
    names = [group.name for group in with_data]
    if not isinstance(given, Mapping):
        return {} if given is None else dict.fromkeys(names, given)
    for name in given:
        if name not in names:
            raise InputError(
                f"encoding: there is no input '{name}'. {did_you_mean(str(name), names)}"
            )
    return dict(given)


def _check_encoding(encoding: Encoding, steps: int, dt: float, source: str = "") -> None:
    """Refuse an encoding with other steps, or without spikes for a group that needs them."""
    if encoding.steps != steps or not np.isclose(encoding.dt, dt, rtol=1e-9, atol=0):
        raise InputError(
            f"encoding '{encoding.kind}' has {encoding.steps} steps of {encoding.dt * 1e3:g} ms; "
            f"this network needs {steps} of {dt * 1e3:g} ms"
        )
    if source and isinstance(encoding, Current):
        raise InputError(
            f"encoding 'current' gives no spikes, but group '{source}' needs spikes; use "
            "'bernoulli' or 'latency'"
        )


def _default(group: Any, steps: int, dt: float, outer: Mapping[str, Any]) -> Encoding:
    """Return the encoding of a group with data: rates for a Poisson group."""
    if not isinstance(group, PoissonGroup):
        return Bernoulli(steps, dt)
    largest = float(rates_of(group, steps, dt, outer)[0].max())
    if largest == 0:
        raise InputError(
            f"group '{group.name}' has rates of 0 Hz, so the rate at the value 1 of a sample is "
            f"not known; set its rates, or give the largest one, "
            f"encoding=bb.Poisson(steps={steps}, dt={in_ms(dt)}, rate=50*Hz)"
        )
    return Poisson(steps, dt, rate=largest)


def _own(
    group: Any, number: int, steps: int, dt: float, seed: int, outer: Mapping[str, Any]
) -> Encoding:
    """Return the encoding of a source that keeps its own spikes."""
    what, part = f"'{group.name}' ({type(group).__name__})", group
    slot = "synapses" if isinstance(group, PoissonInput) else "thresholds"
    if isinstance(group, PoissonGroup):
        part = group.thresholder["spike"]
    if part.when != slot:
        raise InputError(
            f"{what} runs in '{part.when}'; only Brian2's default schedule can be read, in which "
            f"it runs in '{slot}'"
        )
    if isinstance(group, SpikeGeneratorGroup):
        return _replay(group, steps, dt)
    if isinstance(group, PoissonInput):
        return Background(
            steps, dt, size=len(group.group), rates=((float(group.rate),),),
            inputs=int(group.N), seed=seed, number=number,
        )  # fmt: skip
    rates, since = rates_of(group, steps, dt, outer)
    return Background(
        steps, dt, size=len(group), rates=rates.tolist(), since=since.tolist(), seed=seed,
        number=number,
    )  # fmt: skip


def _check_one_in_a_step(group: Any, step: np.ndarray, node: np.ndarray, dt: float) -> None:
    """Refuse several spikes of a neuron in one step, as a longer step may bring together."""
    pairs, number = np.unique(np.stack([step, node]), axis=1, return_counts=True)
    if np.any(number > 1):
        first, neuron = pairs[:, number > 1][:, 0]
        raise InputError(
            f"neuron {neuron} of '{group.name}' (SpikeGeneratorGroup) has {number.max()} spikes in "
            f"one step at {first * dt * 1e3:g} ms; give a shorter dt"
        )


def _replay(group: SpikeGeneratorGroup, steps: int, dt: float) -> Replay:
    """Return the spikes of a generator during a presentation, in the steps that Brian2 takes."""
    step = step_of(np.asarray(group._spike_time), dt)
    node = np.asarray(group._neuron_index, np.int64)
    length = float(group.variables["period"].get_value().item())
    period = round(length / dt) if np.isfinite(length) else 0  # 0: the spikes are not repeated
    if period:
        again = np.arange(-(-steps // period))
        step, node = (again[:, None] * period + step).ravel(), np.tile(node, len(again))
    kept = step < steps
    _check_one_in_a_step(group, step[kept], node[kept], dt)
    return Replay(steps, dt, size=len(group), step=step[kept].tolist(), node=node[kept].tolist())
