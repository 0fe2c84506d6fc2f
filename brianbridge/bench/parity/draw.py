"""Draw the networks of ``bench parity``: each follows from the run's seed and its own number.

Weights are scaled until populations fire at moderate rates. Silent networks would be equal whatever
the paths do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from brianbridge.bench.parity.builder import network_of, samples_of
from brianbridge.bench.parity.case import ENCODINGS, EXTRA, FORWARD, Case
from brianbridge.bench.parity.neurons import DYADIC_MODELS, MODELS, UNBOUNDED
from brianbridge.network import INPUT, Schedule, SpikingNetwork
from brianbridge.simulation.reader.write_back import write_back
from brianbridge.twin.network import NetworkTwin, to_torch

__all__ = ["Drawn", "draw"]

#: Neuron models in turn, and whether their numbers are dyadic.
_TURNS = (*((name, False) for name in MODELS), *((name, True) for name in DYADIC_MODELS))
_READOUTS: tuple[str, ...] = ("counts", "counts", "potential", "first_spike")
_SCHEDULES: tuple[Schedule, ...] = ("canonical", "canonical", "default")
#: Smallest and largest neurons times steps times samples of a large network.
_NEURON_STEPS = (1e6, 1.5e7)
#: Largest number of neuron-steps in one batch of the twin, which limits its memory.
_TWIN_CELLS = 2e6
#: Largest mean number of spikes per neuron and step; smallest share of (sample, neuron) pairs that
#: fire.
_MOST, _LEAST_ACTIVE = 0.5, 0.15
_ROUNDS, _BALANCE_SAMPLES = 8, 6


@dataclass(frozen=True, eq=False)
class Drawn:
    """Hold one network, its samples, and how it is simulated.

    Parameters
    ----------
    number : int
        Number of the network in the run.
    case : Case
        The plan of the network.
    network : SpikingNetwork
        The network, with scaled weights.
    x : numpy.ndarray, shape (samples, *input_shape)
        The samples.
    twin_batch : int
        Samples in a batch of the twin.
    threads : int
        Number of threads of the batched path.
    reference : bool
        Whether the network is small enough for the reference path.
    finer : int
        Divisor of the step in another run of both Brian2 paths; 1 for no such run.
    """

    number: int
    case: Case
    network: SpikingNetwork
    x: np.ndarray
    twin_batch: int
    threads: int
    reference: bool
    finer: int


def draw(seed: int, number: int) -> Drawn:
    """Return network `number` of the run with this seed, the same one in every call.

    Examples
    --------
    >>> draw(1, 5).network.encoding == draw(1, 5).network.encoding
    True
    """
    rng = np.random.default_rng((seed, number))
    case = _case(number, rng)
    network = network_of(case)
    neurons = int(np.prod(network.shape_of(INPUT))) + sum(p.size for p in network.populations)
    if case.large:
        wanted = np.exp(rng.uniform(*np.log(_NEURON_STEPS))) / (neurons * case.steps)
        samples = int(np.clip(wanted, 3, 1000))
        batch = int(rng.integers(samples // 4 + 1, samples + 1))
        case = replace(case, samples=samples, batch_size=batch)
    x = samples_of(case)
    network = _balanced(network, x[:_BALANCE_SAMPLES])
    if rng.random() < 0.3:
        network = _in_single_precision(network)
    most = int(np.clip(_TWIN_CELLS // (neurons * case.steps), 1, case.samples))
    return Drawn(
        number, case, network, x,
        twin_batch=int(rng.integers(most // 4 + 1, most + 1)),
        threads=int(rng.integers(1, 4)),
        reference=not case.large,
        finer=int(rng.choice((2, 5, 10))) if not case.large and rng.random() < 0.2 else 1,
    )  # fmt: skip


def _case(number: int, rng: np.random.Generator) -> Case:
    model, dyadic = _TURNS[number % len(_TURNS)]
    large = bool(rng.random() < 0.6)
    # Without leak and bias, a neuron of this model that fired -1 may return exactly to its
    # threshold when its inputs cancel. The order of a sum would then decide whether it fires.
    bias = bool(rng.random() < 0.5) or (model == "ternary_if" and not dyadic)
    others = MODELS if bias else tuple(name for name in MODELS if name != "ternary_if")
    longest = 1e-3 if {model, *others} & set(UNBOUNDED) else 2e-3
    chosen = rng.choice(EXTRA, int(rng.integers(0, 4)), replace=False)
    return Case(
        model=model,
        encoding=str(rng.choice(ENCODINGS)),
        readout=_READOUTS[int(rng.integers(len(_READOUTS)))],
        schedule=_SCHEDULES[int(rng.integers(len(_SCHEDULES)))],
        forward=tuple(str(kind) for kind in rng.choice(FORWARD, int(rng.integers(2, 5)))),
        extra=tuple(str(kind) for kind in chosen),
        delays=bool(rng.random() < 0.5),
        bias=bias,
        per_neuron=bool(rng.random() < 0.5),
        samples=int(rng.integers(2, 6)),
        batch_size=int(rng.integers(1, 4)),
        steps=int(rng.integers(15, 50)) if large else int(rng.integers(8, 25)),
        dt=float(rng.choice((2.0**-10, 2.0**-13)) if dyadic else rng.uniform(1e-4, longest)),
        seed=int(rng.integers(0, 2**32)),
        dyadic=dyadic,
        large=large,
        others=others,
    )


def _balanced(network: SpikingNetwork, x: np.ndarray) -> SpikingNetwork:
    """Return the network with scaled weights, so that populations fire but not in every step.

    Factors are powers of two, so that dyadic weights stay dyadic.
    """
    twin = to_torch(network, dtype=torch.float64)
    encoded = twin.encode(x)
    for _ in range(_ROUNDS):
        with torch.no_grad():
            spikes = twin.run(*encoded).spikes
        factors = {name: _factor(raster) for name, raster in spikes.items()}
        if all(factor == 1 for factor in factors.values()):
            break
        for name, factor in factors.items():
            _scale(twin, name, factor)
    return write_back(twin)


def _factor(raster: torch.Tensor) -> float:
    fired = raster != 0
    if fired.double().mean() > _MOST:
        return 0.5
    return 2.0 if fired.any(0).double().mean() < _LEAST_ACTIVE else 1.0


def _scale(twin: NetworkTwin, population: str, factor: float) -> None:
    for projection in twin.network.incoming(population):
        part = twin.projection(projection.name)
        for values in (part.weight, part.bias):
            if values is not None:
                values.data.mul_(factor)


def _in_single_precision(network: SpikingNetwork) -> SpikingNetwork:
    """Return the network with weights in float32, as after training."""

    def single(values: np.ndarray | None) -> np.ndarray | None:
        return None if values is None else values.astype(np.float32)

    return network.with_weights(
        {p.name: (p.weight.astype(np.float32), single(p.bias)) for p in network.projections}
    )
