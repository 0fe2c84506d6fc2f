"""Run a spiking network in Brian2 by the reference path and return a `Recording`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from brian2 import TimedArray, second

from ..encoding import EncodedInput
from ..errors import InputError, did_you_mean
from ..network import INPUT, SpikingNetwork
from ..neurons.model import SPIKE_VALUE
from ..neurons.quantities import seconds
from ..recording import Events, Recording
from .arithmetic import strict_arithmetic
from .builder import BuiltNetwork, Schedule, build, steps_per_coarse_step
from .drive import drive_values

__all__ = ["simulate"]

#: Synapses that one replicated network may have; Brian2 needs about 40 bytes for each.
_SYNAPSES = 4_000_000
_NEURONS = 1_000_000


def simulate(
    network: SpikingNetwork,
    x: Any,
    *,
    dt: Any = None,
    record: Sequence[str] = ("spikes",),
    index: Any = None,
    schedule: Schedule = "canonical",
    batch_size: int | None = None,
    on_chunk: Callable[[Recording], None] | None = None,
) -> Recording:
    """Present samples to a spiking network in Brian2.

    Every sample is a presentation of its own: all state starts afresh, nothing leaks from one to
    the next. The code is compiled without fast-math (see `strict_arithmetic`).

    Parameters
    ----------
    network : SpikingNetwork
        The description, with weights.
    x : array, shape (samples, *input_shape)
        The samples.
    dt : Quantity or float, optional
        Brian2's step (seconds if a plain number); the surrogate's if not given. Input currents
        stay what they are, input spikes fall on the start of their coarse step.
    record : sequence of str
        ``"spikes"``, and state variables to record wherever they exist.
    index : array of int, shape (samples,), optional
        Number of each sample in its data set; counted from 0 if not given.
    schedule : {"canonical", "default"}
        In which order things happen within a step.
    batch_size : int, optional
        Samples simulated at once; as many as fit the memory budget if not given.
    on_chunk : callable, optional
        Called with the recording of each batch as soon as it is done.

    Returns
    -------
    Recording
        The same type as the twin's.

    Raises
    ------
    InputError
        If the samples do not fit the network or are not finite, nothing has a variable to
        record, or `dt` does not divide the surrogate's step.

    Examples
    --------
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.network import Dense
    >>> from brianbridge.neurons.library import neuron_model
    >>> net = SpikingNetwork.sequential((4,), [Dense(3, neuron_model("if"))], encoding=Current(5))
    >>> simulate(net, np.ones((2, 4))).spikes["output"].shape
    (5, 2, 3)
    """
    samples = _checked_samples(network, x)
    numbers = np.arange(len(samples)) if index is None else np.asarray(index)
    if numbers.shape != (len(samples),):
        raise InputError(
            f"index has shape {numbers.shape}; give one number for each of the "
            f"{len(samples)} samples"
        )
    if batch_size is not None and batch_size < 1:
        raise InputError(f"batch_size = {batch_size}; give at least 1")
    step = network.dt if dt is None else seconds(dt, "dt")
    coarse = steps_per_coarse_step(network, step)
    batch = min(len(samples), batch_size or _fitting_batch(network))
    variables = _checked_variables(network, record)
    parts = []
    with strict_arithmetic():
        built = build(network, batch, dt=step, record=variables, schedule=schedule)
        built.brian2.store("start")
        for start in range(0, len(samples), batch):
            chosen = slice(start, start + batch)
            encoded = network.encoding.encode(samples[chosen], numbers[chosen])
            part = _present(network, built, encoded, step, coarse)
            if on_chunk is not None:
                on_chunk(part)
            parts.append(part)
    return Recording.concatenate(parts)


def _checked_samples(network: SpikingNetwork, x: Any) -> np.ndarray:
    """Return the samples as float64, or say what is wrong before anything runs."""
    try:
        samples = np.asarray(x, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"the samples are no numbers ({error})") from None
    if samples.shape[1:] != tuple(network.input_shape) or not len(samples):
        raise InputError(
            f"the samples have shape {samples.shape}; the network takes (samples, "
            f"{', '.join(map(str, network.input_shape))})"
        )
    if not np.isfinite(samples).all():
        bad = np.argwhere(~np.isfinite(samples))[0].tolist()
        raise InputError(f"the sample value at {bad} is not finite")
    return samples


def _checked_variables(network: SpikingNetwork, record: Sequence[str]) -> list[str]:
    """Return the state variables to record; each must exist somewhere."""
    known = {v for p in network.populations for v in p.neuron.state_variables}
    variables = [name for name in record if name != "spikes"]
    for name in variables:
        if name not in known:
            raise InputError(
                f"record: no population has a state variable '{name}'. "
                + did_you_mean(name, {"spikes", *known})
            )
    return variables


def _fitting_batch(network: SpikingNetwork) -> int:
    """Return how many samples may be replicated at once."""
    synapses = sum(p.weight.size for p in network.projections if network.delivers_spikes(p))
    neurons = sum(p.size for p in network.populations) + int(np.prod(network.input_shape))
    return max(1, min(_SYNAPSES // max(1, synapses), _NEURONS // neurons))


def _present(
    network: SpikingNetwork, built: BuiltNetwork, encoded: EncodedInput, step: float, coarse: int
) -> Recording:
    """Run one presentation of a batch from the initial state."""
    built.brian2.restore("start")
    samples = encoded.samples
    for name, values in drive_values(network, encoded).items():
        group = built.groups[name]
        padded = np.zeros((built.batch, values.shape[-1]))
        padded[:samples] = values
        group.variables[network.population(name).neuron.drive].set_value(padded.ravel())
    namespace: dict[str, Any] = {}
    if INPUT in built.groups:
        assert encoded.raster is not None
        raster = np.zeros((network.steps, built.groups[INPUT].N))
        flat = encoded.raster.reshape(network.steps, -1)
        raster[:, : flat.shape[1]] = flat
        # A fixed name: Brian2's compiled code is found again for the next batch.
        namespace["raster"] = TimedArray(raster, dt=network.dt * second, name="input_raster")
    steps = network.steps * coarse
    built.brian2.run(steps * step * second, namespace=namespace)
    events = {name: _events(network, built, name, samples, step) for name in built.spikes}
    shapes = {p.name: p.shape for p in network.firing}
    return Recording(
        dt=step,
        steps=steps,
        samples=samples,
        shapes=shapes,
        all_events=events,
        output=_output(network, built, events, samples),
        traces=_traces(network, built, samples),
    )


def _events(
    network: SpikingNetwork, built: BuiltNetwork, name: str, samples: int, step: float
) -> Events:
    monitor, size = built.spikes[name], network.population(name).size
    neuron = np.asarray(monitor.i[:], dtype=np.int64)
    sample, node = np.divmod(neuron, size)
    when = np.rint(np.asarray(monitor.t_[:]) / step).astype(np.int64)
    binary = network.population(name).neuron.is_binary
    value = np.ones(len(when)) if binary else np.asarray(getattr(monitor, SPIKE_VALUE)[:])
    kept = sample < samples
    return Events(sample[kept], node[kept], when[kept], value[kept], step)


def _output(
    network: SpikingNetwork, built: BuiltNetwork, events: dict[str, Events], samples: int
) -> np.ndarray:
    last = network.output
    if not network.fires(last.name):
        potential = built.groups[last.name].variables[last.neuron.potential].get_value()
        return np.array(potential).reshape(built.batch, last.size)[:samples]
    output = np.zeros((samples, last.size))
    np.add.at(output, (events[last.name].sample, events[last.name].node), events[last.name].value)
    return output


def _traces(
    network: SpikingNetwork, built: BuiltNetwork, samples: int
) -> dict[str, dict[str, np.ndarray]]:
    traces: dict[str, dict[str, np.ndarray]] = {p.name: {} for p in network.populations}
    for name, monitor in built.traces.items():
        shape = (-1, built.batch, *network.population(name).shape)
        for variable in monitor.record_variables:
            # Brian2's monitors have the neuron first, a recording time. Copied, for the monitor
            # uses its memory again for the next batch.
            values = np.array(getattr(monitor, f"{variable}_")).T.reshape(shape)
            traces[name][variable] = values[:, :samples]
    return traces
