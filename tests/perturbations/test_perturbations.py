"""Perturbations by their definitions: moments, grids, conserved charge, cases in closed form."""

import numpy as np
import pytest
from brian2 import ms
from perturbed_networks import apply, network, run

from brianbridge.encoding import Bernoulli, Current
from brianbridge.errors import InputError
from brianbridge.network import (
    AllToAll,
    Connection,
    Dense,
    OneToOne,
    Pairs,
    Population,
    Projection,
    Sparse,
    SpikingNetwork,
)
from brianbridge.neurons.library import neuron_model
from brianbridge.perturbations import (
    BackgroundCurrent,
    BrianSchedule,
    ConductanceSynapses,
    DeadNeurons,
    Delay,
    FinerDt,
    MembraneNoise,
    Mismatch,
    OtherNeuron,
    Refractory,
    SinglePrecision,
    Stage,
    SynapticFailure,
    SynapticKinetics,
    WeightNoise,
    WeightQuantisation,
    overview,
    perturbation,
    perturbation_names,
)
from brianbridge.perturbations.base import PERTURBATIONS
from brianbridge.perturbations.condition import Condition
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.simulate import simulate

ALL = (
    BackgroundCurrent(), BrianSchedule(), ConductanceSynapses(), DeadNeurons(), Delay(), FinerDt(),
    MembraneNoise(), Mismatch(), OtherNeuron(), Refractory(), SinglePrecision(), SynapticFailure(),
    SynapticKinetics(), WeightNoise(), WeightQuantisation(),
)  # fmt: skip


# ---------------------------------------------------------------------- definitions


def test_mismatch_has_the_mean_and_the_variation_that_it_says():
    net = network(sizes=(200_000, 10), inputs=1)
    changed = apply(net, Mismatch(cv=0.3)).network.population("hidden").neuron.parameters
    for name, mean in (("tau", 10e-3), ("theta", 1.0)):
        values = np.asarray(changed[name], dtype=float)
        assert values.shape == (200_000,)
        assert values.mean() == pytest.approx(mean, rel=0.005)
        assert values.std() / values.mean() == pytest.approx(0.3, rel=0.01)
        assert values.min() > 0
    apart = np.corrcoef(np.asarray(changed["tau"]), np.asarray(changed["theta"]))[0, 1]
    assert abs(apart) < 0.01


def test_mismatch_of_one_population_leaves_the_others():
    net = apply(network(), Mismatch(populations=("hidden",), parameters=("theta",))).network
    assert np.ndim(net.population("hidden").neuron.parameters["theta"]) == 1
    assert np.ndim(net.population("hidden").neuron.parameters["tau"]) == 0
    assert np.ndim(net.output.neuron.parameters["theta"]) == 0


def test_mismatch_by_population():
    net = apply(network(), Mismatch(cv={"hidden": 0.4, "output": 0.05})).network
    for name, cv in (("hidden", 0.4), ("output", 0.05)):
        theta = np.asarray(net.population(name).neuron.parameters["theta"])
        assert theta.std() / theta.mean() == pytest.approx(cv, rel=0.5)
    with pytest.raises(InputError, match="cv names populations already"):
        Mismatch(cv={"hidden": 0.4}, populations=("hidden",))


def test_weight_noise_has_the_mean_and_the_variation_that_it_says():
    net = network()
    before = net.projections[1].weight
    ratio = apply(net, WeightNoise(cv=0.2)).network.projections[1].weight / before
    assert ratio.mean() == pytest.approx(1, abs=0.005)
    assert ratio.std() == pytest.approx(0.2, rel=0.02)


@pytest.mark.parametrize("per", ["tensor", "channel"])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_weights_lie_on_a_grid_that_ends_at_the_largest(bits, per):
    weight = network().projections[0].weight
    found = WeightQuantisation(bits=bits, per=per).rounded(weight)
    rows = [slice(None)] if per == "tensor" else range(len(weight))
    for row in rows:
        largest = np.abs(weight[row]).max()
        step = largest / (2 ** (bits - 1) - 1)
        multiples = found[row] / step
        np.testing.assert_allclose(multiples, np.round(multiples), atol=1e-4)
        assert np.abs(found[row]).max() == pytest.approx(largest)
        assert np.abs(found[row] - weight[row]).max() <= step / 2 * (1 + 1e-5)
    assert len(np.unique(np.round(found / np.abs(weight).max(), 6))) <= (
        2**bits - 1 if per == "tensor" else found.size
    )


def test_so_many_neurons_are_dead_and_silent():
    net = network(sizes=(400, 10))
    x = np.random.default_rng(0).uniform(0, 1, (4, 50))
    plain, changed = run(Condition(net), x), run(apply(net, DeadNeurons(share=0.25)), x)
    silent = ~changed.counts["hidden"].any(0)
    alive = apply(net, DeadNeurons(share=0.25)).network.population("hidden").neuron
    dead = np.asarray(alive.parameters["alive"]) == 0
    assert dead.sum() == 100
    assert silent[dead].all()
    np.testing.assert_array_equal(
        changed.counts["hidden"][:, ~dead], plain.counts["hidden"][:, ~dead]
    )


@pytest.mark.parametrize("encoding", [Current(30), Bernoulli(30)], ids=["current", "spikes"])
@pytest.mark.parametrize("model", ["adex", "izhikevich"])
@pytest.mark.parametrize("path", ["batched", "reference"])
def test_a_dead_neuron_whose_upstroke_only_a_reset_ends_stays_finite(model, encoding, path):
    neuron = neuron_model(model)
    layers = [Dense(12, neuron, bias=False), Dense(3, neuron, bias=False)]
    net = SpikingNetwork.sequential((6,), layers, encoding=encoding, seed=1)
    # Strong enough that each neuron fires, and would run away if it were not reset.
    size = 60e-3 if encoding.kind == "current" else 20e-3
    weights = {p.name: (np.full(p.weight.shape, size / 6), None) for p in net.projections}
    net = net.with_weights(weights)
    x = np.random.default_rng(0).uniform(0.5, 1, (3, 6))
    record = ("spikes", neuron.potential)
    changed = apply(net, DeadNeurons(share=0.5))
    dead = np.asarray(changed.network.population("hidden").neuron.parameters["alive"]) == 0
    plain = simulate(net, x, record=record, backend=Backend(path=path))
    found = simulate(changed.network, x, record=record, backend=Backend(path=path))
    assert plain.counts["hidden"].any(0).all()
    assert not found.counts["hidden"][:, dead].any()
    np.testing.assert_array_equal(
        found.counts["hidden"][:, ~dead], plain.counts["hidden"][:, ~dead]
    )
    assert np.isfinite(found.traces["hidden"][neuron.potential]).all()


# ---------------------------------------------------------------------- sets of them


def test_sets_mean_the_same_in_any_order():
    net = network(sizes=(30, 10))
    chosen = [p for p in ALL if not isinstance(p, BrianSchedule)]
    x = np.random.default_rng(0).uniform(0, 1, (3, 50))
    forth, back = apply(net, *chosen), apply(net, *chosen[::-1])
    assert forth.network.to_dict() == back.network.to_dict()
    for one, other in zip(forth.network.projections, back.network.projections, strict=True):
        np.testing.assert_array_equal(one.weight, other.weight)
    np.testing.assert_array_equal(run(forth, x, threads=1).output, run(back, x, threads=1).output)


def test_what_one_draws_does_not_depend_on_the_others():
    net = network(sizes=(40, 10))
    alone = apply(net, DeadNeurons(share=0.5), seed=3)
    among = apply(net, Mismatch(), WeightNoise(), DeadNeurons(share=0.5), FinerDt(), seed=3)
    other = apply(net, DeadNeurons(share=0.5), seed=4)
    dead = [
        np.asarray(c.network.population("hidden").neuron.parameters["alive"])
        for c in (alone, among, other)
    ]
    np.testing.assert_array_equal(dead[0], dead[1])
    assert (dead[0] != dead[2]).any()


def shipped():
    """Return the names of the perturbations of this package."""
    return [
        n for n in perturbation_names() if PERTURBATIONS[n].__module__.startswith("brianbridge.")
    ]


@pytest.mark.parametrize("name", shipped())
def test_every_one_has_a_name_options_and_something_that_it_keeps(name):
    one, told = perturbation(name), overview(name)
    assert perturbation(name, **one.to_dict()) == one
    assert told["options"] == one.to_dict()
    assert told["summary"].endswith(".")
    assert told["keeps"]
    assert isinstance(one.stage, Stage)


def test_the_network_given_is_left_alone():
    net = network(sizes=(20, 5))
    before = net.to_dict(), [p.weight.copy() for p in net.projections]
    apply(net, *ALL)
    assert net.to_dict() == before[0]
    for projection, weight in zip(net.projections, before[1], strict=True):
        np.testing.assert_array_equal(projection.weight, weight)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("mismach", {}, "Did you mean 'mismatch'"),
        ("mismatch", {"cvv": 1}, "Did you mean 'cv'"),
        ("mismatch", {"cv": -1}, "cv = -1; give 0 or more"),
        ("mismatch", {"parameters": ()}, "name at least one"),
        ("finer_dt", {"divisor": 0}, "divisor = 0; give a whole number"),
        ("weight_quantisation", {"bits": 1}, "bits = 1; give a whole number from 2"),
        ("weight_quantisation", {"per": "row"}, "give 'tensor' or 'channel'"),
        ("weight_noise", {"cv": float("nan")}, "cv = nan"),
        ("dead_neurons", {"share": 1.5}, "share = 1.5"),
        ("synaptic_kinetics", {"kind": "beta"}, "give 'exponential' or 'alpha'"),
        ("delay", {"time": "1 ms", "spread": "2 ms"}, "no spike can be early"),
        ("membrane_noise", {"sigma": -1.0}, "sigma = -1.0"),
        ("synaptic_failure", {"probability": 1.5}, "probability = 1.5; give 0 to 1"),
        ("synaptic_failure", {"probability": 1, "compensate": True}, "give less than 1"),
        ("input_timing", {"kind": "early"}, "give 'uniform' or 'poisson'"),
        ("weight_noise", {"cv": "10 %"}, "cv = '10 %'; give a number"),
        ("mismatch", {"cv": "0.1"}, "cv = '0.1'; give 0 or more"),
        ("mismatch", {"cv": {}}, "cv = {}; give 0 or more"),
        ("mismatch", {"parameters": "tau"}, "parameters = 'tau'; give a list of names"),
        ("dead_neurons", {"populations": "hidden"}, "'hidden'; give a list of names"),
        ("refractory", {"period": "0 ms"}, "period = 0.0 s is not above 0"),
        ("other_neuron", {"parameters": 3}, "parameters = 3; give values by name"),
        ("other_neuron", {"gain": "a"}, "gain = 'a'; give a number above 0"),
    ],
)
def test_bad_options_are_refused(name, options, message):
    with pytest.raises(InputError, match=message):
        perturbation(name, **options)


def test_what_does_not_fit_the_network_is_refused():
    net = network("if", "if", sizes=(20, 5))
    for one, message in (
        (MembraneNoise(), "have no 'tau'; give tau"),
        (Mismatch(parameters=("gamma",)), "no neuron has any of them"),
        (Mismatch(populations=("hiden",)), "Did you mean 'hidden'"),
        (Delay(projections=("a_to_b",)), "there is no 'a_to_b'"),
        (perturbation("input_timing"), "has no spikes; leave it out"),
        (Delay(time=2 * ms, spread=0.5 * ms), "give a step of the twin, 1 ms, or more"),
        (DeadNeurons(share=0.01), r"share = 0.01; of \[20\] neurons none would be dead"),
    ):
        with pytest.raises(InputError, match=message):
            apply(net, one)
    single = network("if", sizes=(5,))
    for one, message in (
        (DeadNeurons(share=0.5), "no population but the output fires"),
        *(
            (perturbation(name), f"'{name}': no projection carries spikes; leave it out")
            for name in ("delay", "synaptic_failure", "synaptic_kinetics", "conductance_synapses")
        ),
    ):
        with pytest.raises(InputError, match=message):
            apply(single, one)
    slow = network("lif_refractory", "lif_refractory", sizes=(20, 5))
    with pytest.raises(InputError, match="have a refractory period of their own"):
        apply(slow, Refractory())
    with pytest.raises(InputError, match="'mismatch' is there twice"):
        apply(net, Mismatch(parameters=("theta",)), Mismatch(cv=0.2, parameters=("theta",)))


# ---------------------------------------------------------------------- kinds of connection


class Rows(Connection):
    """Connect all to all, as a kind of which nothing else knows."""

    kind = "rows_of_a_test"

    def weight_shape(self, weight, source, target, what):
        return target[0], source[0]

    def pairs(self, weight, source, target):
        end, start = np.indices(weight).reshape(2, -1)
        return Pairs(start, end, np.arange(end.size))


END, START = np.indices((4, 3)).reshape(2, -1)


@pytest.mark.parametrize("connection", [AllToAll(), Rows(), Sparse(START, END)])
def test_currents_of_unlike_neurons_are_kept_for_every_kind_of_connection(connection):
    net = unlike(connection, np.ones(12) if isinstance(connection, Sparse) else np.ones((4, 3)))
    changed = apply(net, MembraneNoise(0.0)).network.projections[0]
    assert len({*np.round(changed.bias, 6)}) == 4
    np.testing.assert_array_equal(changed.weight.reshape(4, 3), np.tile(changed.bias, (3, 1)).T)


def test_neurons_that_share_a_weight_get_the_mean():
    own, shared = (unlike(OneToOne(), np.ones(n), inputs=4) for n in (4, 1))
    own, shared = (apply(n, MembraneNoise(0.0)).network.projections[0] for n in (own, shared))
    np.testing.assert_array_equal(own.weight, own.bias)
    np.testing.assert_array_equal(shared.bias, own.bias)
    assert shared.weight == pytest.approx(own.bias.mean())


def unlike(connection, weight, inputs=3):
    """Return a network of four neurons, none of which leaks like another."""
    lif = neuron_model("lif", tau=[5, 10, 20, 40] * ms)
    projection = Projection("input", "a", weight, np.ones(4), connection)
    return SpikingNetwork((inputs,), Current(5), (Population("a", (4,), lif),), (projection,))
