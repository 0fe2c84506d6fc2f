"""Random spiking networks: what Hypothesis draws is small and printable, numbers follow from it.

`Case` is for models whose numbers are reals: a seed decides them, so that no membrane lands on
its threshold by 'nice' decimals, where the last bit of a sum would decide about a spike.
`DyadicCase` is for models without leak: every number is a small multiple of 2**-6, every sum
exact in any order, and a membrane that lands on its threshold must fire (or not) on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from brianbridge.bench.parity.neurons import UNBOUNDED, WEIGHT_SCALE, dyadic_model, random_model
from brianbridge.encoding import Bernoulli, Current, Encoding, Latency
from brianbridge.network import Population, Projection, SpikingNetwork

ENCODINGS = ("current", "bernoulli", "latency")


@dataclass(frozen=True)
class Case:
    """Decide a random network and its samples: hidden, output and perhaps a skip projection."""

    model: str
    output_model: str
    encoding: str
    readout: str
    inputs: int
    hidden: int
    outputs: int
    samples: int
    steps: int
    dt: float
    bias: bool
    skip: bool
    per_neuron: bool
    seed: int

    def network(self) -> SpikingNetwork:
        """Return the network; the same one whenever it is called."""
        rng = np.random.default_rng((self.seed, 1))
        hidden = self._population("hidden", self.hidden, self.model, rng)
        output = self._population("output", self.outputs, self.output_model, rng)
        projections = [
            self._projection("input", self.inputs, hidden, rng),
            self._projection("hidden", self.hidden, output, rng),
        ]
        if self.skip:
            projections.append(self._projection("input", self.inputs, output, rng))
        return SpikingNetwork(
            (self.inputs,), self._encoding(), (hidden, output), tuple(projections), self.readout
        )

    def x(self) -> np.ndarray:
        """Return the samples ``(samples, inputs)``; signed, but for latency."""
        rng = np.random.default_rng((self.seed, 2))
        lowest = 0.0 if self.encoding == "latency" else -1.0
        return rng.uniform(lowest, 1.0, (self.samples, self.inputs))

    def _encoding(self) -> Encoding:
        if self.encoding == "current":
            return Current(self.steps, self.dt)
        if self.encoding == "latency":
            return Latency(self.steps, self.dt)
        return Bernoulli(self.steps, self.dt, gain=0.8, signed=True, seed=self.seed)

    def _population(self, name: str, size: int, model: str, rng: np.random.Generator) -> Population:
        neuron = random_model(model, size, self.per_neuron, self.dt, rng)
        return Population(name, (size,), neuron)

    def _projection(
        self, source: str, fan_in: int, target: Population, rng: np.random.Generator
    ) -> Projection:
        scale = WEIGHT_SCALE.get(target.neuron.name, 1.0)
        weight = scale * rng.normal(0.4, 1.0, (target.size, fan_in))
        bias = scale * rng.normal(0.1, 0.3, target.size) if self.bias else None
        return Projection(source, target.name, weight, bias)


def cases(model: str, encoding: str | None = None, **fixed: Any) -> st.SearchStrategy[Case]:
    """Draw cases of one model; keywords hold fields of `Case` fixed."""
    drawn = {
        "model": st.just(model),
        "output_model": st.sampled_from((model, "lif")),
        "encoding": st.sampled_from(ENCODINGS) if encoding is None else st.just(encoding),
        "readout": st.sampled_from(("counts", "counts", "potential")),
        "inputs": st.integers(1, 5),
        "hidden": st.integers(1, 5),
        "outputs": st.integers(1, 4),
        "samples": st.integers(2, 4),
        "steps": st.integers(5, 20),
        "dt": st.floats(1e-4, 1e-3 if model in UNBOUNDED else 2e-3),
        "bias": st.booleans(),
        "skip": st.booleans(),
        "per_neuron": st.booleans(),
        "seed": st.integers(0, 2**32 - 1),
    }
    drawn.update({key: st.just(value) for key, value in fixed.items()})
    return st.builds(Case, **drawn).map(_bounded)


def _bounded(case: Case) -> Case:
    if case.readout == "potential" and case.output_model in UNBOUNDED:
        return replace(case, output_model="lif")
    return case


# ---------------------------------------------------------------------- exact arithmetic


@dataclass(frozen=True)
class DyadicCase:
    """Hold a network and its samples in whole numbers; weights are those times 2**-6."""

    model: str
    encoding: str
    readout: str
    steps: int
    dt: float
    theta: float
    x: np.ndarray
    weights: tuple[np.ndarray, np.ndarray]
    biases: tuple[np.ndarray, np.ndarray]
    seed: int

    def network(self) -> SpikingNetwork:
        """Return the network of two layers."""
        model = dyadic_model(self.model, self.theta)
        encoding = {
            "current": Current(self.steps, self.dt),
            "bernoulli": Bernoulli(self.steps, self.dt, signed=True, seed=self.seed),
            "latency": Latency(self.steps, self.dt),
        }[self.encoding]
        (hidden, inputs), (outputs, _) = (w.shape for w in self.weights)
        return SpikingNetwork(
            (inputs,),
            encoding,
            (Population("hidden", (hidden,), model), Population("output", (outputs,), model)),
            (
                Projection("input", "hidden", self.weights[0] / 64, self.biases[0] / 64),
                Projection("hidden", "output", self.weights[1] / 64, self.biases[1] / 64),
            ),
            self.readout,
        )

    def samples(self) -> np.ndarray:
        """Return the samples ``(samples, inputs)``, multiples of 1/8."""
        return np.abs(self.x / 8) if self.encoding == "latency" else self.x / 8


@st.composite
def dyadic_cases(draw: st.DrawFn, model: str) -> DyadicCase:
    """Draw weights, thresholds and inputs that are multiples of a power of two."""
    inputs, hidden, outputs = draw(st.tuples(*[st.integers(1, 3)] * 3))
    # A coarse grain makes ties frequent.
    grain = draw(st.sampled_from((1, 4, 16)))

    def whole(*shape: int, largest: int) -> np.ndarray:
        elements = st.integers(-largest // grain, largest // grain)
        return grain * draw(arrays(np.int64, shape, elements=elements))

    return DyadicCase(
        model=model,
        encoding=draw(st.sampled_from(ENCODINGS)),
        readout=draw(st.sampled_from(("counts", "counts", "potential"))),
        steps=draw(st.integers(4, 16)),
        # A step that is a power of two keeps the constant currents exact.
        dt=draw(st.sampled_from((2.0**-9, 2.0**-10, 2.0**-13))),
        theta=draw(st.sampled_from((0.25, 0.5, 0.75, 1.0, 1.5))),
        x=draw(arrays(np.int64, (2, inputs), elements=st.integers(-8, 8))),
        weights=(whole(hidden, inputs, largest=96), whole(outputs, hidden, largest=96)),
        biases=(whole(hidden, largest=48), whole(outputs, largest=48)),
        seed=draw(st.integers(0, 2**16)),
    )
