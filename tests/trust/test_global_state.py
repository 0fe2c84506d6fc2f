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
from contextlib import suppress
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
from brianbridge.datasets import from_arrays, load
from brianbridge.fidelity.perturbations import MembraneNoise, SynapticFailure
from brianbridge.rules.base import rule_names

X, Y = np.random.default_rng(0).random((12, 6)), np.arange(12) % 3
DATA = from_arrays("mine", X, Y)


def network(encoding: Any = None, noisy: bool = True) -> bb.SpikingNetwork:
    lif = bb.neuron_model("lif")
    layers = [bb.Dense(8, lif), bb.Dense(3, lif)]
    net = bb.SpikingNetwork.sequential((6,), layers, encoding=encoding or bb.Current(6))
    chip = [MembraneNoise(0.2)] if noisy else []
    if encoding is not None:
        chip.append(SynapticFailure(0.2))
    return bb.perturbed(bb.Condition(net), chip).network


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
        "torch": (torch.get_default_dtype(), torch.is_grad_enabled(), torch.is_inference_mode_enabled(),
                  torch.are_deterministic_algorithms_enabled(), torch.is_anomaly_enabled()),
        "threadpools": sorted((p["filepath"], p["num_threads"]) for p in threadpool_info()),
        "locale": locale.setlocale(locale.LC_ALL),
        "logging": {
            name: (logger.level, len(logger.handlers), logger.disabled, logger.propagate)
            for name, logger in [("root", logging.getLogger()), *logging.root.manager.loggerDict.items()]
            if isinstance(logger, logging.Logger)
        },
        "logging of all": logging.root.manager.disable,
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "decimal": (context.prec, context.rounding, str(context.traps)),
        "numpy errors": np.geterr(),
        "numpy printing": str(np.get_printoptions()),
        "garbage": (gc.isenabled(), gc.get_threshold(), gc.get_debug()),
        "magic network": len(brian2.magic_network.objects) if hasattr(brian2, "magic_network") else 0,
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
    yield "simulate in threads", lambda: bb.simulate(net, X, seed=3, threads=2, batch_size=3)
    yield "simulate float32", lambda: bb.simulate(plain, X, dtype=np.float32)
    yield "simulate reference", lambda: bb.simulate(net, X, path="reference")
    yield "simulate poisson", lambda: bb.simulate(spiking, X, poisson=True, dt=0.5 * ms)
    yield "simulate timing", lambda: bb.simulate(spiking, X, timing="uniform", dt=0.1 * ms)
    yield "simulate what is wrong", lambda: bb.simulate(plain, X[:, :2])
    yield "verify", lambda: bb.verify(plain, DATA, rungs)
    yield "report", lambda: bb.verify(plain, DATA, rungs).report(folder / "report.html")
    yield "calibrate", lambda: bb.calibrate(plain, DATA, [MembraneNoise(0.2)], samples=6, rounds=1)
    yield (
        "fine_tune",
        lambda: bb.fine_tune(
            plain, DATA, [MembraneNoise(0.2)], rule="spike_count", epochs=1, batch_size=6
        ),
    )
    for rule in rule_names():
        yield f"train by {rule}", lambda rule=rule: trained_by(rule)
    yield "to_torch", lambda: bb.to_torch(plain).record(X)
    yield "write_back", lambda: bb.write_back(bb.to_torch(plain))
    yield "from_brian2", lambda: bb.from_brian2(brian2_network(), steps=4, input="pixels")
    yield "save", lambda: bb.save(plain, folder / "net.h5")
    yield "load", lambda: bb.load(folder / "net.h5")
    yield "data", lambda: load("iris")
    yield "from_arrays", lambda: from_arrays("mine", X, Y)
    yield "read_ladder", lambda: bb.read_ladder("short")
    yield "network_model", lambda: bb.network_model(bb.network_names()[0])
    yield "neuron_model", lambda: [bb.neuron_model(name) for name in bb.model_names()]
    yield "exact_propagator", lambda: bb.exact_propagator(bb.neuron_model("lif"), 1 * ms)


def trained_by(rule: str) -> None:
    """Train a network that the rule takes: of neurons of the rule's kind, read as it wants."""
    for name in bb.model_names():
        for readout in ("counts", "potential", "first_spike"):
            for encoding in (bb.Current(6), bb.Latency(6)):
                with suppress(bb.InputError):
                    neuron = bb.neuron_model(name)
                    net = bb.SpikingNetwork.sequential(
                        (6,), [bb.Dense(4, neuron), bb.Dense(3, neuron)],
                        encoding=encoding, readout=readout,
                    )  # fmt: skip
                    bb.train(bb.to_torch(net), DATA, rule, epochs=1, batch_size=6)
                    TRAINED.add(rule)
                    return


TRAINED: set[str] = set()


def changed(call: Callable[[], Any]) -> dict[str, tuple[Any, Any]]:
    """Return what a call changes, though each part of it may fail."""
    before = state()
    try:
        call()
    except bb.InputError:
        pass
    after = state()
    found = {}
    for name, value in before.items():
        now = after[name]
        if isinstance(value, dict):  # what is new, such as the logger of a module, is no change
            now = {key: now.get(key) for key in value} if name != "environment" else now
        if now != value:
            found[name] = (value, now)
    return found


def test_no_public_function_changes_anything_global(tmp_path):
    # What is imported on first use may add to state; a first round loads it.
    calls = dict(functions(tmp_path))
    wrong = {name: found for name, call in calls.items() if (found := changed(call))}
    print(sorted(set(rule_names()) - TRAINED))
    assert not {name: {key: str(v)[:300] for key, v in f.items()} for name, f in wrong.items()}
