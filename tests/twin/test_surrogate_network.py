"""The twin of a whole network: shapes, readouts, types, what is written back, errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brianbridge.encoding import Bernoulli, Current, Latency
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.simulation.reader.write_back import write_back
from brianbridge.twin.network import to_torch

ENCODINGS = [Current(8), Bernoulli(8, gain=0.7), Latency(8)]


def network(encoding=ENCODINGS[0], readout="counts", **options) -> SpikingNetwork:
    lif = neuron_model("lif")
    return SpikingNetwork.sequential(
        (2, 3), [Dense(5, lif), Dense(4, lif)], encoding=encoding, readout=readout, **options
    )


def samples(n: int = 7) -> np.ndarray:
    return np.random.default_rng(0).random((n, 2, 3))


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda e: e.kind)
@pytest.mark.parametrize("readout", ["counts", "potential"])
def test_output_and_recording_agree(encoding, readout):
    twin = to_torch(network(encoding, readout), dtype=torch.float64)
    output = twin.eval()(samples())
    record = twin.record(samples(), ("spikes", "v"), batch_size=3)
    assert output.shape == (7, 4)
    np.testing.assert_allclose(record.output, output.detach().numpy(), rtol=1e-12)
    assert list(record.shapes) == ["hidden", "output"][: 2 if readout == "counts" else 1]
    assert record.traces["output"]["v"].shape == (8, 7, 4)
    if readout == "counts":
        np.testing.assert_array_equal(record.counts["output"], record.output)


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda e: e.kind)
def test_a_recording_does_not_depend_on_batches(encoding):
    twin = to_torch(network(encoding))
    whole, parts = (twin.record(samples(), batch_size=size) for size in (100, 2))
    for name in whole.shapes:
        np.testing.assert_array_equal(whole.spikes[name], parts.spikes[name])


def test_samples_keep_their_number():
    twin = to_torch(network(ENCODINGS[1]))
    whole = twin.record(samples())
    part = twin.record(samples()[3:5], index=[3, 4])
    np.testing.assert_array_equal(whole.spikes["hidden"][:, 3:5], part.spikes["hidden"])


def test_every_parameter_gets_a_gradient():
    torch.manual_seed(0)
    net = network(encoding=Current(20))
    net = net.with_weights(
        {p.name: (3 * np.abs(p.weight), np.abs(p.bias)) for p in net.projections}
    )
    twin = to_torch(net)
    twin(samples()).pow(2).mean().backward()
    for name, parameter in twin.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_write_back_returns_the_weights():
    net = network()
    twin = to_torch(net)
    assert write_back(twin).to_dict() == net.to_dict()
    with torch.no_grad():
        twin.projections["hidden_to_output"].weight += 1.0
    changed = write_back(twin, rule="by hand")
    assert changed.provenance["rule"] == "by hand"
    for before, after, by in zip(net.projections, changed.projections, (0, 1), strict=True):
        np.testing.assert_array_equal(after.weight, before.weight + np.float32(by))
        np.testing.assert_array_equal(after.bias, before.bias)
    with torch.no_grad():
        twin.projections["hidden_to_output"].weight.zero_()
    assert changed.projections[1].weight.any(), "a copy, not a view"


def test_types_and_devices():
    twin = to_torch(network(), dtype=torch.float64, device="cpu")
    assert {p.dtype for p in twin.parameters()} == {torch.float64}
    assert twin(samples()).dtype == torch.float64
    assert to_torch(network())(torch.tensor(samples())).dtype == torch.float32


def test_a_state_dict_holds_the_weights_alone():
    names = list(to_torch(network()).state_dict())
    assert names == [
        f"projections.{p}.{part}"
        for p in ("input_to_hidden", "hidden_to_output")
        for part in ("weight", "bias")
    ]


def test_samples_of_another_shape_are_refused(refused):
    with refused("(7, 3, 2)", "the network takes (samples, 2, 3)", "np.moveaxis(x, -1, 1)"):
        to_torch(network())(np.zeros((7, 3, 2)))


@pytest.mark.parametrize("name", ["keys", "type", "forward"])
def test_a_name_that_torch_uses_is_refused(refused, name):
    net = SpikingNetwork.sequential(
        (2,), [Dense(1, neuron_model("lif"), name=name)], encoding=Current(2)
    )
    with refused(f"population '{name}'", "rename"):
        to_torch(net)
