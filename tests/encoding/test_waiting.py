"""Steps after the input ends."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import brianbridge as bb
from brianbridge.encoding import Bernoulli, Current, Finer, Latency, Waiting, encoding_from_dict
from brianbridge.errors import InputError
from brianbridge.network import Dense, SpikingNetwork


def network(encoding, seed=1):
    lif = bb.neuron_model("lif", theta=0.5)
    return SpikingNetwork.sequential(
        (8,), [Dense(9, lif), Dense(4, lif)], encoding=encoding, seed=seed
    )


@pytest.mark.parametrize("inner", [Latency(5), Bernoulli(5)], ids=["latency", "bernoulli"])
def test_the_input_ends_and_the_steps_go_on(inner):
    x = np.random.default_rng(0).random((3, 8))
    raster = Waiting(encoding=inner, after=3).encode(x, np.arange(3), 2).raster
    np.testing.assert_array_equal(raster[:5], inner.encode(x, np.arange(3), 2).raster)
    assert raster.shape == (8, 3, 8)
    assert not raster[5:].any()


@pytest.mark.parametrize("inner", [Latency(5), Bernoulli(5)], ids=["latency", "bernoulli"])
def test_twin_and_brian2_have_the_same_spikes(inner):
    net = network(Waiting(encoding=inner, after=3))
    x = np.random.default_rng(0).random((20, 8))
    twin = bb.to_torch(net).record(x, seed=0)
    for path in ("batched", "reference"):
        brian2 = bb.simulate(net, x, seed=0, backend=bb.Backend(path=path))
        for name in ("hidden", "output"):
            np.testing.assert_array_equal(brian2.spikes[name], twin.spikes[name])


def test_what_is_late_arrives():
    draw = np.random.default_rng(0)
    early, late = (
        network(encoding).with_weights(
            {
                p.name: (np.abs(draw.normal(0.3, 0.1, p.weight.shape)), None)
                for p in network(encoding).projections
            }
        )
        for encoding in (Latency(4), Waiting(encoding=Latency(4), after=10))
    )
    delayed = bb.Rung(name="delays", perturb={"delay": {"time": "5 ms"}})
    x = np.ones((2, 8))
    assert delayed.applied_to(early).simulate(x).output.sum() == 0
    assert delayed.applied_to(late).simulate(x).output.sum() > 0


def test_it_is_saved_and_read(tmp_path):
    inner = Waiting(encoding=Latency(4, silent=0.1), after=2)
    for encoding in (inner, Finer(encoding=inner, divisor=3, timing="uniform", seed=4)):
        bb.save_network(network(encoding), tmp_path / "net.h5")
        assert bb.load_network(tmp_path / "net.h5").encoding == encoding


def test_at_a_finer_step_it_waits_as_long():
    finer = Finer(encoding=Waiting(encoding=Latency(4), after=2), divisor=5)
    assert finer.steps == 30
    rung = bb.Rung(name="dt/5", perturb={"finer_dt": {"divisor": 5}})
    net = network(Waiting(encoding=Latency(4), after=2))
    x = np.random.default_rng(0).random((20, 8))
    brian2 = rung.applied_to(net).simulate(x)
    twin = bb.to_torch(net, condition=rung, dtype=torch.float64).record(x)
    np.testing.assert_array_equal(brian2.output, twin.output)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"encoding": Current(4)}, "gives a current"),
        ({"encoding": "latency"}, "give another encoding"),
        ({"encoding": Latency(4), "after": -1}, "after = -1"),
        ({"encoding": Waiting(encoding=Latency(4))}, "give another encoding"),
        ({"encoding": Finer(encoding=Latency(4))}, "give another encoding"),
    ],
)
def test_what_cannot_wait_is_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        Waiting(**wrong)


def test_encodings_within_encodings_end():
    entry = {"kind": "latency", "steps": 4}
    for _ in range(5000):
        entry = {"kind": "finer", "encoding": entry}
    with pytest.raises(InputError):
        encoding_from_dict(entry)
