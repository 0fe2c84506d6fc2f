"""NIR graphs as a whole: subgraphs, loops, sums, outputs, batch axes."""

from __future__ import annotations

import nir
import numpy as np
import pytest
from nir_cases import chain, lif, potentials, spikes_of

import brianbridge as bb
from brianbridge.errors import InputError
from brianbridge.interchange.nir.from_nir import import_nir

RNG = np.random.default_rng(3)
DT, STEPS = 1e-3, 25
W_IN, W_REC, W_OUT = (RNG.normal(size=s) for s in ((6, 5), (6, 6), (3, 6)))
X = (RNG.random((4, STEPS, 5)) < 0.3).astype(float)
READ = {"dt": DT, "steps": STEPS, "encoding": "frames"}


def graph(nodes: dict[str, nir.NIRNode], edges: list[tuple[str, str]]) -> nir.NIRGraph:
    ends = {"input": nir.Input(np.array([5])), "output": nir.Output(np.array([3]))}
    return nir.NIRGraph(ends | nodes, edges, type_check=False)


def step(v: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Step a LIF of Norse."""
    v = v + 0.2 * (-v + 50 * x)
    z = (v > 1).astype(float)
    return np.where(z > 0, 0.0, v), z


def loop() -> nir.NIRGraph:
    inner = nir.NIRGraph(
        {
            "in": nir.Input(np.array([6])), "lif": lif(6), "w_rec": nir.Linear(W_REC),
            "out": nir.Output(np.array([6])),
        },
        [("in", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "out")],
        type_check=False,
    )  # fmt: skip
    return graph(
        {"fc1": nir.Linear(W_IN), "rec": inner, "fc2": nir.Linear(W_OUT), "last": lif(3)},
        [("input", "fc1"), ("fc1", "rec"), ("rec", "fc2"), ("fc2", "last"), ("last", "output")],
    )


def test_a_loop_in_a_subgraph_is_one_step_late() -> None:
    v, z, u, counts = np.zeros((4, 6)), np.zeros((4, 6)), np.zeros((4, 3)), 0
    for t in range(STEPS):
        v, z = step(v, X[:, t] @ W_IN.T + z @ W_REC.T)
        u, out = step(u, z @ W_OUT.T)
        counts = counts + out
    found = import_nir(loop(), "norse", **READ)
    np.testing.assert_array_equal(spikes_of(found.network, X), counts)
    assert {n.name for n in found.rating.nodes if n.kind == "LIF"} == {"last", "rec.lif"}
    assert any("'rec.lif' to 'rec.lif'" in note for note in found.rating.notes)
    assert [p.name for p in found.network.projections if p.feedback] == ["rec_lif_to_rec_lif"]


def test_edges_into_one_node_are_summed_and_its_bias_counts_once() -> None:
    bias, other = RNG.normal(size=3), RNG.normal(size=(3, 5))
    nodes = {
        "a": nir.Linear(W_IN), "hidden": lif(6), "b": nir.Linear(W_OUT), "skip": nir.Linear(other),
        "sum": nir.Affine(np.eye(3), bias), "last": lif(3),
    }  # fmt: skip
    edges = [
        ("input", "a"), ("a", "hidden"), ("hidden", "b"), ("b", "sum"), ("input", "skip"),
        ("skip", "sum"), ("sum", "last"), ("last", "output"),
    ]  # fmt: skip
    v, u, counts = np.zeros((4, 6)), np.zeros((4, 3)), 0
    for t in range(STEPS):
        v, z = step(v, X[:, t] @ W_IN.T)
        u, out = step(u, z @ W_OUT.T + X[:, t] @ other.T + bias)
        counts = counts + out
    network = bb.from_nir(graph(nodes, edges), "norse", **READ)
    np.testing.assert_array_equal(spikes_of(network, X), counts)
    assert sum(p.bias is not None for p in network.projections) == 1


def test_two_ways_between_the_same_neurons_are_two_projections() -> None:
    nodes = {
        "a": nir.Linear(W_IN), "hidden": lif(6), "b": nir.Linear(W_OUT),
        "late": nir.Delay(np.full(6, 2e-3)), "c": nir.Linear(-0.5 * W_OUT), "last": lif(3),
    }  # fmt: skip
    edges = [
        ("input", "a"), ("a", "hidden"), ("hidden", "b"), ("b", "last"), ("hidden", "late"),
        ("late", "c"), ("c", "last"), ("last", "output"),
    ]  # fmt: skip
    v, u, counts, past = np.zeros((4, 6)), np.zeros((4, 3)), 0, [np.zeros((4, 6))] * 2
    for t in range(STEPS):
        v, z = step(v, X[:, t] @ W_IN.T)
        u, out = step(u, z @ W_OUT.T - 0.5 * past.pop(0) @ W_OUT.T)
        past = [*past, z]
        counts = counts + out
    network = bb.from_nir(graph(nodes, edges), "norse", **READ)
    np.testing.assert_array_equal(spikes_of(network, X), counts)


def test_a_layer_at_the_end_is_summed_over_the_steps() -> None:
    nodes = {"a": nir.Linear(W_IN), "hidden": lif(6), "b": nir.Linear(W_OUT)}
    edges = [("input", "a"), ("a", "hidden"), ("hidden", "b"), ("b", "output")]
    found = import_nir(graph(nodes, edges), "norse", **READ)
    counts = bb.simulate(found.network, X).counts["hidden"]
    np.testing.assert_allclose(potentials(found.network, X), counts @ W_OUT.T, rtol=1e-9)
    assert "the output 'output' is the sum over all steps" in found.rating.notes


def test_axes_for_the_batch_are_dropped_and_said() -> None:
    for shape in [(1, 5), (7, 5), (25, 1, 5)]:
        found = import_nir(chain(nir.Linear(W_IN), lif(6), shape=shape), "norse", **READ)
        assert found.network.input_shape == (STEPS, 5)
    image = nir.Conv2d(None, RNG.normal(size=(2, 1, 3, 3)), 1, 0, 1, 1, np.zeros(2))
    found = import_nir(chain(image, lif(32), shape=(1, 1, 6, 6)), "norse", **READ)
    assert found.network.input_shape == (STEPS, 1, 6, 6)
    assert "first axes are batch" in found.rating.nodes[0].note


def test_scalars_and_single_values_count_for_all_neurons() -> None:
    values = {"tau": 5e-3, "r": 50.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0}
    wanted = spikes_of(bb.from_nir(chain(nir.Linear(W_IN), lif(6), shape=(5,)), "norse", **READ), X)
    for shape in [(), (1,), (1, 1)]:
        node = nir.LIF(**{key: np.full(shape, value) for key, value in values.items()})
        network = bb.from_nir(chain(nir.Linear(W_IN), node, shape=(5,)), "norse", **READ)
        np.testing.assert_array_equal(spikes_of(network, X), wanted)


def test_names_of_nodes_become_names_that_brian2_takes() -> None:
    names = ["input_1", "0", "features.3", "ä", "presenter", "fc_stateupdater"]
    nodes: dict[str, nir.NIRNode] = {}
    edges = [("input", "first"), ("first", names[0])]
    nodes["first"] = nir.Linear(W_IN)
    for name, after in zip(names, [*names[1:], "output"], strict=True):
        nodes[name] = lif(6)
        edges.append((name, after))
    network = bb.from_nir(graph(nodes, edges), "norse", **READ)
    assert bb.simulate(network, X[:1]).samples == 1
    assert set(network.provenance["interchange"]["names"]) == set(names)


SOME = {"a": nir.Linear(W_IN), "lif": lif(6)}
LINE = [("input", "a"), ("a", "lif"), ("lif", "output")]


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        (SOME, LINE[:2], r"nothing leads to node 'output'|'output' .*nothing leads to it"),
        (SOME | {"b": lif(6)}, LINE, r"'b' \(LIF\): nothing leads to it from the input"),
        (SOME | {"out2": nir.Output(np.array([6]))}, [*LINE, ("lif", "out2")], "2 Output nodes"),
        (SOME | {"in2": nir.Input(np.array([5]))}, LINE, "2 Input nodes"),
        (
            SOME | {"b": nir.Linear(W_REC)}, [*LINE, ("a", "b"), ("b", "b"), ("b", "lif")],
            "loop without neurons",
        ),
        (
            SOME | {"li": nir.LI(*np.full((3, 6), 0.1)), "b": nir.Linear(W_REC)},
            [("input", "a"), ("a", "li"), ("li", "b"), ("b", "lif"), ("lif", "output")],
            "node 'li' never fires, but leads to 'lif'",
        ),
        (SOME, [*LINE, ("lif", "liff")], "names a node 'liff'. Did you mean 'lif'"),
    ],
)  # fmt: skip
def test_graphs_that_are_no_networks_are_refused_by_name(nodes, edges, message) -> None:
    with pytest.raises(InputError, match=message) as caught:
        bb.from_nir(graph(nodes, edges), "norse", **READ)
    assert "\n" not in str(caught.value)
