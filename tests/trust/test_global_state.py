"""Nothing global changes by a public function: all of it is compared before and after each."""

from __future__ import annotations

import decimal
import gc
import locale
import logging
import os
import random
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import brian2
import numpy as np
import pytest
import torch
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, Synapses, ms, second
from threadpoolctl import threadpool_info

import brianbridge as bb
from brianbridge.datasets import from_arrays, load_dataset
from brianbridge.perturbations import Condition, MembraneNoise, SynapticFailure, perturbed
from brianbridge.report import write_report
from brianbridge.rules import learning_rule, rule_names
from brianbridge.simulation import arithmetic

# The first import of scikit-learn draws from Python's generator (by way of rich); those of SciPy
# and matplotlib add to the filters of warnings.
for module in ("sklearn.model_selection", "scipy.sparse", "matplotlib.pyplot"):
    import_module(module)
# The first optimiser of torch imports its compiler, which names its cache in the environment.
torch.optim.Adam([torch.zeros(1, requires_grad=True)])

X, Y = np.random.default_rng(0).random((60, 6)), np.arange(60) % 3
DATA = from_arrays("mine", X, Y)
#: Neuron models of two layers, a readout and an encoding. Each rule is trained on the first network
#: that it accepts; add one only for a rule that accepts none of these.
TRAINABLE: list[tuple[str, str, str, Any]] = [
    ("lif", "lif", "counts", bb.Bernoulli(6)),
    ("lif_zero", "lif_zero", "potential", bb.Current(6)),
    ("if_rest", "if", "potential", bb.Current(6)),
    ("multi_threshold_lif", "lif", "potential", bb.Current(6)),
    ("single_spike_lif", "single_spike_lif", "potential", bb.Current(6)),
    ("single_spike_if", "single_spike_if", "first_spike", bb.Latency(6)),
]


def network(encoding: Any = None, noisy: bool = True) -> bb.SpikingNetwork:
    lif = bb.neuron_model("lif")
    layers = [bb.Dense(8, lif), bb.Dense(3, lif)]
    net = bb.SpikingNetwork.sequential((6,), layers, encoding=encoding or bb.Current(6))
    chip = [MembraneNoise(0.2)] if noisy else []
    if encoding is not None:
        chip.append(SynapticFailure(0.2))
    return perturbed(Condition(net), chip).network


def state() -> dict[str, Any]:
    """Return everything global that a function could change, as values that can be compared."""
    device = brian2.get_device()
    runtime = import_module("brian2.devices.device").runtime_device
    context = decimal.getcontext()
    numpy_random = np.random.get_state()
    return {
        "numpy.random": (*numpy_random[:1], numpy_random[1].tolist(), *numpy_random[2:]),
        "random": random.getstate(),
        "torch generator": torch.get_rng_state().tolist(),
        "brian2 random": {k: np.asarray(v).tolist() if k != "numpy_state" else 0
                          for k, v in runtime.get_random_state().items()},
        "defaultclock": float(brian2.defaultclock.dt / second),
        "preferences": {name: brian2.prefs[name] for name in brian2.prefs},
        "device": (device, [*import_module("brian2.devices.device").previous_devices]),
        "warnings": [str(entry) for entry in warnings.filters],
        "torch threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "torch": (
            torch.get_default_dtype(), torch.is_grad_enabled(), torch.is_inference_mode_enabled(),
            torch.are_deterministic_algorithms_enabled(), torch.is_anomaly_enabled(),
        ),
        "threadpools": {p["filepath"]: p["num_threads"] for p in threadpool_info()},
        "locale": locale.setlocale(locale.LC_ALL),
        "logging": {
            name: (logger.level, len(logger.handlers), logger.disabled, logger.propagate)
            for name, logger in {"root": logging.root, **logging.root.manager.loggerDict}.items()
            if isinstance(logger, logging.Logger)
        },
        "logging of all": logging.root.manager.disable,
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "decimal": (context.prec, context.rounding, str(context.traps)),
        "numpy errors": np.geterr(),
        "numpy printing": str(np.get_printoptions()),
        "garbage": (gc.isenabled(), gc.get_threshold(), gc.get_debug(), gc.get_freeze_count()),
    }  # fmt: skip


def brian2_network() -> Network:
    source = SpikeGeneratorGroup(6, [], [] * ms, name="pixels")
    group = NeuronGroup(3, "dv/dt = -v/(10*ms) : 1", threshold="v > 1", reset="v = 0",
                        method="exact", name="cells")  # fmt: skip
    wires = Synapses(source, group, "w : 1", on_pre="v += w", name="wires")
    wires.connect()
    return Network(source, group, wires)


def functions(folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield every public function that does more than return a description, with a call of it."""
    net, plain = network(), network(noisy=False)
    spiking = network(bb.Poisson(6))
    rungs = [bb.Rung(name="noise", perturb={"membrane_noise": {"sigma": 0.2}})]
    yield "simulate", lambda: bb.simulate(net, X)
    yield "simulate seeded", lambda: bb.simulate(net, X, seed=3, record=("spikes", "v"))
    yield (
        "simulate in threads",
        lambda: bb.simulate(net, X, seed=3, backend=bb.Backend(threads=2, batch_size=20)),
    )
    yield "simulate float32", lambda: bb.simulate(plain, X, backend=bb.Backend(dtype=np.float32))
    yield "simulate reference", lambda: bb.simulate(net, X, backend=bb.Backend(path="reference"))
    yield "simulate poisson", lambda: bb.simulate(spiking, X, poisson=True, dt=0.5 * ms)
    yield "simulate timing", lambda: bb.simulate(spiking, X, timing="uniform", dt=0.1 * ms)
    yield "simulate what is wrong", lambda: refused(lambda: bb.simulate(plain, X[:, :2]))
    yield "verify", lambda: bb.verify(plain, DATA, rungs)
    yield "report", lambda: write_report(bb.verify(plain, DATA, rungs), folder / "report.html")
    yield "calibrate", lambda: bb.calibrate(plain, DATA, [MembraneNoise(0.2)], samples=6, rounds=1)
    yield (
        "fine_tune",
        lambda: bb.fine_tune(
            plain, DATA, [MembraneNoise(0.2)], rule="spike_count", epochs=1, batch_size=30
        ),
    )
    for rule in rule_names():
        yield f"train by {rule}", partial(train_by, rule)
    yield "to_torch", lambda: bb.to_torch(plain).record(X)
    yield "write_back", lambda: bb.write_back(bb.to_torch(plain))
    yield "from_brian2", lambda: bb.from_brian2(brian2_network(), steps=4, input="pixels")
    yield "save_network", lambda: bb.save_network(plain, folder / "net.h5")
    yield "load_network", lambda: bb.load_network(folder / "net.h5")
    yield "load_dataset", lambda: load_dataset("iris")
    yield "from_arrays", lambda: from_arrays("mine", X, Y)
    yield "read_ladder", lambda: bb.read_ladder("short")
    yield "network_model", lambda: bb.network_model(bb.network_names()[0])
    yield "neuron_model", lambda: [bb.neuron_model(name) for name in bb.model_names()]


def refused(call: Callable[[], Any]) -> None:
    with pytest.raises(bb.InputError):
        call()


def train_by(rule: str) -> None:
    bb.train(bb.to_torch(network_for(rule)), DATA, rule, epochs=1, batch_size=30)


def network_for(rule: str) -> bb.SpikingNetwork:
    """Return the first of the networks that a rule can train."""
    for hidden, output, readout, encoding in TRAINABLE:
        layers = [bb.Dense(4, bb.neuron_model(hidden)), bb.Dense(3, bb.neuron_model(output))]
        net = bb.SpikingNetwork.sequential((6,), layers, encoding=encoding, readout=readout)
        try:
            learning_rule(rule).check(net)
        except bb.InputError:
            continue
        return net
    pytest.fail(f"learning rule '{rule}' accepts no network of TRAINABLE; add one that it accepts")


def changed(call: Callable[[], Any]) -> dict[str, tuple[str, str]]:
    """Return what a call changes."""
    before = state()
    call()
    after = state()
    found = {}
    for name, value in before.items():
        now = after[name]
        if name in ("preferences", "logging", "threadpools"):
            # A module that is imported may add some of its own.
            now = {key: now.get(key) for key in value}
        if now != value:
            if isinstance(value, dict):
                keys = [key for key in {**value, **now} if value.get(key) != now.get(key)]
                value, now = ({key: d.get(key) for key in keys} for d in (value, now))
            found[name] = str(value)[:200], str(now)[:200]
    return found


@pytest.fixture(autouse=True)
def frozen_by_nobody(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo the freezing of the test session, so that a simulation freezes objects itself."""
    monkeypatch.setattr(arithmetic, "_frozen_by_user", False)
    gc.unfreeze()
    yield
    gc.freeze()


def test_no_public_function_changes_anything_global(tmp_path):
    wrong = {name: found for name, call in functions(tmp_path) if (found := changed(call))}
    assert not wrong


def test_objects_that_the_user_froze_stay_frozen():
    gc.freeze()
    before = gc.get_freeze_count()
    bb.simulate(network(), X)
    assert gc.get_freeze_count() > 0.9 * before


def test_what_a_user_draws_afterwards_does_not_depend_on_us():
    np.random.seed(1)
    expected = np.random.rand(3)
    np.random.seed(1)
    bb.simulate(network(), X, seed=7)
    bb.verify(network(noisy=False), DATA)
    np.testing.assert_array_equal(np.random.rand(3), expected)
