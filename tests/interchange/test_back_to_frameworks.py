"""Our networks run in other frameworks, by way of `to_nir`: the same counts there."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from framework_cases import STEPS, double, in_double, spikes
from torch import nn

import brianbridge as bb
from brianbridge.interchange.neuron_models import Firing, lif
from brianbridge.neurons.model import NeuronModel

nir = pytest.importorskip("nir")
pytest.importorskip("nirtorch")
SAMPLES = spikes(20)


def network(model: NeuronModel, dt: float = 1e-3) -> bb.SpikingNetwork:
    """Return an MLP of neurons that the framework has."""
    net = bb.SpikingNetwork.sequential(
        (STEPS, 20), [bb.Dense(30, model), bb.Dense(5, model)],
        encoding=bb.Frames(steps=STEPS, dt=dt), weight_gain=3.0,
    )  # fmt: skip
    return net.with_weights({p.name: (p.weight, 0 * p.bias + 0.05) for p in net.projections})


def outputs(module: nn.Module) -> torch.Tensor:
    """Return the output (steps, samples, neurons) of a network, which passes its states on."""
    state, found = None, []
    for x in torch.tensor(SAMPLES).transpose(0, 1):
        fired, state = module(x, state)
        found.append(fired)
    return torch.stack(found)


def squeezed(module: nn.Module) -> torch.Tensor:
    """Return the output of sinabs' modules, which take all samples and steps as one batch."""
    found = module(torch.tensor(SAMPLES).flatten(0, 1))[0]
    return found.reshape(len(SAMPLES), STEPS, -1).transpose(0, 1)


def snntorch_output(graph: Any) -> torch.Tensor:
    importer = pytest.importorskip("snntorch.import_nir")
    return outputs(in_double(importer.import_from_nir(graph)))


def spikingjelly_output(graph: Any) -> torch.Tensor:
    exchange = pytest.importorskip("spikingjelly.activation_based.nir_exchange")
    return outputs(in_double(exchange.import_from_nir(graph, dt=1e-3)))


def norse_output(graph: Any) -> torch.Tensor:
    importer = pytest.importorskip("norse.torch.utils.import_nir")
    return outputs(in_double(importer.from_nir(graph, dt=1e-3)))


def sinabs_output(graph: Any) -> torch.Tensor:
    importer = pytest.importorskip("sinabs.nir")
    return squeezed(in_double(importer.from_nir(graph, num_timesteps=STEPS)))


def there(output_of: Callable[[Any], torch.Tensor], graph: Any) -> torch.Tensor:
    """Return the output of a graph in its framework, in float64."""
    with double(), torch.no_grad():
        return output_of(graph)


SEVERAL = Firing(reset="subtract", most=10_000)


@pytest.mark.parametrize(
    ("framework", "output_of", "firing", "dt"),
    [
        ("snntorch", snntorch_output, Firing(strict=True), 1e-4),
        ("spikingjelly", spikingjelly_output, Firing(), 1e-3),
        ("norse", norse_output, Firing(strict=True), 1e-3),
        ("sinabs", sinabs_output, SEVERAL, 1e-3),
    ],
)
@pytest.mark.parametrize("step", ["euler", "exact"])
def test_counts_are_the_same(
    step: str, framework: str, output_of: Callable[[Any], torch.Tensor], firing: Firing, dt: float
):
    net = network(lif(10 * dt, step=step, firing=firing), dt)
    ours = bb.simulate(net, SAMPLES).output
    assert ours.sum() > 10
    found = there(output_of, bb.to_nir(net, framework=framework))
    np.testing.assert_array_equal(found.sum(0).double().numpy(), ours)


def test_neurons_without_leak_count_the_same_in_norse():
    net = network(lif(np.inf, firing=Firing(strict=True)))
    ours = bb.simulate(net, SAMPLES).output
    found = there(norse_output, bb.to_nir(net, framework="norse"))
    np.testing.assert_array_equal(found.sum(0).numpy(), ours)


def test_neurons_without_leak_count_the_same_in_sinabs_above_its_lower_bound():
    """Its importer sets ``min_v_mem`` to minus the threshold, which a file cannot say."""
    net = network(lif(np.inf, firing=SEVERAL))
    low = bb.simulate(net, SAMPLES).output
    graph = bb.to_nir(net, framework="sinabs")
    assert (there(sinabs_output, graph).sum(0).numpy() != low).any()
    net = net.with_weights({p.name: (abs(p.weight) / 4, p.bias) for p in net.projections})
    ours = bb.simulate(net, SAMPLES).output
    graph = bb.to_nir(net, framework="sinabs")
    np.testing.assert_array_equal(there(sinabs_output, graph).sum(0).numpy(), ours)


@pytest.mark.parametrize("framework", ["sinabs", "exact"])
def test_a_potential_is_the_same_in_sinabs(framework: str):
    one = np.ones(5)
    tau = 10.0 if framework == "sinabs" else 10e-3
    graph = nir.NIRGraph.from_list(
        nir.Affine(np.random.default_rng(3).normal(size=(5, 20)), 0.1 * one),
        nir.LI(tau=tau * one, r=2 * one, v_leak=0 * one),
    )
    net = bb.from_nir(graph, framework, dt="1 ms", steps=STEPS, encoding="frames")
    ours = bb.simulate(net, SAMPLES).output
    written = bb.to_nir(net, framework="sinabs")
    found = there(sinabs_output, written)[-1].numpy()
    np.testing.assert_allclose(found, ours, rtol=1e-5)  # its weights are float32


@pytest.mark.parametrize(
    ("framework", "output_of", "tau", "r"),
    [
        ("norse", norse_output, 10e-3, 20.0),
        ("norse", norse_output, 10e-6, 20.0),  # as its exporter writes 10 ms
        ("norse", norse_output, None, 2.0),
        ("sinabs", sinabs_output, 10.0, 5.0),
    ],
)
def test_what_was_read_with_an_r_is_written_for_importers_that_ignore_it(
    framework: str, output_of: Callable[[Any], torch.Tensor], tau: float | None, r: float
):
    rng = np.random.default_rng(3)

    def neurons(number: int) -> Any:
        one = np.ones(number)
        if tau is None:
            return nir.IF(r=r * one, v_threshold=one)
        return nir.LIF(tau=tau * one, r=r * one, v_leak=0 * one, v_threshold=one)

    graph = nir.NIRGraph.from_list(
        nir.Affine(rng.normal(0.05, 0.5, (30, 20)), np.full(30, 0.05)), neurons(30),
        nir.Linear(rng.normal(0.05, 0.5, (5, 30))), neurons(5),
    )  # fmt: skip
    net = bb.from_nir(graph, framework, dt="1 ms", steps=STEPS, encoding="frames")
    ours = bb.simulate(net, SAMPLES).output
    assert ours.sum() > 10
    written = bb.to_nir(net)
    np.testing.assert_array_equal(there(output_of, written).sum(0).numpy(), ours)
    assert bb.from_nir(written).to_dict() == net.to_dict()


def test_a_reset_that_an_importer_does_not_make_is_told():
    other = "reset 'subtract', but the importer of snntorch makes.*'to_value'"
    with pytest.warns(UserWarning, match=other):
        bb.to_nir(network(bb.neuron_model("lif")), framework="snntorch")
    with pytest.warns(UserWarning, match="'to_value', but the importer of sinabs makes"):
        bb.to_nir(network(bb.neuron_model("lif_zero")), framework="sinabs")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        bb.to_nir(network(bb.neuron_model("lif_zero")), framework="spikingjelly")
    assert not [one for one in told if "importer" in str(one.message)]
