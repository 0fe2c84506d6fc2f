"""Random networks with projections of every kind: images, delays, loops, residuals.

What Hypothesis draws is small and printable; shapes and numbers follow from the seed. Where a
kind does not fit the shapes that have come about so far, a dense projection stands in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import second
from hypothesis import strategies as st
from random_networks import DYADIC_MODELS, ENCODINGS, RANGES, UNBOUNDED, WEIGHT_SCALE, dyadic_model

from brianbridge.encoding import Bernoulli, Current, Encoding, Latency
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
    Sparse,
    SpikingNetwork,
    TransposedConvolution,
)
from brianbridge.neurons.library import neuron_model

Shape = tuple[int, ...]

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
SIZES = (1, 2, 3, 5, 7)


@dataclass(frozen=True)
class Case:
    """Decide a network and its samples."""

    model: str
    encoding: str
    readout: str
    schedule: str
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

    def network(self) -> SpikingNetwork:
        """Return the network; the same one whenever it is called."""
        return _Grower(self).network()

    def x(self) -> np.ndarray:
        """Return the samples, signed but for latency."""
        grower = _Grower(self)
        rng = np.random.default_rng((self.seed, 2))
        shape = (self.samples, *grower.shapes[INPUT])
        x = rng.integers(-8, 9, shape) / 8 if self.dyadic else rng.uniform(-1, 1, shape)
        return np.abs(x) if self.encoding == "latency" else x


class _Grower:
    """Grow a network from its case."""

    def __init__(self, case: Case) -> None:
        self.case, self.rng = case, np.random.default_rng((case.seed, 1))
        rng = self.rng
        height, width = rng.choice(SIZES[1:], 2)
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
        return SpikingNetwork(
            self.shapes[INPUT], self.encoding(), tuple(self.populations),
            tuple(self.projections), case.readout, {}, case.schedule,
        )  # fmt: skip

    def encoding(self) -> Encoding:
        case = self.case
        if case.encoding == "current":
            return Current(case.steps, case.dt)
        if case.encoding == "latency":
            return Latency(case.steps, case.dt)
        gain = 1.0 if case.dyadic else 0.8
        return Bernoulli(case.steps, case.dt, gain=gain, signed=True, seed=case.seed % 1000)

    # ------------------------------------------------------------------ populations

    def add(self, name: str, shape: Shape) -> None:
        case, rng = self.case, self.rng
        self.shapes[name] = tuple(int(size) for size in shape)
        if case.dyadic:
            model = dyadic_model(case.model, float(rng.choice((0.25, 0.5, 0.75, 1.0, 1.5))))
            self.populations.append(Population(name, self.shapes[name], model))
            return
        kind = case.model if rng.random() < 0.7 else "lif"
        if name == "output" and case.readout == "potential" and kind in UNBOUNDED:
            kind = "lif"
        size = int(np.prod(shape))
        values = {
            key: rng.uniform(low, high, (size,) if case.per_neuron else ()) * unit
            for key, (low, high, unit) in RANGES[kind].items()
        }
        if kind.startswith("multi_threshold_lif"):
            values["s_max"] = float(rng.integers(1, 6))
        if "t_ref" in values and rng.random() < 0.5:
            values["t_ref"] = np.rint(values["t_ref"] / (case.dt * second)) * case.dt * second
        self.populations.append(Population(name, self.shapes[name], neuron_model(kind, **values)))

    def target_shape(self, flat: bool = False) -> Shape:
        if flat or self.rng.random() < 0.3:
            return (int(self.rng.integers(1, 6)),)
        return (int(self.rng.integers(1, 4)), *(int(s) for s in self.rng.choice(SIZES[:4], 2)))

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
        fires = names if self.case.readout == "counts" else names[:-1]
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
        """Connect about half of all pairs, some of them twice, some neurons not at all."""
        shapes = self.shapes
        seen = shapes[source] if pool is None else pool.output_shape(shapes[source])
        sizes = int(np.prod(seen)), int(np.prod(shapes[target]))
        number = int(self.rng.integers(0, min(40, sizes[0] * sizes[1]) + 1))
        ends = [self.rng.integers(0, size, number) for size in sizes]
        self.project(source, target, Sparse(*ends), (number,), pool, **options)

    def transposed(self) -> None:
        """Go back where a convolution between two populations came from."""
        for p in self.projections:
            if isinstance(p.connection, Convolution) and p.source != INPUT and p.pool is None:
                same = p.connection
                how = TransposedConvolution(same.stride, same.padding, same.dilation, same.groups)
                if self.case.readout == "counts" or p.target != self.populations[-1].name:
                    self.project(p.target, p.source, how, p.weight.shape, back=True)
                    return
        self.extra("recurrent transposed")

    def convolution(self, seen: Shape, depthwise: bool) -> tuple[Convolution, Shape, Shape]:
        """Return a convolution that fits the image, the shape of its weights and its target."""
        rng = self.rng
        while True:
            groups = int(rng.choice([g for g in range(1, seen[0] + 1) if seen[0] % g == 0]))
            groups = seen[0] if depthwise else groups
            kernel, padding = rng.integers(1, 4, 2), rng.integers(0, 3, 2)
            stride, dilation = rng.integers(1, 4, 2), rng.integers(1, 3, 2)
            how = Convolution(*(tuple(map(int, o)) for o in (stride, padding, dilation)), groups)
            channels = groups * int(rng.integers(1, 3))
            try:
                target = how.output_shape(seen, channels, tuple(map(int, kernel)))
            except InputError:
                continue
            return how, (channels, seen[0] // groups, *map(int, kernel)), target

    def pooling(self, shape: Shape) -> Pooling | None:
        """Return pooling that fits; of means only those whose size is a power of two if dyadic."""
        rng = self.rng
        if len(shape) == 1:
            return None
        for _ in range(20):
            size = tuple(int(k) for k in rng.integers(1, 4, 2))
            mode = "average" if rng.random() < 0.5 else "sum"
            if self.case.dyadic and 3 in size:
                mode = "sum"
            stride = None if rng.random() < 0.5 else tuple(int(k) for k in rng.integers(1, 4, 2))
            padding = tuple(int(rng.integers(0, k // 2 + 1)) for k in size)
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
        if neuron.name == "cuba_lif" and source != INPUT and rng.random() < 0.3:
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


def path_cases(model: str, **fixed: Any) -> st.SearchStrategy[Case]:
    """Draw cases of one model; keywords hold fields of `Case` fixed."""
    dyadic = fixed.get("dyadic", False)
    steps_of = (2.0**-9, 2.0**-10, 2.0**-13)
    longest = 1e-3 if model in UNBOUNDED else 2e-3
    drawn = {
        "model": st.just(model),
        "encoding": st.sampled_from(ENCODINGS),
        "readout": st.sampled_from(("counts", "counts", "potential")),
        "schedule": st.sampled_from(("canonical", "canonical", "canonical", "default")),
        "forward": st.lists(st.sampled_from(FORWARD), min_size=2, max_size=4).map(tuple),
        "extra": st.lists(st.sampled_from(EXTRA), max_size=3, unique=True).map(tuple),
        "delays": st.booleans(),
        "bias": st.booleans(),
        "per_neuron": st.booleans(),
        "samples": st.integers(2, 5),
        "batch_size": st.integers(1, 3),
        "steps": st.integers(8, 20),
        "dt": st.sampled_from(steps_of) if dyadic else st.floats(1e-4, longest),
        "seed": st.integers(0, 2**32 - 1),
    }
    if model == "ternary_if" and not dyadic:
        # Without leak and bias, an input that is taken back leaves a neuron that fired -1 right at
        # its threshold, where the order of a sum decides.
        drawn["bias"] = st.just(True)
    drawn.update({key: st.just(value) for key, value in fixed.items()})
    return st.builds(Case, **drawn)


assert set(DYADIC_MODELS) - set(RANGES) == {"multi_threshold_if"}
