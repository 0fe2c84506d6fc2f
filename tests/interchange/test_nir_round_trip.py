"""NIR to network to NIR, and network to NIR to network: every number is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest
from nir_cases import chain, cuba, lif, spikes_of

import brianbridge as bb
from brianbridge.connections import OneToOne
from brianbridge.errors import InputError
from brianbridge.network import INPUT, Population, Projection
from brianbridge.network.pooling import Pooling

RNG = np.random.default_rng(8)
READ = {"dt": 1e-3, "steps": 20}
ONE = np.linspace(0.5, 1.5, 6)

NEURONS = {
    "LIF": nir.LIF(ONE * 9e-3, ONE * 40, ONE * 0.1, ONE, ONE * -0.2),
    "IF": nir.IF(ONE * 300, ONE, ONE * -0.2),
    "CubaLIF": nir.CubaLIF(ONE * 4e-3, ONE * 9e-3, ONE * 30, 0 * ONE, ONE, 0 * ONE, ONE * 7),
    "LI": nir.LI(ONE * 9e-3, ONE * 40, ONE * 0.1),
    "I": nir.I(ONE * 300),
    "CubaLI": nir.CubaLI(ONE * 4e-3, ONE * 9e-3, ONE * 30, 0 * ONE, ONE * 7),
}
FRAMEWORKS = ("norse", "spikingjelly", "rockpool", "lava", "exact")


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("kind", NEURONS)
def test_numbers_of_nir_come_back(kind: str, framework: str, tmp_path: Path) -> None:
    """Read by each framework's rules, written, and read by the package nir."""
    given = NEURONS[kind]
    weight, bias = RNG.normal(size=(6, 5)).astype(np.float32), RNG.normal(size=6)
    graph = chain(nir.Affine(weight, bias), given, shape=(5,))
    network = bb.from_nir(graph, framework, encoding="frames", **READ)
    bb.to_nir(network, tmp_path / "back.nir")
    back = nir.read(tmp_path / "back.nir", type_check=True)
    node = back.nodes[network.output.name]
    assert type(node).__name__ == kind
    wanted = given.to_dict()
    if framework == "norse" and not kind.startswith("Cuba"):  # its importer takes r as 1
        weight, bias = weight * given.r[:, None], bias * given.r
        wanted["r"] = np.ones(6)
    for key, values in wanted.items():
        if isinstance(values, np.ndarray):
            np.testing.assert_array_equal(getattr(node, key), values)
    layer = back.nodes[network.projections[0].name]
    np.testing.assert_allclose(layer.weight, weight, rtol=1e-14)
    np.testing.assert_allclose(layer.bias, bias, rtol=1e-14)
    assert back.metadata["dt"] == 1e-3
    assert back.metadata["framework"] == framework


def image_network() -> bb.SpikingNetwork:
    layers = [
        bb.Conv2d(3, 3, bb.neuron_model("lif"), padding=1),
        bb.AvgPool2d(2),
        bb.Dense(6, bb.neuron_model("if")),
        bb.Dense(5, bb.neuron_model("lif", theta=np.linspace(0.5, 1, 5))),
        bb.Recurrent(),
        bb.Dense(4, bb.neuron_model("cuba_lif"), bias=False),
    ]
    return bb.SpikingNetwork.sequential((1, 8, 8), layers, encoding=bb.Bernoulli(15), seed=4)


def by_hand() -> bb.SpikingNetwork:
    neuron = bb.neuron_model("lif", theta=np.linspace(0.5, 2, 8))
    populations = (
        Population("first", (2, 2, 2), neuron),
        Population("output", (3,), bb.neuron_model("lif_rest")),
    )
    projections = (
        Projection(INPUT, "first", RNG.normal(size=8), connection=OneToOne(), delay=3e-3),
        Projection("first", "output", RNG.normal(size=(3, 2)), pool=Pooling("sum", 2)),
        Projection("output", "output", np.full(1, 0.1), feedback=True, connection=OneToOne()),
    )
    return bb.SpikingNetwork((2, 2, 2), bb.Poisson(12, dt="0.5 ms"), populations, projections)


@pytest.mark.parametrize("make", [image_network, by_hand])
def test_our_own_file_gives_the_same_network(make, tmp_path: Path) -> None:
    network = replace(make(), provenance={"seed": 3, "training_curve": {"loss": [1.0, 0.5]}})
    for source in (tmp_path / "net.nir", None):
        graph = bb.to_nir(network, source)
        back = bb.from_nir(source or graph)
        assert back.to_dict() == network.to_dict()
        assert back.provenance == network.provenance
        for one, other in zip(network.projections, back.projections, strict=True):
            assert one.weight.dtype == other.weight.dtype
            np.testing.assert_array_equal(one.weight, other.weight)
            assert (one.bias is None) == (other.bias is None)
            if one.bias is not None:
                np.testing.assert_array_equal(one.bias, other.bias)


def test_the_graph_itself_gives_the_same_spikes(tmp_path: Path) -> None:
    """Without the metadata, by the exact solution of NIR's equations."""
    lif_ = bb.neuron_model("lif")
    network = bb.SpikingNetwork.sequential(
        (1, 8, 8), [bb.Conv2d(3, 3, lif_), bb.AvgPool2d(2), bb.Dense(4, lif_)],
        encoding=bb.Bernoulli(20), seed=4, weight_gain=6.0,
    )  # fmt: skip
    bb.to_nir(network, tmp_path / "net.nir")
    read = bb.from_nir(tmp_path / "net.nir", "exact", reset="subtract", encoding=bb.Bernoulli(20))
    x = RNG.random((5, 1, 8, 8))
    wanted = spikes_of(network, x)
    np.testing.assert_array_equal(spikes_of(read, x), wanted)
    assert wanted.sum() > 10


@pytest.mark.parametrize("framework", ["snntorch", "norse", "spikingjelly", "lava"])
def test_a_network_written_for_a_framework_decays_in_its_steps_as_ours(framework: str) -> None:
    reset = "subtract" if framework != "lava" else "to_value"
    model = bb.neuron_model("lif" if reset == "subtract" else "lif_zero", tau="7 ms")
    network = bb.SpikingNetwork.sequential(
        (5,), [bb.Dense(6, model), bb.Dense(4, model)], encoding=bb.Bernoulli(30), seed=2,
        weight_gain=6.0,
    )  # fmt: skip
    graph = bb.to_nir(network, framework=framework)
    step = graph.metadata["dt"]
    assert step == (1e-4 if framework == "snntorch" else 1e-3)
    kept = 1 - step / graph.nodes["hidden"].tau[0]
    assert kept == pytest.approx(np.exp(-1 / 7), rel=1e-12)
    read = bb.from_nir(graph, framework, reset=reset, dt=step, encoding=bb.Bernoulli(30, dt=step))
    x = RNG.random((8, 5))
    wanted = spikes_of(network, x)
    np.testing.assert_array_equal(spikes_of(read, x), wanted)
    assert wanted.sum() > 10


def test_a_changed_file_of_ours_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "net.nir"
    bb.to_nir(image_network(), path)
    with h5py.File(path, "r+") as file:
        file["node/nodes/output/v_threshold"][...] = 2.0
    with pytest.raises(
        InputError, match="its nodes were changed after brianbridge wrote it; state"
    ):
        bb.from_nir(path)
    with pytest.raises(InputError, match="leave out the options"):
        bb.from_nir(path, steps=3)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            bb.SpikingNetwork.sequential(
                (3,), [bb.Dense(2, bb.neuron_model("adex"))], encoding=bb.Bernoulli(5)
            ),
            "population 'output': NIR has no such neuron: .*use a model such as 'lif'",
        ),
        (
            bb.SpikingNetwork.sequential(
                (3,), [bb.Dense(2, bb.neuron_model("ternary_lif"))], encoding=bb.Bernoulli(5)
            ),
            "population 'output': NIR has no such neuron: it emits",
        ),
        (
            bb.SpikingNetwork.sequential(
                (3,), [bb.Dense(2, bb.neuron_model("lif_refractory"))], encoding=bb.Bernoulli(5)
            ),
            "it has a refractory period",
        ),
    ],
)
def test_what_nir_does_not_have_is_refused_by_name(network, message) -> None:
    with pytest.raises(InputError, match=message) as caught:
        bb.to_nir(network)
    assert "\n" not in str(caught.value)


def test_current_based_neurons_are_written_back_with_their_units() -> None:
    graph = chain(nir.Linear(np.ones((2, 3))), cuba(2), lif(2), shape=(3,))
    network = bb.from_nir(graph, "spikingjelly", encoding="frames", **READ)
    again = bb.from_nir(bb.to_nir(network), "spikingjelly", encoding="frames", **READ)
    assert again.to_dict() == network.to_dict()
