"""A twin is pickled, copied, saved, and sent to other processes."""

from __future__ import annotations

import copy
import io
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import torch
from projection_cases import PROJECTIONS

import brianbridge as bb
from brianbridge.encoding import Source, Sources, encoding_names
from brianbridge.neurons.library import model_names
from brianbridge.twin.projections import ProjectionTwin

LIF = bb.neuron_model("lif")
ENCODINGS = {
    "background": bb.encoding.Background(5, size=4, rates=((300.0,),)),
    "bernoulli": bb.Bernoulli(5),
    "current": bb.Current(5),
    "finer": bb.encoding.Finer(encoding=bb.Latency(5), divisor=3),
    "frames": bb.encoding.Frames(5),
    "latency": bb.Latency(5),
    "poisson": bb.encoding.Poisson(5),
    "replay": bb.encoding.Replay(5, size=4, step=(0, 2), node=(1, 3)),
    "waiting": bb.encoding.Waiting(encoding=bb.Latency(3), after=2),
    "sources": Sources(5, parts=(Source("mine", (4,), bb.Latency(5)),)),
}


def network(encoding: bb.encoding.Encoding, neuron: bb.NeuronModel = LIF) -> bb.SpikingNetwork:
    layers = [bb.Dense(3, neuron), bb.Dense(2, neuron)]
    samples = encoding.shape_of_samples((4,))
    return bb.SpikingNetwork.sequential(samples, layers, encoding=encoding, weight_gain=4.0)


def saved(twin: bb.NetworkTwin) -> bb.NetworkTwin:
    file = io.BytesIO()
    torch.save(twin, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


def again(twin: bb.NetworkTwin) -> list[bb.NetworkTwin]:
    """Return the twin after each way to copy it."""
    return [pickle.loads(pickle.dumps(twin)), copy.deepcopy(twin), saved(twin)]


def check_same(twin: bb.NetworkTwin, x: np.ndarray) -> None:
    """Check that all copies have the twin's spikes and gradients, and weights of their own."""
    inputs = twin.encode(x)
    whole = twin.run(*inputs)
    whole.output.sum().backward()
    for other in again(twin):
        found = other.run(*inputs)
        for name, spikes in whole.spikes.items():
            assert torch.equal(found.spikes[name], spikes)
        other.zero_grad()
        found.output.sum().backward()
        for (name, mine), (its, values) in zip(
            twin.named_parameters(), other.named_parameters(), strict=True
        ):
            assert name == its
            assert (values.grad is None) == (mine.grad is None)
            assert mine.grad is None or torch.equal(values.grad, mine.grad)
            with torch.no_grad():
                values += 1.0
            assert not torch.equal(values, mine)
        other.load_state_dict(twin.state_dict())
        assert torch.equal(other.run(*inputs).output, whole.output)


@pytest.mark.parametrize("name", encoding_names())
def test_a_copied_twin_is_the_same_whatever_the_encoding(name):
    net = network(ENCODINGS[name])
    x = np.random.default_rng(1).random((3, *net.input_shape))
    check_same(bb.to_torch(net), x)


@pytest.mark.parametrize("name", model_names())
def test_a_copied_twin_is_the_same_whatever_the_neurons(name):
    net = network(bb.Bernoulli(5), bb.neuron_model(name))
    twin = bb.to_torch(net)
    inputs = twin.encode(np.ones((2, 4)))
    torch.manual_seed(1)
    first = twin.run(*inputs).output
    for other in again(twin):
        torch.manual_seed(1)
        assert torch.equal(other.run(*inputs).output, first)


@pytest.mark.parametrize("name", PROJECTIONS)
def test_a_copied_projection_is_the_same_whatever_the_connection(name):
    projection, source, target = PROJECTIONS[name]
    module = ProjectionTwin(projection, source, target, torch.float64)
    x = torch.rand(2, 3, *source, dtype=torch.float64)
    for other in (pickle.loads(pickle.dumps(module)), copy.deepcopy(module)):
        assert torch.equal(other(x), module(x))
        assert other.state_dict().keys() == module.state_dict().keys()


def test_a_copied_twin_keeps_what_training_adds():
    twin = bb.to_torch(
        network(bb.Current(8)),
        learn={"hidden": ["theta", bb.Learn("tau", each="neuron", low="2 ms", high="50 ms")]},
        batch_norm=True,
        dropout=0.5,
        spike_function=bb.twin.SpikeFunction("triangle", width=2.0),
    )
    twin(torch.rand(6, 4))  # the running mean of the normalisation
    twin.learned.hidden.theta = 0.7
    x = np.random.default_rng(2).random((3, 4))
    check_same(twin.eval(), x)
    for other in again(twin):
        assert not other.training
        assert other.dropout == twin.dropout
        assert other.spike_function == twin.spike_function
        assert torch.equal(other.learned.hidden.tau, twin.learned.hidden.tau)
        torch.optim.SGD(other.parameters(), 0.1).step()


def test_a_spike_function_of_the_user_is_found_by_its_name():
    bb.twin.register_spike_function("of_a_test")(lambda z: torch.exp(-z.abs()))
    twin = bb.to_torch(network(bb.Current(5)), spike_function=bb.twin.SpikeFunction("of_a_test"))
    check_same(twin, np.full((2, 4), 0.5))


def output(twin: bb.NetworkTwin, x: torch.Tensor) -> list[list[float]]:
    return twin(x).tolist()


def test_a_spawned_process_and_joblib_take_a_twin():
    joblib = pytest.importorskip("joblib")
    twin, x = bb.to_torch(network(bb.Current(8))), torch.rand(3, 4)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        assert pool.submit(output, twin, x).result() == output(twin, x)
    assert joblib.Parallel(2)([joblib.delayed(output)(twin, x)]) == [output(twin, x)]
