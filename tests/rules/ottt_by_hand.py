"""Networks for OTTT, and the rule without autograd: what its tests compare with."""

import dataclasses

import numpy as np
import torch
from brian2 import ms
from torch.nn import functional as F
from torch.nn.grad import conv2d_input, conv2d_weight

from brianbridge.encoding import Bernoulli, Current
from brianbridge.network import AvgPool2d, Conv2d, Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.rules import OTTT
from brianbridge.twin.network import to_torch

STEPS, BATCH, CLASSES = 6, 8, 4
ENCODINGS = {"current": Current(STEPS), "bernoulli": Bernoulli(STEPS)}
LIF, LONGER = neuron_model("lif", tau=2 * ms), neuron_model("lif", tau=5 * ms, theta=0.9)


def with_random_weights(net, mean=0.1, seed=0):
    random = np.random.default_rng(seed)
    return net.with_weights(
        {
            p.name: (
                random.normal(mean, 0.5, p.weight.shape),
                None if p.bias is None else random.normal(0, 0.1, p.bias.shape),
            )
            for p in net.projections
            if not p.frozen
        }
    )


def dense(encoding="bernoulli", readout="potential", steps=STEPS):
    layers = [Dense(7, LIF), Dense(6, LONGER), Dense(CLASSES, LIF)]
    coded = dataclasses.replace(ENCODINGS[encoding], steps=steps)
    net = SpikingNetwork.sequential((5,), layers, encoding=coded, readout=readout)
    return with_random_weights(net, mean=0.2)


def convolutional(encoding="current", readout="potential", steps=STEPS):
    layers = [
        Conv2d(3, 3, LIF, padding=1), AvgPool2d(2), Conv2d(4, 3, LONGER, stride=2, padding=1),
        Dense(CLASSES, neuron_model("if")),
    ]  # fmt: skip
    coded = dataclasses.replace(ENCODINGS[encoding], steps=steps)
    net = SpikingNetwork.sequential((2, 8, 8), layers, encoding=coded, readout=readout)
    return with_random_weights(net)


def batch_of(twin, seed=3):
    random = np.random.default_rng(seed)
    x = random.uniform(0, 1, (BATCH, *twin.network.input_shape))
    return twin.encode(x), torch.as_tensor(random.integers(0, CLASSES, BATCH))


class ByHand:
    """The network and the rule without autograd: one list of numbers for each layer.

    Spikes are those of the formulae in the docstring of `brianbridge.rules.ottt`; so are gradients.
    """

    def __init__(self, twin, rule):
        self.rule, self.steps = rule, twin.network.steps
        self.fires = twin.network.readout == "counts"
        self.layers = []
        for p in twin.network.projections:
            parameters = twin.network.population(p.target).neuron.parameters
            tau = float(parameters["tau"]) if "tau" in parameters else np.inf
            self.layers.append(
                {
                    "name": p.name,
                    "weight": torch.as_tensor(p.weight, dtype=torch.float64).clone(),
                    "bias": torch.as_tensor(p.bias, dtype=torch.float64).clone(),
                    "pool": p.pool is not None,
                    "options": None if p.weight.ndim == 2 else
                    {"stride": p.connection.stride, "padding": p.connection.padding},
                    "decay": float(np.exp(-1e-3 / tau)),
                    "theta": float(np.asarray(parameters["theta"])),
                }
            )  # fmt: skip

    def gradients(self, inputs, labels, update=None):
        """Return the gradients of weights and biases; call `update` with those of each step."""
        current, raster = inputs
        summed = {}
        potentials = [0.0] * len(self.layers)
        traces = [0.0] * len(self.layers)
        for t in range(self.steps):
            sent, seen, distances = (current if raster is None else raster[t]), [], []
            for i, layer in enumerate(self.layers):
                silent = i == len(self.layers) - 1 and not self.fires
                pooled = F.avg_pool2d(sent, 2) if layer["pool"] else sent
                if layer["options"] is None:
                    y = pooled.flatten(1) @ layer["weight"].T + layer["bias"]
                else:
                    y = F.conv2d(pooled, layer["weight"], layer["bias"], **layer["options"])
                if (i == 0 and raster is None) or silent:
                    traces[i] = pooled
                else:
                    traces[i] = layer["decay"] * traces[i] + pooled
                seen.append(traces[i])
                if silent:
                    logits = y
                    continue
                u = layer["decay"] * potentials[i] + y
                sent = (u >= layer["theta"]).to(u.dtype)
                distances.append(u - layer["theta"])
                potentials[i] = u - layer["theta"] * sent
                logits = sent
            step = self.backward(logits, labels, seen, distances)
            if update is None:
                for name, (weight, bias) in step.items():
                    before = summed.get(name, (0.0, 0.0))
                    summed[name] = (before[0] + weight, before[1] + bias)
            else:
                update(self, step)
        return summed

    def backward(self, logits, labels, seen, distances):
        rule, count = self.rule, len(labels)
        target = F.one_hot(labels, CLASSES).double()
        o = rule.gain * logits
        delta = (1 - rule.mse) * (torch.softmax(o, 1) - target) / count
        delta = delta + rule.mse * 2 * (o - target) / target.numel()
        delta = rule.gain * delta / self.steps
        step = {}
        for i in reversed(range(len(self.layers))):
            layer, trace = self.layers[i], seen[i]
            if i < len(distances):
                s = torch.sigmoid(distances[i] / rule.width)
                delta = delta.reshape(distances[i].shape) * rule.scale * 4 * s * (1 - s)
            if layer["options"] is None:
                weight, bias = delta.T @ trace.flatten(1), delta.sum(0)
                delta = (delta @ layer["weight"]).reshape(trace.shape)
            else:
                shape, options = layer["weight"].shape, layer["options"]
                weight, bias = conv2d_weight(trace, shape, delta, **options), delta.sum((0, 2, 3))
                delta = conv2d_input(trace.shape, layer["weight"], delta, **options)
            if layer["pool"]:
                delta = delta.repeat_interleave(2, 2).repeat_interleave(2, 3) / 4
            step[layer["name"]] = weight, bias
        return step


def learned(rule, twin, inputs, labels):
    """Return the gradients that `learn` leaves behind, by projection."""
    for _, loss in rule.learn(twin, *inputs, labels):
        loss.backward()
    return {n: (twin.projection(n).weight.grad, twin.projection(n).bias.grad)
            for n in twin.projections if twin.projection(n).bias is not None}  # fmt: skip


def prepared(net, rule=None, **training):
    twin = to_torch(net, dtype=torch.float64, **training)
    (rule or OTTT()).check(net)
    (rule or OTTT()).prepare(twin)
    return twin.train()


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name in expected:
        for one, other in zip(found[name], expected[name], strict=True):
            assert other.abs().max() > 1e-6, name  # otherwise nothing is compared
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)
