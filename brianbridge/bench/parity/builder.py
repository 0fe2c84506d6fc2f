"""Build the random network of a case, and draw its samples.

Networks have projections of every kind, images, delays, loops and residuals. A projection whose
kind does not fit the shapes is replaced by a dense one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from brianbridge.bench.parity.case import Case
from brianbridge.bench.parity.neurons import UNBOUNDED, WEIGHT_SCALE, dyadic_model, random_model
from brianbridge.bench.parity.shapes import (
    LARGE,
    SMALL,
    Shape,
    convolution,
    input_shape,
    pooling,
    target_shape,
)
from brianbridge.encoding import Bernoulli, Current, Encoding, Frames, Latency, Poisson
from brianbridge.network import (
    INPUT,
    AllToAll,
    Connection,
    Convolution,
    OneToOne,
    Pooling,
    Population,
    Projection,
    Sparse,
    SpikingNetwork,
    TransposedConvolution,
)

__all__ = ["network_of", "samples_of"]


def network_of(case: Case) -> SpikingNetwork:
    """Return the network of a case, the same one in every call."""
    return _Builder(case).network()


def samples_of(case: Case) -> np.ndarray:
    """Return the samples of a case, shape (samples, *input_shape), the same ones in every call."""
    shape = (case.samples, *_Builder(case).shapes[INPUT])
    rng = np.random.default_rng((case.seed, 2))
    if case.encoding == "frames":
        shape = (shape[0], case.steps, *shape[1:])
        # Most pixels are silent, some count several times or negatively.
        return rng.integers(-2, 4, shape) * (rng.random(shape) < 0.3)
    x = rng.integers(-8, 9, shape) / 8 if case.dyadic else rng.uniform(-1, 1, shape)
    return np.abs(x) if case.encoding in ("latency", "poisson") else x


class _Builder:
    """A network so far: shapes, populations and projections."""

    def __init__(self, case: Case) -> None:
        self.case, self.rng = case, np.random.default_rng((case.seed, 1))
        self.sizes = LARGE if case.large else SMALL
        self.shapes: dict[str, Shape] = {INPUT: input_shape(self.rng, self.sizes)}
        self.populations: list[Population] = []
        self.projections: list[Projection] = []

    def network(self) -> SpikingNetwork:
        """Add everything that the case asks for and return the network."""
        case = self.case
        source = INPUT
        for number, kind in enumerate(case.forward):
            name = "output" if number == len(case.forward) - 1 else f"p{number}"
            self.forward(source, name, kind)
            source = name
        for kind in case.extra:
            self.extra(kind)
        shape = self.shapes[INPUT]
        return SpikingNetwork(
            (case.steps, *shape) if case.encoding == "frames" else shape,
            self.encoding(), tuple(self.populations), tuple(self.projections),
            case.readout, {}, case.schedule,
        )  # fmt: skip

    def encoding(self) -> Encoding:
        """Return the encoding."""
        case, seed = self.case, self.case.seed % 1000
        match case.encoding:
            case "current":
                return Current(case.steps, case.dt)
            case "latency":
                return Latency(case.steps, case.dt)
            case "frames":
                return Frames(case.steps, case.dt)
            case "poisson":
                return Poisson(case.steps, case.dt, rate=0.5 / case.dt, seed=seed)
        gain = 1.0 if case.dyadic else 0.8
        return Bernoulli(case.steps, case.dt, gain=gain, signed=True, seed=seed)

    # ------------------------------------------------------------------ populations

    def add(self, name: str, shape: Shape) -> None:
        """Add a population with random parameters."""
        case, rng = self.case, self.rng
        self.shapes[name] = shape = tuple(int(size) for size in shape)
        if case.dyadic:
            neuron = dyadic_model(case.model, float(rng.choice((0.25, 0.5, 0.75, 1.0, 1.5))))
        else:
            kind = case.model if rng.random() < 0.7 else str(rng.choice(case.others))
            if name == "output" and case.readout != "counts" and kind in UNBOUNDED:
                kind = "lif"
            neuron = random_model(kind, int(np.prod(shape)), case.per_neuron, case.dt, rng)
        self.populations.append(Population(name, shape, neuron))

    # ------------------------------------------------------------------ projections

    def forward(self, source: str, target: str, kind: str) -> None:
        """Add a population, and a projection of this kind to it."""
        pool = self.pooling(source) if kind.startswith("pool") else None
        seen = self.seen(source, pool)
        kind = kind.removeprefix("pool ")
        if kind in ("conv", "depthwise") and len(seen) == 3:
            connection, shape, image = convolution(self.rng, seen, kind == "depthwise")
            self.add(target, image)
            self.project(source, target, connection, shape, pool, bias=self.case.bias)
        elif kind == "one to one":
            self.add(target, seen)
            self.one_to_one(source, target, pool, bias=self.case.bias)
        elif kind == "sparse":
            self.add(target, target_shape(self.rng, self.sizes))
            self.sparse(source, target, pool, bias=self.case.bias)
        else:
            self.add(target, target_shape(self.rng, self.sizes, flat="flat" in kind))
            self.dense(source, target, pool, bias=self.case.bias)

    def extra(self, kind: str) -> None:
        """Add a projection between populations that exist."""
        names = [p.name for p in self.populations]
        fires = names if self.case.readout != "potential" else names[:-1]
        early, late = names[0], fires[-1] if fires else ""
        looped = str(self.rng.choice(fires)) if fires else ""
        if kind.startswith(("recurrent", "feedback", "transposed", "pooled")) and not looped:
            kind = "skip"
        match kind:
            case "recurrent":
                self.dense(looped, looped, back=True)
            case "recurrent one to one":
                self.one_to_one(looped, looped, back=True)
            case "recurrent transposed" if len(self.shapes[looped]) == 3:
                channels = self.shapes[looped][0]
                shape = (channels, channels, 3, 3)
                self.project(looped, looped, TransposedConvolution(padding=1), shape, back=True)
            case "pooled loop":
                self.dense(looped, looped, self.pooling(looped), back=True)
            case "feedback sparse":
                self.sparse(late, early, back=True)
            case "transposed":
                self.transposed()
            case "skip sparse":
                self.sparse(INPUT, names[-1])
            case "residual" if len(names) > 1:
                same = self.shapes[names[0]] == self.shapes[names[-1]]
                how = self.one_to_one if same else self.dense
                how(names[0], names[-1])
            case "twice" if len(names) > 1:
                self.sparse(names[-2], names[-1])
            case "skip" | "residual" | "twice":
                self.dense(INPUT, names[-1])
            case _:
                self.dense(late, early, back=True)

    def pooling(self, source: str) -> Pooling | None:
        """Draw a pooling of a population."""
        return pooling(self.rng, self.shapes[source], self.case.dyadic)

    def seen(self, source: str, pool: Pooling | None) -> Shape:
        """Return the shape of a population after pooling."""
        shape = self.shapes[source]
        return shape if pool is None else pool.output_shape(shape)

    def dense(self, source: str, target: str, pool: Pooling | None = None, **options: Any) -> None:
        """Connect every neuron with every neuron."""
        sizes = int(np.prod(self.shapes[target])), int(np.prod(self.seen(source, pool)))
        self.project(source, target, AllToAll(), sizes, pool, **options)

    def one_to_one(
        self, source: str, target: str, pool: Pooling | None = None, **options: Any
    ) -> None:
        """Connect neurons with the same index, by one shared weight or one weight each."""
        size = int(np.prod(self.shapes[target])) if self.rng.random() < 0.5 else 1
        self.project(source, target, OneToOne(), (size,), pool, **options)

    def sparse(self, source: str, target: str, pool: Pooling | None = None, **options: Any) -> None:
        """Connect random pairs of neurons, some of them twice."""
        sizes = int(np.prod(self.seen(source, pool))), int(np.prod(self.shapes[target]))
        number = int(self.rng.integers(0, min(self.sizes.synapses, sizes[0] * sizes[1]) + 1))
        ends = [self.rng.integers(0, size, number) for size in sizes]
        self.project(source, target, Sparse(*ends), (number,), pool, **options)

    def transposed(self) -> None:
        """Add the transpose of a convolution between two populations, from target to source."""
        for p in self.projections:
            if isinstance(p.connection, Convolution) and p.source != INPUT and p.pool is None:
                conv = p.connection
                how = TransposedConvolution(conv.stride, conv.padding, conv.dilation, conv.groups)
                if self.case.readout != "potential" or p.target != self.populations[-1].name:
                    self.project(p.target, p.source, how, p.weight.shape, back=True)
                    return
        self.extra("recurrent transposed")

    def project(
        self, source: str, target: str, connection: Connection, shape: Shape,
        pool: Pooling | None = None, bias: bool = False, back: bool = False,
    ) -> None:  # fmt: skip
        """Add a projection with random weights and delay; weights of loops are smaller."""
        case, rng = self.case, self.rng
        neuron = next(p.neuron for p in self.populations if p.name == target)
        receive, scale = "", WEIGHT_SCALE.get(neuron.name, 1.0)
        if neuron.receive != "v" and source != INPUT and rng.random() < 0.3:
            receive, scale = "v", 1.0
        fan_in = max(1, int(np.prod(shape)) // max(1, shape[0])) if len(shape) > 1 else 1
        spread = min(1.0, 2 / np.sqrt(fan_in)) * (0.5 if back else 1.0)
        number = connection.bias_shape(self.shapes[target])
        if case.dyadic:
            weight = np.rint(64 * spread * rng.normal(0.5, 1.0, shape)) / 64
            biases = rng.integers(-16, 32, number) / 64
        else:
            weight = scale * spread * rng.normal(0.5, 1.0, shape)
            biases = scale * rng.normal(0.1, 0.3, number)
        spikes = source != INPUT or case.encoding != "current"
        delay = float(rng.integers(0, 4)) * case.dt if case.delays and spikes else 0.0
        taken = [p.label for p in self.projections if (p.source, p.target) == (source, target)]
        self.projections.append(
            Projection(
                source, target, weight, biases if bias else None, connection, pool,
                receive=receive, delay=delay, label=f"n{len(taken)}" if taken else "",
                feedback=back and case.schedule == "canonical",
                frozen=bool(rng.random() < 0.2),
            )
        )  # fmt: skip
