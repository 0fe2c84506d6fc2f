"""Files of the frameworks' own exporters, and our files in their importers: equal counts.

Each test is skipped where its framework is not installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import nir
import numpy as np
import pytest
import torch
from torch import nn

import brianbridge as bb

pytest.importorskip("nirtorch")
STEPS, SAMPLES = 30, 5
#: Frames (steps, samples, inputs), as the frameworks take them.
X = (torch.rand(STEPS, SAMPLES, 16, generator=torch.Generator().manual_seed(1)) < 0.4).float()


@pytest.fixture(autouse=True)
def without_checks_of_shapes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let exporters write parameters that are one value for all neurons.

    nir 1.0.8 refuses them, so that snnTorch 1.0.0 and norse 1.1.0 cannot export neurons whose
    parameters are scalars.
    """
    torch.manual_seed(0)
    monkeypatch.setattr(nir.NIRGraph, "infer_types", lambda graph: None)
    monkeypatch.setattr(nir.NIRGraph, "check_types", lambda graph: None)
    return


def ours(graph: nir.NIRGraph, framework: str, x: torch.Tensor = X, **options: Any) -> np.ndarray:
    network = bb.from_nir(graph, framework, steps=STEPS, encoding="frames", **options)
    samples = x.transpose(0, 1).numpy()
    twin = bb.to_torch(network, dtype=torch.float64).record(samples)
    counts = bb.simulate(network, samples).counts[network.output.name]
    np.testing.assert_array_equal(twin.counts[network.output.name], counts)
    return counts.reshape(SAMPLES, -1)


def counted(module: nn.Module, x: torch.Tensor = X, stateful: bool = False) -> np.ndarray:
    state, total = None, 0
    with torch.no_grad():
        for frame in x:
            found = module(frame, state) if stateful else module(frame)
            found, state = found if stateful else (found, None)
            total = total + (found[0] if isinstance(found, tuple) else found)
    return np.asarray(total).reshape(SAMPLES, -1)


def snntorch_networks() -> dict[str, tuple[Any, str | None, tuple[int, ...]]]:
    """Return layers, reset, and the shape of a sample."""
    snn = pytest.importorskip("snntorch")

    def leaky(**options: Any) -> nn.Module:
        return snn.Leaky(**{"beta": 0.8, "init_hidden": True} | options)

    zero = {"init_hidden": True, "reset_mechanism": "zero"}
    out = leaky(output=True)
    return {
        "leaky": ([nn.Linear(16, 12), leaky(), nn.Linear(12, 4), out], None, (16,)),
        "flatten": ([nn.Flatten(), nn.Linear(16, 4), out], None, (4, 4)),
        "zero": ([nn.Linear(16, 4), leaky(output=True, **zero)], "zero_later", (16,)),
        "synaptic": (
            [nn.Linear(16, 12), snn.Synaptic(alpha=0.7, beta=0.9, init_hidden=True),
             nn.Linear(12, 4), out],
            None, (16,),
        ),
        "recurrent": (
            [nn.Linear(16, 12), snn.RLeaky(beta=0.9, init_hidden=True, linear_features=12),
             nn.Linear(12, 4), out],
            None, (16,),
        ),
        "recurrent, zero": (
            [nn.Linear(16, 12), snn.RLeaky(beta=0.9, linear_features=12, **zero),
             nn.Linear(12, 4), leaky(output=True, **zero)],
            "zero_later", (16,),
        ),
        "convolution": (
            [nn.Conv2d(1, 3, 2, padding=1), nn.AvgPool2d(2), leaky(threshold=0.3), nn.Flatten(),
             nn.Linear(12, 4), leaky(output=True, threshold=0.3)],
            None, (1, 4, 4),
        ),
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["leaky", "flatten", "zero", "synaptic", "recurrent", "recurrent, zero", "convolution"],
)
def test_networks_of_snntorch(name: str) -> None:
    layers, reset, shape = snntorch_networks()[name]
    from snntorch.export_nir import export_to_nir

    module = nn.Sequential(*layers)
    with torch.no_grad():
        for layer in layers:
            if isinstance(layer, nn.Linear):
                layer.weight *= 2
    x = X.reshape(STEPS, SAMPLES, *shape)
    graph = export_to_nir(module, x[0, :1])
    for layer in layers:
        if hasattr(layer, "reset_mem"):
            layer.reset_mem()
    wanted = counted(module, x)
    np.testing.assert_array_equal(ours(graph, "snntorch", x, reset=reset), wanted)
    assert wanted.sum() > 5


@pytest.mark.parametrize("kind", ["LIFBoxCell", "LIFCell", "IAFCell"])
def test_networks_of_norse(kind: str) -> None:
    norse = pytest.importorskip("norse.torch")
    from norse.torch.utils.export_nir import to_nir

    parameters = {
        "LIFBoxCell": {"p": norse.LIFBoxParameters(tau_mem_inv=torch.as_tensor(200.0))},
        "LIFCell": {"p": norse.LIFParameters(v_th=torch.as_tensor(0.3))},
        "IAFCell": {},
    }
    module = norse.SequentialState(nn.Linear(16, 8), getattr(norse, kind)(**parameters[kind]))
    with torch.no_grad():
        module[0].weight *= 4
    wanted = counted(module, stateful=True)
    np.testing.assert_array_equal(ours(to_nir(module, X[0, :1]), "norse"), wanted)
    assert wanted.sum() > 5


@pytest.mark.parametrize("kind", ["LIF", "IAF"])
def test_networks_of_sinabs(kind: str) -> None:
    layers = pytest.importorskip("sinabs.layers")
    from sinabs.nir import to_nir

    make = {"LIF": lambda: layers.LIF(tau_mem=5.0), "IAF": layers.IAF}[kind]
    module = nn.Sequential(nn.Linear(16, 12), make(), nn.Linear(12, 4), make())
    with torch.no_grad():
        module[0].weight *= 20
        module[2].weight *= 20
        wanted = module(X.transpose(0, 1)).sum(1).numpy()
        for layer in (module[1], module[3]):
            layer.reset_states()
        graph = to_nir(module, X.transpose(0, 1)[:1])
    np.testing.assert_array_equal(ours(graph, "sinabs", dt="1 ms"), wanted)
    assert wanted.sum() > 5


@pytest.mark.parametrize("decay", [True, False])
def test_networks_of_spikingjelly(decay: bool) -> None:
    neuron = pytest.importorskip("spikingjelly.activation_based.neuron")
    exchange = pytest.importorskip("spikingjelly.activation_based.nir_exchange.to_nir")
    from spikingjelly.activation_based import functional

    module = nn.Sequential(
        nn.Linear(16, 12), neuron.LIFNode(tau=3.0, decay_input=decay), nn.Linear(12, 4),
        neuron.IFNode(),
    )  # fmt: skip
    with torch.no_grad():
        module[0].weight *= 6
        module[2].weight *= 3
    graph = exchange.export_to_nir(module, X[0, :1])
    functional.reset_net(module)
    wanted = counted(module)
    np.testing.assert_array_equal(ours(graph, "spikingjelly"), wanted)
    assert wanted.sum() > 5


@pytest.mark.parametrize("model", ["lif_zero", "if_zero"])
@pytest.mark.parametrize("framework", ["snntorch", "norse", "spikingjelly"])
def test_our_networks_in_their_importers(framework: str, model: str) -> None:
    if framework == "snntorch" and model == "if_zero":
        pytest.skip("snnTorch's importer reads no IF")
    importer = {
        "snntorch": ("snntorch.import_nir", "import_from_nir", {}),
        "norse": ("norse.torch.utils.import_nir", "from_nir", {"dt": 1e-3}),
        "spikingjelly": (
            "spikingjelly.activation_based.nir_exchange.from_nir", "import_from_nir", {"dt": 1e-3},
        ),
    }[framework]  # fmt: skip
    package = pytest.importorskip(importer[0])
    neuron = bb.neuron_model(model)
    network = bb.SpikingNetwork.sequential(
        (STEPS, 16), [bb.Dense(8, neuron), bb.Dense(4, neuron)],
        encoding=bb.Frames(STEPS), seed=2, weight_gain=6.0,
    )  # fmt: skip
    graph = bb.to_nir(network, framework=framework, reset="to_value")
    module = getattr(package, importer[1])(graph, **importer[2])
    counts = bb.simulate(network, X.transpose(0, 1).numpy()).counts["output"].reshape(SAMPLES, 4)
    np.testing.assert_array_equal(counted(module, stateful=True), counts)
    assert counts.sum() > 5
