"""Networks, their conditions, and runs of them."""

from brianbridge.encoding import Current
from brianbridge.network import (
    Dense,
    SpikingNetwork,
)
from brianbridge.neurons.library import neuron_model
from brianbridge.perturbations import (
    perturbed,
)
from brianbridge.perturbations.condition import Condition
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.simulate import simulate


def network(*models, sizes=(400, 300), inputs=50, steps=10, readout="potential", **options):
    models = models or ("lif", "lif")
    layers = [
        Dense(n, neuron_model(m) if isinstance(m, str) else m)
        for n, m in zip(sizes, models, strict=True)
    ]
    return SpikingNetwork.sequential(
        (inputs,), layers, encoding=Current(steps), readout=readout, weight_gain=4.0, **options
    )


def apply(net, *perturbations, seed=0):
    return perturbed(Condition(net), perturbations, seed)


def run(condition, x, threads=None, **options):
    return simulate(
        condition.network, x, dt=condition.dt, schedule=condition.schedule,
        backend=Backend(dtype=condition.dtype, threads=threads), seed=0, **options,
    )  # fmt: skip
