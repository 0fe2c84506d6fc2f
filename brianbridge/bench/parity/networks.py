"""Random networks: projections of every kind, images, delays, loops and residuals.

A `Case` is small and printable; shapes and numbers follow from its seed. Where a kind of
projection does not fit the shapes that have come about so far, a dense one stands in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from brianbridge.bench.parity.neurons import UNBOUNDED, WEIGHT_SCALE, dyadic_model, random_model
from brianbridge.encoding import Bernoulli, Current, Encoding, Frames, Latency, Poisson
from brianbridge.errors import InputError
from brianbridge.network import (
    INPUT,
    AllToAll,
    Connection,
    Convolution,
    OneToOne,
    Pooling,
    Population,
    Projection,
    Readout,
    Schedule,
    Sparse,
    SpikingNetwork,
    TransposedConvolution,
)

__all__ = ["ENCODINGS", "EXTRA", "FORWARD", "Case"]

Shape = tuple[int, ...]

ENCODINGS = ("current", "bernoulli", "poisson", "latency", "frames")
#: How a population is reached from the one before it.
FORWARD = (
    "dense", "dense flat", "conv", "conv", "depthwise", "sparse", "one to one",
    "pool dense", "pool conv", "pool sparse", "pool one to one",
)  # fmt: skip
#: What comes on top, once for the whole network.
EXTRA = (
    "recurrent", "recurrent one to one", "recurrent transposed", "feedback", "feedback sparse",
    "transposed", "skip", "skip sparse", "residual", "twice", "pooled loop",
)  # fmt: skip


@dataclass(frozen=True)
class _Sizes:
    """Say how large things are drawn."""

    sides: tuple[int, ...]  # of images
    channels: int  # of images, at most
    flat: tuple[int, int]  # neurons of a population without an image, from and below
    synapses: int  # of a sparse projection, at most


_SMALL = _Sizes((2, 3, 5, 7), 2, (1, 6), 40)
_LARGE = _Sizes((8, 11, 14, 17), 4, (20, 300), 5000)


@dataclass(frozen=True)
class Case:
    """Decide a network and its samples.

    Parameters
    ----------
    model : str
        The neuron model of most populations.
    encoding, readout, schedule : str
        Of the network.
    forward : tuple of str
        How each population is reached, out of `FORWARD`.
    extra : tuple of str
        Further projections, out of `EXTRA`.
    delays, bias, per_neuron : bool
        Whether projections have delays and biases, and neurons parameters of their own.
    samples, batch_size, steps : int
        Samples, how many are simulated at once, and steps of a presentation.
    dt : float
        The step, in seconds.
    seed : int
        Decides shapes and numbers.
    dyadic : bool
        Whether all numbers are multiples of a power of two.
    large : bool
        Whether there are hundreds or thousands of neurons, not tens.
    others : tuple of str
        The neuron models of the other populations.
    """

    model: str
    encoding: str
    readout: Readout
    schedule: Schedule
    forward: tuple[str, ...]
    extra: tuple[str, ...]
    delays: bool
    bias: bool
    per_neuron: bool
    samples: int
    batch_size: int
    steps: int
    dt: float
    seed: int
    dyadic: bool = False
    large: bool = False
    others: tuple[str, ...] = ("lif",)

    def network(self) -> SpikingNetwork:
        """Return the network; the same one whenever it is called."""
        return _Grower(self).network()

    def x(self) -> np.ndarray:
        """Return the samples ``(samples, *input_shape)``; the same ones whenever it is called."""
        shape = (self.samples, *_Grower(self).shapes[INPUT])
        rng = np.random.default_rng((self.seed, 2))
        if self.encoding == "frames":
            shape = (shape[0], self.steps, *shape[1:])
            # Most pixels are silent, some count several times or negatively.
            return rng.integers(-2, 4, shape) * (rng.random(shape) < 0.3)
        x = rng.integers(-8, 9, shape) / 8 if self.dyadic else rng.uniform(-1, 1, shape)
        return np.abs(x) if self.encoding in ("latency", "poisson") else x


def _pair(rng: np.random.Generator, low: int, high: Any) -> tuple[int, int]:
    """Draw two whole numbers, from `low` and below `high`."""
    first, second = rng.integers(low, high, 2)
    return int(first), int(second)


class _Grower:
    """Grow a network from its case."""

    def __init__(self, case: Case) -> None:
        self.case, self.rng = case, np.random.default_rng((case.seed, 1))
        self.sizes = _LARGE if case.large else _SMALL
        rng = self.rng
        height, width = rng.choice(self.sizes.sides, 2)
        image = (int(rng.integers(1, 3)), int(height), int(width))
        shape = image if rng.random() < 0.8 else image[1:]
        self.shapes: dict[str, Shape] = {INPUT: shape}
        self.populations: list[Population] = []
        self.projections: list[Projection] = []

    def network(self) -> SpikingNetwork:
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

    def target_shape(self, flat: bool = False) -> Shape:
        sizes = self.sizes
        if flat or self.rng.random() < 0.3:
            return (int(self.rng.integers(*sizes.flat)),)
        sides = (1, *sizes.sides)[:4]
        channels = int(self.rng.integers(1, sizes.channels + 2))
        return (channels, *(int(s) for s in self.rng.choice(sides, 2)))

    # ------------------------------------------------------------------ projections

    def forward(self, source: str, target: str, kind: str) -> None:
        """Add a population, and a projection of this kind that leads to it."""
        pool = self.pooling(self.shapes[source]) if kind.startswith("pool") else None
        seen = self.shapes[source] if pool is None else pool.output_shape(self.shapes[source])
        kind = kind.removeprefix("pool ")
        if kind in ("conv", "depthwise") and len(seen) == 3:
            connection, shape, target_shape = self.convolution(seen, kind == "depthwise")
            self.add(target, target_shape)
            self.project(source, target, connection, shape, pool, bias=self.case.bias)
        elif kind == "one to one":
            self.add(target, seen)
            self.one_to_one(source, target, pool, bias=self.case.bias)
        elif kind == "sparse":
            self.add(target, self.target_shape())
            self.sparse(source, target, pool, bias=self.case.bias)
        else:
            self.add(target, self.target_shape(flat="flat" in kind))
            self.dense(source, target, pool, bias=self.case.bias)

    def extra(self, kind: str) -> None:
        """Add a projection between populations that there are."""
        names = [p.name for p in self.populations]
        fires = names if self.case.readout != "potential" else names[:-1]
        early, late = names[0], fires[-1] if fires else ""
        own = str(self.rng.choice(fires)) if fires else ""
        if kind.startswith(("recurrent", "feedback", "transposed", "pooled")) and not own:
            kind = "skip"
        match kind:
            case "recurrent":
                self.dense(own, own, back=True)
            case "recurrent one to one":
                self.one_to_one(own, own, back=True)
            case "recurrent transposed" if len(self.shapes[own]) == 3:
                channels = self.shapes[own][0]
                shape = (channels, channels, 3, 3)
                self.project(own, own, TransposedConvolution(padding=1), shape, back=True)
            case "pooled loop":
                self.dense(own, own, self.pooling(self.shapes[own]), back=True)
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

    def dense(self, source: str, target: str, pool: Pooling | None = None, **options: Any) -> None:
        shapes = self.shapes
        seen = shapes[source] if pool is None else pool.output_shape(shapes[source])
        sizes = int(np.prod(shapes[target])), int(np.prod(seen))
        self.project(source, target, AllToAll(), sizes, pool, **options)

    def one_to_one(
        self, source: str, target: str, pool: Pooling | None = None, **options: Any
    ) -> None:
        size = int(np.prod(self.shapes[target])) if self.rng.random() < 0.5 else 1
        self.project(source, target, OneToOne(), (size,), pool, **options)

    def sparse(self, source: str, target: str, pool: Pooling | None = None, **options: Any) -> None:
        """Connect some of all pairs, a few of them twice, and some neurons not at all."""
        shapes = self.shapes
        seen = shapes[source] if pool is None else pool.output_shape(shapes[source])
        sizes = int(np.prod(seen)), int(np.prod(shapes[target]))
        number = int(self.rng.integers(0, min(self.sizes.synapses, sizes[0] * sizes[1]) + 1))
        ends = [self.rng.integers(0, size, number) for size in sizes]
        self.project(source, target, Sparse(*ends), (number,), pool, **options)

    def transposed(self) -> None:
        """Go back where a convolution between two populations came from."""
        for p in self.projections:
            if isinstance(p.connection, Convolution) and p.source != INPUT and p.pool is None:
                same = p.connection
                how = TransposedConvolution(same.stride, same.padding, same.dilation, same.groups)
                if self.case.readout != "potential" or p.target != self.populations[-1].name:
                    self.project(p.target, p.source, how, p.weight.shape, back=True)
                    return
        self.extra("recurrent transposed")

    def convolution(self, seen: Shape, depthwise: bool) -> tuple[Convolution, Shape, Shape]:
        """Return a convolution that fits the image, the shape of its weights and its target."""
        rng = self.rng
        while True:
            groups = int(rng.choice([g for g in range(1, seen[0] + 1) if seen[0] % g == 0]))
            groups = seen[0] if depthwise else groups
            kernel, padding = _pair(rng, 1, 4), _pair(rng, 0, 3)
            stride, dilation = _pair(rng, 1, 4), _pair(rng, 1, 3)
            how = Convolution(stride, padding, dilation, groups)
            channels = groups * int(rng.integers(1, 3))
            try:
                target = how.output_shape(seen, channels, kernel)
            except InputError:
                continue
            return how, (channels, seen[0] // groups, *kernel), target

    def pooling(self, shape: Shape) -> Pooling | None:
        """Return pooling that fits; of means only those whose size is a power of two if dyadic."""
        rng = self.rng
        if len(shape) == 1:
            return None
        for _ in range(20):
            size = _pair(rng, 1, 4)
            mode: Literal["average", "sum"] = "average" if rng.random() < 0.5 else "sum"
            if self.case.dyadic and 3 in size:
                mode = "sum"
            stride = None if rng.random() < 0.5 else _pair(rng, 1, 4)
            padding = _pair(rng, 0, np.array(size) // 2 + 1)
            pool = Pooling(mode, size, stride, padding)
            try:
                pool.output_shape(shape)
            except InputError:
                continue
            return pool
        return None

    def project(
        self, source: str, target: str, connection: Connection, shape: Shape,
        pool: Pooling | None = None, bias: bool = False, back: bool = False,
    ) -> None:  # fmt: skip
        """Add a projection with random weights and delay; loops get weaker ones."""
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
