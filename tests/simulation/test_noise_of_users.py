"""Random neurons of a user's network: with equal seeds, the twin and Brian2 draw equal numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from brian2 import (
    Hz,
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    SpikeMonitor,
    Synapses,
    ms,
    seed,
)
from external_sources import own_spikes

import brianbridge as bb
from brianbridge.simulation.random.code_objects import Presentation, draw_by_counter

STEPS, SAMPLES, SEED = 200, 3, 5
LEAK = "dv/dt = (1 - v)/(5*ms) : 1"
XI = "0.5*xi*(5*ms)**-0.5"


@dataclass
class Neurons:
    """Hold the arguments of a `NeuronGroup`, and code that it runs regularly."""

    equations: str
    options: dict[str, Any] = field(default_factory=dict)
    regular: str = ""
    values: dict[str, Any] = field(default_factory=dict)

    def network(self) -> tuple[Network, NeuronGroup]:
        """Return a network in which a generator drives four neurons."""
        options = {"threshold": "v > 0.8", "reset": "v = 0", "method": "euler", **self.options}
        group = NeuronGroup(4, self.equations, name="cells", **options)
        for name, value in self.values.items():
            setattr(group, name, value)
        if self.regular:
            group.run_regularly(self.regular, dt=0.7 * ms)
        if "v" not in group.variables:
            return Network(group), group
        source = SpikeGeneratorGroup(3, [0, 1, 2, 0], [1, 2, 5, 9] * ms, name="source")
        wires = Synapses(source, group, "weight : 1", on_pre="v += weight", name="wires")
        wires.connect()
        wires.weight = np.linspace(0.2, 0.7, 12)
        return Network(group, source, wires), group


CASES = {
    "euler": Neurons(f"dv/dt = -v/(5*ms) + {XI} : 1"),
    "heun": Neurons(f"dv/dt = -v/(5*ms) + {XI} : 1", {"method": "heun"}),
    "milstein": Neurons(f"dv/dt = -v/(5*ms) + v*{XI} : 1", {"method": "milstein"}),
    "two named ones": Neurons(
        "dv/dt = (w - v)/(5*ms) + 0.5*xi_a*(5*ms)**-0.5 : 1 (unless refractory)\n"
        "dw/dt = -w/(5*ms) + (0.5*xi_a + xi_b)*(5*ms)**-0.5 : 1",
        {"refractory": 2 * ms},
    ),
    "threshold": Neurons(LEAK, {"threshold": "v >= 1 - 0.3*rand() or 0.01 > rand()"}),
    "reset": Neurons(LEAK, {"reset": "x = 0.1*randn(); v = x; v += 0.2*rand()"}),
    "refractory period": Neurons(
        "dv/dt = (1.5 - v)/(5*ms) : 1 (unless refractory)", {"refractory": "(1 + 2*rand())*ms"}
    ),
    "regular code": Neurons(
        "dv/dt = (c - v)/(5*ms) : 1\nc : 1", {}, "c = 1 + 0.5*randn(); v += 0.1*rand()"
    ),
    "regular counts": Neurons("dv/dt = (c - v)/(5*ms) : 1\nc : 1", {}, "c = 0.3*poisson(2 + v)"),
    "regular code, unless refractory": Neurons(
        "dv/dt = (c - v)/(5*ms) : 1 (unless refractory)\nc : 1", {"refractory": 2 * ms},
        "c = 1 + 0.5*randn(); v += 0.1*rand() + 0.02*poisson(2 + v)",
    ),
    "constant over a step": Neurons(
        f"dv/dt = (c - v)/(5*ms) + {XI} : 1\nc = 1 + randn() : 1 (constant over dt)"
    ),
    "no state": Neurons(
        "rates : Hz (constant)", {"threshold": "rand() < rates*dt", "reset": ""},
        values={"rates": [20, 100, 200, 50] * Hz},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_all_paths_and_the_users_own_run_emit_equal_spikes(case, tmp_path):
    net = bb.from_brian2(case.network()[0], steps=STEPS)
    bb.save_network(net, tmp_path / "net.h5")
    net = bb.load_network(tmp_path / "net.h5")
    x = np.zeros((SAMPLES, 1))
    judge = bb.simulate(net, x, seed=SEED, backend=bb.Backend(path="reference", batch_size=2))
    wanted = judge.raster("cells")
    assert 5 < wanted.sum() < 0.3 * wanted.size
    assert not np.array_equal(wanted[:, 0], wanted[:, 1])
    twin = bb.to_torch(net, dtype=torch.float64)
    found = twin.record(x, seed=SEED, batch_size=2).raster("cells")
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(bb.simulate(net, x, seed=SEED).raster("cells"), wanted)
    part = twin.record(x[1:2], index=[1], seed=SEED).raster("cells")
    np.testing.assert_array_equal(part[:, 0], wanted[:, 1])
    # The objects of the user, with Brian2's random numbers replaced by those of sample 1.
    mine, group = case.network()
    now = Presentation(group.clock, STEPS)
    now.begin(np.array([1]), 1)
    draw_by_counter({"cells": group}, SEED, 1, now)
    (spikes,) = own_spikes(mine.objects, [group], STEPS * 0.1 * ms)
    np.testing.assert_array_equal(spikes, wanted[:, 1])


@pytest.mark.parametrize("name", ["euler", "threshold", "reset", "constant over a step"])
def test_counts_have_the_distribution_of_brian2s_own_generator(name):
    mine, group = CASES[name].network()
    net = bb.from_brian2(mine, steps=STEPS)
    ours = bb.to_torch(net).record(np.zeros((400, 1)), seed=1).counts["cells"].sum(1)
    monitor = SpikeMonitor(group)
    mine.add(monitor)
    mine.store()
    seed(0)
    theirs = []
    for _ in range(60):
        mine.restore()
        mine.run(STEPS * 0.1 * ms)
        theirs.append(int(monitor.num_spikes))
    error = np.hypot(np.std(ours) / 20, np.std(theirs) / np.sqrt(60)) + 1e-9
    assert abs(np.mean(ours) - np.mean(theirs)) < 4 * error


def test_a_gradient_takes_noise_as_a_constant_and_training_draws_anew():
    mine, _ = CASES["euler"].network()
    twin = bb.to_torch(bb.from_brian2(mine, steps=STEPS), dtype=torch.float64)
    torch.manual_seed(3)
    one, other = (twin.run(*twin.encode(np.zeros((2, 1)))).spikes["cells"] for _ in range(2))
    assert not torch.equal(one, other)
    torch.manual_seed(3)
    again = twin.run(*twin.encode(np.zeros((2, 1)))).spikes["cells"]
    assert torch.equal(one, again)
    again.sum().backward()
    (weight,) = twin.parameters()
    assert torch.isfinite(weight.grad).all()
    assert weight.grad.abs().sum() > 0


def test_the_gradient_through_noise_is_that_of_finite_differences():
    from brianbridge.twin.noise import Noise

    equations = f"dv/dt = -v/(5*ms) + v*{XI} : 1"
    group = NeuronGroup(3, equations, method="milstein", name="cells")
    source = SpikeGeneratorGroup(1, [0, 0], [1, 3] * ms, name="source")
    wires = Synapses(source, group, "weight : 1", on_pre="v += weight", name="wires")
    wires.connect()
    wires.weight = [0.5, 1, 2]
    mine = Network(group, source, wires)
    twin = bb.to_torch(bb.from_brian2(mine, steps=60, readout="potential"), dtype=torch.float64)
    (weight,) = twin.parameters()

    def loss() -> torch.Tensor:
        noise = Noise(4, np.arange(2))
        return twin.run(*twin.encode(np.zeros((2, 1))), noise=noise).output.square().sum()

    loss().backward()
    for k in range(3):
        values = []
        for side in (1e-6, -1e-6):
            with torch.no_grad():
                weight[k] += side
                values.append(float(loss()))
                weight[k] -= side
        assert float(weight.grad[k]) == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-6)


def test_noise_that_cannot_be_read(refused):
    shared = NeuronGroup(
        2, "dv/dt = (c - v)/(5*ms) : 1\nc : 1 (shared)", threshold="v > 1", reset="v = 0",
        method="euler", name="cells",
    )  # fmt: skip
    shared.run_regularly("c = rand()")
    with refused("'cells'", "'c' has the flag (shared) and is random (rand)", "drop the flag"):
        bb.from_brian2([shared], steps=STEPS)
    with refused("seed = -1"):
        bb.to_torch(bb.from_brian2(CASES["euler"].network()[0], steps=STEPS)).record(None, seed=-1)


def test_spikes_of_several_values_may_not_be_random(refused):
    with refused("emit draws random numbers ('rand')", "let emit be int(...)"):
        bb.NeuronModel(
            "dv/dt = -v/(10*ms) : 1", emit="clip(floor(v + rand()), 0, 3)", reset="v = 0"
        )
