"""Learning at the equilibrium written out in NumPy, from the matrices of single synapses.

It shares nothing with the package but the list of a projection's synapses. Everything is flat:
spikes ``(T, batch, neurons)``, rates ``(batch, neurons)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from projection_cases import matrix

from brianbridge.encoding import Current
from brianbridge.network import (
    INPUT,
    AvgPool2d,
    Conv2d,
    Dense,
    Feedback,
    Projection,
    Recurrent,
    Residual,
    SpikingNetwork,
)
from brianbridge.neurons.library import neuron_model

Arrays = Mapping[str, np.ndarray]

SHAPES = ("plain", "recurrent", "layers", "conv", "pool")


def make(
    shape: str, neuron: str = "if_rest", *, encoding: Any = None, seed: int = 0, bias: bool = True
) -> SpikingNetwork:
    """Return a small network with random weights under which neither all fire nor none."""
    model = neuron_model(neuron, theta=1.1, rest=-0.8)
    layers = {
        "plain": ((5,), [Dense(7, model), Dense(6, model)]),
        "recurrent": ((5,), [Dense(7, model), Recurrent()]),
        "layers": ((5,), [Dense(7, model), Dense(6, model), Dense(5, model), Feedback("hidden1")]),
        "conv": (
            (1, 6, 6),
            [
                Conv2d(2, 3, model, stride=2, padding=1), Conv2d(3, 3, model, padding=1),
                Feedback("conv1", kernel=3, padding=1),
            ],
        ),
        "pool": (
            (1, 6, 6),
            [
                Conv2d(2, 3, model, padding=1), AvgPool2d(2, model), Conv2d(3, 2, model, padding=1),
                AvgPool2d(2), Conv2d(2, 1, model), Residual("pool1", learned=True),
                Feedback("conv1", kernel=2, stride=3),
            ],
        ),
    }  # fmt: skip
    size, chosen = layers[shape]
    last = neuron_model("lif" if "tau" in model.parameters else "if")
    if "tau" in model.parameters:
        last = last.with_parameters(tau=model.parameters["tau"])
    net = SpikingNetwork.sequential(
        size, [*chosen, Dense(3, last)], encoding=encoding or Current(30), readout="potential"
    )
    random = np.random.default_rng((seed, 0xE0))
    # What reaches a neuron in a step is to lie between 0 and U, here 1.9, or with a leak less;
    # where it is pooled, smaller errors would not make it back through leaky neurons.
    size_of = 0.5 if "tau" in model.parameters and shape != "pool" else 1.0
    return net.with_weights(
        {p.name: _weights(p, net, random, size_of, bias) for p in net.projections if not p.frozen}
    )


def _weights(
    projection: Projection, net: SpikingNetwork, random: Any, size: float, bias: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    shape = projection.weight.shape
    fan_in = shape[1] if len(shape) == 2 else np.prod(shape[1:])
    spread = 0.6 if projection.feedback else 1.8
    weight = random.normal(0.3 * (not projection.feedback), spread, shape) / np.sqrt(fan_in)
    has_one = bias and projection.bias is not None
    return size * weight, size * random.normal(0.3, 0.3, len(weight)) if has_one else None


@dataclass(frozen=True)
class ByHand:
    """A network as matrices.

    Parameters
    ----------
    network : SpikingNetwork
        Its output is not to fire.
    leak : float
        What a step leaves of a potential.
    masks : mapping of str to numpy.ndarray, shape (batch, neurons)
        What dropout makes of the spikes of a population.
    """

    network: SpikingNetwork
    leak: float = 1.0
    masks: Arrays = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(p.name for p in self.network.firing)

    def matrix(self, projection: Projection) -> np.ndarray:
        net = self.network
        return matrix(projection, net.shape_of(projection.source), net.shape_of(projection.target))

    def bias(self, projection: Projection) -> np.ndarray | float:
        if projection.bias is None:
            return 0.0
        target = self.network.shape_of(projection.target)
        return projection.connection.bias_of_neurons(projection.bias, target)

    def unit(self, name: str) -> float:
        """U."""
        parameters = self.network.population(name).neuron.parameters
        return float(parameters["theta"]) - float(parameters.get("rest", 0.0))

    def mean(self, values: np.ndarray) -> np.ndarray:
        """The mean over time, weighted by the leak."""
        weight = self.leak ** np.arange(len(values) - 1, -1, -1.0)
        return np.tensordot(weight, values, 1) / weight.sum()

    # ------------------------------------------------------------------ the forward stage

    def forward(self, x: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return spikes, and the weighted mean of what the output gets.

        Parameters
        ----------
        x : numpy.ndarray, shape (batch, inputs) or (T, batch, inputs)
            A constant current, or spikes.
        """
        net, batch = self.network, x.shape[-2]
        sent = {name: np.zeros((batch, net.population(name).size)) for name in self.names}
        u = {p.name: np.zeros((batch, p.size)) for p in net.populations}
        spikes: dict[str, list[np.ndarray]] = {name: [] for name in self.names}
        read = []
        for t in range(net.steps):
            before = dict(sent)
            for p in net.populations:
                got = 0.0
                for projection in net.incoming(p.name):
                    heard = before if projection.feedback else sent
                    source = projection.source
                    s = (x if x.ndim == 2 else x[t]) if source == INPUT else heard[source]
                    got = got + s @ self.matrix(projection).T + self.bias(projection)
                if p.name not in sent:
                    read.append(got)
                    continue
                u[p.name] = u[p.name] + got
                s = (u[p.name] >= float(p.neuron.parameters["theta"])).astype(float)
                u[p.name] = self.leak * (u[p.name] - self.unit(p.name) * s)
                sent[p.name] = s * self.masks.get(p.name, 1.0)
                spikes[p.name].append(sent[p.name])
        return {n: np.array(s) for n, s in spikes.items()}, self.mean(np.array(read))

    def gates(self, spikes: Arrays) -> dict[str, np.ndarray]:
        """Return m, times what dropout makes of a spike."""
        counts = {name: (s != 0).sum(0) for name, s in spikes.items()}
        return {
            name: ((n > 0) & (n < self.network.steps)) * self.masks.get(name, 1.0)
            for name, n in counts.items()
        }

    def given(self, delta: np.ndarray) -> dict[str, np.ndarray]:
        """Return g: the gradient of the rates, from that of the output ``(batch, classes)``."""
        found = {n: np.zeros((len(delta), self.network.population(n).size)) for n in self.names}
        for projection in self.network.incoming(self.network.output.name):
            if projection.source != INPUT:
                found[projection.source] += delta @ self.matrix(projection)
        return found

    # ------------------------------------------------------------------ the backward stage

    def ternary(
        self, g: Arrays, m: Arrays, *, steps: int, theta: float = 0.5, rest: float = -0.5
    ) -> dict[str, np.ndarray]:
        """Return what the ternary neurons emit, 1, 0 or -1, with m, by methods of SPIDE."""
        net, amount = self.network, theta - rest
        u = {name: np.zeros_like(values) for name, values in g.items()}
        s = {name: np.zeros_like(values) for name, values in g.items()}
        spikes: dict[str, list[np.ndarray]] = {name: [] for name in self.names}
        for _ in range(steps):
            before = dict(s)
            for name in reversed(self.names):
                u[name] = u[name] + g[name]
                for p in net.projections:
                    if p.source == name and p.target in s:
                        heard = (before if p.feedback else s)[p.target]
                        u[name] += (m[p.target] * heard) @ self.matrix(p) / self.unit(p.target)
                up, down = u[name] >= theta, u[name] <= -theta
                s[name] = amount * (up.astype(float) - down)
                u[name] = self.leak * (u[name] - s[name])
            for name in self.names:
                spikes[name].append((m[name] != 0) * s[name] / amount)
        return {name: np.array(values) for name, values in spikes.items()}

    def jacobian(self, m: Arrays, sample: int) -> np.ndarray:
        """Return J of a sample, of the rates of all populations in their order."""
        ends = np.cumsum([self.network.population(n).size for n in self.names])
        place = {n: slice(e - len(m[n][0]), e) for n, e in zip(self.names, ends, strict=True)}
        found = np.zeros((ends[-1], ends[-1]))
        for p in self.network.projections:
            if p.source in place and p.target in place:
                slope = m[p.target][sample] / self.unit(p.target)
                found[place[p.target], place[p.source]] += slope[:, None] * self.matrix(p)
        return found

    def solved(self, g: Arrays, m: Arrays) -> dict[str, np.ndarray]:
        """Return z with ``(I - J^T) z = g``."""
        flat = np.concatenate([g[name] for name in self.names], 1)
        z = np.empty_like(flat)
        for sample, right in enumerate(flat):
            left = np.eye(len(right)) - self.jacobian(m, sample).T
            z[sample] = np.linalg.solve(left, right)
        ends = np.cumsum([g[name].shape[1] for name in self.names])[:-1]
        return dict(zip(self.names, np.split(z, ends, 1), strict=True))

    # ------------------------------------------------------------------ weights

    def gradients(
        self, z: Arrays, m: Arrays, rates: Arrays, x: np.ndarray, delta: np.ndarray
    ) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
        """Return the gradients of weight and bias of each projection that is trained."""
        found = {}
        for p in self.network.projections:
            if p.frozen:
                continue
            arrives = (
                delta if p.target not in z else m[p.target] * z[p.target] / self.unit(p.target)
            )
            source = x if p.source == INPUT else rates[p.source]
            whole = arrives.T @ source
            weight = np.zeros(p.weight.shape)
            for k in np.ndindex(*p.weight.shape):
                weight[k] = np.sum(whole * self.matrix(replace(p, weight=_one_at(k, weight.shape))))
            bias = None
            if p.bias is not None:
                units = np.eye(len(p.bias))
                bias = np.array(
                    [np.sum(arrives * self.bias(replace(p, bias=unit))) for unit in units]
                )
            found[p.name] = weight, bias
        return found


def _one_at(place: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
    found = np.zeros(shape)
    found[place] = 1
    return found


def cross_entropy_gradient(output: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the gradient of the mean cross-entropy by the output."""
    share = np.exp(output - output.max(1, keepdims=True))
    share /= share.sum(1, keepdims=True)
    return (share - np.eye(output.shape[1])[labels]) / len(labels)


def masks_of(twin: Any) -> dict[str, np.ndarray]:
    """Return the masks of dropout by population, filled as the twin draws them, once each."""
    draw, masks = twin.mask, {}

    def noted(name: str, batch: int) -> Any:
        mask = draw(name, batch)
        if mask is not None:
            assert name not in masks, "one mask a presentation"
            masks[name] = mask.flatten(1).numpy()
        return mask

    twin.mask = noted
    return masks
