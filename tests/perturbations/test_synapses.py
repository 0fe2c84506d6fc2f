"""Unreliable synapses and conductances, by their definitions and in closed form."""

import numpy as np
import pytest
from brian2 import Hz, Network, ms
from scipy.integrate import solve_ivp

from brianbridge.encoding import Bernoulli, Current
from brianbridge.errors import InputError
from brianbridge.io.networks.file import save_network
from brianbridge.kernels.fates import fate
from brianbridge.network import (
    AvgPool2d,
    Conv2d,
    Convolution,
    Dense,
    Failure,
    Flatten,
    Pooling,
    Projection,
    Sparse,
    SpikingNetwork,
    TransposedConvolution,
)
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel
from brianbridge.perturbations import (
    ConductanceSynapses,
    Delay,
    FinerDt,
    MembraneNoise,
    Mismatch,
    SynapticFailure,
    SynapticKinetics,
    perturbation,
    perturbed,
)
from brianbridge.perturbations.condition import Condition
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.batched.failure import UnreliableDelivery
from brianbridge.simulation.batched.spikes import SpikeList
from brianbridge.simulation.simulate import simulate

#: Neither fires nor forgets: its potential is what arrived.
SUM = neuron_model("if", theta=1e9)


def apply(net, *perturbations, seed=0):
    return perturbed(Condition(net), perturbations, seed)


def summing(inputs, outputs, weight, steps=10):
    """Return neurons that add up what random input spikes bring."""
    net = SpikingNetwork.sequential(
        (inputs,), [Dense(outputs, SUM)], encoding=Bernoulli(steps), readout="potential"
    )
    return net.with_weights({net.projections[0].name: (weight, None)})


def image_network(seed=0):
    model = neuron_model("lif", theta=0.3)
    layers = [Conv2d(4, 3, model), AvgPool2d(2), Conv2d(5, 3, model), Flatten(), Dense(6, model)]
    return SpikingNetwork.sequential(
        (2, 12, 12), layers, encoding=Bernoulli(12), weight_gain=3.0, seed=seed
    )


# ---------------------------------------------------------------------- failure


@pytest.mark.parametrize("compensate", [False, True])
def test_so_many_spikes_arrive(compensate):
    p, weight = 0.3, np.ones((50, 40), np.float32)
    net = apply(summing(40, 50, weight), SynapticFailure(p, compensate)).network
    found = simulate(net, np.full((200, 40), 0.5)).output
    sent = simulate(summing(40, 50, weight), np.full((200, 40), 0.5)).output[:, :1]
    share = found / (sent / (1 - p) if compensate else sent)
    deviation = np.sqrt(p * (1 - p) / sent)
    assert share.mean() == pytest.approx(1 - p, abs=4 * deviation.mean() / np.sqrt(share.size))
    # Binomial: each spike fails at each synapse by itself.
    assert ((share - (1 - p)) / deviation).std() == pytest.approx(1, abs=0.03)
    between = np.corrcoef((share - share.mean(1, keepdims=True)).T)
    assert abs(between[~np.eye(50, dtype=bool)].mean() + 1 / 49) < 0.01


def test_each_arrival_is_the_one_that_the_hash_says():
    steps, weight = 4, np.arange(1.0, 7.0).reshape(3, 2)
    condition = apply(summing(2, 3, weight, steps), SynapticFailure(0.5), seed=7)
    failure = condition.network.projections[0].failure
    found = condition.simulate(np.ones((2, 2)), index=np.array([5, 11])).output
    for row, sample in zip(found, (5, 11), strict=True):
        expected = [
            sum(
                weight[j, i]
                for t in range(steps)
                for i in range(2)
                if fate(failure.key, sample, t, i, j) >= 0.5
            )
            for j in range(3)
        ]
        np.testing.assert_array_equal(row, expected)


def test_nothing_fails_with_probability_0_and_everything_with_1():
    net, x = image_network(), np.random.default_rng(0).uniform(0, 1, (5, 2, 12, 12))
    plain = simulate(net, x)
    assert plain.counts["output"].sum() > 20
    never = simulate(apply(net, SynapticFailure(0.0)).network, x)
    for name in plain.spikes:
        np.testing.assert_array_equal(plain.spikes[name], never.spikes[name])
    always = simulate(
        apply(net, SynapticFailure(1.0, projections=(net.projections[-1].name,))).network, x
    )
    bias_only = net.with_weights(
        {net.projections[-1].name: (net.projections[-1].weight * 0, net.projections[-1].bias)}
    )
    np.testing.assert_array_equal(always.spikes["output"], simulate(bias_only, x).spikes["output"])


def test_batches_threads_and_order_change_nothing():
    net = apply(image_network(), SynapticFailure(0.3), Delay(time=2 * ms)).network
    x = np.random.default_rng(0).uniform(0, 1, (70, 2, 12, 12))
    whole = simulate(net, x, backend=Backend(batch_size=64, threads=1))
    for batch_size, threads in ((1, 1), (9, 2)):
        again = simulate(net, x, backend=Backend(batch_size=batch_size, threads=threads))
        for name in whole.spikes:
            np.testing.assert_array_equal(whole.spikes[name], again.spikes[name])
    order = np.random.default_rng(1).permutation(70)
    turned = simulate(net, x[order], index=order, backend=Backend(batch_size=16))
    for name in whole.spikes:
        np.testing.assert_array_equal(whole.spikes[name][:, order], turned.spikes[name])
    other = simulate(apply(image_network(), SynapticFailure(0.3), seed=1).network, x[:5])
    assert (other.spikes["output"] != whole.spikes["output"][:, :5]).any()


def connections():
    random = np.random.default_rng(3)
    kernel = random.normal(size=(6, 2, 3, 3))
    yield "grouped", Convolution(1, 1, groups=2), kernel, None, (4, 6, 6), (6, 6, 6)
    yield "strided", Convolution(2, 1, dilation=2), kernel, None, (2, 9, 9), (6, 4, 4)
    back = random.normal(size=(2, 6, 3, 3))
    yield "transposed", TransposedConvolution(2, 1), back, None, (2, 4, 4), (6, 7, 7)
    pool = Pooling("average", 3, 2, 1)
    yield "pooled", Convolution(), kernel, pool, (2, 9, 9), (6, 3, 3)
    yield "pooled_dense", None, random.normal(size=(7, 50)), pool, (2, 9, 9), (7,)


@pytest.mark.parametrize("case", list(connections()), ids=lambda case: case[0])
def test_fates_belong_to_pairs_of_neurons_however_they_are_connected(case):
    _, how, weight, pool, source, target = case
    options = {} if how is None else {"connection": how}
    failure = Failure(0.4, 99)
    projection = Projection("a", "b", weight, pool=pool, failure=failure, **options)
    table = projection.synapses(source, target)
    listed = Projection(
        "a", "b", table.weight, connection=Sparse(table.source, table.target), failure=failure
    )
    random, size = np.random.default_rng(4), int(np.prod(source))
    raster = random.random((3, size)) < 0.2
    node = np.nonzero(raster)[1].astype(np.int32)
    start = np.concatenate([[0], np.cumsum(raster.sum(1))])
    spikes = SpikeList(start, node, random.choice([1.0, 2.0, -1.0], len(node)))
    mask = random.random(3 * int(np.prod(target))) < 0.8
    found, expected = (np.zeros((3, int(np.prod(target)))) for _ in range(2))
    keys = np.array([3, 1, 2], np.uint64)
    UnreliableDelivery(projection, source, target).add(found, spikes, mask, keys)
    UnreliableDelivery(listed, source, target).add(expected, spikes, mask, keys)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert not expected.ravel()[~mask].any()
    assert expected.any()


def test_two_synapses_of_the_same_pair_fail_each_for_itself():
    twice = Sparse(np.zeros(2000, int), np.repeat(np.arange(1000), 2))
    projection = Projection("a", "b", np.ones(2000), connection=twice, failure=Failure(0.5))
    total = np.zeros((1, 1000))
    one = SpikeList(np.array([0, 1]), np.zeros(1, np.int32), np.empty(0))
    UnreliableDelivery(projection, (1,), (1000,)).add(total, one)
    assert np.bincount(total[0].astype(int)) == pytest.approx([250, 500, 250], abs=70)


def test_the_reference_path_loses_as_many():
    net = apply(summing(30, 20, np.ones((20, 30)), steps=20), SynapticFailure(0.25)).network
    x = np.full((10, 30), 0.5)
    sent = simulate(summing(30, 20, np.ones((20, 30)), steps=20), x).output
    for path in ("reference", "batched"):
        share = simulate(net, x, backend=Backend(path=path), seed=1).output / sent
        assert share.mean() == pytest.approx(0.75, abs=0.01)
        assert share.std() == pytest.approx(np.sqrt(0.75 * 0.25 / sent.mean()), rel=0.2)


def test_what_fails_does_not_depend_on_spread_delays_or_conductances():
    net = image_network()
    keys = [p.failure.key for p in apply(net, SynapticFailure()).network.projections]
    among = apply(net, Delay(time=2 * ms, spread=1 * ms), ConductanceSynapses(), SynapticFailure())
    assert len(among.network.projections) > len(keys)
    assert set(keys) == {p.failure.key for p in among.network.projections}
    assert len(set(keys)) == len(keys)


def test_failure_stays_out_of_files_and_off_constant_currents(tmp_path):
    net = image_network()
    with pytest.raises(InputError, match="save the network without its failure"):
        save_network(apply(net, SynapticFailure()).network, tmp_path / "network.h5")
    with pytest.raises(InputError, match="Did you mean 'input_to_conv1'"):
        apply(net, SynapticFailure(projections=("input_to_con1",)))
    driven = SpikingNetwork.sequential(
        (4,), [Dense(3, SUM), Dense(2, SUM)], encoding=Current(5), readout="potential"
    )
    first, second = apply(driven, SynapticFailure()).network.projections
    assert first.failure is None
    assert second.failure is not None
    with pytest.raises(InputError, match="carries a constant current and no spikes"):
        apply(driven, SynapticFailure(projections=("input_to_hidden",)))
    with pytest.raises(InputError, match=r"probability = 2\.0"):
        Failure(2.0)


# ---------------------------------------------------------------------- conductances


def test_the_conditional_method_is_exponential_euler_without_its_division():
    models = [
        NeuronModel(
            "dv/dt = (a - v)/tau - g*(v - E) : 1\ndg/dt = -g/tau : Hz",
            parameters={"tau": 5 * ms, "a": 2.0, "E": 3.0},
            initial={"v": 0.5, "g": 300 * Hz},
            method=method,
        )
        for method in ("conditional", "exponential_euler")
    ]
    found = []
    for model in models:
        group = model.group(1, dt=1 * ms)
        Network(group).run(7 * ms)
        found.append((group.v_[0], group.g_[0]))
    assert found[0] == pytest.approx(found[1], rel=1e-12)
    with pytest.raises(InputError, match="linear components"):
        NeuronModel("dv/dt = v**2/tau : 1", parameters={"tau": 5 * ms}, method="conditional")
    with pytest.raises(InputError, match="stochastic"):
        NeuronModel(
            "dv/dt = -v/tau + xi/tau**.5 : 1", parameters={"tau": 5 * ms}, method="conditional"
        )


def one_spike(weight, model=SUM, steps=60):
    """Return a neuron that receives one spike, in the first step."""
    net = SpikingNetwork.sequential(
        (1,), [Dense(1, neuron_model("single_spike_if")), Dense(1, model)],
        encoding=Current(steps), readout="potential",
    )  # fmt: skip
    first, second = (p.name for p in net.projections)
    return net.with_weights({
        first: (np.full((1, 1), 1.5), np.zeros(1)),
        second: (np.full((1, 1), float(weight)), np.zeros(1)),
    })  # fmt: skip


@pytest.mark.parametrize("weight", [0.7, -0.7, 1000.0])
@pytest.mark.parametrize("divisor", [1, 10])
def test_a_single_conductance_follows_its_solution(weight, divisor):
    model = neuron_model("if", theta=1.0)  # read by its potential, it does not fire
    chosen = ConductanceSynapses(tau=4 * ms, reference=0.5)
    condition = apply(one_spike(weight, model), chosen, FinerDt(divisor))
    found = condition.simulate(np.ones((1, 1)), record=("spikes", "v"))
    v, fired = found.traces["output"]["v"][:, 0, 0], found.spikes["hidden"][:, 0, 0].argmax()
    reversal = 6.0 if weight > 0 else -2.0
    opened = weight / (reversal - 0.5)  # g0*tau
    after = (np.arange(len(v)) - fired) * condition.dt / 4e-3
    expected = reversal * (1 - np.exp(-opened * (1 - np.exp(-after))))
    np.testing.assert_allclose(v[fired:], expected[fired:], rtol=1e-9)
    assert (v[:fired] == 0).all()
    assert abs(v).max() <= abs(reversal) * (1 + 1e-12)


def test_a_leaky_membrane_between_conductances_follows_its_equation():
    lif = neuron_model("lif", tau=5 * ms, theta=1.0)
    net, chosen = one_spike(2.0, lif), ConductanceSynapses(tau=3 * ms)
    fine = apply(net, chosen, FinerDt(20)).simulate(np.ones((1, 1)), record=("v",))
    times = np.arange(60) * 1e-3
    solved = solve_ivp(
        lambda t, v: -v / 5e-3 + 2.0 / (3e-3 * 6) * np.exp(-t / 3e-3) * (6 - v),
        (0, 0.06), [0.0], t_eval=times, rtol=1e-9, atol=1e-12,
    ).y[0]  # fmt: skip
    found = fine.traces["output"]["v"][:, 0, 0]
    fired = np.flatnonzero(found > 0)[0] - 1
    np.testing.assert_allclose(found[fired::20], solved[: len(found[fired::20])], atol=1e-4)


def test_neurons_without_a_threshold_parameter_are_refused():
    unnamed = NeuronModel(
        "dv/dt = -v/(10*ms) + drive : 1\ndrive : Hz", threshold="v > 1", reset="v = 0",
        drive="drive",
    )  # fmt: skip
    net = one_spike(3e-3, unnamed)
    with pytest.raises(InputError, match="have no parameter 'theta'"):
        apply(net, ConductanceSynapses())


@pytest.mark.parametrize("weight", [0.7, -0.7])
def test_far_reversal_potentials_leave_the_charge_of_a_spike(weight):
    chosen = ConductanceSynapses(tau=1 * ms, excitatory=1e6, inhibitory=-1e6)
    condition = apply(one_spike(weight, neuron_model("if")), chosen, FinerDt(10))
    assert condition.simulate(np.ones((1, 1))).output[0, 0] == pytest.approx(weight, rel=1e-4)
    if weight > 0:
        kinetics = apply(
            one_spike(weight, neuron_model("if")), SynapticKinetics(tau=1 * ms), FinerDt(10)
        )
        np.testing.assert_allclose(
            condition.simulate(np.ones((1, 1)), record=("v",)).traces["output"]["v"],
            kinetics.simulate(np.ones((1, 1)), record=("v",)).traces["output"]["v"],
            atol=1e-4,
        )


def test_signs_are_parted_and_biases_stay_once():
    net = image_network()
    changed = apply(net, ConductanceSynapses()).network
    for old in net.projections:
        parts = [p for p in changed.projections if p.name.startswith(old.name)]
        assert [p.receive for p in parts] == ["q_excitatory", "q_inhibitory"]
        assert parts[0].weight.min() >= 0 >= parts[1].weight.max()
        np.testing.assert_array_equal(parts[0].weight + parts[1].weight, old.weight)
        assert [p.bias is not None for p in parts] == [True, False]
    x = np.random.default_rng(0).uniform(0, 1, (3, 2, 12, 12))
    fast, slow = (
        simulate(changed, x, backend=Backend(path=path)) for path in ("batched", "reference")
    )
    assert fast.counts["output"].sum() > 0
    for name in fast.spikes:
        np.testing.assert_array_equal(fast.spikes[name], slow.spikes[name])


def test_conductances_keep_the_constant_currents():
    lif = neuron_model("lif", theta=1e3, tau=3 * ms)
    net = SpikingNetwork.sequential(
        (3,), [Dense(4, lif), Dense(2, lif)], encoding=Current(20), readout="potential"
    )
    names = [p.name for p in net.projections]
    random = np.random.default_rng(0)
    net = net.with_weights({
        names[0]: (random.uniform(0, 1, (4, 3)), random.uniform(0, 1, 4)),
        names[1]: (random.uniform(0, 1, (2, 4)), random.uniform(0, 1, 2)),
    })  # fmt: skip
    for chosen, error in (
        ((ConductanceSynapses(), FinerDt(10)), 1e-7),
        ((Mismatch(), ConductanceSynapses(), FinerDt(10)), 1e-7),
        ((MembraneNoise(sigma=0.0), FinerDt(1000)), 1e-3),
    ):
        others = [p for p in chosen if isinstance(p, Mismatch)]
        found = apply(net, *chosen).simulate(np.ones((2, 3)), record=("v",)).traces
        plain = apply(net, *others).simulate(np.ones((2, 3)), record=("v",)).traces
        for name in plain:
            np.testing.assert_allclose(found[name]["v"][-1], plain[name]["v"][-1], rtol=error)


def test_conductances_refuse_what_they_cannot_be():
    def net(first, second, encoding=None):
        models = [neuron_model(first), neuron_model(second)]
        layers = [Dense(3, model) for model in models]
        return SpikingNetwork.sequential((4,), layers, encoding=encoding or Current(5))

    for network, message in (
        (net("ternary_if", "if"), "spikes of 'hidden' can be negative"),
        (net("if", "cuba_lif"), "adds to 'g', not to the potential 'v'"),
        (net("if", "if", Bernoulli(5, signed=True)), "spikes of 'input' can be negative"),
    ):
        with pytest.raises(InputError, match=message):
            apply(network, ConductanceSynapses())
    apply(net("multi_threshold_lif", "if"), ConductanceSynapses())
    for options, message in (
        ({"tau": "0 ms"}, "tau"),
        ({"excitatory": 0.4, "reference": 0.5}, "give more than reference = 0.5"),
        ({"inhibitory": 0.0}, "give less than reference"),
    ):
        with pytest.raises(InputError, match=message):
            perturbation("conductance_synapses", **options)
