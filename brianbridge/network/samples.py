"""Check samples that are given to a network, in the twin and in Brian2."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from brianbridge.arrays import as_array, as_samples
from brianbridge.encoding import EncodedInput, Encoding, Poisson, Sources
from brianbridge.errors import InputError, did_you_mean
from brianbridge.network.population import INPUT
from brianbridge.network.sample_shapes import shape_remedy
from brianbridge.network.spike_frames import are_spike_trains, check_pairs, frames_of, spike_frames
from brianbridge.neurons.quantity_text import unit_of

if TYPE_CHECKING:
    from brianbridge.network.network import SpikingNetwork

__all__ = [
    "CROSSING",
    "SPIKES",
    "check_encoded",
    "check_shape",
    "checked_index",
    "checked_samples",
    "checked_variables",
    "flat_samples",
    "recorded_of",
]

#: What can be recorded besides state variables.
SPIKES, CROSSING = "spikes", "t_crossing"


def checked_samples(network: SpikingNetwork, x: Any, *, empty: bool = False) -> np.ndarray:
    """Check samples before anything runs, and return them as float64.

    Parameters
    ----------
    network : SpikingNetwork
        The network that they are for.
    x : array_like or torch.Tensor, shape (samples, *input_shape)
        The samples. Those of a flat input may have any shape with as many values, such as (8, 8)
        for 64 neurons. Spike trains are taken as by `spike_frames`; values for each of several
        sources as a mapping of their names to arrays. None is one sample for a network without
        data.
    empty : bool
        Whether there may be no samples.

    Returns
    -------
    numpy.ndarray of float64, shape (samples, *input_shape)

    Raises
    ------
    InputError
        If they are not finite numbers, are bytes above 1, have another shape or labels, or there
        are none.

    Examples
    --------
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.network import Dense, SpikingNetwork
    >>> from brianbridge.neurons.library import neuron_model
    >>> net = SpikingNetwork.sequential((4,), [Dense(2, neuron_model("if"))], encoding=Current(5))
    >>> checked_samples(net, [[1, 2, 3, 4]])
    array([[1., 2., 3., 4.]])
    """
    _check_no_labels(x)
    if x is None:
        x = _no_data(network)
    elif isinstance(x, Mapping):
        x = _joined(network, x)
    elif are_spike_trains(x):
        x = spike_frames(network, x)
    else:
        check_pairs(network.encoding, network.input_shape, x)
        _check_no_rates(network.encoding, x)
    samples = flat_samples(network, as_samples(x, np.float64, "the samples"))
    check_shape(network, samples.shape, empty=empty)
    _check_finite(samples, "sample")
    return samples


def _check_no_labels(x: Any) -> None:
    """Refuse data that have labels, too: a dataset or a loader."""
    kind = type(x)
    if any(base.__module__.startswith("torch.utils.data") for base in kind.__mro__):
        whole = "loader.dataset" if hasattr(x, "sampler") else "dataset"
        remedy = f"torch.stack([x for x, y in {whole}])"
    elif all(hasattr(x, name) for name in ("x", "y", "classes")):
        remedy = "data.x"
    else:
        return
    raise InputError(
        f"the samples are a {kind.__name__}, which has labels, too; give the samples alone, "
        f"{remedy}"
    )


def _check_no_rates(encoding: Encoding, x: Any) -> None:
    """Refuse rates in place of the values from 0 to 1 that `Poisson` makes rates of."""
    if isinstance(encoding, Poisson) and unit_of(x) == "hertz":
        rate = f"{encoding.rate:g}*Hz"
        raise InputError(
            f"the samples are rates, but this network takes values from 0 to 1, where 1 is "
            f"{encoding.rate:g} Hz; give x/({rate})"
        )


def _check_finite(values: npt.NDArray[Any], what: str) -> None:
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return
    bad = np.argwhere(~np.isfinite(values))[0].tolist()
    raise InputError(
        f"the {what} value at {bad} is not finite ({values[tuple(bad)]}); remove or replace it"
    )


def check_shape(network: SpikingNetwork, shape: tuple[int, ...], *, empty: bool = False) -> None:
    """Refuse samples of a wrong shape, and no samples at all unless there may be none."""
    wanted = tuple(network.input_shape)
    if shape[1:] != wanted or not (shape and (shape[0] or empty)):
        takes = ", ".join(map(str, ("samples", *wanted)))
        raise InputError(
            f"the samples have shape {shape}; the network takes ({takes}): "
            f"{shape_remedy(network, shape)}"
        )


def check_encoded(
    network: SpikingNetwork, encoded: EncodedInput, *, any_steps: bool = False
) -> None:
    """Refuse encoded input that does not fit a network.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    encoded : EncodedInput
        The input.
    any_steps : bool
        Whether a raster may have any number of steps.

    Raises
    ------
    InputError
        If it has another shape, or a current was given to a network that takes spikes.
    """
    for values in (encoded.current, encoded.raster):
        if isinstance(values, np.ndarray):
            _check_finite(values, "encoded input's")
    spikes = any(network.delivers_spikes(p) for p in network.projections if p.source == INPUT)
    given = encoded.current if encoded.raster is None else encoded.raster
    if given is None or (encoded.current is not None and encoded.raster is not None):
        raise InputError("the encoded input has not just one of current and raster; give one")
    shape = tuple(given.shape)
    each = network.shape_of(INPUT)
    wanted: tuple[int, ...] = (encoded.samples, *each)
    if encoded.raster is not None:
        wanted = (max(1, len(given)) if any_steps else network.steps, *wanted)
    if shape == wanted and not (spikes and encoded.raster is None):
        return
    gives, remedy = f"{wanted}", "give that shape"
    if spikes and encoded.raster is None:
        gives, remedy = "a raster", "give EncodedInput(raster=...)"
    elif encoded.raster is not None and not any_steps and shape[1:] == (network.steps, *each):
        gives = f"{(network.steps, shape[0], *each)}"
        remedy = "its first axis is time: give x.swapaxes(0, 1)"
    raise InputError(
        f"the encoded input has shape {shape}; encoding '{network.encoding.kind}' of this network "
        f"gives {gives}; {remedy}"
    )


def flat_samples(network: SpikingNetwork, x: Any) -> Any:
    """Return samples in the shape of a flat input if they have as many values; else as they are.

    Only a flat input is filled: no order of the axes of an image could be wrong there.

    Examples
    --------
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.network import Dense, SpikingNetwork
    >>> from brianbridge.neurons.library import neuron_model
    >>> net = SpikingNetwork.sequential((64,), [Dense(2, neuron_model("if"))], encoding=Current(5))
    >>> flat_samples(net, np.zeros((3, 8, 8))).shape
    (3, 64)
    """
    if not network.input_shape:
        return x
    *frames, size = network.input_shape
    given = x.shape[1:]
    fits = len(given) > len(network.input_shape) and list(given[: len(frames)]) == frames
    if len(network.shape_of(INPUT)) == 1 and fits and math.prod(given[len(frames) :]) == size:
        return x.reshape(len(x), *network.input_shape)
    return x


def _no_data(network: SpikingNetwork) -> npt.NDArray[Any]:
    """Return one sample for a network whose input takes no data."""
    encoding = network.encoding
    if isinstance(encoding, Sources):
        taking = [part.name for part in encoding.with_data]
    else:
        taking = [INPUT] if any(p.source == INPUT for p in network.projections) else []
    if taking:
        raise InputError(
            f"the samples are None, but '{taking[0]}' takes its input from them; give an array, or "
            "read the network with from_brian2 without input=, which leaves its groups their spikes"
        )
    return np.zeros((1, *network.input_shape))


def _joined(network: SpikingNetwork, given: Mapping[str, Any]) -> npt.NDArray[Any]:
    """Return the samples of several sources, joined in the order of the encoding."""
    encoding = network.encoding
    wanted = encoding.with_data if isinstance(encoding, Sources) else ()
    names = [part.name for part in wanted]
    for name in (*given, *names):
        if name not in names or name not in given:
            problem = "take" if name in given else "lack"
            raise InputError(
                f"the samples {problem} data for '{name}'; this network takes them for "
                f"{', '.join(names) or 'no source by name'}"
            )
    parts = []
    for part in wanted:
        assert part.shape is not None
        values = given[part.name]
        if are_spike_trains(values):
            values = frames_of(part.encoding, part.shape, values)
        values = as_samples(values, np.float64, f"the samples of '{part.name}'")
        if values.ndim < 2 or math.prod(values.shape[1:]) != part.values:
            raise InputError(
                f"the samples of '{part.name}' have shape {values.shape}; give "
                f"(samples, {', '.join(map(str, part.shape))})"
            )
        parts.append(values.reshape(len(values), -1))
    if len({len(values) for values in parts}) > 1:
        numbers = ", ".join(f"{len(v)} for '{p.name}'" for p, v in zip(wanted, parts, strict=True))
        raise InputError(f"the sources have different numbers of samples: {numbers}; give as many")
    return np.concatenate(parts, axis=1).reshape(-1, *network.input_shape)


def checked_index(index: Any, samples: int) -> np.ndarray:
    """Return the numbers of samples in their dataset, counted from 0 if not given."""
    if index is None:
        return np.arange(samples)
    numbers = as_array(index, "index")
    if numbers.shape != (samples,):
        raise InputError(
            f"index has shape {numbers.shape}; give one number for each of the {samples} samples"
        )
    if numbers.dtype.kind not in "iu" or (numbers < 0).any():
        raise InputError("index: give the samples' numbers in their dataset, whole and at least 0")
    return numbers


def checked_variables(network: SpikingNetwork, record: Sequence[str]) -> list[str]:
    """Return the state variables to record; each must exist in some population.

    A name is that of a variable, for all populations that have it, or ``population.variable``.
    """
    known = {v for p in network.populations for v in p.neuron.recordable_variables}
    known |= {f"{p.name}.{v}" for p in network.populations for v in p.neuron.traceable_variables}
    variables = [name for name in record if name not in (SPIKES, CROSSING)]
    for name in variables:
        if name not in known:
            raise InputError(
                f"record: no population has a state variable '{name}'. "
                + did_you_mean(name, {SPIKES, CROSSING, *known})
            )
    return variables


def recorded_of(population: str, known: Collection[str], record: Iterable[str]) -> list[str]:
    """Return which of its variables are recorded in a population.

    Parameters
    ----------
    population : str
        Name of the population.
    known : collection of str
        Its variables.
    record : iterable of str
        Names of variables, each alone or as ``population.variable``.

    Examples
    --------
    >>> recorded_of("output", ("v", "w"), ["v", "output.w", "hidden.w"])
    ['v', 'w']
    """
    names = (name.removeprefix(f"{population}.") for name in record)
    return list(dict.fromkeys(name for name in names if name in known))
